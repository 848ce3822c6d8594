/* Pictures and answers in a terminal: half blocks in colour where it can, shades of grey where it cannot, ASCII without UTF-8. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static bool has_colour(void)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(none && *none) && term && strcmp(term, "dumb") != 0;
}

/* On white: what a transparent picture most often stands on. */
static void on_white(const uint8_t *rgba, int out[3])
{
    for (int c = 0; c < 3; c++) out[c] = (rgba[c] * rgba[3] + 255 * (255 - rgba[3])) / 255;
}

static double light_of(const uint8_t *rgba)
{
    int p[3];
    on_white(rgba, p);
    return (0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]) / 255;
}

static void draw_colour(const qn_image *im)
{
    for (uint32_t y = 0; y + 1 < im->height; y += 2) {
        fputs("  ", stdout);
        for (uint32_t x = 0; x < im->width; x++) {
            int up[3], down[3];
            on_white(im->rgba + ((size_t)y * im->width + x) * 4, up);
            on_white(im->rgba + ((size_t)(y + 1) * im->width + x) * 4, down);
            printf("\x1b[38;2;%d;%d;%dm\x1b[48;2;%d;%d;%dm\xe2\x96\x80", up[0], up[1], up[2], down[0], down[1], down[2]);
        }
        puts("\x1b[0m");
    }
}

/* Ink is what the picture has less of: bare paper stays blank. */
static void draw_shades(const qn_image *im)
{
    static const char *const blocks[] = { " ", "\xe2\x96\x91", "\xe2\x96\x92", "\xe2\x96\x93", "\xe2\x96\x88" };
    static const char *const ascii[] = { " ", ".", "+", "#", "@" };
    const char *const *shades = text_is_utf8() ? blocks : ascii;
    size_t n = (size_t)im->width * im->height;
    double lowest = 1, highest = 0, mean = 0;
    for (size_t i = 0; i < n; i++) {
        double v = light_of(im->rgba + i * 4);
        lowest = fmin(lowest, v), highest = fmax(highest, v), mean += v / (double)n;
    }
    double range = fmax(highest - lowest, 0.05), paper = mean > (lowest + highest) / 2 ? highest : lowest;
    for (uint32_t y = 0; y + 1 < im->height; y += 2) {
        fputs("  ", stdout);
        for (uint32_t x = 0; x < im->width; x++) {
            const uint8_t *up = im->rgba + ((size_t)y * im->width + x) * 4;
            double v = fabs((light_of(up) + light_of(up + (size_t)im->width * 4)) / 2 - paper) / range;
            fputs(shades[(int)fmin(4, v * 5)], stdout);
        }
        fputc('\n', stdout);
    }
}

void picture_draw(const qn_image *im, uint32_t columns, uint32_t lines)
{
    double scale = fmin((double)columns / im->width, 2.0 * lines / im->height);
    uint32_t width = (uint32_t)fmax(1, im->width * scale), height = (uint32_t)fmax(1, im->height * scale / 2) * 2;
    qn_image small;
    if (qn_image_resize(im, width, height, QN_FILTER_BOX, &small) != QN_OK) return; /* the answer matters more */
    if (has_colour() && text_is_utf8()) draw_colour(&small);
    else draw_shades(&small);
    qn_image_free(&small);
}

/* A bar of up to `cells` characters; eighths of a block where there is UTF-8. */
static const char *bar_of(double part, int cells)
{
    static const char *const eighths[] = {
        "", "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d", "\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a", "\xe2\x96\x89"
    };
    char out[256] = "";
    int eighth = (int)(fmin(fmax(part, 0), 1) * cells * 8 + 0.5);
    bool utf8 = text_is_utf8();
    for (int i = 0; i < eighth / 8; i++) strcat(out, utf8 ? "\xe2\x96\x88" : "#");
    if (utf8) strcat(out, eighths[eighth % 8]);
    return text_print("%s", out);
}

void classes_print(const qn_class *top, uint32_t n, bool with_index)
{
    table t = { .align = "rrll" };
    for (uint32_t i = 0; i < n; i++) {
        double p = (double)top[i].probability;
        const char *index = with_index || !top[i].label ? text_print("%u", top[i].index) : "";
        table_row(&t, text_print("%.1f %%", 100 * p), index, top[i].label, bar_of(p, 30));
    }
    table_print(&t, "  ");
}

void classes_json(const char *key, const qn_class *top, uint32_t n)
{
    json_begin(key, '[');
    for (uint32_t i = 0; i < n; i++) {
        json_begin(NULL, '{');
        json_put_count("index", top[i].index);
        json_put_text("label", top[i].label);
        json_put_number("probability", (double)top[i].probability);
        json_end('}');
    }
    json_end(']');
}
