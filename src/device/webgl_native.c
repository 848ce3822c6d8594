/* The table natively: libEGL.so.1 and libGLESv2.so.2, found at run time; a context for each of EGL's devices, without a window system.
 *
 * A context is made when it is first taken and ends with its last release, so one that was lost can be taken anew. It is current on the calling
 * thread between enter and leave only, under a lock: devices may share it from several threads, and what the caller had current there
 * comes back. */
#include "device/webgl_api.h"

#ifndef __wasm__
#include <pthread.h>
#include <stdio.h>

#include "device/driver_library.h"
#include "device/slots.h"

typedef struct egl_display_ *egl_display;
typedef struct egl_context_ *egl_context;
typedef struct egl_surface_ *egl_surface;
typedef struct egl_device_ *egl_device;
typedef struct gl_sync_ *gl_sync;

/* clang-format off */
enum {
    EGL_NOT_INITIALIZED = 0x3001, EGL_BAD_ACCESS = 0x3002, EGL_BAD_ALLOC = 0x3003, EGL_CONTEXT_LOST = 0x300e, EGL_NONE = 0x3038, EGL_DRAW = 0x3059, EGL_READ = 0x305a, EGL_OPENGL_ES_API = 0x30a0,
    EGL_CONTEXT_MAJOR_VERSION = 0x3098, EGL_CONTEXT_MINOR_VERSION = 0x30fb,
    EGL_ROBUST_ACCESS = 0x30bf, EGL_RESET_NOTIFICATION = 0x3138, EGL_LOSE_CONTEXT_ON_RESET = 0x31bf,  /* EGL_EXT_create_context_robustness */
    EGL_PLATFORM_DEVICE = 0x313f, EGL_PLATFORM_SURFACELESS = 0x31dd,                                  /* EXT_platform_device, MESA_platform_surfaceless */
    GL_SYNC_GPU_COMMANDS_COMPLETE = 0x9117, GL_SYNC_FLUSH_COMMANDS_BIT = 1,
    GL_EXTENSIONS = 0x1f03, GL_GUILTY_RESET = 0x8253, GL_INNOCENT_RESET = 0x8254,                      /* KHR_robustness */
    GL_ALREADY_SIGNALED = 0x911a, GL_TIMEOUT_EXPIRED = 0x911b, GL_CONDITION_SATISFIED = 0x911c, GL_MAP_READ_BIT = 1,
    MAX_CONTEXTS = 16,
};

#define EGL_FUNCTIONS(X)                                                                                                         \
    X(void *,      eglGetProcAddress,     (const char *name))                                                                    \
    X(i32,         eglGetError,           (void))                                                                                \
    X(u32,         eglInitialize,         (egl_display d, i32 *major, i32 *minor))                                               \
    X(u32,         eglBindAPI,            (u32 api))                                                                             \
    X(u32,         eglQueryAPI,           (void))                                                                                \
    X(egl_context, eglCreateContext,      (egl_display d, void *config, egl_context share, const i32 *attribs))                  \
    X(u32,         eglDestroyContext,     (egl_display d, egl_context c))                                                        \
    X(u32,         eglReleaseThread,      (void))                                                                                \
    X(u32,         eglMakeCurrent,        (egl_display d, egl_surface draw, egl_surface read, egl_context c))                    \
    X(egl_context, eglGetCurrentContext,  (void))                                                                                \
    X(egl_display, eglGetCurrentDisplay,  (void))                                                                                \
    X(egl_surface, eglGetCurrentSurface,  (i32 which))
#define GLES_FUNCTIONS(X)                                                                                                        \
    X(const char *, glGetString,           (u32 what))                                                                           \
    X(void *,       glMapBufferRange,      (u32 target, intptr_t at, intptr_t bytes, u32 access))                                \
    X(u8,           glUnmapBuffer,         (u32 target))                                                                         \
    X(gl_sync,      glFenceSync,           (u32 condition, u32 flags))                                                           \
    X(void,         glDeleteSync,          (gl_sync s))                                                                          \
    X(u32,          glClientWaitSync,      (gl_sync s, u32 flags, u64 ns))
/* clang-format on */

typedef struct current { /* what a thread had current before enter */
    egl_display display;
    egl_context context;
    egl_surface draw, read;
    u32 api;
} current;

typedef struct native_context {
    pthread_mutex_t lock;
    egl_display display;
    egl_context context;
    u32 takers;
    bool tells_resets; /* GL_KHR_robustness */
    bool lost;         /* told once, it stays so until the context is made anew */
    char why[128];
    current before;
    slots syncs;
} native_context;

static struct {
#define X(result, name, args) result(*name) args;
    EGL_FUNCTIONS(X)
    GLES_FUNCTIONS(X)
#undef X
    egl_display (*get_display)(u32 platform, void *native, const i32 *attribs);
    u32 (*query_devices)(i32 room, egl_device *out, i32 *n);
    u32 (*reset_status)(void); /* may be found where no driver has it: see tells_resets */
} egl;

static webgl_api table;
static native_context contexts[MAX_CONTEXTS];
static egl_device devices[MAX_CONTEXTS];
static u32 n_contexts;
static THREAD_LOCAL native_context *entered; /* by this thread */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

/* ---- contexts */

/* A context that does not tell of resets is better than none. */
static egl_context context_make(egl_display display)
{
    const i32 robust[] = {
        EGL_CONTEXT_MAJOR_VERSION, 3,       EGL_CONTEXT_MINOR_VERSION, 0, EGL_ROBUST_ACCESS, 1, EGL_RESET_NOTIFICATION,
        EGL_LOSE_CONTEXT_ON_RESET, EGL_NONE
    };
    const i32 plain[] = { EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 0, EGL_NONE };
    egl_context made = egl.eglCreateContext(display, NULL, NULL, robust);
    return made ? made : egl.eglCreateContext(display, NULL, NULL, plain);
}

static bool has_extension(const char *name)
{
    const char *all = egl.glGetString(GL_EXTENSIONS);
    size_t n = strlen(name);
    for (const char *at = all; at && (at = strstr(at, name)); at += n)
        if ((at == all || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
    return false;
}

/* ---- current on a thread, and not */

static current current_now(void)
{
    return (current){ .display = egl.eglGetCurrentDisplay(),
                      .context = egl.eglGetCurrentContext(),
                      .draw = egl.eglGetCurrentSurface(EGL_DRAW),
                      .read = egl.eglGetCurrentSurface(EGL_READ),
                      .api = egl.eglQueryAPI() };
}

/* A loss is EGL_CONTEXT_LOST, or a display that somebody else in the process ended. Any other error leaves the context what it was. */
static u32 not_entered(native_context *c)
{
    i32 code = egl.eglGetError();
    c->lost |= code == EGL_CONTEXT_LOST || code == EGL_NOT_INITIALIZED;
    snprintf(c->why, sizeof c->why, "eglMakeCurrent gives 0x%x%s", (u32)code,
             code == EGL_NOT_INITIALIZED ? ", EGL_NOT_INITIALIZED: other code in this process has ended EGL's display"
             : code == EGL_BAD_ACCESS    ? ", EGL_BAD_ACCESS: it is current on another thread"
             : code == EGL_BAD_ALLOC     ? ", EGL_BAD_ALLOC: out of memory"
                                         : "");
    return c->lost ? WEBGL_LOST : WEBGL_NO_CONTEXT;
}

static u32 native_enter(u32 number)
{
    native_context *c = &contexts[number];
    current before = current_now();
    pthread_mutex_lock(&c->lock);
    egl.eglBindAPI(EGL_OPENGL_ES_API);
    if (c->lost || !egl.eglMakeCurrent(c->display, NULL, NULL, c->context)) {
        u32 state = c->lost ? WEBGL_LOST : not_entered(c);
        egl.eglBindAPI(before.api);
        pthread_mutex_unlock(&c->lock);
        return state;
    }
    c->before = before;
    entered = c;
    return WEBGL_READY;
}

/* Released under the API that it was bound with; where that fails the thread gives up all that EGL keeps for it, so that no context stays
 * current here and shut to all other threads. */
static void native_leave(u32 number)
{
    native_context *c = &contexts[number];
    current before = c->before;
    entered = NULL;
    if (!egl.eglMakeCurrent(c->display, NULL, NULL, NULL)) egl.eglReleaseThread();
    egl.eglBindAPI(before.api);
    if (before.context) egl.eglMakeCurrent(before.display, before.draw, before.read, before.context);
    pthread_mutex_unlock(&c->lock);
}

/* A driver tells of a reset while it lasts; the context stays lost. */
static u32 native_lost(void)
{
    native_context *c = entered;
    u32 status = c->lost || !c->tells_resets ? GL_NO_ERROR : egl.reset_status();
    if (status == GL_NO_ERROR) return c->lost;
    c->lost = true;
    snprintf(c->why, sizeof c->why, "the driver reset it, 0x%x%s", status,
             status == GL_GUILTY_RESET     ? ": for what was run in it"
             : status == GL_INNOCENT_RESET ? ": for what was run elsewhere"
                                           : "");
    return true;
}

static u32 native_why(u32 number, char *out, u32 room)
{
    snprintf(out, room, "%s", contexts[number].why);
    return (u32)strlen(out);
}

/* ---- taking and releasing */

static bool context_open(native_context *c, u32 number)
{
    egl_device device = devices[number];
    u32 api = egl.eglQueryAPI();
    c->display = egl.get_display(device ? EGL_PLATFORM_DEVICE : EGL_PLATFORM_SURFACELESS, device, NULL);
    if (!c->display || !egl.eglInitialize(c->display, NULL, NULL)) return false;
    egl.eglBindAPI(EGL_OPENGL_ES_API);
    c->context = context_make(c->display);
    egl.eglBindAPI(api);
    c->lost = false, c->tells_resets = false, c->why[0] = 0;
    if (!c->context) return false;
    bool works = native_enter(number) == WEBGL_READY;
    if (works) {
        c->tells_resets = egl.reset_status && has_extension("GL_KHR_robustness");
        native_leave(number);
    } else {
        egl.eglDestroyContext(c->display, c->context);
    }
    return works;
}

static u32 native_past(void) { return n_contexts; }

static u32 native_take(u32 number)
{
    if (number >= n_contexts) return WEBGL_NO_CONTEXT;
    native_context *c = &contexts[number];
    pthread_mutex_lock(&opening);
    bool there = c->takers > 0 || context_open(c, number);
    c->takers += there;
    pthread_mutex_unlock(&opening);
    return there ? WEBGL_READY : WEBGL_NO_CONTEXT;
}

/* The display stays initialized: it is one for the process, and the caller may use it too. */
static void native_release(u32 number)
{
    native_context *c = &contexts[number];
    pthread_mutex_lock(&opening);
    if (--c->takers == 0) {
        slots_free(&c->syncs);
        c->syncs = (slots){ 0 };
        egl.eglDestroyContext(c->display, c->context);
        c->context = NULL;
    }
    pthread_mutex_unlock(&opening);
}

static u32 native_text(u32 what, char *out, u32 room)
{
    const char *text = egl.glGetString(what);
    snprintf(out, room, "%s", text ? text : "");
    return (u32)strlen(out);
}

/* ---- buffers and fences */

static void native_read_buffer(u32 at, void *out, u32 bytes)
{
    const void *from = egl.glMapBufferRange(GL_PIXEL_PACK_BUFFER, at, bytes, GL_MAP_READ_BIT);
    if (!from) return; /* GetError says why */
    memcpy(out, from, bytes);
    egl.glUnmapBuffer(GL_PIXEL_PACK_BUFFER);
}

static u32 native_sync_make(void)
{
    u32 id = 0;
    gl_sync made = egl.glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
    table.Flush();
    if (!made || slots_add(&entered->syncs, made, &id)) return id;
    egl.glDeleteSync(made);
    return 0;
}

static void native_sync_free(u32 sync)
{
    gl_sync s = slots_remove(&entered->syncs, sync);
    if (s) egl.glDeleteSync(s);
}

static u32 native_sync_wait(u32 sync, u32 us)
{
    gl_sync s = slots_get(&entered->syncs, sync);
    u32 state = s ? egl.glClientWaitSync(s, GL_SYNC_FLUSH_COMMANDS_BIT, (u64)us * 1000) : 0;
    return state == GL_TIMEOUT_EXPIRED                                       ? WEBGL_PENDING
           : state == GL_ALREADY_SIGNALED || state == GL_CONDITION_SATISFIED ? WEBGL_DONE
                                                                             : WEBGL_FAILED;
}

static u32 native_sync_done(u32 sync) { return native_sync_wait(sync, 0); }

/* A driver that draws in threads may read before they are through, though the order of calls forbids it (Mesa 22's llvmpipe, one time in thirty). */
static void wait_for_draws(void)
{
    gl_sync drawn = egl.glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
    u32 state = drawn ? GL_TIMEOUT_EXPIRED : 0;
    while (state == GL_TIMEOUT_EXPIRED) state = egl.glClientWaitSync(drawn, GL_SYNC_FLUSH_COMMANDS_BIT, 100000000);
    if (drawn) egl.glDeleteSync(drawn);
}

static void (*driver_read_pixels)(i32 x, i32 y, i32 w, i32 h, u32 format, u32 type, void *at);

static void read_pixels(i32 x, i32 y, i32 w, i32 h, u32 format, u32 type, void *at)
{
    wait_for_draws();
    driver_read_pixels(x, y, w, h, format, type, at);
}

/* ---- loading */

static const char *const egl_files[] = { "libEGL.so.1", NULL }, *const gles_files[] = { "libGLESv2.so.2", NULL };
#define EGL_ROW(result, name, args) DRIVER_FUNCTION("", egl, name),
#define GL_ROW(result, name, args)  DRIVER_FUNCTION("gl", table, name),
static const driver_function egl_functions[] = { EGL_FUNCTIONS(EGL_ROW) };
static const driver_function gles_functions[] = { GLES_FUNCTIONS(EGL_ROW) WEBGL_FUNCTIONS(GL_ROW) };
#undef EGL_ROW
#undef GL_ROW

static void find_extension(const char *name, void *function, size_t bytes)
{
    void *at = egl.eglGetProcAddress(name);
    memcpy(function, &at, bytes);
}

static void fill_table(void)
{
#define X(result, name, args) table.name = native_##name;
    WEBGL_OWN_FUNCTIONS(X)
#undef X
    driver_read_pixels = table.ReadPixels;
    table.ReadPixels = read_pixels;
    find_extension("eglGetPlatformDisplayEXT", &egl.get_display, sizeof egl.get_display);
    find_extension("eglQueryDevicesEXT", &egl.query_devices, sizeof egl.query_devices);
    find_extension("glGetGraphicsResetStatusKHR", &egl.reset_status, sizeof egl.reset_status);
}

/* Each of EGL's devices that gives a context; where it tells none, the platform without surfaces. */
static void find_contexts(void)
{
    egl_device all[MAX_CONTEXTS];
    i32 n = 0;
    if (!egl.query_devices || !egl.query_devices(MAX_CONTEXTS, all, &n)) n = 0;
    for (i32 i = 0; i <= n && n_contexts < MAX_CONTEXTS; i++) {
        if (i == n && n_contexts > 0) break;
        devices[n_contexts] = i < n ? all[i] : NULL;
        pthread_mutex_init(&contexts[n_contexts].lock, NULL);
        n_contexts++;
        if (native_take(n_contexts - 1) == WEBGL_READY) native_release(n_contexts - 1);
        else n_contexts--;
    }
}

static bool start(char *why, u32 room)
{
    fill_table();
    if (!egl.get_display) {
        snprintf(why, room, "libEGL.so.1 lacks EGL_EXT_platform_base");
        return false;
    }
    find_contexts();
    if (n_contexts == 0)
        snprintf(why, room,
                 "EGL is installed but gives no context of OpenGL ES 3.0 without a window: install a driver, for example "
                 "the package libgl1-mesa-dri");
    return n_contexts > 0;
}

static const driver_part parts[] = { { egl_files, egl_functions, COUNT(egl_functions) },
                                     { gles_files, gles_functions, COUNT(gles_functions) } };
static driver_library driver = {
    .absent = "OpenGL ES is not installed",
    .too_old = "OpenGL ES 3.0 is needed",
    .parts = parts,
    .n_parts = COUNT(parts),
    .start = start,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

qn_status webgl_load(const webgl_api **out)
{
    QN_TRY(driver_library_load(&driver));
    *out = &table;
    return QN_OK;
}
#endif
