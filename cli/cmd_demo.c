/* quern demo: pictures of drawn digits and shapes, or a built-in one, through the embedded model on every device that computes. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const option demo_options[] = {
    { "--device", "D", "only this device (default: every device that passes its self-test)" },
    { "--threads", "N", "threads of the CPU device (default: one per core)" },
    { "--top", "N", "answers to show (default: 3)" },
    { 0 },
};

/* ---- the built-in picture: a seven, drawn dark on light */
static const char *const drawing[] = {
    "                        ", "                        ", "                        ", "      ###########       ",
    "     #############      ", "      ##      ####      ", "              ###       ", "             ####       ",
    "             ###        ", "            ####        ", "            ###         ", "         #########      ",
    "         ########       ", "           ###          ", "          ####          ", "          ###           ",
    "         ####           ", "         ###            ", "        ####            ", "        ###             ",
    "        ##              ", "                        ", "                        ", "                        ",
};

static bool draw_built_in(qn_image *out)
{
    enum { SCALE = 4 };
    uint32_t width = (uint32_t)strlen(drawing[0]), height = (uint32_t)COUNT(drawing);
    uint8_t *rgba = malloc((size_t)width * height * 4);
    if (!rgba) return false;
    for (uint32_t i = 0; i < width * height; i++) {
        uint8_t v = drawing[i / width][i % width] == '#' ? 30 : 235;
        uint8_t *p = rgba + (size_t)i * 4;
        p[0] = p[1] = p[2] = v, p[3] = 255;
    }
    qn_image small = { width, height, rgba };
    bool ok = qn_image_resize(&small, width * SCALE, height * SCALE, QN_FILTER_BICUBIC, out) == QN_OK;
    free(rgba);
    return ok;
}

/* ---- devices */
enum { MOST_DEVICES = 16 };

typedef struct station {
    qn_device *device;
    qn_classify *classify;
    double open_ms;
} station;

typedef struct stations {
    station at[MOST_DEVICES];
    uint32_t n;
} stations;

/* Open the model and let it answer once, so that what is compiled at first use is there. */
static qn_status add_station(qn_device *d, uint32_t top, stations *all)
{
    double from = now_ms();
    qn_classify *c = NULL;
    qn_image im = { 0 };
    qn_status s = qn_glyphs_open(d, top, &c);
    if (s == QN_OK) s = draw_built_in(&im) ? qn_classify_start(c, &im) : QN_E_NOMEM;
    if (s == QN_OK) s = qn_classify_wait(c);
    qn_image_free(&im);
    if (s != QN_OK) {
        qn_classify_close(c);
        return s;
    }
    all->at[all->n++] = (station){ d, c, now_ms() - from };
    return QN_OK;
}

static void show_stations(const stations *all)
{
    table t = { .align = "llr" };
    for (uint32_t i = 0; i < all->n; i++) {
        const qn_device_info *info = qn_device_get_info(all->at[i].device);
        table_row(&t, info->spec, info->name, text_print("ready in %s", text_time(all->at[i].open_ms)));
    }
    table_print(&t, "");
    putchar('\n');
}

/* The one that --device names. */
static int find_named(const args *a, uint32_t top, stations *all)
{
    qn_device *d;
    int code = open_device(a, &d);
    if (code) return code;
    qn_status s = add_station(d, top, all);
    if (s == QN_OK) return 0;
    code = report_failure(a, s);
    qn_device_close(d);
    return code;
}

static int find_all(const args *a, uint32_t top, stations *all)
{
    qn_device_info info;
    qn_device_desc desc = { .threads = args_number(a, "--threads", 0) };
    qn_status s;
    for (uint32_t i = 0; all->n < MOST_DEVICES && (s = qn_device_list(i, &info)) != QN_E_NAME; i++) {
        qn_device *d;
        if (s != QN_OK || info.caps.workers == 0 || qn_device_open(info.spec, &desc, &d) != QN_OK) continue;
        if (qn_device_self_test(d) != QN_OK || (s = add_station(d, top, all)) != QN_OK) {
            if (s != QN_OK) fprintf(stderr, "quern demo: %s: %s\n", info.spec, qn_last_error());
            qn_device_close(d);
        }
    }
    if (all->n) return 0;
    return tell_failure(a, EXIT_DEVICE, QN_E_NO_DEVICE, "no device can run the model (see: quern doctor)");
}

static void close_stations(stations *all)
{
    for (uint32_t i = 0; i < all->n; i++) {
        qn_classify_close(all->at[i].classify);
        qn_device_close(all->at[i].device);
    }
}

/* ---- one picture */
static qn_status classify_on(const station *st, const qn_image *im, double *ms)
{
    double from = now_ms();
    qn_status s = qn_classify_start(st->classify, im);
    if (s == QN_OK) s = qn_classify_wait(st->classify);
    *ms = now_ms() - from;
    return s;
}

static void put_answer(const station *st, double ms)
{
    uint32_t n;
    const qn_class *top = qn_classify_top(st->classify, &n, NULL);
    json_begin(NULL, '{');
    json_put_text("device", qn_device_get_info(st->device)->spec);
    json_put_number("open_ms", st->open_ms);
    json_put_number("ms", ms);
    classes_json("top", top, n);
    json_end('}');
}

static void print_answer(const station *st, double ms)
{
    uint32_t n;
    const qn_class *top = qn_classify_top(st->classify, &n, NULL);
    const qn_device_info *info = qn_device_get_info(st->device);
    printf("  on %s in %s\n", info->spec, text_time(ms));
    classes_print(top, n, false);
}

static int show_picture(const args *a, const stations *all, const char *name, const qn_image *im)
{
    if (a->json) {
        json_begin(NULL, '{');
        json_put_text("image", name);
        json_begin("answers", '[');
    } else {
        printf("%s (%u x %u)\n", name, im->width, im->height);
        picture_draw(im, 40, 12);
    }
    int code = 0;
    for (uint32_t i = 0; i < all->n && !code; i++) {
        double ms;
        qn_status s = classify_on(&all->at[i], im, &ms);
        if (s != QN_OK) {
            fprintf(stderr, "quern demo: %s: %s\n", name, qn_last_error());
            code = exit_code(s);
        } else {
            (a->json ? put_answer : print_answer)(&all->at[i], ms);
        }
    }
    if (a->json) {
        json_end(']');
        json_end('}');
    } else {
        putchar('\n');
    }
    return code;
}

static int show_file(const args *a, const stations *all, const char *path)
{
    qn_image im;
    qn_status s = qn_image_load(path, &im);
    if (s != QN_OK) {
        fprintf(stderr, "quern demo: %s\n", qn_last_error());
        return exit_code(s);
    }
    int code = show_picture(a, all, base_name(path), &im);
    qn_image_free(&im);
    return code;
}

static int show_built_in(const args *a, const stations *all)
{
    qn_image im;
    if (!draw_built_in(&im)) return fprintf(stderr, "quern demo: %s\n", qn_last_error()), EXIT_RUN;
    int code = show_picture(a, all, "a built-in drawing", &im);
    qn_image_free(&im);
    return code;
}

int demo_run(const args *a)
{
    uint32_t top = args_number(a, "--top", 3);
    if (!top) return usage_error(a, "--top wants at least 1");
    stations all = { 0 };
    int code = args_flag(a, "--device") ? find_named(a, top, &all) : find_all(a, top, &all);
    if (!code) {
        if (a->json) json_begin(NULL, '[');
        else show_stations(&all);
        for (uint32_t i = 0; i < a->n_words;
             i++) { /* a picture that cannot be read does not keep the next from being shown */
            int one = show_file(a, &all, a->words[i]);
            if (one) code = one;
        }
        if (!a->n_words) code = show_built_in(a, &all);
        if (a->json) json_end(']');
    }
    close_stations(&all);
    return code;
}
