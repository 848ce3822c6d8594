/* Numbers with units, aligned tables, the progress line. */
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { BUFFERS = 16, BUFFER_BYTES = 512 };

static char *next_buffer(void)
{
    static char buffers[BUFFERS][BUFFER_BYTES];
    static unsigned turn;
    return buffers[turn++ % BUFFERS];
}

const char *text_print(const char *format, ...)
{
    char *out = next_buffer();
    va_list list;
    va_start(list, format);
    vsnprintf(out, BUFFER_BYTES, format, list);
    va_end(list);
    return out;
}

/* Three significant digits and a unit: 999 B, 2.40 MiB. */
static const char *scaled(double v, double step, const char *const *units, size_t n)
{
    size_t u = 0;
    while (u + 1 < n && v >= step * 0.9995) v /= step, u++;
    int digits = u == 0 ? 0 : v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
    return text_print("%.*f%s", digits, v, units[u]);
}

const char *text_bytes(uint64_t bytes)
{
    static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB" };
    return scaled((double)bytes, 1024, units, COUNT(units));
}

const char *text_count(uint64_t n)
{
    static const char *const units[] = { "", " k", " M", " G", " T" };
    return scaled((double)n, 1000, units, COUNT(units));
}

const char *text_time(double ms)
{
    double v = ms < 1 ? ms * 1000 : ms >= 999.5 ? ms / 1000 : ms;
    const char *unit = ms < 1 ? "us" : ms >= 999.5 ? "s" : "ms";
    return text_print("%.*f %s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, unit);
}

const char *text_shape(const int64_t *dims, uint32_t rank, const char *const *names)
{
    char *out = next_buffer();
    size_t n = (size_t)snprintf(out, BUFFER_BYTES, "[");
    for (uint32_t i = 0; i < rank && n < BUFFER_BYTES - 32; i++) {
        const char *comma = i ? ", " : "";
        int more = dims[i] >= 0 ? snprintf(out + n, BUFFER_BYTES - n, "%s%lld", comma, (long long)dims[i])
                                : snprintf(out + n, BUFFER_BYTES - n, "%s%.24s", comma, names && names[i] ? names[i] : "?");
        n += (size_t)more;
    }
    snprintf(out + n, BUFFER_BYTES - n, "]");
    return out;
}

/* Of a sequence each element is told, as far as a line goes. */
static const char *text_list(const qn_tensor *t)
{
    const qn_tensor *list = t->data;
    char line[200] = "";
    size_t at = 0;
    for (int64_t i = 0; i < t->dims[0] && at < 100; i++)
        at += (size_t)snprintf(line + at, sizeof line - at, "%s%.60s", i ? ", " : "", text_tensor(&list[i]));
    return text_print("%s {%s%s}", qn_dtype_name(t->dtype), line, at >= 100 ? ", ..." : "");
}

const char *text_tensor(const qn_tensor *t)
{
    if (t->dtype == QN_MAP) return text_map(t);
    if (t->dtype == QN_SEQUENCE || t->dtype == QN_OPTIONAL) return text_list(t);
    return text_print("%s %s", qn_dtype_name(t->dtype), text_shape(t->dims, t->rank, NULL));
}

bool text_is_utf8(void) { return strcmp(nl_langinfo(CODESET), "UTF-8") == 0; }

/* ---- tables */
static size_t columns_wide(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Names come from files: what a terminal would obey (C0, DEL and C1 controls), and what is no UTF-8, shows as \xNN. */
static char *shown(const char *cell)
{
    char *out = malloc(4 * strlen(cell) + 1), *to = out;
    if (!out) return NULL;
    for (const unsigned char *c = (const unsigned char *)cell; *c;) {
        int n = utf8_length(c);
        bool control = n == 0 || *c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0);
        if (control) to += snprintf(to, 5, "\\x%02x", *c), c += 1;
        else
            for (; n; n--) *to++ = (char)*c++;
    }
    *to = 0;
    return out;
}

void table_row(table *t, ...)
{
    size_t columns = strlen(t->align);
    va_list list;
    va_start(list, t);
    for (size_t i = 0; i < columns; i++) {
        const char *cell = va_arg(list, const char *);
        if (t->n == t->cap) {
            size_t cap = t->cap ? t->cap * 2 : 64;
            char **cells = realloc(t->cells, cap * sizeof *cells);
            if (!cells) break; /* a shorter table */
            t->cells = cells, t->cap = cap;
        }
        t->cells[t->n++] = shown(cell ? cell : "");
    }
    va_end(list);
}

static void print_row(char *const *cells, const size_t *width, const char *align)
{
    size_t owed = 0; /* spaces before the next cell that holds something */
    for (size_t c = 0; align[c]; c++) {
        const char *cell = cells[c] ? cells[c] : "";
        size_t wide = columns_wide(cell), pad = width[c] - wide;
        if (*cell) {
            printf("%*s%s", (int)(owed + (align[c] == 'r' ? pad : 0)), "", cell);
            owed = align[c] == 'r' ? 0 : pad;
        } else {
            owed += width[c];
        }
        owed += 2;
    }
    fputc('\n', stdout);
}

void table_print(table *t, const char *indent)
{
    enum { MOST = 16 };
    size_t columns = strlen(t->align), width[MOST] = { 0 };
    for (size_t i = 0; i < t->n; i++) {
        size_t w = columns_wide(t->cells[i] ? t->cells[i] : ""), c = i % columns;
        if (w > width[c]) width[c] = w;
    }
    for (size_t i = 0; i + columns <= t->n; i += columns) {
        fputs(indent, stdout);
        print_row(t->cells + i, width, t->align);
    }
    for (size_t i = 0; i < t->n; i++) free(t->cells[i]);
    free(t->cells);
    t->cells = NULL;
    t->n = t->cap = 0;
}

/* ---- progress */
static bool progress_shown, verbose;

void progress_verbose(bool on) { verbose = on; }

static void draw_bar(const char *what, double part)
{
    char bar[21];
    int done = (int)(fmin(fmax(part, 0), 1) * 20 + 0.5);
    for (int i = 0; i < 20; i++) bar[i] = i < done ? '#' : '.';
    bar[20] = 0;
    fprintf(stderr, "\r\x1b[K%s %3.0f %%  %.40s", bar, part * 100, what);
    fflush(stderr);
    progress_shown = true;
}

/* At once when it is something new; then every 50 ms, in plain lines every 2 s. */
void progress_show(const char *what, double part)
{
    static double last = -1000;
    static char before[64];
    bool terminal = isatty(STDERR_FILENO) && !verbose, fresh = strncmp(before, what, sizeof before - 1) != 0;
    double now = now_ms();
    if ((!terminal && !verbose) || (!fresh && now - last < (terminal ? 50 : 2000))) return;
    last = now;
    snprintf(before, sizeof before, "%s", what);
    if (terminal) draw_bar(what, part);
    else if (part > 0 && part < 1) fprintf(stderr, "quern: %s, %.0f %%\n", what, part * 100);
    else fprintf(stderr, "quern: %s\n", what);
}

void progress_clear(void)
{
    if (progress_shown) fputs("\r\x1b[K", stderr);
    progress_shown = false;
}
