/* What a page calls: include/quern.h again, with signatures that JavaScript can call without knowing the layout of a struct.
 *
 * Numbers    u32 and f64 only. Counts and tickets that are u64 in quern.h are f64 here: exact to 2^53.
 * Handles    u32 (addresses in the module's memory), 0 is none: a failed open or make. Free or close each once; 0 is fine.
 * Text       in: NUL-terminated UTF-8, from qw_alloc, which may be freed when the call returns. out: lent; copy it before the next call.
 * Failure    what is said to give a bool gives 0; then qw_status and qw_error say why. They keep the last failure: ask only after one.
 * Describing calls answer in JSON, lent until the next of them.
 * Waiting    nothing waits: start, then ask with the polling call, from an event loop where the device needs one (a CPU device is
 *            done when the start returns).
 * Memory     may move: make a new view of it after any call (memory.buffer), never keep one.
 * What the module imports from "quern" is in docs/web-module.md. */
#ifndef WEB_H
#define WEB_H

#include "base/base.h"

#define WEB /* exported: the build reads the lines that start with this word */

/* ------------------------------------------------------------------ memory, failures, names */
WEB void *qw_alloc(u32 bytes); /* 16-aligned; 0: no memory */
WEB void qw_free(void *p);
WEB u32 qw_blocks(void);          /* blocks alive: flat when nothing leaks */
WEB u32 qw_status(void);          /* qn_status of the last failure */
WEB const char *qw_error(void);   /* its sentence */
WEB const char *qw_version(void); /* "0.1.0" */
WEB const char *qw_build(void);   /* a hash of what makes code for devices */
WEB const char *qw_status_text(u32 status);
WEB const char *qw_dtype_name(u32 dtype); /* "f32"; "" past the last */
WEB u32 qw_dtype_bytes(u32 dtype);

/* ------------------------------------------------------------------ devices */
/* threads: of a cpu device, 0 for all that the page gave. trust: kernels are not tried out. */
WEB qn_device *qw_device_open(const char *spec, u32 threads, u32 trust);
WEB void qw_device_close(qn_device *d);
WEB const char *qw_device_info(const qn_device *d); /* {kind, spec, name, driver, caps: {...}} */
WEB const char *qw_device_report(
    qn_device *d);                /* {tried: {right, unjudged, wrong, refused}, notes: [...]}: kernels that were tried out */
WEB const char *qw_devices(void); /* [{kind, spec, name, driver, caps} or {kind, why}] */
WEB u32 qw_device_poll(qn_device *d, f64 ticket); /* 1 done, 0 not yet, 2 failed */

/* How fast is it (qn_probe_begin)? Ended before the device closes. */
WEB void *qw_probe_begin(qn_device *d, u32 again);
WEB u32 qw_probe_step(void *probe);     /* 1 done, 0 not yet, 2 failed */
WEB f64 qw_probe_ms(const void *probe); /* after 1 */
WEB void qw_probe_end(void *probe);

/* ------------------------------------------------------------------ models */
enum { QW_NO_OPTIMIZE = 1, QW_INSPECT_ONLY = 2, QW_PROFILE = 4 };
/* bytes: a file of n bytes in memory from qw_alloc; the session takes it, also when opening fails. `tag` goes to quern.progress; `seed` is that of
 * qn_session_desc. It may not be open yet: qw_session_want until it is. */
WEB void *qw_session_open(qn_device *d, void *bytes, u32 n, u32 flags, u32 tag, u32 seed);
/* A model whose file of so many bytes comes in pieces (qn_session_want): not open yet, and to be closed also when that fails. */
WEB void *qw_session_begin(qn_device *d, f64 bytes, u32 flags, u32 tag, u32 seed);
WEB const char *qw_session_want(
    void *session); /* {open, file: name or null, at, bytes}; bytes 0 and not open: ask again later */
WEB u32 qw_session_busy(const void *session);             /* bool; ask again at once, the device has nothing to do */
WEB u32 qw_session_give(void *session, const void *data); /* bool; as many bytes as were wanted, not needed after */
WEB void qw_session_close(void *session);
WEB const char *qw_session_inputs(
    void *
        session); /* [{name, dtype, dims: [n or "name" or null] or null, of}]: null: unknown. of: the same of what a sequence, optional or map holds; key: the type of a map's keys */
WEB const char *qw_session_outputs(void *session); /* the same */
WEB const char *qw_session_report(void *session);  /* {stats, ops: [...], passes: [...], weights: [...]} */
WEB const char *qw_session_profile(
    void *session); /* [{node, op, kernel, where, start_ns, ns, bytes, flops}]: needs QW_PROFILE */
WEB const char *qw_session_metadata(void *session, const char *key); /* 0: no such entry */
WEB u32 qw_session_reserve(void *session, const char *dim_name, f64 size);
/* The place of the index-th input, lent; the session owns it and what is put there, and keeps both from run to run. 0: there is none. */
WEB void *qw_input(void *session, u32 index);
/* Say what a place will hold: dims is u32[rank]. Gives where to put its bytes (a new address only when it grows), or 0. */
WEB void *qw_feed(void *place, u32 dtype, u32 rank, const u32 *dims);
/* The same for texts, one after the other in UTF-8, lengths[i] bytes each; all is copied. bool */
WEB u32 qw_feed_texts(void *place, u32 rank, const u32 *dims, const u32 *lengths, const char *texts);
/* The same for a sequence of n, an optional of one or none, or a map, of two: keys and values; then feed each qw_item, which may be a list
 * again. bool */
WEB u32 qw_feed_list(void *place, u32 dtype, u32 n);
WEB void *qw_item(void *place, u32 i); /* the place of the i-th, lent until the list is fed anew */
/* The index-th input from a buffer of the device, for the next runs; `b` 0: from the host again, by qw_feed. */
WEB u32 qw_feed_buffer(void *session, u32 index, u32 dtype, u32 rank, const u32 *dims, qn_buffer *b);
/* keep: each run puts the index-th output into a new buffer of the device and does not read it back (its data is 0). */
WEB u32 qw_keep(void *session, u32 index, u32 keep);
WEB qn_buffer *qw_take(void *session, u32 index); /* that buffer, after the run; the caller's to free */
WEB f64 qw_run(void *session);                    /* a ticket, or 0; what was fed stays as it is until the run is done */
WEB u32 qw_poll(void *session, f64 ticket);       /* 1 done, 0 not yet, 2 failed; moves the run on */
/* The index-th output of the last run that is done; lent until the next. */
WEB const qn_tensor *qw_output(void *session, u32 index);
WEB u32 qw_tensor_dtype(const qn_tensor *t);
WEB u32 qw_tensor_rank(const qn_tensor *t);
WEB f64 qw_tensor_dim(const qn_tensor *t, u32 axis);
WEB f64 qw_tensor_bytes(const qn_tensor *t);
WEB const void *qw_tensor_data(const qn_tensor *t);
WEB const char *qw_tensor_text(const qn_tensor *t, u32 i); /* of a text's bytes, which are not NUL-terminated */
WEB u32 qw_tensor_text_bytes(const qn_tensor *t, u32 i);
WEB const qn_tensor *qw_tensor_item(
    const qn_tensor *t, u32 i); /* of a sequence, optional or map (keys, values), which has its number of items as dim 0 */

/* ------------------------------------------------------------------ the user's own kernels */
WEB qn_buffer *qw_buffer_make(qn_device *d, f64 bytes); /* zeroed */
WEB qn_buffer *qw_buffer_adopt(qn_device *d, u32 number,
                               f64 bytes);    /* the page's own GPUBuffer, by the number that it gave it */
WEB u32 qw_buffer_number(const qn_buffer *b); /* the page's, also of one that qw_buffer_make made; 0: none */
WEB void qw_buffer_free(qn_buffer *b);
WEB u32 qw_buffer_write(qn_buffer *b, f64 at, const void *data, u32 bytes); /* bool */
WEB f64 qw_buffer_read(qn_buffer *b, f64 at, void *to,
                       u32 bytes); /* a ticket (qw_device_poll), 0: failed; `to` stays until it is done */
/* file: the name in messages. entry: "" for the only kernel. defines: "N=4 T=f32", or "". */
WEB void *qw_kernel_make(qn_device *d, const char *source, const char *file, const char *entry, const char *defines);
WEB void qw_kernel_free(void *kernel);
WEB const char *qw_kernel_how(void *kernel);
/* Arguments stay set from launch to launch: one for each parameter after the first, in order, and for a MAP its output last. */
WEB u32 qw_kernel_arg_buffer(void *kernel, u32 index, qn_buffer *b);
WEB u32 qw_kernel_arg_number(void *kernel, u32 index, f64 value);
WEB u32 qw_kernel_launch(void *kernel, f64 count, u32 n_args); /* bool; elements of a MAP, groups of a KERNEL */
WEB const char *qw_kernel_targets(void);                       /* ["c", "opencl", ...] */
/* Translate without a device. The text is freed with qw_text_free; 0: qw_error has file:line:col, the line and a caret. */
WEB char *qw_kernel_translate(const char *source, const char *file, const char *entry, const char *defines,
                              const char *target);
WEB void qw_text_free(char *text);

/* ------------------------------------------------------------------ classifying pictures */
/* What a model wants of a picture, as JSON with the names of qn_image_prep: from the model and the text of a preprocessor_config.json ("" for
 * none). {width, height, resizeShorter, resizeWidth, resizeHeight, channels, fit, pad, filter, range, mean, std, bgr, nhwc, dtype} */
WEB const char *qw_prep_guess(void *session, const char *config);
/* A picture as an f32 tensor by such JSON; what it does not say is 0 or as qn_image_prep has it. Freed by the caller. */
WEB qn_tensor *qw_picture(u32 width, u32 height, u8 *rgba, const char *prep);
WEB void qw_picture_free(qn_tensor *t);
WEB const char *qw_picture_place(u32 width, u32 height, const char *prep); /* {width, height, x, y}: qn_image_place */
/* labels: text of a file of names (qn_labels_read), or "" for the model's own. The session is lent.
 * prep: such JSON, of which each entry takes the place of what is guessed from `config`; "" for none. */
WEB void *qw_classify_open(void *session, u32 top, const char *labels, const char *config, const char *prep);
WEB void *qw_glyphs_open(void *session,
                         u32 top); /* a session of models/glyphs.onnx, lent: drawn digits and shapes, any size */
WEB void qw_classify_close(void *classify);
WEB u32 qw_classify_start(void *classify, u32 width, u32 height,
                          u8 *rgba);             /* bool; rgba[height][width][4], not needed after */
WEB u32 qw_classify_step(void *classify);        /* 1 done, 0 not yet, 2 failed */
WEB const char *qw_classify_top(void *classify); /* {softmaxed, top: [{index, probability, label or null}]}, best first */

#endif
