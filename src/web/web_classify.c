/* Classifying pictures for a page, which has decoded them already. */
#include "web/web_private.h"

typedef struct web_classify {
    qn_classify *classify;
    qn_labels *labels;
} web_classify;

static bool read_labels(const char *text, qn_labels **out)
{
    if (!text || !text[0]) return true;
    return web_ok(qn_labels_read((qn_bytes){ text, strlen(text) }, out));
}

void *qw_classify_open(void *session, u32 top, const char *labels, const char *config, const char *prep)
{
    qn_image_prep p;
    if (!web_prep_guess(session, config, &p) || (prep && prep[0] && !web_prep_read(prep, &p))) return NULL;
    web_classify *c = mem_zalloc(sizeof *c);
    if (!c) {
        web_ok(fail_nomem(sizeof *c));
        return NULL;
    }
    if (read_labels(labels, &c->labels)) {
        const qn_classify_desc desc = {
            .session = ((web_session *)session)->session, .prep = &p, .labels = c->labels, .top = top
        };
        if (web_ok(qn_classify_open(&desc, &c->classify))) return c;
    }
    qw_classify_close(c);
    return NULL;
}

void *qw_glyphs_open(void *session, u32 top)
{
    web_classify *c = mem_zalloc(sizeof *c);
    if (!c) {
        web_ok(fail_nomem(sizeof *c));
        return NULL;
    }
    if (web_ok(qn_glyphs_of(((web_session *)session)->session, top, &c->classify))) return c;
    mem_free(c);
    return NULL;
}

void qw_classify_close(void *classify)
{
    web_classify *c = classify;
    if (!c) return;
    qn_classify_close(c->classify);
    qn_labels_free(c->labels);
    mem_free(c);
}

u32 qw_classify_start(void *classify, u32 width, u32 height, u8 *rgba)
{
    web_classify *c = classify;
    return web_ok(qn_classify_start(c->classify, &(qn_image){ width, height, rgba }));
}

u32 qw_classify_step(void *classify)
{
    bool done = false;
    if (!web_ok(qn_classify_step(((web_classify *)classify)->classify, &done))) return 2;
    return done;
}

const char *qw_classify_top(void *classify)
{
    u32 n = 0;
    bool softmaxed = false;
    const qn_class *top = qn_classify_top(((web_classify *)classify)->classify, &n, &softmaxed);
    json *j = web_json('{');
    json_bool(j, "softmaxed", softmaxed);
    json_open(j, "top", '[');
    for (u32 i = 0; top && i < n; i++) {
        json_open(j, NULL, '{');
        json_integer(j, "index", top[i].index);
        json_number(j, "probability", (f64)top[i].probability);
        json_text(j, "label", top[i].label);
        json_close(j, '{');
    }
    json_close(j, '[');
    return web_json_end('{');
}
