/* Diagnostics: "file:line:col: sentence", the line, a caret. And the nearest known name, for typing errors. */
#include <stdio.h>

#include "base/nearest.h"
#include "kc/front.h"

enum { SHOWN_COLUMNS = 120 };

/* The line that holds `pos`, cut to a window around the column. Tabs are kept: the caret line repeats them. */
static void show_line(const kc_file *file, kc_pos pos, char *out, size_t out_bytes)
{
    const char *line = file->text, *end = file->text + file->n;
    for (u32 at = 1; at < pos.line && line < end; line++) at += *line == '\n';
    size_t n = 0;
    while (line + n < end && line[n] != '\n' && line[n] != '\r') n++;
    size_t col = MIN((size_t)pos.col - 1, n), from = col > SHOWN_COLUMNS / 2 ? col - SHOWN_COLUMNS / 2 : 0;
    size_t shown = MIN(n - from, (size_t)SHOWN_COLUMNS), k = 0;
    for (size_t i = 0; i < shown && k + 2 < out_bytes; i++) {
        char c = line[from + i];
        out[k++] = c == '\t' || ((unsigned char)c >= 32 && c != 127) ? c : '?';
    }
    out[k++] = '\n';
    for (size_t i = from; i < col && k + 2 < out_bytes; i++) out[k++] = line[i] == '\t' ? '\t' : ' ';
    out[k++] = '^';
    out[k] = '\0';
}

static qn_status fail_at_place(const kc_module *m, qn_status code, kc_pos pos, const char *format, va_list args)
{
    char sentence[400], lines[2 * SHOWN_COLUMNS + 8];
    vsnprintf(sentence, sizeof sentence, format, args);
    if (pos.line == 0 || pos.file == 0 || pos.file > m->n_files) return fail(code, "%s", sentence);
    const kc_file *file = &m->files[pos.file - 1];
    show_line(file, pos, lines, sizeof lines);
    return fail(code, "%s:%u:%u: %s\n%s", file->name, pos.line, pos.col, sentence, lines);
}

qn_status kc_fail_at(const kc_module *m, qn_status code, kc_pos pos, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    qn_status status = fail_at_place(m, code, pos, format, args);
    va_end(args);
    return status;
}

void front_fail(front *f, kc_pos pos, const char *format, ...)
{
    if (f->status) return;
    va_list args;
    va_start(args, format);
    f->status = fail_at_place(f->module, QN_E_KERNEL, pos, format, args);
    va_end(args);
    f->at = f->n_tokens ? f->n_tokens - 1 : 0;
}

void front_nomem(front *f, size_t bytes)
{
    if (f->status) return;
    f->status = fail_nomem(bytes);
    f->at = f->n_tokens ? f->n_tokens - 1 : 0;
}

void *front_alloc(front *f, size_t bytes)
{
    void *p = f->status ? NULL : arena_zalloc(f->arena, bytes);
    if (!p) front_nomem(f, bytes);
    return p;
}

static u32 shared_start(const char *a, const char *b)
{
    u32 n = 0;
    while (a[n] && a[n] == b[n]) n++;
    return n;
}

/* Of two equally near names: the one that starts more alike, then the first in the alphabet. */
static bool is_nearer(const ident *a, const ident *b, const ident *to)
{
    u32 like_a = shared_start(a->text, to->text), like_b = shared_start(b->text, to->text);
    return like_a != like_b ? like_a > like_b : strcmp(a->text, b->text) < 0;
}

static bool is_known(const ident *n) { return n->symbol || n->macro || (n->word != WORD_NONE && n->word <= WORD_BUILTIN); }

const char *front_nearest(front *f, const ident *to)
{
    const ident *best = NULL;
    u32 best_edits = nearest_too_many(to->n);
    if (to->n > NEAREST_MAX_BYTES) return NULL;
    for (u32 i = 0; i < FRONT_BUCKETS; i++) {
        for (const ident *n = f->buckets[i]; n; n = n->next) {
            if (n == to || n->n > NEAREST_MAX_BYTES || !is_known(n)) continue;
            u32 edits = nearest_edits(to->text, to->n, n->text, n->n);
            if (edits < best_edits || (best && edits == best_edits && is_nearer(n, best, to))) best = n, best_edits = edits;
        }
    }
    return best ? best->text : NULL;
}
