/* Inside the webgpu device: one GPUDevice behind webgpu_api.h, what is recorded on it and not yet done, and its programs. */
#ifndef WEBGPU_H
#define WEBGPU_H

#include "device/device_check.h"
#include "device/slots.h"
#include "device/webgpu_api.h"

typedef struct webgpu_buf {
    u32 id; /* of the api */
    u64 bytes;
    bool lent; /* by the page: it ends where it says, while ours are whole blocks */
} webgpu_buf;

/* A read under way: the bytes are copied to a read-back buffer, which is mapped once the copy is submitted. */
typedef struct webgpu_read {
    u32 staging, blocks, skip, words;
    void *to;
    u64 bytes;
    u32 submit; /* 0: its copy is not submitted yet */
    qn_ticket ticket;
} webgpu_read;

/* A flush that is not done, or failed and has not told yet. */
typedef struct webgpu_ticket {
    qn_ticket id;
    u32 submit; /* 0: not submitted, for it waits for pipelines */
    qn_status status;
    bool forgotten; /* nobody asks for it */
    char *sentence; /* of a failure */
} webgpu_ticket;

/* One thing to be done on the device, in order. */
typedef enum webgpu_work_kind {
    WEBGPU_RUN,
    WEBGPU_COPY,
    WEBGPU_WRITE,
    WEBGPU_READ,
    WEBGPU_FREE_BUFFER,
    WEBGPU_FREE_PIPELINE,
    WEBGPU_FLUSH
} webgpu_work_kind;
enum { WEBGPU_MAX_WORDS = DEVICE_MAX_WORDS + DEVICE_MAX_BUFFERS + 1 };
typedef struct webgpu_work {
    webgpu_work_kind kind;
    union {
        struct {
            u32 pipeline, n_spans, n_words, groups; /* groups x * y */
            webgpu_span spans[WEBGPU_MAX_SPANS];
            u32 words[WEBGPU_MAX_WORDS]; /* of the uniform block */
            char kernel[48];             /* for messages */
        } run;
        struct {
            u32 to, to_at, from, from_at, words; /* places in words */
        } copy;
        struct {
            u32 to, at, words;
            const void *data; /* lent to webgpu_do */
        } write;
        struct {
            u32 from;
            u64 at, bytes;
            void *to;
        } read;
        u32 object;
    } of;
    qn_ticket ticket; /* the flush that it belongs to, or is */
} webgpu_work;

typedef struct webgpu_bound { /* a bind group, kept for the next launch alike */
    u64 key;
    u32 id, pipeline, n;
    u32 buffers[WEBGPU_MAX_SPANS];
} webgpu_bound;

enum { WEBGPU_PAGE_BYTES = 256 << 10, WEBGPU_BINDINGS_KEPT = 4096 };

typedef struct webgpu_device {
    qn_device head;
    const webgpu_api *api;
    u32 id; /* of the api */
    bool is_open;
    u32 limits[WEBGPU_LIMIT_COUNT];
    slots bufs, progs;
    /* recorded and not submitted */
    bool recorded;
    u32 uniform, used; /* the uniform blocks of the launches recorded, and how much of `page` they take */
    u8 *page;
    u32 last;          /* submit */
    webgpu_work *held; /* waits for the pipeline of its first one */
    u32 n_held, cap_held;
    u32 n_going; /* of them are done, or being done */
    bool loose;  /* work since the last flush */
    qn_ticket last_ticket;
    webgpu_ticket *tickets;
    u32 n_tickets, cap_tickets;
    qn_status broken; /* what the next flush has to tell of the loose work, with why in broken_why */
    char broken_why[512];
    webgpu_read *reads;
    u32 n_reads, cap_reads;
    webgpu_bound *bound;
    u32 n_bound, cap_bound;
    map bound_at;
    u32 patch, shift; /* pipelines of our own, made when they are needed */
    bool lost;        /* and why, for good */
    char sentence[512];
} webgpu_device;

/* ---- webgpu_work.c: now, or as soon as the pipelines before it are there */
qn_status webgpu_do(webgpu_device *w, const webgpu_work *work);
void webgpu_go_on(webgpu_device *w); /* with what is held, as far as its pipelines are there */
void webgpu_free(webgpu_device *w, webgpu_work_kind kind, u32 object);
void webgpu_held_drop(webgpu_device *w);
void webgpu_held_forget_reads(webgpu_device *w, qn_ticket t); /* 0: all */

/* ---- webgpu_ticket.c: who is told what went wrong */
qn_status webgpu_trouble(webgpu_device *w); /* QN_OK, or what the api has to tell: then nothing is under way any more */
void webgpu_broken(webgpu_device *w, qn_ticket t, qn_status status); /* work of that flush, with the last sentence */
qn_status webgpu_fail_all(webgpu_device *w, qn_status status, const char *what);
qn_status webgpu_flush(webgpu_device *w, qn_ticket *out);
void webgpu_flushed(webgpu_device *w, qn_ticket t); /* all before it is recorded: submits it */
qn_status webgpu_poll(webgpu_device *w, qn_ticket t, bool *done);
void webgpu_forget(webgpu_device *w, qn_ticket t);
void webgpu_tickets_free(webgpu_device *w);

/* ---- webgpu_queue.c: recorded at once */
void webgpu_submit(webgpu_device *w); /* what is recorded; starts its reads */
qn_status webgpu_record_run(webgpu_device *w, const webgpu_work *work);
qn_status webgpu_refused(webgpu_device *w, u32 pipeline, const char *kernel); /* the sentence of it */
qn_status webgpu_record_read(webgpu_device *w, const webgpu_work *work);
bool webgpu_reads_take(webgpu_device *w); /* home what is there; false: one failed */
bool webgpu_reads_under_way(const webgpu_device *w, qn_ticket t);
void webgpu_reads_drop(webgpu_device *w, qn_ticket t);   /* of one ticket; 0: all */
void webgpu_forget_buffer(webgpu_device *w, u32 buffer); /* bind groups with it; 0: all */
void webgpu_forget_pipeline(webgpu_device *w, u32 pipeline);

/* ---- webgpu_bytes.c: writes and copies at any byte */
qn_status webgpu_write_bytes(webgpu_device *w, const webgpu_buf *to, u64 at, qn_bytes from);
qn_status webgpu_copy_bytes(webgpu_device *w, const webgpu_buf *to, u64 to_at, const webgpu_buf *from, u64 from_at,
                            u64 bytes);

/* ---- webgpu_program.c */
typedef struct webgpu_program webgpu_program;
qn_status webgpu_program_make(webgpu_device *w, const kc_program *p, webgpu_program **out);
void webgpu_program_free(webgpu_device *w, webgpu_program *p);
const prog_shape *webgpu_program_shape(const webgpu_program *p);
qn_status webgpu_program_launch(webgpu_device *w, webgpu_program *p, const qn_launch *l);
qn_status webgpu_program_expect(webgpu_device *w, webgpu_program *p, const qn_launch *l);
#endif
