/* Quern: run neural networks, from one set of kernels, on every device.  The whole public API.
 *
 *     qn_device *d;  qn_device_open("auto", NULL, &d);
 *     qn_session *s; qn_session_open(&(qn_session_desc){ .device = d, .path = "model.onnx" }, &s);
 *     qn_named in = { "input", { QN_F32, 4, { 1, 3, 224, 224 }, pixels } };
 *     qn_ticket t;   qn_run(s, &in, 1, &t);
 *     qn_wait(s, t);                                     (or qn_poll from an event loop: nothing else ever waits)
 *     const qn_tensor *y; qn_output(s, "output", &y);
 *     qn_session_close(s); qn_device_close(d);
 *
 * Conventions
 *     {0} is valid for every struct and means the defaults. Out-parameters come last and are untouched on failure.
 *     Every call that can fail gives a qn_status; qn_last_error() has one sentence with the place and what would help.
 *     No call aborts, exits or prints. A handle belongs to one thread at a time; different handles are independent,
 *     but a device shared by several sessions is used from one thread at a time.
 *     make/free and open/close own; everything else lends, until the handle it came from closes or says otherwise. */
#ifndef QUERN_H
#define QUERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define QN_API
#elif defined(__GNUC__)
#define QN_API __attribute__((visibility("default")))
#else
#define QN_API
#endif

#define QN_VERSION_MAJOR 0
#define QN_VERSION_MINOR 1
#define QN_VERSION_PATCH 0
#define QN_MAX_RANK      8

/* ------------------------------------------------------------------ status */
typedef enum qn_status {
    QN_OK = 0,
    QN_E_USAGE = 1,         /* a wrong argument: NULL where something is needed, a bad enum, a wrong order of calls */
    QN_E_NAME = 2,          /* no such input, output, device, kernel, op attribute */
    QN_E_SHAPE = 3,         /* sizes that do not fit together */
    QN_E_DTYPE = 4,         /* a type that is not accepted here */
    QN_E_FORMAT = 100,      /* the file is damaged or not what it says it is */
    QN_E_UNSUPPORTED = 101, /* well formed, but this build cannot do it; the sentence names the op or feature */
    QN_E_KERNEL = 102,      /* kernel source does not compile; the sentence is the first diagnostic */
    QN_E_IO = 200,          /* a file cannot be opened, read or written */
    QN_E_NOMEM = 500,       /* out of memory, host or device; the handle stays usable */
    QN_E_NO_DEVICE = 501,   /* the device or its driver is not there */
    QN_E_DEVICE = 502,      /* the driver reported an error */
    QN_E_LOST = 503,        /* the device is gone; close its sessions and open again */
    QN_E_DATA =
        504, /* a run-time value is out of range: an index outside its axis, a division by 0 that the interpreter finds */
    QN_E_BUG = 1000 /* our fault: please report */
} qn_status;
QN_API const char *qn_status_text(qn_status s); /* "shape", "no memory", ... static */
QN_API const char *qn_last_error(void);         /* of the last call that failed on this thread; "" before the first */
QN_API const char *qn_version(void);            /* "0.1.0" */

/* ------------------------------------------------------------------ bytes, types, tensors */
typedef struct qn_bytes {
    const void *data;
    size_t n;
} qn_bytes;

typedef enum qn_dtype {
    QN_NONE = 0,
    QN_F32,
    QN_F16,
    QN_BF16,
    QN_F64,
    QN_I8,
    QN_I16,
    QN_I32,
    QN_I64,
    QN_U8,
    QN_U16,
    QN_U32,
    QN_U64,
    QN_BOOL,   /* one byte, 0 or 1 */
    QN_STRING, /* on the host only: data is qn_bytes[] */
    /* Held one element to a byte, whatever their width; files have the narrow ones packed. f8, f4: as ONNX's float8 and float4. */
    QN_F8E4M3FN,
    QN_F8E4M3FNUZ,
    QN_F8E5M2,
    QN_F8E5M2FNUZ,
    QN_F8E8M0,
    QN_F4E2M1,
    QN_I4, /* sign-extended */
    QN_U4,
    QN_I2, /* sign-extended */
    QN_U2,
    /* Tensors in a row, on the host only: rank 1, dims {how many}, data is qn_tensor[]. Their types and ranks may differ only as the model says. */
    QN_SEQUENCE, /* of tensors */
    QN_OPTIONAL, /* of one tensor or sequence, or of none: dims {1} or {0} */
    /* Two tensors of one length, rank 1: the keys, QN_I64 or QN_STRING, in any order but each once, and the value of each. dims {2}. */
    QN_MAP,
    /* Real and imaginary part, of 4 and of 8 bytes each; on the host only, where operators move them. */
    QN_C64,
    QN_C128,
    QN_DTYPE_COUNT
} qn_dtype;
QN_API const char *qn_dtype_name(qn_dtype t); /* "f32", "i64", ... */
QN_API size_t qn_dtype_bytes(qn_dtype t);     /* of one element; 0 for QN_NONE */
/* n floats of one width in another: QN_F32, QN_F16 and QN_BF16, rounded to nearest, ties to even; too large becomes infinite, a NaN stays one.
 * from and to may be the same place where both types have the same size; else they do not overlap. QN_E_DTYPE: another type. */
QN_API qn_status qn_convert_floats(qn_dtype from_type, const void *from, qn_dtype to_type, void *to, size_t n);

/* A dense row-major tensor. In a qn_named for a run: data lent by the caller. From the library: lent to the caller. */
typedef struct qn_tensor {
    qn_dtype dtype;
    uint32_t rank;             /* 0: a scalar */
    int64_t dims[QN_MAX_RANK]; /* 0 is a valid size */
    const void *data;          /* qn_tensor_bytes() bytes */
} qn_tensor;
typedef struct qn_named {
    const char *name;
    qn_tensor tensor;
} qn_named;
QN_API uint64_t qn_tensor_elems(const qn_tensor *t);
QN_API uint64_t qn_tensor_bytes(const qn_tensor *t);

/* Tensors in files: .npy (format 1 to 3) and ONNX TensorProto (.pb), told apart by content. The tensor owns its data: qn_tensor_free. */
QN_API qn_status qn_tensor_load(const char *path, qn_tensor *out);
QN_API qn_status qn_tensor_save_npy(const char *path, const qn_tensor *t);
QN_API qn_status qn_tensor_save_pb(const char *path, const char *name, const qn_tensor *t);
/* The same, told what a .pb holds, which its bytes alone do not always say: a SequenceProto (kind QN_SEQUENCE), an OptionalProto
 * (QN_OPTIONAL), a MapProto (QN_MAP), or a tensor (any other kind). qn_tensor_save_pb writes them all. */
QN_API qn_status qn_tensor_load_as(const char *path, qn_dtype kind, qn_tensor *out);
/* Only for tensors from qn_tensor_load, qn_tensor_load_as and qn_image_to_tensor; with all that they hold. */
QN_API void qn_tensor_free(qn_tensor *t);

/* ------------------------------------------------------------------ hooks, process wide; set before anything else */
typedef struct qn_allocator {
    void *(*alloc)(void *user, size_t bytes);
    void (*free)(void *user, void *p);
    void *user;
} qn_allocator;
QN_API void qn_set_allocator(const qn_allocator *a); /* copied; NULL: malloc and free */
typedef enum qn_log_level { QN_LOG_ERROR, QN_LOG_WARN, QN_LOG_INFO, QN_LOG_DEBUG } qn_log_level;
typedef void (*qn_log_fn)(void *user, qn_log_level level, const char *line);
QN_API void qn_set_log(qn_log_fn log, void *user); /* NULL: silent, which is the default */

/* ------------------------------------------------------------------ devices */
typedef struct qn_device qn_device;
typedef struct qn_caps {
    uint64_t memory_bytes; /* 0: unknown */
    uint64_t max_buffer_bytes;
    uint32_t max_buffers; /* that one launch can bind */
    uint32_t max_group;   /* items in a group; 0: no GROUP kernels at all */
    uint32_t group_memory_bytes;
    uint32_t best_group; /* items in a group that suit the device; 1 on a CPU */
    uint32_t width;      /* lanes of f32w */
    uint32_t subgroup;   /* items that run in step; 0: none */
    uint32_t workers;    /* groups that really run at once */
    uint32_t
        max_turns; /* of all loops, for the elements that fill 16 bytes of a MAP's output; 0: no limit. Kernels past it are refused */
    bool f16; /* the driver has such a type. Buffers may hold f16 on every device; it is computed in f32 everywhere */
    bool f64, i64, i8_buffers, atomics, dot4, mma;
    bool host_memory;        /* buffers are plain host memory: no copies needed */
    bool buffers_apart;      /* a launch should not write into a buffer that it reads: each value wants one of its own */
    uint32_t channels_last;  /* pictures of so many channels and more are kept with their channels last; 0: never */
    uint32_t channels_block; /* pictures are kept with their channels in blocks of so many; 0: never */
} qn_caps;
typedef struct qn_device_info {
    char kind[16]; /* "cpu", "cuda", "opencl", "webgl", "webgpu", "null" */
    char spec[32]; /* what qn_device_open takes: "opencl:1" */
    char name[128], driver[128];
    qn_caps caps;
} qn_device_info;
typedef struct qn_device_desc {
    uint32_t threads;    /* cpu: at most so many, 0: one per core; caps.workers says how many there are */
    const char *cpu_isa; /* cpu: "baseline", "avx2", "avx512"; NULL: the best here that the library was built with */
    bool interpret;      /* cpu: run every kernel in kc's checking interpreter */
    bool reverse_items;  /* cpu: items of a group in reverse order (shows races) */
    bool trust;          /* do not try kernels out on first use (see qn_device_note) */
    bool (*progress)(void *user, const char *stage,
                     double part); /* "auto": what is measured; 0..1; false cancels: QN_E_USAGE */
    void *progress_user;
} qn_device_desc;
/* Open a device: a kind, or the second of it as "opencl:1", or "auto" for the fastest found. desc may be NULL. */
QN_API qn_status qn_device_open(const char *spec, const qn_device_desc *desc, qn_device **out);
/* What "auto" judges by: the milliseconds of a small network (four products of f32 matrices, 256 x 512 by 512 x 512, from host bytes to host
 * bytes), the fastest of a few runs. Measured once, then from the cache on disk, by device, driver and build; again: measured anew. Waits.
 * QN_E_UNSUPPORTED: the device computes nothing, or cannot be waited for. */
QN_API qn_status qn_device_probe(qn_device *d, bool again, double *ms);
/* The same for an event loop: a step runs for some milliseconds and never waits; not done: ask again when the device may have answered.
 * *ms is set when it is done. End it before its device closes, done or not; NULL is fine. */
typedef struct qn_probe qn_probe;
QN_API qn_status qn_probe_begin(qn_device *d, bool again, qn_probe **out);
QN_API qn_status qn_probe_step(qn_probe *p, bool *done, double *ms);
QN_API void qn_probe_end(qn_probe *p);
QN_API void qn_device_close(qn_device *d); /* close its sessions, kernels and buffers first; NULL is fine */
QN_API const qn_device_info *qn_device_get_info(const qn_device *d);
/* Every kind this build knows, index 0.. : QN_OK with a device present, QN_E_NO_DEVICE with the reason in qn_last_error, QN_E_NAME past the end.
 * A kind with several devices gives one entry for each. out->kind is set in the first two cases. */
QN_API qn_status qn_device_list(uint32_t index, qn_device_info *out);
/* Compile and run a small kernel on the device and compare: QN_OK, or what went wrong. Waits. */
QN_API qn_status qn_device_self_test(qn_device *d);
/* Where a driver's compiler is between a kernel and the device, a session tries each of its kernels out on a few elements when it is first
 * opened on that adapter and driver, and remembers the result in the cache. A kernel that is wrong there, or does not compile, gives way to the
 * next variant of its op. The i-th kernel of which variants are not used on this device for that reason, as one line with these and what is
 * wrong; lent until the next; NULL past the end. */
QN_API const char *qn_device_note(qn_device *d, uint32_t i);
/* How many kernels are known there: right, not judged (they take too long, or made-up data tells nothing), wrong, not compiled. */
typedef struct qn_tried {
    uint32_t right, unjudged, wrong, refused;
} qn_tried;
QN_API void qn_device_tried(qn_device *d, qn_tried *out);

/* ------------------------------------------------------------------ your own kernels (docs/kernel-language.md) */
typedef struct qn_buffer qn_buffer;
typedef struct qn_kernel qn_kernel;
typedef uint64_t qn_ticket; /* 0 is always done */
typedef struct qn_define {
    const char *name, *value;
} qn_define;

QN_API qn_status qn_buffer_make(qn_device *d, uint64_t bytes, qn_buffer **out); /* zeroed */
QN_API void qn_buffer_free(qn_buffer *b);                                       /* NULL is fine */
QN_API uint64_t qn_buffer_bytes(const qn_buffer *b);
/* A buffer that was made outside the library, under the number that its maker gave it (in a browser: a GPUBuffer that the page lends).
 * Freeing it only forgets it. QN_E_UNSUPPORTED: this kind of device takes none. */
QN_API qn_status qn_buffer_adopt(qn_device *d, uint32_t number, uint64_t bytes, qn_buffer **out);
/* The number under which the device's own interface knows a buffer that was made here (in a browser: its GPUBuffer), as qn_buffer_adopt takes
 * it; 0: none. */
QN_API uint32_t qn_buffer_number(const qn_buffer *b);
QN_API qn_status qn_buffer_write(qn_buffer *b, uint64_t at, const void *data, uint64_t bytes); /* data may go at once */
/* Queue a read into `to`, which stays valid until the ticket is done. */
QN_API qn_status qn_buffer_read(qn_buffer *b, uint64_t at, void *to, uint64_t bytes, qn_ticket *out);
QN_API qn_status qn_device_poll(qn_device *d, qn_ticket t, bool *done);
QN_API qn_status qn_device_wait(qn_device *d, qn_ticket t); /* polls until done; not in a browser */

typedef struct qn_kernel_desc {
    const char *source; /* text, NUL-terminated */
    const char *file;   /* for messages; NULL: "kernel.c" */
    const char *entry;  /* the MAP or KERNEL to run; NULL: the only one */
    const qn_define *defines;
    size_t n_defines;
} qn_kernel_desc;
QN_API qn_status qn_kernel_from_source(qn_device *d, const qn_kernel_desc *desc, qn_kernel **out);
QN_API void qn_kernel_free(qn_kernel *k);
typedef struct qn_arg {
    qn_buffer *buffer;
    double number;
    int64_t integer;
} qn_arg; /* the member that the parameter calls for; both may be the same value */
/* Queue a launch. args: one per parameter after the first, in order, and for a MAP its output buffer last.
 * count: elements of a MAP, groups of a KERNEL. Errors: QN_E_USAGE for a wrong number or kind, QN_E_SHAPE for a MAP output too small, or a
 * buffer x too small of which every element (group) i uses x[i]. Whatever the kernel does, it stays inside its buffers. */
QN_API qn_status qn_kernel_launch(qn_kernel *k, uint64_t count, const qn_arg *args, size_t n_args);
/* How it will run: "compiled in", "system compiler", "WebAssembly", "block machine", "interpreter", "opencl". */
QN_API const char *qn_kernel_how(const qn_kernel *k);
QN_API const char *qn_kernel_target(uint32_t index); /* what kc can print: "c", "opencl"...; NULL past the end */
/* Translate without a device, for one of these targets. *text is freed with qn_text_free. Diagnostics: qn_last_error. */
QN_API qn_status qn_kernel_translate(const qn_kernel_desc *desc, const char *target, char **text);
QN_API void qn_text_free(char *text);

/* ------------------------------------------------------------------ models */
typedef struct qn_session qn_session;
typedef struct qn_session_desc {
    qn_device *device;         /* lent; required unless inspect_only */
    const char *path;          /* the file, or */
    qn_bytes bytes;            /* its bytes, lent until the session closes, or */
    uint64_t piecewise;        /* its size, for a file that comes in pieces (qn_session_want) */
    bool stepwise;             /* opens without waiting (qn_session_want); qn_poll gives way every few ms, on a CPU too */
    bool no_optimize;          /* run the graph as the file has it */
    bool inspect_only;         /* read and check, make no plan; unsupported ops do not fail */
    bool widen;                /* compute every float as f64: the oracle of the tests */
    bool profile;              /* time each launch (waits after each: slower) */
    const char *only_variants; /* tests: the variant row of this name goes first */
    enum qn_layout {
        QN_LAYOUT_DEVICE,
        QN_LAYOUT_CHANNELS_FIRST,
        QN_LAYOUT_CHANNELS_LAST,
        QN_LAYOUT_CHANNELS_BLOCKED /* of channels_block channels; of as many as its vectors have lanes, 4 at least, where that is 0 */
    } layout; /* of pictures inside: as the device likes them (qn_caps.channels_last, channels_block), or always so */
    uint64_t
        seed; /* of random operators that have none of their own: each run goes on from the last, and the same seed, model and device give the
                    * same numbers again; 0: another seed for each session */
    void (*dump)(void *user, const char *stage, const char *graph_text); /* after reading and after each pass */
    void *dump_user;
    bool (*progress)(void *user, const char *stage, double part); /* 0..1; false cancels: QN_E_USAGE */
    void *progress_user;
} qn_session_desc;
/* Waits while kernels are tried out (qn_device_note), which a device in a browser cannot: open it stepwise there. */
QN_API qn_status qn_session_open(const qn_session_desc *desc, qn_session **out);
QN_API void qn_session_close(qn_session *s); /* NULL is fine */

/* A model that is larger than the host's memory, or that is still on its way: opened with `piecewise`, it says which bytes it wants next, and is
 * open when it wants none. Weights go to the device piece by piece and are never together in the host's memory; of the file only the
 * graph and tensors of at most 32 KiB stay there. (Where it can only be planned when it runs, all weights stay there, too.) Nothing waits:
 * read each piece however it suits.
 *
 *     for (bool open = false; !open;) {
 *         qn_piece p;
 *         qn_session_want(s, &p, &open);          p.bytes 0 and not open: ask again, after a while unless qn_session_busy
 *         if (p.bytes) read them; qn_session_give(s, data);
 *     }
 *
 * The file's own bytes are wanted in rising order while the graph is read, then those of weights, each once, in pieces of at most 4 MiB.
 * A call that fails ends the opening: the session can only be closed. Other calls before it is open: QN_E_USAGE. QN_E_UNSUPPORTED: the model is planned
 * for the values of its inputs, again and again, and must be opened whole. */
typedef struct qn_piece {
    const char *file; /* external data beside the model; NULL: the model itself. Lent until the next call */
    uint64_t at, bytes;
} qn_piece;
QN_API qn_status qn_session_want(qn_session *s, qn_piece *out, bool *open);
/* Between two calls of qn_session_want that wanted nothing, or of qn_poll: is there more to do at once? Else it is the device that works. */
QN_API bool qn_session_busy(const qn_session *s);
QN_API qn_status qn_session_give(qn_session *s, const void *data); /* as many bytes as were wanted; may go at once */

/* What the model declares. dims < 0: dynamic, its name in dim_names (NULL: unnamed). A sequence or optional has rank 1 and says in `of` what
 * it holds, a map in `key` and `of` what its keys and its values are. */
typedef struct qn_value_info {
    const char *name;
    qn_dtype dtype;
    uint32_t rank;
    int64_t dims[QN_MAX_RANK];
    const char *dim_names[QN_MAX_RANK];
    bool rank_known;
    const struct qn_value_info *of; /* of the elements: without a name; NULL: it is a tensor */
    qn_dtype key;                   /* of a map: QN_I64 or QN_STRING */
} qn_value_info;
QN_API uint32_t qn_input_count(const qn_session *s); /* without those that have a default (initializer) */
QN_API uint32_t qn_output_count(const qn_session *s);
QN_API const qn_value_info *qn_input_info(const qn_session *s, uint32_t i);
QN_API const qn_value_info *qn_output_info(const qn_session *s, uint32_t i);
QN_API const char *qn_metadata(const qn_session *s, const char *key); /* NULL: the file has no such entry */

/* Queue one run of the model. Returns at once; the outputs exist when the ticket is done (qn_poll).
 * in       one entry per model input, matched by name, any order. Lent until the ticket is done, with all that sequences and maps hold.
 *          An output of the last run may be given.
 * Shapes   as the model declares; a named dimension ("batch", "seq") takes any size >= 0, the same in all inputs.
 * Cost     a size larger than any before lays memory out again (see qn_reserve); nothing is planned or compiled again. But a model whose
 *          ranks hang on sizes, small inputs or computed data is planned in its runs, here or in qn_poll, and again when those change.
 * Errors   QN_E_NAME an input is missing or unknown; QN_E_SHAPE; QN_E_DTYPE; QN_E_NOMEM, the session stays usable. QN_E_DATA an index that
 *          the data hold is outside its axis: here where an input holds it, from qn_poll where it is computed. QN_E_UNSUPPORTED, QN_E_SHAPE,
 *          from qn_poll, too: what is planned in a run cannot be.
 * Threads  one session, one thread. */
QN_API qn_status qn_run(qn_session *s, const qn_named *in, size_t n_in, qn_ticket *out);
/* Inputs and outputs that stay on the device. b: a buffer of the session's device, lent until it is unbound (b NULL) or the session closes.
 * Input: its bytes are copied from the start of b when a run starts; what the run is given for it says type and shape, its data may be NULL.
 * Output: each run copies it to the start of b and does not read it back: qn_output then gives type and shape, and data NULL.
 * Errors: QN_E_NAME; QN_E_UNSUPPORTED when the host must see an input's values (sizes that they decide), or an output is texts, a sequence,
 * an optional or a map. */
QN_API qn_status qn_bind_input(qn_session *s, const char *name, qn_buffer *b);
QN_API qn_status qn_bind_output(qn_session *s, const char *name, qn_buffer *b);
/* The same for an output whose size only the run knows: each run makes a buffer for it, which qn_take_output hands to the caller, to be freed by
 * qn_buffer_free; one that is not taken goes with the next run. It comes before a buffer that is bound. */
QN_API qn_status qn_keep_output(qn_session *s, const char *name, bool keep);
QN_API qn_status qn_take_output(qn_session *s, const char *name, qn_buffer **out); /* of the last finished run, once */
QN_API qn_status qn_poll(qn_session *s, qn_ticket t, bool *done);                  /* also moves the run on */
QN_API qn_status qn_wait(qn_session *s, qn_ticket t);                              /* polls until done; not in a browser */
/* An output of the last finished run, by name or index; lent until the next run or close, with all that a sequence or map holds. */
QN_API qn_status qn_output(qn_session *s, const char *name, const qn_tensor **out);
QN_API qn_status qn_output_at(qn_session *s, uint32_t i, const qn_tensor **out);
/* The next run lays memory out for a named dimension up to `size`, so that growing to it costs nothing later. Asked with the sizes of all
 * dimensions before a run, it says whether they fit. QN_E_NAME; QN_E_SHAPE, QN_E_NOMEM, and nothing has changed. */
QN_API qn_status qn_reserve(qn_session *s, const char *dim_name, int64_t size);

/* ------------------------------------------------------------------ what a session says of itself */
typedef struct qn_stats {
    uint64_t plans, layouts, device_buffers;          /* made so far: a decode loop adds none */
    uint64_t weights_bytes, planned_peak_bytes;       /* of the last layout: what is allocated for intermediates */
    uint64_t intermediates_bytes, largest_live_bytes; /* their sum, and the lower bound */
    uint64_t launches, host_steps;                    /* in one run */
    uint64_t host_launches;                           /* those of nodes that the host runs for the device (qn_host_nodes) */
    uint64_t random_launches;                         /* those of either that draw random numbers */
    uint64_t flops;                                   /* multiply-adds x 2 of one run, where known */
    uint64_t kept_launches, kept_bytes; /* that one run left out, as they hang on weights and sizes alone; what they made */
    double read_ms, check_ms, passes_ms, plan_ms, prepare_ms;
    double verify_ms; /* trying kernels out: once for an adapter and driver */
} qn_stats;
/* Of a model that is planned in parts: their sums; of a run, of the parts that it reached. */
QN_API void qn_get_stats(const qn_session *s, qn_stats *out);
typedef struct qn_op_count {
    const char *domain, *op;
    uint32_t count, version;
    bool supported;
    const char *why;
} qn_op_count;
QN_API uint32_t qn_op_counts(const qn_session *s, const qn_op_count **out); /* of the file as read, most frequent first */
typedef struct qn_weight_info {
    const char *name;
    qn_dtype dtype;
    uint32_t rank;
    int64_t dims[QN_MAX_RANK];
    uint64_t bytes;
} qn_weight_info;
/* Largest first: of the model's own graph; with inspect_only those of bodies, functions and Constant nodes too, each once. */
QN_API uint32_t qn_weights(const qn_session *s, const qn_weight_info **out);
typedef struct qn_profile_row {
    const char *node, *op, *kernel, *where;
    uint64_t start_ns, ns, bytes, flops;
} qn_profile_row;
/* Of the last run, in order; needs desc.profile. Lent until the next call. */
QN_API uint32_t qn_profile(const qn_session *s, const qn_profile_row **out);
typedef struct qn_pass_row {
    const char *pass, *doc;
    double ms;
    uint32_t nodes_before, nodes_after;
} qn_pass_row;
QN_API uint32_t qn_passes(const qn_session *s, const qn_pass_row **out); /* of the first part where a model has several */
/* Nodes that the host computes for the device: in order of the plan. Lent until the next call. */
typedef enum qn_host_reason {
    QN_HOST_TYPE = 1, /* the device has not a type of the node */
    QN_HOST_LIMIT,    /* it would outgrow a limit of the device, or of each kernel that fits it */
    QN_HOST_KERNEL,   /* this build has no kernel that fits it there */
    QN_HOST_WRONG,    /* each kernel that fits it was found wrong on this device */
    QN_HOST_ALWAYS,   /* no device computes it: its answer decides a size, or it is small */
    QN_HOST_REASON_COUNT
} qn_host_reason;
QN_API const char *qn_host_reason_name(qn_host_reason r); /* "type", "limit", "kernel", "wrong", "always" */
typedef struct qn_host_node {
    const char *node, *op, *why; /* why: in words, with what is lacking */
    qn_host_reason reason;
} qn_host_node;
QN_API uint32_t qn_host_nodes(const qn_session *s, const qn_host_node **out);
/* What was done otherwise than usual: nodes whose first kernel is not used on this device, nodes that the host runs. A sentence, or NULL past the end. */
QN_API const char *qn_session_note(const qn_session *s, uint32_t i);

/* ------------------------------------------------------------------ images (src/media) */
typedef struct qn_image {
    uint32_t width, height;
    uint8_t *rgba;
} qn_image; /* rgba[height][width][4], straight alpha, upright (EXIF applied) */
QN_API qn_status qn_image_load(const char *path, qn_image *out); /* JPEG, PNG, WebP, BMP, TIFF, JPEG 2000, PNM, by content */
QN_API qn_status qn_image_decode(qn_bytes file, qn_image *out);
QN_API void qn_image_free(qn_image *im);
typedef enum qn_fit { QN_FIT_CROP, QN_FIT_SQUASH, QN_FIT_LETTERBOX } qn_fit;
typedef enum qn_filter {
    QN_FILTER_BILINEAR,
    QN_FILTER_BICUBIC,
    QN_FILTER_NEAREST,
    QN_FILTER_BOX,
    QN_FILTER_LANCZOS
} qn_filter;
/* Antialiased resize, as Pillow does it (filter support grows when shrinking), 8 bits in and out. */
QN_API qn_status qn_image_resize(const qn_image *im, uint32_t width, uint32_t height, qn_filter filter, qn_image *out);
typedef struct qn_image_prep {
    uint32_t width, height;               /* 0: from the image */
    uint32_t resize_shorter;              /* fit crop: the shorter side before the cut; 0: just large enough */
    uint32_t resize_width, resize_height; /* fit crop: squash to this before the cut, instead; 0: no */
    qn_fit fit;
    qn_filter filter;
    float lo, hi;          /* what 0 and 255 become; both 0 means 0..1 */
    float mean[3], std[3]; /* after range; std 0 means 1 */
    bool bgr, nhwc;
    uint32_t channels; /* 0 is 3; 1 is luma (ITU-R 601) */
    uint8_t pad;       /* letterbox fill */
    qn_dtype dtype;    /* QN_NONE is QN_F32; QN_U8 and QN_I8 round */
} qn_image_prep;
/* Where a picture of some size comes to lie in that: it is resized to width x height, and its corner put at (x, y). What lies outside is cut
 * off, what is left gets `pad`. */
typedef struct qn_image_placing {
    uint32_t width, height;
    int32_t x, y;
} qn_image_placing;
QN_API qn_status qn_image_place(const qn_image_prep *prep, uint32_t width, uint32_t height, qn_image_placing *out);
QN_API qn_status qn_image_to_tensor(const qn_image *im, const qn_image_prep *prep,
                                    qn_tensor *out); /* [1,C,H,W] or [1,H,W,C]; qn_tensor_free */

/* ------------------------------------------------------------------ pipelines (src/pipeline): a job from its natural input to its answer */
typedef struct qn_pipeline_info {
    const char *name, *in, *out, *doc;
} qn_pipeline_info;
QN_API const qn_pipeline_info *qn_pipeline_at(uint32_t index); /* pipelines.def; NULL past the end */

/* Names of classes. Text: one name a line, or "index,name" lines; JSON: ["name"], {"0": "name"}, or a config.json with id2label. */
typedef struct qn_labels qn_labels;
QN_API qn_status qn_labels_load(const char *path, qn_labels **out);
QN_API qn_status qn_labels_read(qn_bytes text, qn_labels **out); /* copies what it needs */
QN_API void qn_labels_free(qn_labels *l);                        /* NULL is fine */
QN_API uint32_t qn_labels_count(const qn_labels *l);
QN_API const char *qn_label(const qn_labels *l, uint32_t index); /* NULL: no such label */

/* What a model wants of a picture: size, layout, channels and type from its first input of rank 3 or 4, the rest from the
 * preprocessor_config.json in the folder of model_path (may be NULL), else range 0..1 (u8: 0..255, i8: -128..127) and fit crop.
 * *from_config says whether that file was there (may be NULL). A setting of it that cannot be honoured is QN_E_UNSUPPORTED. */
QN_API qn_status qn_image_prep_guess(const qn_session *s, const char *model_path, qn_image_prep *out, bool *from_config);
/* The same with the text of a preprocessor_config.json at hand; n 0: there is none. */
QN_API qn_status qn_image_prep_guess_from(const qn_session *s, qn_bytes config, qn_image_prep *out);

/* Classify pictures, one after the other:  start, step until done, top.  Nothing waits but qn_classify_wait. */
typedef struct qn_classify qn_classify;
typedef struct qn_class {
    uint32_t index;
    float probability;
    const char *label;
} qn_class; /* label NULL: unknown */
typedef struct qn_classify_desc {
    qn_session *session;       /* lent */
    const qn_image_prep *prep; /* copied; NULL: qn_image_prep_guess without a path */
    const qn_labels *labels;   /* lent; NULL: the model's metadata "labels", if any */
    const char *output;        /* lent; NULL: the first with two numbers or more */
    uint32_t top;              /* answers wanted; 0: 5 */
    /* Instead of prep: makes the model's input of a picture; the tensor is freed with qn_tensor_free. */
    qn_status (*to_tensor)(void *user, const qn_image *im, qn_tensor *out);
    void *user;
} qn_classify_desc;
QN_API qn_status qn_classify_open(const qn_classify_desc *desc, qn_classify **out);
QN_API qn_status qn_classify_start(qn_classify *c, const qn_image *im); /* the picture is not needed after */
QN_API qn_status qn_classify_step(qn_classify *c, bool *done);
QN_API qn_status qn_classify_wait(qn_classify *c); /* steps until done; not in a browser */
/* Best first; lent until the next start. *softmaxed (may be NULL): the model gave scores, these are their softmax. */
QN_API const qn_class *qn_classify_top(const qn_classify *c, uint32_t *n, bool *softmaxed);
QN_API void qn_classify_close(qn_classify *c); /* NULL is fine */

/* The embedded model (docs/glyphs.md): one hand-drawn digit or simple shape, any size, dark on light or the reverse. Used through
 * start, step and top like any classifier; owns its session. QN_E_UNSUPPORTED: the build left the model out. */
QN_API qn_status qn_glyphs_open(qn_device *d, uint32_t top, qn_classify **out);
/* The same with a session of models/glyphs.onnx, lent: for builds that leave the model out. */
QN_API qn_status qn_glyphs_of(qn_session *s, uint32_t top, qn_classify **out);
QN_API qn_session *qn_classify_session(const qn_classify *c); /* lent */

#ifdef __cplusplus
}
#endif
#endif
