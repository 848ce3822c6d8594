/* Buffers as textures: RGBA32UI, a texel is 16 bytes in order, row by row; a row has a power of two of texels. One format holds every type
 * bit for bit, needs no extension, and neither blends nor filters. A buffer's last texels past its end are nobody's. */
#ifndef WEBGL_MEMORY_H
#define WEBGL_MEMORY_H

#include "device/webgl_api.h"

enum { WEBGL_TEXEL = 16 };

typedef struct webgl_buf {
    u32 texture, width, rows; /* width: its logarithm */
    u64 bytes;
} webgl_buf;

/* What every part of a device stands on: the table, its own objects, and a texture for what cannot go directly. Each function below but
 * webgl_begin and webgl_fail_lost wants the context entered. */
typedef struct webgl_gl {
    const webgl_api *gl;
    u32 context;
    u32 max_size, max_units, max_vectors;
    u32 target, source, vertex_array, vertex_shader; /* target, source: framebuffers to draw into and to read from */
    u32 move_program;
    i32 move_u;
    webgl_buf edges, scratch;
    bool gone; /* the context is lost: there is nothing to delete */
} webgl_gl;

qn_status webgl_gl_make(webgl_gl *g); /* with the table and context set: all the rest */
void webgl_gl_free(webgl_gl *g);
/* QN_OK when the context is entered; QN_E_LOST, or QN_E_DEVICE with the reason why it cannot be. */
qn_status webgl_begin(const webgl_gl *g);
qn_status webgl_fail_lost(const webgl_gl *g);
/* QN_OK, or what GL says of the calls so far: QN_E_NOMEM, QN_E_LOST, QN_E_DEVICE. A round trip. */
qn_status webgl_check(const webgl_gl *g, const char *what);
enum { WEBGL_TEXTURE, WEBGL_FRAMEBUFFER, WEBGL_BUFFER, WEBGL_VERTEX_ARRAY, WEBGL_SHADER, WEBGL_PROGRAM, WEBGL_SYNC };
void webgl_delete(webgl_gl *g, u32 kind, u32 object); /* 0 is fine */
u64 webgl_most_bytes(const webgl_gl *g);              /* of one buffer */

qn_status webgl_buf_make(webgl_gl *g, u64 bytes, webgl_buf *out);              /* zeroed */
qn_status webgl_buf_make_of(webgl_gl *g, u32 width, u32 rows, webgl_buf *out); /* of this shape; width: its logarithm */
void webgl_buf_free(webgl_gl *g, webgl_buf *b);
/* A texture of at least these bytes until the next call of anything here. */
qn_status webgl_scratch(webgl_gl *g, u64 bytes, const webgl_buf **out);
void webgl_bind(const webgl_gl *g, u32 unit, u32 texture);
/* Run the program in use over texels [from, from + n). What it reads must not be this texture. */
void webgl_draw(const webgl_gl *g, const webgl_buf *to, u64 from, u64 n);
/* Texels [from, from + n) into the bound PIXEL_PACK_BUFFER, from its start. */
void webgl_pack(const webgl_gl *g, const webgl_buf *b, u64 from, u64 n);

/* Any bytes, anywhere; spans lie inside their buffers. */
qn_status webgl_write(webgl_gl *g, const webgl_buf *to, u64 at, qn_bytes from);
qn_status webgl_copy(webgl_gl *g, const webgl_buf *to, u64 to_at, const webgl_buf *from, u64 from_at, u64 bytes);

/* A program of two shaders; the vertex shader is the device's. QN_E_DEVICE with the driver's words. */
qn_status webgl_link(webgl_gl *g, const char *name, const char *text, size_t n, u32 *out);

/* webgl_probe.c: what the context really does. QN_E_NO_DEVICE when no kernel would be right in it. Lowers g->max_size to what can be drawn into;
 * max_turns: after how many turns the driver ends the loops of a fragment, 0: not within 100,000. A few round trips. */
qn_status webgl_probe(webgl_gl *g, u32 *max_turns);

/* Objects of all devices: +1 for each that is made, -1 for each that is deleted. Tests want 0 at the end. */
void webgl_count(i32 change);
i64 webgl_objects_alive(void);

#endif
