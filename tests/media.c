/* Pictures: what the codecs, the resampler and the tensor step make of the cases of make_image_cases.py ($QUERN_IMAGE_CASES),
 * against Pillow; and what damaged files and failing memory do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "test.h"

typedef struct case_files {
    char folder[512];
} case_files;

static bool open_file(const case_files *cases, const char *name, file_map *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", cases->folder, name);
    return file_map_open(path, out) == QN_OK;
}

static int largest_difference(const u8 *a, const u8 *b, size_t n)
{
    int worst = 0;
    for (size_t i = 0; i < n; i++) worst = MAX(worst, abs(a[i] - b[i]));
    return worst;
}

/* Colours count as much as they are seen: under a small alpha one step of the weighted colour is many of the bare one. */
static int largest_visible_difference(const u8 *a, const u8 *b, size_t pixels)
{
    f64 worst = 0;
    for (size_t i = 0; i < pixels; i++, a += 4, b += 4) {
        worst = MAX(worst, abs(a[3] - b[3]));
        for (int c = 0; c < 3; c++) worst = MAX(worst, abs(a[c] * a[3] - b[c] * b[3]) / 255.0);
    }
    return (int)ceil(worst);
}

static qn_image lent_image(qn_bytes rgba, u32 width, u32 height)
{
    return (qn_image){ width, height, (uint8_t *)(uintptr_t)rgba.data };
}

/* Bytes at the end without which a file is whole: padding that some writers leave out, or digits of the last number. */
static size_t slack_of(const char *name)
{
    static const char *const with_slack[] = { ".bmp", "group4.tif", "text.p" };
    for (size_t i = 0; i < COUNT(with_slack); i++)
        if (strstr(name, with_slack[i])) return 4;
    return 0;
}

/* Cut a file anywhere: refused, except in its slack. */
static void check_cuts(test *t, const char *name, qn_bytes file)
{
    size_t slack = slack_of(name), step = file.n / 400 + 1;
    u64 alive = mem_blocks_alive();
    for (size_t n = 0; n < file.n; n += step) {
        qn_image im = { 0 };
        qn_status s = qn_image_decode((qn_bytes){ file.data, n }, &im);
        qn_image_free(&im);
        if (s != QN_OK && qn_last_error()[0]) continue;
        CHECK(t, n + slack >= file.n, "%s cut to %zu of %zu bytes is taken as whole", name, n, file.n);
    }
    CHECK(t, mem_blocks_alive() == alive, "%s: cut files leak", name);
}

/* Change bytes anywhere: any answer is right, as long as it is one. */
static void check_damage(test *t, const char *name, qn_bytes file)
{
    u64 alive = mem_blocks_alive(), seed = hash_bytes(name, strlen(name), 1);
    u8 *copy = malloc(file.n);
    if (!copy) return;
    for (int round = 0; round < 60; round++) {
        memcpy(copy, file.data, file.n);
        for (int i = 0; i < 3; i++) {
            seed = hash_bytes(&seed, sizeof seed, 7);
            copy[(seed >> 8) % MIN(file.n, round & 1 ? 128u : file.n)] = (u8)seed;
        }
        qn_image im = { 0 };
        if (qn_image_decode((qn_bytes){ copy, file.n }, &im) == QN_OK) qn_image_free(&im);
    }
    free(copy);
    CHECK(t, mem_blocks_alive() == alive, "%s: damaged files leak", name);
}

static void check_decode(test *t, const case_files *cases, const char *line)
{
    char name[128], expected_name[128];
    unsigned width, height;
    int tolerance;
    if (sscanf(line, "%127s %u %u %127s %d", name, &width, &height, expected_name, &tolerance) != 5) return;
    file_map file, expected;
    if (!CHECK(t, open_file(cases, name, &file), "%s is missing", name)) return;
    if (CHECK(t, open_file(cases, expected_name, &expected), "%s is missing", expected_name)) {
        qn_image im = { 0 };
        CHECK_OK(t, qn_image_decode(file.bytes, &im));
        if (CHECK(t, im.rgba && im.width == width && im.height == height, "%s: %u x %u, not %u x %u", name, im.width,
                  im.height, width, height)) {
            int worst = largest_difference(im.rgba, expected.bytes.data, expected.bytes.n);
            CHECK(t, worst <= tolerance, "%s: off by %d of 255", name, worst);
        }
        qn_image_free(&im);
        file_map_close(&expected);
    }
    check_cuts(t, name, file.bytes);
    check_damage(t, name, file.bytes);
    file_map_close(&file);
}

static void check_refuse(test *t, const case_files *cases, const char *line)
{
    char name[128], path[1024];
    if (sscanf(line, "%127s", name) != 1) return;
    snprintf(path, sizeof path, "%s/%s", cases->folder, name);
    qn_image im = { 0 };
    qn_status s = qn_image_load(path, &im);
    CHECK(t, s == QN_E_FORMAT || s == QN_E_UNSUPPORTED, "%s: %s", name, qn_status_text(s));
    CHECK(t, !im.rgba && strstr(qn_last_error(), name), "%s: \"%s\" does not name the file", name, qn_last_error());
}

static const char *const filter_names[] = {
    [QN_FILTER_BILINEAR] = "bilinear", [QN_FILTER_BICUBIC] = "bicubic", [QN_FILTER_NEAREST] = "nearest",
    [QN_FILTER_BOX] = "box",           [QN_FILTER_LANCZOS] = "lanczos",
};

static void check_resize(test *t, const case_files *cases, const char *line)
{
    char name[128], filter[16], expected_name[128];
    unsigned w, h, to_w, to_h;
    if (sscanf(line, "%127s %u %u %15s %u %u %127s", name, &w, &h, filter, &to_w, &to_h, expected_name) != 7) return;
    qn_filter id = QN_FILTER_BILINEAR;
    for (size_t i = 0; i < COUNT(filter_names); i++)
        if (text_same(filter, filter_names[i])) id = (qn_filter)i;
    file_map file, expected;
    if (!CHECK(t, open_file(cases, name, &file), "%s is missing", name)) return;
    if (CHECK(t, open_file(cases, expected_name, &expected), "%s is missing", expected_name)) {
        qn_image from = lent_image(file.bytes, w, h), to = { 0 };
        CHECK_OK(t, qn_image_resize(&from, to_w, to_h, id, &to));
        if (to.rgba && CHECK(t, expected.bytes.n == (size_t)to_w * to_h * 4, "%s has another size", expected_name)) {
            int worst = largest_visible_difference(to.rgba, expected.bytes.data, (size_t)to_w * to_h);
            CHECK(t, worst <= 1, "%s %ux%u -> %ux%u %s: off by %d of 255", name, w, h, to_w, to_h, filter, worst);
        }
        qn_image_free(&to);
        file_map_close(&expected);
    }
    file_map_close(&file);
}

/* clang-format off */
static const struct { const char *name; qn_image_prep prep; f64 tolerance; } preps[] = {
    { "imagenet",      { .width = 84, .height = 84, .resize_shorter = 96,
                         .mean = { 0.485f, 0.456f, 0.406f }, .std = { 0.229f, 0.224f, 0.225f } },              1 / 255.0 / 0.224 + 1e-5 },
    { "squash_bgr255", { .width = 60, .height = 40, .fit = QN_FIT_SQUASH, .hi = 255, .bgr = true },            1 },
    { "signed_nhwc",   { .width = 48, .height = 48, .fit = QN_FIT_SQUASH, .filter = QN_FILTER_BICUBIC, .lo = -1, .hi = 1, .nhwc = true },
                                                                                                               1 / 127.5 + 1e-5 },
    { "grey",          { .width = 28, .height = 28, .fit = QN_FIT_SQUASH, .channels = 1 },                     1 / 255.0 + 1e-5 },
    { "letterbox",     { .width = 64, .height = 64, .fit = QN_FIT_LETTERBOX, .pad = 114 },                     1 / 255.0 + 1e-5 },
};
/* clang-format on */

static f64 largest_error(const f32 *a, const f32 *b, size_t n)
{
    f64 worst = 0;
    for (size_t i = 0; i < n; i++) worst = MAX(worst, fabs((f64)a[i] - (f64)b[i]));
    return worst;
}

static void check_tensor(test *t, const case_files *cases, const char *line)
{
    char name[128], prep_name[32], expected_name[128];
    unsigned w, h;
    if (sscanf(line, "%127s %u %u %31s %127s", name, &w, &h, prep_name, expected_name) != 5) return;
    size_t p = 0;
    while (p < COUNT(preps) && !text_same(preps[p].name, prep_name)) p++;
    if (!CHECK(t, p < COUNT(preps), "no prep called %s", prep_name)) return;
    file_map file, expected;
    if (!CHECK(t, open_file(cases, name, &file), "%s is missing", name)) return;
    if (CHECK(t, open_file(cases, expected_name, &expected), "%s is missing", expected_name)) {
        qn_image from = lent_image(file.bytes, w, h);
        qn_tensor y = { 0 };
        CHECK_OK(t, qn_image_to_tensor(&from, &preps[p].prep, &y));
        if (CHECK(t, y.data && qn_tensor_bytes(&y) == expected.bytes.n, "%s: another size", expected_name)) {
            f64 worst = largest_error(y.data, expected.bytes.data, expected.bytes.n / 4);
            CHECK(t, worst <= preps[p].tolerance, "%s: off by %g", expected_name, worst);
        }
        qn_tensor_free(&y);
        file_map_close(&expected);
    }
    file_map_close(&file);
}

static const struct {
    const char *kind;
    void (*check)(test *, const case_files *, const char *);
} kinds[] = {
    { "decode ", check_decode }, { "refuse ", check_refuse }, { "resize ", check_resize }, { "tensor ", check_tensor }
};

static void check_line(test *t, const case_files *cases, const char *line)
{
    for (size_t k = 0; k < COUNT(kinds); k++)
        if (text_starts(line, kinds[k].kind)) {
            kinds[k].check(t, cases, line + strlen(kinds[k].kind));
            return;
        }
    CHECK(t, false, "cases.txt: \"%s\"", line);
}

static void run_cases(test *t)
{
    const char *folder = getenv("QUERN_IMAGE_CASES");
    if (!folder) {
        SKIP(t, "picture cases: QUERN_IMAGE_CASES does not name the folder that make_image_cases.py wrote");
        return;
    }
    case_files cases;
    snprintf(cases.folder, sizeof cases.folder, "%s", folder);
    char path[1024], line[512];
    snprintf(path, sizeof path, "%s/cases.txt", folder);
    FILE *list = fopen(path, "r");
    if (!CHECK(t, list, "%s cannot be opened", path)) return;
    u32 n = 0;
    while (fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = 0;
        check_line(t, &cases, line);
        n++;
    }
    fclose(list);
    CHECK(t, n > 100, "only %u picture cases", n);
}

/* A picture that needs no file: 2 x 2, 24 bits, from the bottom: blue green / red white. */
static const u8 small_bmp[] = {
    'B', 'M', 70, 0, 0,  0, 0,   0, 0, 0, 54,  0, 0, 0, 40, 0, 0,   0,   2,   0,   0, 0, 2, 0,
    0,   0,   1,  0, 24, 0, 0,   0, 0, 0, 16,  0, 0, 0, 0,  0, 0,   0,   0,   0,   0, 0, 0, 0,
    0,   0,   0,  0, 0,  0, 255, 0, 0, 0, 255, 0, 0, 0, 0,  0, 255, 255, 255, 255, 0, 0,
};

static void small_picture(test *t)
{
    static const u8 rgba[] = { 255, 0, 0, 255, 255, 255, 255, 255, 0, 0, 255, 255, 0, 255, 0, 255 };
    qn_image im = { 0 };
    CHECK_OK(t, qn_image_decode((qn_bytes){ small_bmp, sizeof small_bmp }, &im));
    if (!im.rgba) return;
    CHECK(t, im.width == 2 && im.height == 2 && memcmp(im.rgba, rgba, sizeof rgba) == 0, "2 x 2 BMP: wrong colours");
    qn_tensor y = { 0 };
    static const struct {
        qn_dtype dtype;
        float lo, hi;
        u32 white;
    } types[] = { { QN_U8, 0, 255, 255 }, { QN_I8, -128, 127, 127 }, { QN_F16, 0, 1, 0x3c00 }, { QN_BF16, 0, 1, 0x3f80 } };
    for (size_t i = 0; i < COUNT(types); i++) {
        qn_image_prep prep = { .dtype = types[i].dtype, .lo = types[i].lo, .hi = types[i].hi };
        CHECK_OK(t, qn_image_to_tensor(&im, &prep, &y));
        u32 white = 0;
        memcpy(&white, (const u8 *)y.data + qn_dtype_bytes(types[i].dtype), qn_dtype_bytes(types[i].dtype));
        CHECK(t, y.dtype == types[i].dtype && white == types[i].white, "%s: white is %x", qn_dtype_name(types[i].dtype),
              white);
        qn_tensor_free(&y);
    }
    CHECK(t, qn_image_to_tensor(&im, &(qn_image_prep){ .dtype = QN_STRING }, &y) == QN_E_DTYPE,
          "a picture of strings is refused");
    CHECK(t, qn_image_to_tensor(&im, &(qn_image_prep){ .channels = 2 }, &y) == QN_E_USAGE, "two channels are refused");
    CHECK(t, qn_image_to_tensor(&im, &(qn_image_prep){ .width = 70000 }, &y) == QN_E_SHAPE, "70000 pixels are refused");
    qn_image big;
    CHECK(t, qn_image_resize(&im, 60000, 60000, QN_FILTER_BOX, &big) == QN_E_UNSUPPORTED, "a huge size is refused");
    CHECK(t, qn_image_resize(&im, 0, 4, QN_FILTER_BOX, &big) == QN_E_USAGE, "an empty size is refused");
    qn_image_free(&im);
}

static qn_status small_picture_to_tensor(void)
{
    qn_image im;
    QN_TRY(qn_image_decode((qn_bytes){ small_bmp, sizeof small_bmp }, &im));
    qn_tensor y;
    qn_status s = qn_image_to_tensor(&im, &(qn_image_prep){ .width = 5, .height = 3 }, &y);
    if (s == QN_OK) qn_tensor_free(&y);
    qn_image_free(&im);
    return s;
}

static void failing_memory(test *t)
{
    u64 alive = mem_blocks_alive();
    for (u64 n = 1; n < 100; n++) {
        mem_fail_at(n);
        qn_status s = small_picture_to_tensor();
        mem_fail_at(0);
        CHECK(t, mem_blocks_alive() == alive, "allocation %llu fails: memory is lost", (unsigned long long)n);
        if (s == QN_OK) {
            CHECK(t, n > 5, "only %llu allocations were tried", (unsigned long long)n);
            return;
        }
        CHECK(t, s == QN_E_NOMEM, "allocation %llu fails: %s", (unsigned long long)n, qn_status_text(s));
    }
    CHECK(t, false, "it never ran through");
}

void test_media(test *t)
{
    qn_image im;
    CHECK(t, qn_image_load("/no/such/picture.png", &im) == QN_E_IO, "a missing file is QN_E_IO");
    CHECK(t, qn_image_load(NULL, &im) == QN_E_USAGE, "no path is QN_E_USAGE");
    small_picture(t);
    failing_memory(t);
    run_cases(t);
}
