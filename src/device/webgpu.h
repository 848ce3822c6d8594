/* Inside the webgpu device: one GPUDevice behind webgpu_api.h, what is recorded on it and not yet done, and its programs. */
#ifndef WEBGPU_H
#define WEBGPU_H

#include "device/device_check.h"
#include "device/slots.h"
#include "device/webgpu_api.h"

typedef struct webgpu_buf {
    u32 id; /* of the api */
    u64 bytes;
} webgpu_buf;

/* A read under way: the bytes are copied to a read-back buffer, which is mapped once the copy is submitted. */
typedef struct webgpu_read {
    u32 staging, blocks, skip, words;
    void *to;
    u64 bytes;
    u32 submit; /* 0: its copy is not submitted yet */
} webgpu_read;

typedef struct webgpu_bound { /* a bind group, kept for the next launch alike */
    u64 key;
    u32 id, n;
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
    u32 last; /* submit */
    webgpu_read *reads;
    u32 n_reads, cap_reads;
    webgpu_bound *bound;
    u32 n_bound, cap_bound;
    map bound_at;
    u32 patch, shift; /* pipelines of our own, made when they are needed */
    qn_status failed; /* sticky: why the device stopped */
    char sentence[512];
} webgpu_device;

/* ---- webgpu_queue.c */
qn_status webgpu_submit(webgpu_device *w);  /* what is recorded; starts its reads */
qn_status webgpu_trouble(webgpu_device *w); /* QN_OK, or what the api has to tell */
qn_status webgpu_queue_poll(webgpu_device *w, qn_ticket t, bool *done);
qn_status webgpu_read_queue(webgpu_device *w, u32 from, u64 at, void *to, u64 bytes);
void webgpu_reads_drop(webgpu_device *w);
/* Spans, words of the uniform block, groups x * y. */
qn_status webgpu_dispatch(webgpu_device *w, u32 pipeline, const webgpu_span *spans, u32 n_spans, const u32 *words,
                          u32 n_words, u32 groups);
void webgpu_forget_buffer(webgpu_device *w, u32 buffer); /* 0: all bind groups */
qn_status webgpu_array_room(void *array_of_pointer, u32 n, u32 *cap, size_t elem_bytes);

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
#endif
