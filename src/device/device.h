/* Launches -> metal. A backend is this table and nothing else; it never hears the name of an op.
 *
 * A program is a kernel of kernels/ (or made text) with its defines; a launch is a program, buffers, words and a count.
 * Everything after prog_make is queued in order and never waits. Errors of queued work surface at flush or poll; when one of those
 * fails, what was lent to the reads of that flush is the caller's again. */
#ifndef DEVICE_H
#define DEVICE_H

#include "base/platform.h"
#include "kc/kc.h"

/* clang-format off */
enum { DEVICE_MAX_BUFFERS = 13, DEVICE_MAX_WORDS = 64, DEVICE_VIEW_ALIGN = 256 };

typedef u32 qn_buf;                                          /* id of a buffer on its device, generation inside; 0 is none */
typedef u32 qn_prog;                                         /* likewise for programs */

typedef struct buf_view { qn_buf buf; u64 at, bytes; } buf_view;  /* a span; `at` is a multiple of DEVICE_VIEW_ALIGN */

typedef struct qn_launch {
    qn_prog prog;
    u32 n_bufs, n_words;
    buf_view bufs[DEVICE_MAX_BUFFERS];                       /* in the order of the parameters; a MAP's output last */
    u32 words[DEVICE_MAX_WORDS];                             /* scalars in order, 64-bit ones as two words (low first) */
    u64 count;                                               /* MAP: elements; KERNEL: groups; 0 does nothing; < 2^32 */
} qn_launch;

typedef struct qn_backend {
    const char *name;                                        /* for people; never compared in code */
    kc_target target;                                        /* what kc must print for it */
    bool bakes;                                              /* wants CONST parameters as defines (it compiles at run time) */
    bool unproven;                                           /* a driver's compiler is between: kernels are tried out on first use (verify.h) */
    /* The index-th device of this kind. QN_E_NAME: no such index (asked last); QN_E_NO_DEVICE with the reason when the driver is absent. */
    qn_status (*open)(u32 index, const qn_device_desc *desc, qn_device **out);
    void (*close)(qn_device *d);
    qn_status (*buf_make)(qn_device *d, u64 bytes, qn_buf *out);      /* zeroed */
    void (*buf_free)(qn_device *d, qn_buf b);                /* takes effect after its last launch */
    qn_status (*prog_make)(qn_device *d, const kc_program *p, qn_prog *out);
    void (*prog_free)(qn_device *d, qn_prog p);
    const char *(*prog_how)(qn_device *d, qn_prog p);        /* "compiled in", "system compiler", "interpreter", ... */
    /* From here on: queued, in order, never waiting; a browser cannot wait. */
    qn_status (*write)(qn_device *d, qn_buf to, u64 at, qn_bytes from);   /* `from` may go when this returns */
    qn_status (*copy)(qn_device *d, qn_buf to, u64 to_at, qn_buf from, u64 from_at, u64 bytes);
    qn_status (*launch)(qn_device *d, const qn_launch *l);
    /* Such a launch will come, with views of one buffer where these are (of its buffers only that is looked at: they need not exist). What it
     * takes may be got ready meanwhile. NULL: nothing can be. */
    qn_status (*expect)(qn_device *d, const qn_launch *l);
    qn_status (*read)(qn_device *d, qn_buf from, u64 at, void *to, u64 bytes);   /* `to` is filled when a later flush is done */
    qn_status (*flush)(qn_device *d, qn_ticket *out);        /* done when all of the above are */
    qn_status (*poll)(qn_device *d, qn_ticket t, bool *done);
    /* Nobody waits for t any more: its reads write nothing from now on. NULL: reads cannot be taken back, so t must be waited for. */
    void (*forget)(qn_device *d, qn_ticket t);
    void (*wait_a_little)(qn_device *d, qn_ticket t);        /* sleep until t may be done; NULL in a browser, where nothing gets done before we return */
    /* Host memory that lives as long as the device buffer, lent as a buffer without a copy (weights from a mapped file).
     * NULL where caps.host_memory is false. Never written to. */
    qn_status (*buf_lend)(qn_device *d, const void *host, u64 bytes, qn_buf *out);
    qn_status (*buf_adopt)(qn_device *d, u32 number, u64 bytes, qn_buf *out); /* made outside, freed by its maker; NULL: takes none */
    u32 (*buf_number)(qn_device *d, qn_buf b);               /* as buf_adopt takes it, also of one made here; NULL where that is */
    void *(*buf_host)(qn_device *d, qn_buf b);               /* its address where caps.host_memory, else NULL */
} qn_backend;

struct qn_device {                                           /* the head of every backend's own struct */
    const qn_backend *backend;
    qn_device_info info;                                     /* caps inside */
    bool trusted;                                            /* by the caller: kernels are not tried out */
    struct verdicts *verdicts;                               /* of kernels, once asked for (verdicts.c) */
    struct qn_device *host;                                  /* stands in for it, once asked for (device_host) */
    bool checks;                                             /* interprets: users' kernels come as they are, and are refused when they go astray */
};
/* clang-format on */

/* user_kernel.c: the first `bytes` of a user's buffer on this device; QN_E_SHAPE: it is smaller. `what` names it in the sentence. */
qn_status user_kernel_view(const qn_buffer *b, const qn_device *d, const char *what, u64 bytes, buf_view *out);

#define BACKEND(name) extern const qn_backend name##_backend;
#include "device/backends.def"
#undef BACKEND
extern const qn_backend *const device_backends[]; /* backends.def, NULL at the end */

/* device_check.c: QN_E_UNSUPPORTED when the loops of a MAP may turn oftener than caps.max_turns allows, with what is known of its launch. Loops
 * without a bound pass: those of users only. */
qn_status device_check_turns(const qn_caps *caps, const kc_module *m, const kc_kernel *k, const kc_launch_facts *facts);

/* device.c: qn_device_open without "auto". */
qn_status device_open(const char *spec, const qn_device_desc *desc, qn_device **out);
/* The device that does on the host what d cannot: kernels compiled into the library, buffers in host memory, launches that are done when they
 * return. Opened when it is first asked for, closed with d. */
qn_status device_host(qn_device *d, qn_device **out);
/* Every device, one after the other, from {0}; false: no more. A kind that has none, or whose next one fails, is an entry too: *out NULL and
 * why in status and qn_last_error. The devices are the caller's. */
typedef struct device_walk {
    u32 at, index;
    const char *kind;
    qn_status status;
} device_walk;
bool device_next(device_walk *w, const qn_device_desc *desc, qn_device **out);
#endif
