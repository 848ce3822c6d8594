/* What a model wants of a picture -> qn_image_prep: shape and type of its input, then preprocessor_config.json beside it.
 *
 * The config's keys are Hugging Face's image processors'. The model's own sizes win over the config's; a setting that cannot be
 * honoured is refused by name, as the answers would be silently wrong. */
#include "base/base.h"

static bool is_channels(i64 d) { return d == 1 || d == 3; }

static const qn_value_info *picture_input(const qn_session *s)
{
    for (u32 i = 0; i < qn_input_count(s); i++) {
        const qn_value_info *v = qn_input_info(s, i);
        if (v->rank_known && (v->rank == 4 || v->rank == 3)) return v;
    }
    return NULL;
}

/* ---- from the model */
static qn_status guess_from_input(const qn_value_info *v, qn_image_prep *p)
{
    const i64 *d = v->dims + (v->rank - 3); /* C H W or H W C */
    p->nhwc = is_channels(d[2]) && !is_channels(d[0]);
    i64 channels = p->nhwc ? d[2] : d[0], height = p->nhwc ? d[0] : d[1], width = p->nhwc ? d[1] : d[2];
    if (channels >= 0 && !is_channels(channels))
        return fail(QN_E_UNSUPPORTED, "input '%s' wants %lld channels; a picture has 3, or 1", v->name, (long long)channels);
    if (width > UINT16_MAX || height > UINT16_MAX || width == 0 || height == 0)
        return fail(QN_E_UNSUPPORTED, "input '%s' wants %lld x %lld pixels", v->name, (long long)width, (long long)height);
    p->channels = channels == 1 ? 1 : 3;
    p->width = width > 0 ? (u32)width : 0;
    p->height = height > 0 ? (u32)height : 0;
    p->dtype = v->dtype;
    if (v->dtype == QN_U8) p->hi = 255;
    if (v->dtype == QN_I8) p->lo = -128, p->hi = 127;
    return QN_OK;
}

/* ---- from preprocessor_config.json */
typedef struct size {
    u32 width, height, shorter; /* 0: not said */
} size;

static u32 side_of(const json_value *v)
{
    return v && v->kind == '#' && v->number >= 1 && v->number <= UINT16_MAX ? (u32)v->number : 0;
}

static size size_of(const json_value *v)
{
    size s = { 0 };
    if (!v) return s;
    if (v->kind == '{')
        return (size){ side_of(json_get(v, "width")), side_of(json_get(v, "height")),
                       side_of(json_get(v, "shortest_edge")) };
    if (v->kind == '[' && v->first && v->first->next) return (size){ side_of(v->first), side_of(v->first->next), 0 };
    s.width = s.height = side_of(v);
    return s;
}

static bool flag(const json_value *root, const char *key, bool otherwise)
{
    const json_value *v = json_get(root, key);
    return v && v->kind == 'b' ? v->yes : otherwise;
}

static f64 number(const json_value *root, const char *key, f64 otherwise)
{
    const json_value *v = json_get(root, key);
    return v && v->kind == '#' ? v->number : otherwise;
}

/* Steps that change the picture and are not here. */
static qn_status refuse_unknown_steps(const json_value *root)
{
    static const char *const steps[] = { "do_pad", "do_thumbnail", "do_align_long_axis", "do_image_splitting",
                                         "do_crop_margin" };
    for (size_t i = 0; i < COUNT(steps); i++)
        if (flag(root, steps[i], false)) return fail(QN_E_UNSUPPORTED, "\"%s\" is not known", steps[i]);
    return QN_OK;
}

static qn_status set_filter(const json_value *root, qn_image_prep *p)
{
    static const qn_filter filters[] = { QN_FILTER_NEAREST, QN_FILTER_LANCZOS, QN_FILTER_BILINEAR, QN_FILTER_BICUBIC,
                                         QN_FILTER_BOX };
    f64 id = number(root, "resample", 2);
    if (!(id >= 0 && id < (f64)COUNT(filters))) return fail(QN_E_UNSUPPORTED, "\"resample\": no filter %g", id);
    p->filter = filters[(u32)id];
    return QN_OK;
}

static void take_size(qn_image_prep *p, u32 width, u32 height)
{
    if (!p->width) p->width = width;
    if (!p->height) p->height = height;
}

/* ConvNeXT: below 384, resize to size / crop_pct and cut; else squash. */
static void set_crop_pct(qn_image_prep *p, u32 side, f64 crop_pct)
{
    take_size(p, side, side);
    if (side >= 384) p->fit = QN_FIT_SQUASH;
    else if (crop_pct > 0) p->resize_shorter = (u32)MIN(65535.0, side / crop_pct);
}

static void set_size(const json_value *root, qn_image_prep *p)
{
    const json_value *size_value = json_get(root, "size");
    size to = flag(root, "do_resize", true) ? size_of(size_value) : (size){ 0 };
    const json_value *pct = json_get(root, "crop_pct");
    if (pct && pct->kind == '#' && (to.shorter || to.width)) {
        set_crop_pct(p, to.shorter ? to.shorter : to.width, pct->number);
        return;
    }
    if (!flag(root, "do_center_crop", json_get(root, "crop_size") != NULL)) {
        take_size(p, to.width, to.height);
        if (to.shorter) p->resize_shorter = to.shorter;
        else p->fit = QN_FIT_SQUASH;
        return;
    }
    size cut = size_of(json_get(root, "crop_size"));
    if (!cut.width) cut = to;
    take_size(p, cut.width, cut.height);
    bool one_number = size_value && size_value->kind == '#'; /* the old way to say the shorter side */
    if (to.shorter || one_number) p->resize_shorter = to.shorter ? to.shorter : to.width;
    else p->resize_width = to.width, p->resize_height = to.height;
}

static void set_channels(const json_value *root, const char *key, f32 out[3])
{
    const json_value *v = json_get(root, key);
    if (!v) return;
    const json_value *item = v->kind == '[' ? v->first : v;
    for (int c = 0; c < 3 && item; c++) {
        if (item->kind == '#') out[c] = (f32)item->number;
        if (v->kind == '[' && item->next) item = item->next;
    }
}

static void set_values(const json_value *root, qn_image_prep *p)
{
    f64 factor = flag(root, "do_rescale", true) ? number(root, "rescale_factor", 1.0 / 255) : 1;
    f64 offset = flag(root, "rescale_offset", false) ? -1 : 0;
    p->lo = (f32)offset;
    p->hi = (f32)(255 * factor + offset);
    if (flag(root, "do_normalize", json_get(root, "image_mean") != NULL)) {
        set_channels(root, "image_mean", p->mean);
        set_channels(root, "image_std", p->std);
    }
    p->bgr = flag(root, "do_flip_channel_order", false);
}

static qn_status guess_from_config(const json_value *root, qn_image_prep *p)
{
    if (root->kind != '{') return fail(QN_E_FORMAT, "an object is wanted");
    QN_TRY(refuse_unknown_steps(root));
    QN_TRY(set_filter(root, p));
    set_size(root, p);
    set_values(root, p);
    return QN_OK;
}

static qn_status read_config(qn_bytes text, qn_image_prep *p)
{
    arena *mem = arena_make();
    if (!mem) return fail_nomem(sizeof(json_value));
    json_value *root;
    qn_status s = json_read(mem, text, &root);
    if (s == QN_OK) s = guess_from_config(root, p);
    arena_free(mem);
    return fail_in(s, "preprocessor_config.json: ");
}

qn_status qn_image_prep_guess_from(const qn_session *s, qn_bytes config, qn_image_prep *out)
{
    if (!s || !out) return fail(QN_E_USAGE, "qn_image_prep_guess: session and out are needed");
    const qn_value_info *input = picture_input(s);
    if (!input)
        return fail(QN_E_UNSUPPORTED, "the model is no classifier of pictures: no input has the shape of one (rank 3 or 4)");
    qn_image_prep p = { 0 };
    QN_TRY(guess_from_input(input, &p));
    if (config.n) QN_TRY(read_config(config, &p));
    *out = p;
    return QN_OK;
}

qn_status qn_image_prep_guess(const qn_session *s, const char *model_path, qn_image_prep *out, bool *from_config)
{
    file_map file;
    bool there = model_path && file_map_open_beside(model_path, "preprocessor_config.json", &file) == QN_OK;
    qn_status status = qn_image_prep_guess_from(s, there ? file.bytes : (qn_bytes){ 0 }, out);
    if (there) file_map_close(&file);
    if (status == QN_OK && from_config) *from_config = there;
    return status;
}
