/* quern classify: a picture, a model, labels -> the best answers. Pre-processing from the model, its config, and the flags, in this order. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const option classify_options[] = {
    { "--model", "FILE", "the model (needed)" },
    { "--labels", "FILE",
      "names: one a line, \"index,name\" lines, or JSON (default: from the model, or config.json beside it)" },
    { "--top", "N", "answers to show (default: 5)" },
    DEVICE_OPTIONS,
    VERBOSE_OPTION,
    { "--size", "WxH", "pixels the model wants (default: what the model says)" },
    { "--fit", "HOW", "crop: shorter side resized, centre cut (default); squash; letterbox" },
    { "--filter", "HOW", "bilinear (default), bicubic, nearest, box, lanczos" },
    { "--range", "LO,HI", "what pixel values 0 and 255 become (default: 0,1)" },
    { "--mean", "M or R,G,B", "taken off after --range" },
    { "--std", "S or R,G,B", "divided by after --mean" },
    { "--bgr", NULL, "channels in the order blue, green, red" },
    { "--layout", "HOW", "nchw or nhwc (default: what the model says)" },
    { 0 },
};

/* ---- flags -> prep */
typedef struct choice {
    const char *name;
    int value;
} choice;
static const choice fits[] = {
    { "crop", QN_FIT_CROP }, { "squash", QN_FIT_SQUASH }, { "letterbox", QN_FIT_LETTERBOX }, { 0 }
};
static const choice filters[] = { { "bilinear", QN_FILTER_BILINEAR }, { "bicubic", QN_FILTER_BICUBIC },
                                  { "nearest", QN_FILTER_NEAREST },   { "box", QN_FILTER_BOX },
                                  { "lanczos", QN_FILTER_LANCZOS },   { 0 } };
static const choice layouts[] = { { "nchw", 0 }, { "nhwc", 1 }, { 0 } };

/* 0: not given, or set; else the exit code after telling. */
static int choose(const args *a, const char *flag, const choice *choices, int *out)
{
    const char *text = args_text(a, flag), *names[8];
    if (!text) return 0;
    size_t n = 0;
    for (; choices[n].name; n++) {
        names[n] = choices[n].name;
        if (strcmp(text, choices[n].name) == 0) return *out = choices[n].value, 0;
    }
    const char *near = nearest_name(text, names, n);
    return usage_error(a, "%s: no '%s'%s%s%s", flag, text, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* Comma-separated numbers; gives how many, 0 for what is none. */
static int numbers_in(const char *text, float *out, int most)
{
    int n = 0;
    for (; n < most; n++) {
        char *end;
        out[n] = strtof(text, &end);
        if (end == text) return 0;
        if (!*end) return n + 1;
        if (*end != ',') return 0;
        text = end + 1;
    }
    return 0;
}

static int take_channels(const args *a, const char *flag, float out[3])
{
    const char *text = args_text(a, flag);
    float v[3];
    if (!text) return 0;
    int n = numbers_in(text, v, 3);
    if (n != 1 && n != 3) return usage_error(a, "%s wants one number or three, not '%s'", flag, text);
    for (int c = 0; c < 3; c++) out[c] = v[n == 3 ? c : 0];
    return 0;
}

static int take_size(const args *a, qn_image_prep *p)
{
    const char *text = args_text(a, "--size");
    unsigned w, h;
    char more;
    if (!text) return 0;
    if (sscanf(text, "%5ux%5u%c", &w, &h, &more) != 2 || !w || !h || w > 65535 || h > 65535)
        return usage_error(a, "--size wants WIDTHxHEIGHT, not '%s'", text);
    p->width = w, p->height = h;
    return 0;
}

static int take_range(const args *a, qn_image_prep *p)
{
    const char *text = args_text(a, "--range");
    float v[2];
    if (!text) return 0;
    if (numbers_in(text, v, 2) != 2 || (v[0] == 0 && v[1] == 0))
        return usage_error(a, "--range wants LO,HI, not '%s'", text);
    p->lo = v[0], p->hi = v[1];
    return 0;
}

static int apply_flags(const args *a, qn_image_prep *p)
{
    int fit = (int)p->fit, filter = (int)p->filter, layout = p->nhwc, code;
    if ((code = take_size(a, p)) || (code = take_range(a, p)) || (code = take_channels(a, "--mean", p->mean)) ||
        (code = take_channels(a, "--std", p->std)) || (code = choose(a, "--fit", fits, &fit)) ||
        (code = choose(a, "--filter", filters, &filter)) || (code = choose(a, "--layout", layouts, &layout)))
        return code;
    p->fit = (qn_fit)fit, p->filter = (qn_filter)filter, p->nhwc = layout != 0;
    if (args_flag(a, "--size") || args_flag(a, "--fit")) p->resize_shorter = p->resize_width = p->resize_height = 0;
    if (args_flag(a, "--bgr")) p->bgr = true;
    return 0;
}

/* ---- labels */
static int find_labels(const args *a, const qn_session *s, const char *model, qn_labels **out)
{
    const char *path = args_text(a, "--labels");
    qn_status status = QN_OK;
    if (path) {
        status = qn_labels_load(path, out);
    } else if (!qn_metadata(s, "labels")) {
        char beside[4096];
        snprintf(beside, sizeof beside, "%.*sconfig.json", (int)(base_name(model) - model), model);
        if (qn_labels_load(beside, out) != QN_OK) *out = NULL; /* numbers will do */
    }
    return status == QN_OK ? 0 : report_failure(a, status);
}

/* ---- answers */
static const char *name_of(const choice *choices, int value)
{
    for (; choices->name; choices++)
        if (choices->value == value) return choices->name;
    return "?";
}

static const char *text_channels(const float v[3])
{
    return v[0] == v[1] && v[1] == v[2] ? text_print("%g", (double)v[0])
                                        : text_print("%g,%g,%g", (double)v[0], (double)v[1], (double)v[2]);
}

/* "224x224 crop of shorter side 256" */
static const char *text_fit(const qn_image_prep *p)
{
    const char *size = p->width && p->height ? text_print("%ux%u", p->width, p->height) : "the picture's size";
    const char *from = "";
    if (p->fit == QN_FIT_CROP && p->resize_width && p->resize_height)
        from = text_print(" of %ux%u", p->resize_width, p->resize_height);
    else if (p->fit == QN_FIT_CROP && p->resize_shorter) from = text_print(" of shorter side %u", p->resize_shorter);
    return text_print("%s %s%s", size, name_of(fits, (int)p->fit), from);
}

static bool all_are(const float v[3], float x) { return v[0] == x && v[1] == x && v[2] == x; }

static const char *text_prep(const qn_image_prep *p)
{
    bool plain = p->lo == 0 && p->hi == 0;
    const char *range = text_print("range %g..%g", (double)p->lo, plain ? 1.0 : (double)p->hi);
    const char *mean = all_are(p->mean, 0) ? "" : text_print(", mean %s", text_channels(p->mean));
    const char *std = all_are(p->std, 0) || all_are(p->std, 1) ? "" : text_print(", std %s", text_channels(p->std));
    return text_print("%s, %s, %s%s%s, %s %s %s", text_fit(p), name_of(filters, (int)p->filter), range, mean, std,
                      p->channels == 1 ? "grey"
                      : p->bgr         ? "bgr"
                                       : "rgb",
                      p->nhwc ? "nhwc" : "nchw", qn_dtype_name(p->dtype));
}

typedef struct job {
    const args *a;
    const char *model;
    qn_device *device;
    qn_session *session;
    qn_labels *labels;
    qn_classify *classify;
    qn_image image;
    qn_image_prep prep;
    bool from_config;
} job;

static int show(const job *j, double ms)
{
    uint32_t n;
    bool softmaxed;
    const qn_class *top = qn_classify_top(j->classify, &n, &softmaxed);
    const qn_device_info *info = qn_device_get_info(j->device);
    if (j->a->json) {
        json_begin(NULL, '{');
        json_put_text("image", j->a->words[0]);
        json_put_text("model", j->model);
        json_put_text("device", info->spec);
        json_put_number("ms", ms);
        json_put_bool("softmax_added", softmaxed);
        json_put_bool("preprocessor_config", j->from_config);
        json_put_text("preprocessing", text_prep(&j->prep));
        classes_json("top", top, n);
        json_end('}');
        return 0;
    }
    printf("%s (%u x %u) by %s on %s: %s\n", base_name(j->a->words[0]), j->image.width, j->image.height, base_name(j->model),
           info->spec, text_time(ms));
    printf("input: %s%s\n", text_prep(&j->prep), j->from_config ? " (preprocessor_config.json)" : "");
    classes_print(top, n, true);
    if (softmaxed) printf("(softmax of the model's scores)\n");
    return 0;
}

static int answer(job *j)
{
    qn_classify_desc desc = {
        .session = j->session, .prep = &j->prep, .labels = j->labels, .top = args_number(j->a, "--top", 5)
    };
    qn_status s = qn_classify_open(&desc, &j->classify);
    if (s != QN_OK) return report_failure(j->a, s);
    double from = now_ms();
    progress_show("first run", 0);
    s = qn_classify_start(j->classify, &j->image);
    if (s == QN_OK) s = qn_classify_wait(j->classify);
    progress_clear();
    if (s == QN_OK) return show(j, now_ms() - from);
    int code = report_failure(j->a, s);
    return s == QN_E_SHAPE ? EXIT_FILE : code; /* the labels or the picture are not this model's */
}

static int classify(job *j)
{
    const args *a = j->a;
    qn_image_prep unused = { 0 };
    int code = apply_flags(a, &unused); /* mistyped flags are told before anything is opened */
    if (code) return code;
    qn_status s = qn_image_load(a->words[0], &j->image);
    if (s != QN_OK) return report_failure(a, s);
    code = open_device(a, &j->device);
    if (code) return code;
    qn_session_desc desc = { .device = j->device };
    code = open_model(a, j->model, &desc, &j->session);
    if (code) return code;
    s = qn_image_prep_guess(j->session, j->model, &j->prep, &j->from_config);
    if (s != QN_OK) return report_failure(a, s);
    if ((code = apply_flags(a, &j->prep))) return code;
    if ((code = find_labels(a, j->session, j->model, &j->labels))) return code;
    return answer(j);
}

int classify_run(const args *a)
{
    job j = { .a = a, .model = args_text(a, "--model") };
    if (!j.model) return usage_error(a, "--model FILE is missing");
    if (args_number(a, "--top", 5) == 0) return usage_error(a, "--top wants at least 1");
    int code = classify(&j);
    qn_classify_close(j.classify);
    qn_labels_free(j.labels);
    qn_session_close(j.session);
    qn_device_close(j.device);
    qn_image_free(&j.image);
    return code;
}
