/* Models for a page: the file's bytes belong to the session, and so do the places where inputs are put (web_values.c). */
#include "web/web_private.h"

/* Said while a session opens: `tag` as given to qw_session_open. 0 cancels. */
FROM_PAGE(progress) extern u32 page_progress(u32 tag, const char *stage, f64 part);

static bool progress(void *user, const char *stage, double part)
{
    const web_session *s = user;
    return page_progress(s->tag, stage, part) != 0;
}

static bool make_inputs(web_session *s)
{
    u32 n = qn_input_count(s->session);
    s->inputs = mem_zalloc((n + 1) * sizeof *s->inputs);
    return s->inputs || web_ok(fail_nomem(n * sizeof *s->inputs));
}

static web_session *make(u32 tag)
{
    web_session *s = mem_zalloc(sizeof *s);
    if (!s) web_ok(fail_nomem(sizeof *s));
    else s->tag = tag;
    return s;
}

static qn_session_desc describe_session(web_session *s, qn_device *d, u32 flags, u32 seed)
{
    return (qn_session_desc){ .device = d,
                              .no_optimize = flags & QW_NO_OPTIMIZE,
                              .inspect_only = flags & QW_INSPECT_ONLY,
                              .profile = flags & QW_PROFILE,
                              .stepwise = true,
                              .seed = seed,
                              .progress = progress,
                              .progress_user = s };
}

void *qw_session_open(qn_device *d, void *bytes, u32 n, u32 flags, u32 tag, u32 seed)
{
    web_session *s = make(tag);
    if (!s) {
        mem_free(bytes);
        return NULL;
    }
    s->file = bytes;
    qn_session_desc desc = describe_session(s, d, flags, seed);
    desc.bytes = (qn_bytes){ bytes, n };
    if (web_ok(qn_session_open(&desc, &s->session)) && make_inputs(s)) return s;
    qw_session_close(s);
    return NULL;
}

void *qw_session_begin(qn_device *d, f64 bytes, u32 flags, u32 tag, u32 seed)
{
    web_session *s = make(tag);
    if (!s) return NULL;
    qn_session_desc desc = describe_session(s, d, flags, seed);
    desc.piecewise = (u64)bytes;
    if (web_ok(qn_session_open(&desc, &s->session))) return s;
    qw_session_close(s);
    return NULL;
}

const char *qw_session_want(void *session)
{
    web_session *s = session;
    qn_piece piece;
    bool open;
    if (!web_ok(qn_session_want(s->session, &piece, &open))) return NULL;
    if (open && !s->inputs && !make_inputs(s)) return NULL;
    json *j = web_json('{');
    json_bool(j, "open", open);
    json_text(j, "file", piece.file);
    json_integer(j, "at", (i64)piece.at);
    json_integer(j, "bytes", (i64)piece.bytes);
    return web_json_end('{');
}

u32 qw_session_busy(const void *session) { return qn_session_busy(((const web_session *)session)->session); }

u32 qw_session_give(void *session, const void *data)
{
    return web_ok(qn_session_give(((web_session *)session)->session, data));
}

void qw_session_close(void *session)
{
    web_session *s = session;
    if (!s) return;
    u32 n = s->inputs ? qn_input_count(s->session) : 0;
    for (u32 i = 0; i < n; i++) web_place_free(&s->inputs[i]);
    mem_free(s->inputs);
    qn_session_close(s->session);
    mem_free(s->file);
    mem_free(s);
}

u32 qw_session_reserve(void *session, const char *dim_name, f64 size)
{
    return web_ok(qn_reserve(((web_session *)session)->session, dim_name, (i64)size));
}

/* ---- runs */

f64 qw_run(void *session)
{
    web_session *s = session;
    u32 n = qn_input_count(s->session);
    qn_named *in = mem_alloc((n + 1) * sizeof *in);
    if (!in) {
        web_ok(fail_nomem(n * sizeof *in));
        return 0;
    }
    size_t fed = 0;
    bool whole = true;
    for (u32 i = 0; i < n && whole; i++) {
        if (!s->inputs[i].fed) continue;
        whole = web_place_whole(&s->inputs[i], qn_input_info(s->session, i)->name);
        in[fed++] = (qn_named){ qn_input_info(s->session, i)->name, s->inputs[i].tensor };
    }
    qn_ticket t = 0;
    bool started = whole && web_ok(qn_run(s->session, in, fed, &t));
    mem_free(in);
    return started ? (f64)t : 0;
}

u32 qw_poll(void *session, f64 ticket)
{
    bool done = false;
    if (!web_ok(qn_poll(((web_session *)session)->session, (qn_ticket)ticket, &done))) return 2;
    return done;
}
