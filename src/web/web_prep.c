/* What a model wants of a picture, as JSON in both directions: a page shows what was guessed, changes some of it, and hands it back. */
#include "web/web_private.h"

static const char *const fits[] = { [QN_FIT_CROP] = "crop", [QN_FIT_SQUASH] = "squash", [QN_FIT_LETTERBOX] = "letterbox" };
static const char *const filters[] = { [QN_FILTER_BILINEAR] = "bilinear",
                                       [QN_FILTER_BICUBIC] = "bicubic",
                                       [QN_FILTER_NEAREST] = "nearest",
                                       [QN_FILTER_BOX] = "box",
                                       [QN_FILTER_LANCZOS] = "lanczos" };
#define SIZES(X)                                                                                                            \
    X(width, "width")                                                                                                       \
    X(height, "height")                                                                                                     \
    X(resize_shorter, "resizeShorter")                                                                                      \
    X(resize_width, "resizeWidth")                                                                                          \
    X(resize_height, "resizeHeight")                                                                                        \
    X(channels, "channels")

/* ---- out */

static void put_floats(json *j, const char *key, const f32 *v, u32 n)
{
    json_open(j, key, '[');
    for (u32 i = 0; i < n; i++) json_number(j, NULL, (f64)v[i]);
    json_close(j, '[');
}

static const char *prep_json(const qn_image_prep *p)
{
    json *j = web_json('{');
    f32 range[2] = { p->lo, p->lo == 0 && p->hi == 0 ? 1 : p->hi }, std[3];
    for (int c = 0; c < 3; c++) std[c] = p->std[c] == 0 ? 1 : p->std[c];
#define PUT(field, name) json_integer(j, name, p->field);
    SIZES(PUT)
#undef PUT
    json_integer(j, "pad", p->pad);
    json_text(j, "fit", fits[p->fit]);
    json_text(j, "filter", filters[p->filter]);
    put_floats(j, "range", range, 2);
    put_floats(j, "mean", p->mean, 3);
    put_floats(j, "std", std, 3);
    json_bool(j, "bgr", p->bgr);
    json_bool(j, "nhwc", p->nhwc);
    json_text(j, "dtype", qn_dtype_name(p->dtype ? p->dtype : QN_F32));
    return web_json_end('{');
}

/* ---- in: what is not said stays as it is */

static qn_status take_size(const json_value *root, const char *key, u32 *out)
{
    const json_value *v = json_get(root, key);
    if (!v) return QN_OK;
    if (v->kind != '#' || !(v->number >= 0 && v->number <= UINT16_MAX) || v->number != (f64)(u32)v->number)
        return fail(QN_E_USAGE, "\"%s\" wants a whole number from 0 to %d", key, UINT16_MAX);
    *out = (u32)v->number;
    return QN_OK;
}

static qn_status take_floats(const json_value *root, const char *key, f32 *out, u32 n)
{
    const json_value *v = json_get(root, key);
    if (!v) return QN_OK;
    const json_value *item = v->kind == '[' ? v->first : NULL;
    for (u32 i = 0; i < n; i++) {
        if (!item || item->kind != '#') return fail(QN_E_USAGE, "\"%s\" wants %u numbers", key, n);
        out[i] = (f32)item->number;
        item = item->next;
    }
    return QN_OK;
}

static qn_status take_name(const json_value *root, const char *key, const char *const *names, u32 n, u32 *out)
{
    const json_value *v = json_get(root, key);
    if (!v) return QN_OK;
    for (u32 i = 0; i < n && v->kind == 's'; i++) {
        if (strcmp(v->text, names[i]) != 0) continue;
        *out = i;
        return QN_OK;
    }
    return fail(QN_E_USAGE, "\"%s\" wants one of %s, %s...", key, names[0], names[1]);
}

static void take_bool(const json_value *root, const char *key, bool *out)
{
    const json_value *v = json_get(root, key);
    if (v && v->kind == 'b') *out = v->yes;
}

static qn_status take_all(const json_value *root, qn_image_prep *p)
{
    u32 fit = p->fit, filter = p->filter, pad = p->pad;
    f32 range[2] = { p->lo, p->hi };
    if (root->kind != '{') return fail(QN_E_USAGE, "an object is wanted");
#define TAKE(field, name) QN_TRY(take_size(root, name, &p->field));
    SIZES(TAKE)
#undef TAKE
    if (p->channels != 1 && p->channels != 3 && p->channels) return fail(QN_E_USAGE, "\"channels\" wants 1 or 3");
    QN_TRY(take_size(root, "pad", &pad));
    if (pad > UINT8_MAX) return fail(QN_E_USAGE, "\"pad\" wants a whole number from 0 to %d", UINT8_MAX);
    QN_TRY(take_name(root, "fit", fits, COUNT(fits), &fit));
    QN_TRY(take_name(root, "filter", filters, COUNT(filters), &filter));
    QN_TRY(take_floats(root, "range", range, 2));
    QN_TRY(take_floats(root, "mean", p->mean, 3));
    QN_TRY(take_floats(root, "std", p->std, 3));
    take_bool(root, "bgr", &p->bgr);
    take_bool(root, "nhwc", &p->nhwc);
    p->pad = (u8)pad, p->fit = (qn_fit)fit, p->filter = (qn_filter)filter, p->lo = range[0], p->hi = range[1];
    return QN_OK;
}

bool web_prep_read(const char *text, qn_image_prep *p)
{
    arena *mem = arena_make();
    if (!mem) return web_ok(fail_nomem(sizeof(json_value)));
    json_value *root;
    qn_status s = json_read(mem, (qn_bytes){ text, strlen(text) }, &root);
    if (s == QN_OK) s = take_all(root, p);
    arena_free(mem);
    return web_ok(fail_in(s, "how pictures are prepared: "));
}

bool web_prep_guess(const web_session *s, const char *config, qn_image_prep *out)
{
    return web_ok(qn_image_prep_guess_from(s->session, (qn_bytes){ config, config ? strlen(config) : 0 }, out));
}

const char *qw_prep_guess(void *session, const char *config)
{
    qn_image_prep p;
    return web_prep_guess(session, config, &p) ? prep_json(&p) : NULL;
}

/* ---- a picture by such a text alone */

const char *qw_picture_place(u32 width, u32 height, const char *prep)
{
    qn_image_prep p = { 0 };
    qn_image_placing at;
    if (!web_prep_read(prep, &p) || !web_ok(qn_image_place(&p, width, height, &at))) return NULL;
    json *j = web_json('{');
    json_integer(j, "width", at.width);
    json_integer(j, "height", at.height);
    json_integer(j, "x", at.x);
    json_integer(j, "y", at.y);
    return web_json_end('{');
}

qn_tensor *qw_picture(u32 width, u32 height, u8 *rgba, const char *prep)
{
    qn_image_prep p = { 0 };
    qn_tensor *t = mem_zalloc(sizeof *t);
    if (!t) web_ok(fail_nomem(sizeof *t));
    if (t && web_prep_read(prep, &p) && web_ok(qn_image_to_tensor(&(qn_image){ width, height, rgba }, &p, t))) return t;
    mem_free(t);
    return NULL;
}

void qw_picture_free(qn_tensor *t)
{
    if (t) qn_tensor_free(t);
    mem_free(t);
}
