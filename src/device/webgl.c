/* WebGL 2 and OpenGL ES 3: MAP kernels as fragment shaders over textures. All of it is written against webgl_api.h, so it is the same code
 * natively (EGL) and in a browser.
 *
 * A launch draws the texels of its output's view. It cannot draw into a texture that it reads: where the output lies in the buffer
 * of an input, it is made beside and moved into place, which costs time. caps.buffers_apart asks the planner to avoid that. */
#include <stdio.h>

#include "device/slots.h"
#include "device/webgl.h"
#include "device/webgl_program.h"
#include "device/webgl_queue.h"

enum { FIRST_PLACE = 4, MAX_WORDS = FIRST_PLACE + 2 * DEVICE_MAX_BUFFERS + DEVICE_MAX_WORDS };

typedef struct webgl_device {
    qn_device head;
    webgl_gl g;
    webgl_queue queue;
    slots bufs, progs;
    bool taken;
} webgl_device;

static webgl_device *of(qn_device *d) { return (webgl_device *)d; }

static qn_status enter(webgl_device *w) { return webgl_begin(&w->g); }

static qn_status leave(webgl_device *w, qn_status status)
{
    w->g.gl->leave(w->g.context);
    return status;
}

/* ---- opening */

static void put_info(webgl_device *w)
{
    qn_device_info *info = &w->head.info;
    char version[128], vendor[64];
    w->g.gl->text(GL_RENDERER, info->name, sizeof info->name);
    w->g.gl->text(GL_VERSION, version, sizeof version);
    w->g.gl->text(GL_VENDOR, vendor, sizeof vendor);
    snprintf(info->driver, sizeof info->driver, "%.60s, %.60s", vendor, version);
    info->caps = (qn_caps){
        .max_buffer_bytes = webgl_most_bytes(&w->g),
        .max_buffers = MIN(w->g.max_units, DEVICE_MAX_BUFFERS - 1) + 1,
        .width = 4,
        .workers = 1,
        .i64 = true,
        .i8_buffers = true,
        .buffers_apart = true,
        .channels_last =
            WEBGL_TEXEL / 4, /* what lies in a texel is read and drawn together: four channels of a pixel see the same */
    };
}

static qn_status open_entered(webgl_device *w)
{
    QN_TRY(webgl_gl_make(&w->g));
    u32 max_turns;
    QN_TRY(webgl_probe(&w->g, &max_turns));
    put_info(w);
    w->head.info.caps.max_turns = max_turns;
    return QN_OK;
}

static qn_status open_stages(webgl_device *w, u32 index)
{
    if (index >= w->g.gl->past())
        return index == 0 ? fail(QN_E_NO_DEVICE, "there is no context of WebGL 2")
                          : fail(QN_E_NAME, "there is no context of WebGL 2 with the number %u", index);
    w->g.context = index;
    u32 state = w->g.gl->take(index);
    if (state == WEBGL_LOST) return fail(QN_E_NO_DEVICE, "WebGL: context %u is lost and not restored yet", index);
    if (state != WEBGL_READY) return fail(QN_E_NO_DEVICE, "WebGL: there is no context %u", index);
    w->taken = true;
    QN_TRY(enter(w));
    return leave(w, open_entered(w));
}

/* A lost context has taken its objects along. */
static void free_all(webgl_device *w)
{
    u32 id;
    for (webgl_buf *b; (b = slots_any(&w->bufs, &id)); mem_free(b)) {
        webgl_buf_free(&w->g, b);
        slots_remove(&w->bufs, id);
    }
    while (slots_any(&w->progs, &id)) webgl_program_free(&w->g, slots_remove(&w->progs, id));
    webgl_queue_close(&w->queue, &w->g);
    webgl_gl_free(&w->g);
}

static void wgl_close(qn_device *d)
{
    webgl_device *w = of(d);
    if (w->taken) {
        w->g.gone = w->g.gl->enter(w->g.context) != WEBGL_READY;
        free_all(w);
        if (!w->g.gone) w->g.gl->leave(w->g.context);
        w->g.gl->release(w->g.context);
    }
    slots_free(&w->bufs);
    slots_free(&w->progs);
    mem_free(w);
}

qn_status webgl_open_with(const webgl_api *gl, u32 index, qn_device **out)
{
    webgl_device *w = mem_zalloc(sizeof *w);
    if (!w) return fail_nomem(sizeof *w);
    w->head.backend = &webgl_backend;
    w->g.gl = gl;
    qn_status status = open_stages(w, index);
    if (status == QN_OK) *out = &w->head;
    else wgl_close(&w->head);
    return status;
}

static qn_status wgl_open(u32 index, const qn_device_desc *desc, qn_device **out)
{
    (void)desc;
    const webgl_api *gl;
    QN_TRY(webgl_load(&gl));
    return webgl_open_with(gl, index, out);
}

/* ---- buffers and programs */

static qn_status wgl_buf_make(qn_device *d, u64 bytes, qn_buf *out)
{
    webgl_device *w = of(d);
    webgl_buf *b = mem_zalloc(sizeof *b);
    if (!b) return fail_nomem(sizeof *b);
    qn_status status = enter(w);
    if (status == QN_OK) {
        webgl_queue_look(&w->queue, &w->g);
        status = webgl_buf_make(&w->g, bytes, b);
        if (status == QN_OK && !slots_add(&w->bufs, b, out)) {
            webgl_buf_free(&w->g, b);
            status = fail_nomem(sizeof(slot));
        }
        leave(w, status);
    }
    if (status != QN_OK) mem_free(b);
    return status;
}

static void wgl_buf_free(qn_device *d, qn_buf id)
{
    webgl_device *w = of(d);
    webgl_buf *b = slots_remove(&w->bufs, id);
    if (!b) return;
    w->g.gone = enter(w) != QN_OK;
    webgl_buf_free(&w->g, b);
    if (!w->g.gone) w->g.gl->leave(w->g.context);
    mem_free(b);
}

static qn_status wgl_prog_make(qn_device *d, const kc_program *p, qn_prog *out)
{
    webgl_device *w = of(d);
    webgl_program *made = NULL;
    QN_TRY(enter(w));
    qn_status status = webgl_program_make(&w->g, &d->info.caps, p, &made);
    if (status == QN_OK && !slots_add(&w->progs, made, out)) {
        webgl_program_free(&w->g, made);
        status = fail_nomem(sizeof(slot));
    }
    return leave(w, status);
}

static void wgl_prog_free(qn_device *d, qn_prog id)
{
    webgl_device *w = of(d);
    webgl_program *p = slots_remove(&w->progs, id);
    if (!p) return;
    w->g.gone = enter(w) != QN_OK;
    webgl_program_free(&w->g, p);
    if (!w->g.gone) w->g.gl->leave(w->g.context);
}

static const char *wgl_prog_how(qn_device *d, qn_prog p) { return slots_get(&of(d)->progs, p) ? "webgl" : ""; }

/* ---- copies */

static qn_status span(qn_device *d, const char *what, qn_buf id, u64 at, u64 bytes, const webgl_buf **out)
{
    const webgl_buf *b = slots_get(&of(d)->bufs, id);
    if (!b) return fail(QN_E_BUG, "%s: no such buffer", what);
    QN_TRY(device_check_span(what, at, bytes, b->bytes));
    *out = b;
    return enter(of(d));
}

static qn_status wgl_write(qn_device *d, qn_buf to, u64 at, qn_bytes from)
{
    const webgl_buf *b = NULL;
    QN_TRY(span(d, "write", to, at, from.n, &b));
    of(d)->queue.loose = true;
    return leave(of(d), webgl_write(&of(d)->g, b, at, from));
}

static qn_status wgl_copy(qn_device *d, qn_buf to, u64 to_at, qn_buf from, u64 from_at, u64 bytes)
{
    const webgl_buf *target = NULL, *source = slots_get(&of(d)->bufs, from);
    if (!source) return fail(QN_E_BUG, "copy from: no such buffer");
    QN_TRY(device_check_span("copy from", from_at, bytes, source->bytes));
    QN_TRY(span(d, "copy to", to, to_at, bytes, &target));
    of(d)->queue.loose = true;
    return leave(of(d), webgl_copy(&of(d)->g, target, to_at, source, from_at, bytes));
}

static qn_status wgl_read(qn_device *d, qn_buf from, u64 at, void *to, u64 bytes)
{
    const webgl_buf *b = NULL;
    QN_TRY(span(d, "read", from, at, bytes, &b));
    of(d)->queue.loose = true;
    return leave(of(d), webgl_queue_read(&of(d)->queue, &of(d)->g, b, at, to, bytes));
}

/* ---- launches */

static bool wgl_buf_bytes(qn_device *d, qn_buf id, u64 *out)
{
    const webgl_buf *b = slots_get(&of(d)->bufs, id);
    if (b) *out = b->bytes;
    return b != NULL;
}

/* The words of qk_u but for the first four: a place for each buffer that is read, then the scalars. */
static u32 put_words(const webgl_device *w, const qn_launch *l, u32 *words)
{
    u32 n = FIRST_PLACE;
    for (u32 i = 0; i + 1 < l->n_bufs; i++) {
        const webgl_buf *b = slots_get(&w->bufs, l->bufs[i].buf);
        words[n++] = (u32)(l->bufs[i].at / WEBGL_TEXEL);
        words[n++] = b->width;
        webgl_bind(&w->g, i, b->texture);
    }
    memcpy(words + n, l->words, l->n_words * sizeof *words);
    return n + l->n_words;
}

typedef struct drawing {
    const webgl_program *p;
    u32 words[MAX_WORDS], n_words;
} drawing;

/* Elements from texel `first` of the output on, drawn at texel `at` of a texture. */
static void draw_texels(const webgl_device *w, drawing *draw, const webgl_buf *to, u64 at, u64 first, u64 n)
{
    draw->words[1] = (u32)(at - first);
    draw->words[2] = to->width;
    w->g.gl->Uniform4uiv(draw->p->u, (i32)(draw->n_words + 3) / 4, draw->words);
    webgl_draw(&w->g, to, at, n);
}

/* Draws beside and moves into place: all of it where the output's texture is read, else only a last texel that is not all the launch's. */
static qn_status draw_aside(webgl_device *w, drawing *draw, const webgl_buf *to, u64 at, u64 first, u64 bytes)
{
    const webgl_buf *aside;
    QN_TRY(webgl_scratch(&w->g, bytes, &aside));
    draw_texels(w, draw, aside, 0, first, (bytes + WEBGL_TEXEL - 1) / WEBGL_TEXEL);
    return webgl_copy(&w->g, to, at, aside, 0, bytes);
}

static bool reads_buffer(const qn_launch *l, qn_buf b)
{
    for (u32 i = 0; i + 1 < l->n_bufs; i++)
        if (l->bufs[i].buf == b) return true;
    return false;
}

static qn_status draw_all(webgl_device *w, const webgl_program *p, const qn_launch *l)
{
    const buf_view *out = &l->bufs[l->n_bufs - 1];
    const webgl_buf *to = slots_get(&w->bufs, out->buf), *aside;
    bool all_aside = reads_buffer(l, out->buf);
    u64 bytes = l->count * p->shape.result_bytes, rest = bytes < out->bytes ? bytes % WEBGL_TEXEL : 0;
    u64 whole = all_aside ? 0 : bytes - rest;
    if (whole < bytes) QN_TRY(webgl_scratch(&w->g, bytes - whole, &aside)); /* before textures are bound */
    drawing draw = { .p = p, .words = { (u32)l->count } };
    w->g.gl->UseProgram(p->program);
    draw.n_words = put_words(w, l, draw.words);
    if (whole) draw_texels(w, &draw, to, out->at / WEBGL_TEXEL, 0, (whole + WEBGL_TEXEL - 1) / WEBGL_TEXEL);
    return whole < bytes ? draw_aside(w, &draw, to, out->at + whole, whole / WEBGL_TEXEL, bytes - whole) : QN_OK;
}

static qn_status wgl_launch(qn_device *d, const qn_launch *l)
{
    webgl_device *w = of(d);
    const webgl_program *p = slots_get(&w->progs, l->prog);
    if (!p) return fail(QN_E_BUG, "launch: no such program");
    QN_TRY(device_check_launch(d, l, &p->shape, wgl_buf_bytes));
    if (l->count == 0) return QN_OK;
    const kc_launch_facts facts = { .words = l->words, .count = l->count };
    if (p->module) QN_TRY(device_check_turns(&d->info.caps, p->module, p->kernel, &facts));
    QN_TRY(enter(w));
    w->queue.loose = true;
    return leave(w, draw_all(w, p, l));
}

/* ---- tickets */

static qn_status wgl_flush(qn_device *d, qn_ticket *out)
{
    QN_TRY(enter(of(d)));
    return leave(of(d), webgl_queue_flush(&of(d)->queue, &of(d)->g, out));
}

static qn_status wgl_poll(qn_device *d, qn_ticket t, bool *done)
{
    QN_TRY(enter(of(d)));
    return leave(of(d), webgl_queue_poll(&of(d)->queue, &of(d)->g, t, done));
}

static void wgl_forget(qn_device *d, qn_ticket t) { webgl_queue_forget(&of(d)->queue, t); }

static void wgl_wait_a_little(qn_device *d, qn_ticket t)
{
    if (enter(of(d)) != QN_OK) return; /* the next poll says so */
    webgl_queue_wait(&of(d)->queue, &of(d)->g, t);
    leave(of(d), QN_OK);
}

static void *wgl_buf_host(qn_device *d, qn_buf b)
{
    (void)d, (void)b;
    return NULL;
}

const qn_backend webgl_backend = {
    .name = "webgl",
    .target = KC_GLSL,
    .bakes = true,
    .unproven = true,
    .open = wgl_open,
    .close = wgl_close,
    .buf_make = wgl_buf_make,
    .buf_free = wgl_buf_free,
    .prog_make = wgl_prog_make,
    .prog_free = wgl_prog_free,
    .prog_how = wgl_prog_how,
    .write = wgl_write,
    .copy = wgl_copy,
    .launch = wgl_launch,
    .read = wgl_read,
    .flush = wgl_flush,
    .poll = wgl_poll,
    .forget = wgl_forget,
    .wait_a_little = PLATFORM_BROWSER ? NULL : wgl_wait_a_little,
    .buf_host = wgl_buf_host,
};
