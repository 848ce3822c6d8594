/* Bytes to graph. A format is one record: does it know these bytes, and how they become a graph.
 *
 * Weights are borrowed from the file's bytes, which live as long as the graph. A reader checks everything that it reads; whatever the
 * bytes are, the answer is a graph, or a status and a sentence. */
#ifndef FORMAT_H
#define FORMAT_H

#include "graph/graph.h"

/* What belongs to an open model besides its own file: mapped external data, and the table of its ops. */
typedef struct format_files format_files;
qn_status format_files_make(arena *mem, format_files **out); /* lives in mem, but must be closed */
void format_files_close(format_files *f);                    /* after the graph; NULL is fine */
/* The bytes of the file `name` in the folder of `path`, mapped once. `path` NULL: QN_E_IO, there is no folder. */
qn_status format_files_beside(format_files *f, const char *path, const char *name, qn_bytes *out);
/* The ops of the file as read, most frequent first: filled by format_read. */
u32 format_op_counts(const format_files *f, const qn_op_count **out);
/* Weights that no graph holds, since the file was read to be inspected: of Constant nodes, of bodies and functions, once each. */
u32 format_weights(const format_files *f, const qn_weight_info **out);
qn_status format_count_weight(format_files *f, qn_bytes name, const qn_tensor *t);
/* A reader counts an op: texts are copied. why NULL: it is supported. */
qn_status format_count_op(format_files *f, const char *domain, const char *op, u32 version, const char *why);

typedef struct format_source {
    graph *g;         /* empty, to fill */
    const char *path; /* NULL: from memory */
    qn_bytes file;
    arena *mem; /* the graph's */
    format_files *files;
    bool tolerant; /* only inputs, outputs, weights and the table of ops */
    u64 streamed;  /* `file` is a sifted one, and this is the size that it had; 0: it is whole */
} format_source;

/* A file that comes in pieces is sifted: what remains is small and can be read; the large tensors stay outside (graph.h). */
typedef struct sift {
    u64 file_bytes;
    arena *mem;
    qn_piece want; /* what comes next; bytes 0: it is sifted */
    str kept;      /* what remains of it */
    const struct format_def *format;
    void *state; /* of the format, in mem */
} sift;
qn_status format_sift_begin(sift *s, u64 file_bytes, arena *mem);
qn_status format_sift_take(sift *s, qn_bytes piece); /* the bytes of s->want */
void format_sift_end(sift *s);                       /* after the graph that lends from it */

typedef struct format_def {
    const char *name;                              /* for people */
    bool (*sniff)(qn_bytes first, u64 file_bytes); /* the file, or its first piece */
    qn_status (*read)(const format_source *s);
    qn_status (*sift)(sift *s, qn_bytes piece); /* one piece after the other */
} format_def;

/* Read a model of any known format. tolerant: to inspect it; ops that this build lacks are listed, not refused, and no nodes are made. */
qn_status format_read(const format_source *s);
#endif
