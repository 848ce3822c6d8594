/* Finding and opening devices by what people write: "cpu", "opencl:1". Which of them "auto" is, exec/choose.c measures. */
#include <stdio.h>
#include <stdlib.h>

#include "device/verify.h"

const qn_backend *const device_backends[] = {
#define BACKEND(name) &name##_backend,
#include "device/backends.def"
#undef BACKEND
    NULL,
};

enum { MAX_DEVICES_OF_A_KIND = 64 };

static const qn_device_desc default_desc;

static const qn_backend *backend_named(const char *name, size_t n)
{
    for (u32 i = 0; device_backends[i]; i++)
        if (strlen(device_backends[i]->name) == n && memcmp(device_backends[i]->name, name, n) == 0)
            return device_backends[i];
    return NULL;
}

static qn_status fail_unknown(const char *spec)
{
    char known[128] = "";
    for (u32 i = 0; device_backends[i]; i++) {
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, ", \"%s\"", device_backends[i]->name);
    }
    return fail(QN_E_NAME, "no kind of device is called '%s'; there is \"auto\"%s, and \"KIND:INDEX\"", spec, known);
}

/* "opencl:1" -> backend and 1. */
static qn_status parse_spec(const char *spec, const qn_backend **backend, u32 *index)
{
    const char *colon = strchr(spec, ':');
    *backend = backend_named(spec, colon ? (size_t)(colon - spec) : strlen(spec));
    if (!*backend) return fail_unknown(spec);
    *index = 0;
    if (!colon) return QN_OK;
    char *end;
    unsigned long number = colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : UINT32_MAX;
    if (number >= MAX_DEVICES_OF_A_KIND || *end)
        return fail(QN_E_NAME, "device '%s': after ':' comes an index from 0", spec);
    *index = (u32)number;
    return QN_OK;
}

static qn_status open_index(const qn_backend *b, u32 index, const qn_device_desc *desc, qn_device **out)
{
    QN_TRY(b->open(index, desc, out));
    qn_device_info *info = &(*out)->info;
    (*out)->trusted = desc->trust;
    snprintf(info->kind, sizeof info->kind, "%s", b->name);
    snprintf(info->spec, sizeof info->spec, index ? "%s:%u" : "%s", b->name, index);
    return QN_OK;
}

qn_status device_open(const char *spec, const qn_device_desc *desc, qn_device **out)
{
    const qn_backend *backend;
    u32 index;
    QN_TRY(parse_spec(spec, &backend, &index));
    qn_device *d;
    qn_status status = open_index(backend, index, desc ? desc : &default_desc, &d);
    if (status == QN_E_NAME)
        return fail(QN_E_NO_DEVICE, "there is no device '%s'; 'quern doctor' lists those present", spec);
    if (status == QN_OK) *out = d;
    return status;
}

bool device_next(device_walk *w, const qn_device_desc *desc, qn_device **out)
{
    while (device_backends[w->at]) {
        const qn_backend *b = device_backends[w->at];
        *out = NULL;
        w->kind = b->name;
        w->status = w->index < MAX_DEVICES_OF_A_KIND ? open_index(b, w->index, desc ? desc : &default_desc, out) : QN_E_NAME;
        if (w->status == QN_OK) return w->index++, true;
        bool none = w->index == 0 || w->status != QN_E_NAME;
        if (w->status == QN_E_NAME && w->index == 0)
            w->status = fail(QN_E_NO_DEVICE, "no device of kind '%s' was found", b->name);
        w->at++, w->index = 0;
        if (none) return true;
    }
    return false;
}

void qn_device_close(qn_device *d)
{
    if (!d) return;
    qn_device_close(d->host);
    verify_free(d);
    d->backend->close(d);
}

qn_status device_host(qn_device *d, qn_device **out)
{
    if (!d->host) QN_TRY(device_open("cpu", NULL, &d->host));
    *out = d->host;
    return QN_OK;
}

const qn_device_info *qn_device_get_info(const qn_device *d) { return d ? &d->info : NULL; }

qn_status qn_device_list(uint32_t index, qn_device_info *out)
{
    if (!out) return fail(QN_E_USAGE, "qn_device_list: out is needed");
    device_walk w = { 0 };
    qn_device *d = NULL;
    attempt_begin(); /* what is wrong with those before it is no failure of ours */
    u32 left = index;
    bool there = device_next(&w, NULL, &d);
    for (; there && left > 0; left--, there = device_next(&w, NULL, &d)) qn_device_close(d);
    attempt_end(there && w.status != QN_OK);
    if (there) {
        *out = d ? d->info : (qn_device_info){ 0 };
        if (!d) snprintf(out->kind, sizeof out->kind, "%s", w.kind), snprintf(out->spec, sizeof out->spec, "%s", w.kind);
        qn_device_close(d);
        return w.status;
    }
    return fail(QN_E_NAME,
                "there are %u devices here, none of index %u: quern doctor lists them, and says why others are missing",
                index - left, index);
}

qn_status qn_device_poll(qn_device *d, qn_ticket t, bool *done)
{
    if (!d || !done) return fail(QN_E_USAGE, "qn_device_poll: a device and done are needed");
    if (t != 0) return d->backend->poll(d, t, done);
    *done = true;
    return QN_OK;
}

qn_status qn_device_wait(qn_device *d, qn_ticket t)
{
    bool done = false;
    for (;;) {
        QN_TRY(qn_device_poll(d, t, &done));
        if (done) return QN_OK;
        if (!d->backend->wait_a_little)
            return fail(QN_E_UNSUPPORTED, "%s cannot be waited for in a browser; poll between tasks", d->info.spec);
        d->backend->wait_a_little(d, t);
    }
}

void qn_device_tried(qn_device *d, qn_tried *out)
{
    u32 counts[VERDICT_REFUSED + 1] = { 0 };
    if (!out) return;
    if (d) verify_counts(d, counts);
    *out = (qn_tried){ counts[VERDICT_RIGHT], counts[VERDICT_UNJUDGED], counts[VERDICT_WRONG], counts[VERDICT_REFUSED] };
}

const char *qn_device_note(qn_device *d, uint32_t i) { return d ? verify_note(d, i) : NULL; }
