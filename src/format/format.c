/* Which format is this, and what an open model holds besides its file. */
#include <stdlib.h>

#include "format/format.h"

#define FORMAT(name) extern const format_def format_##name;
#include "format/formats.def"
#undef FORMAT

static const format_def *const formats[] = {
#define FORMAT(name) &format_##name,
#include "format/formats.def"
#undef FORMAT
};

enum { MAX_FILES = 4096, MAX_OPS = 4096 };

typedef struct beside {
    const char *name;
    file_map map;
} beside;

struct format_files {
    arena *mem;
    beside *files;
    u32 n_files, cap_files;
    qn_op_count *ops;
    u32 n_ops, cap_ops;
    qn_weight_info *weights;
    u32 n_weights, cap_weights;
    bool counted; /* a model may be read again: its ops are counted once */
};

qn_status format_files_make(arena *mem, format_files **out)
{
    format_files *f = ARENA_NEW(mem, format_files);
    if (!f) return fail_nomem(sizeof *f);
    f->mem = mem;
    *out = f;
    return QN_OK;
}

void format_files_close(format_files *f)
{
    for (u32 i = 0; f && i < f->n_files; i++) file_map_close(&f->files[i].map);
    if (f) f->n_files = 0;
}

qn_status format_files_beside(format_files *f, const char *path, const char *name, qn_bytes *out)
{
    if (!path)
        return fail(QN_E_IO, "external data '%s': a model from memory has no folder to look in; open it by its path", name);
    for (u32 i = 0; i < f->n_files; i++) {
        if (strcmp(f->files[i].name, name) != 0) continue;
        *out = f->files[i].map.bytes;
        return QN_OK;
    }
    if (f->n_files == MAX_FILES) return fail(QN_E_UNSUPPORTED, "more than %d files of external data", MAX_FILES);
    beside made = { .name = arena_text(f->mem, name, strlen(name)) };
    if (!made.name || !ARENA_PUSH_ROOM(f->mem, f->files, f->n_files, f->cap_files, MAX_FILES))
        return fail_nomem(sizeof made);
    QN_TRY(file_map_open_beside(path, name, &made.map));
    f->files[f->n_files++] = made;
    *out = made.map.bytes;
    return QN_OK;
}

/* ---- the table of ops */

u32 format_op_counts(const format_files *f, const qn_op_count **out)
{
    *out = f->ops;
    return f->n_ops;
}

qn_status format_count_op(format_files *f, const char *domain, const char *op, u32 version, const char *why)
{
    if (f->counted) return QN_OK;
    for (u32 i = 0; i < f->n_ops; i++) {
        qn_op_count *o = &f->ops[i];
        if (o->version != version || strcmp(o->op, op) != 0 || strcmp(o->domain, domain) != 0) continue;
        o->count++;
        return QN_OK;
    }
    if (f->n_ops == MAX_OPS) return QN_OK; /* the rest of a file that invents ops without end */
    if (!ARENA_PUSH_ROOM(f->mem, f->ops, f->n_ops, f->cap_ops, MAX_OPS)) return fail_nomem(sizeof(qn_op_count));
    qn_op_count *o = &f->ops[f->n_ops];
    *o = (qn_op_count){ .count = 1, .version = version, .supported = !why };
    o->domain = arena_text(f->mem, domain, strlen(domain));
    o->op = arena_text(f->mem, op, strlen(op));
    o->why = why ? arena_text(f->mem, why, strlen(why)) : NULL;
    if (!o->domain || !o->op || (why && !o->why)) return fail_nomem(strlen(op));
    f->n_ops++;
    return QN_OK;
}

u32 format_weights(const format_files *f, const qn_weight_info **out)
{
    *out = f->weights;
    return f->n_weights;
}

qn_status format_count_weight(format_files *f, qn_bytes name, const qn_tensor *t)
{
    if (f->counted) return QN_OK;
    if (!ARENA_PUSH_ROOM(f->mem, f->weights, f->n_weights, f->cap_weights, 1u << 20))
        return fail_nomem(sizeof(qn_weight_info));
    qn_weight_info *w = &f->weights[f->n_weights];
    *w = (qn_weight_info){ .dtype = t->dtype, .rank = t->rank, .bytes = qn_tensor_bytes(t) };
    memcpy(w->dims, t->dims, sizeof w->dims);
    w->name = arena_text(f->mem, name.data, name.n);
    if (!w->name) return fail_nomem(name.n);
    f->n_weights++;
    return QN_OK;
}

static int more_first(const void *a, const void *b)
{
    const qn_op_count *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    int order = strcmp(x->op, y->op);
    return order ? order : strcmp(x->domain, y->domain);
}

/* ---- reading */

static const format_def *format_of(qn_bytes first, u64 file_bytes)
{
    for (size_t i = 0; i < COUNT(formats); i++)
        if (formats[i]->sniff(first, file_bytes)) return formats[i];
    return NULL;
}

static qn_status no_format(void)
{
    return fail(QN_E_FORMAT, "no model format that is known here starts like this file (ONNX is)");
}

qn_status format_read(const format_source *s)
{
    if (s->file.n == 0) return fail(QN_E_FORMAT, "the file is empty");
    const format_def *format = format_of(s->file, s->file.n);
    if (!format) return no_format();
    QN_TRY(format->read(s));
    format_files *files = s->files;
    if (files->n_ops) qsort(files->ops, files->n_ops, sizeof *files->ops, more_first);
    files->counted = true;
    return QN_OK;
}

/* ---- files in pieces */

enum { FIRST_PIECE = 64 << 10 };

qn_status format_sift_begin(sift *s, u64 file_bytes, arena *mem)
{
    *s = (sift){ .file_bytes = file_bytes, .mem = mem, .want = { NULL, 0, MIN(file_bytes, (u64)FIRST_PIECE) } };
    return file_bytes ? QN_OK : fail(QN_E_FORMAT, "the file is empty");
}

qn_status format_sift_take(sift *s, qn_bytes piece)
{
    if (!s->format) s->format = format_of(piece, s->file_bytes);
    return s->format ? s->format->sift(s, piece) : no_format();
}

void format_sift_end(sift *s) { str_free(&s->kept); }
