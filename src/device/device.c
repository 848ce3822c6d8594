/* Finding and opening devices by what people write: "cpu", "opencl:1", "auto". */
#include <stdio.h>
#include <stdlib.h>

#include "device/device.h"

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
    snprintf(info->kind, sizeof info->kind, "%s", b->name);
    snprintf(info->spec, sizeof info->spec, index ? "%s:%u" : "%s", b->name, index);
    return QN_OK;
}

/* How much work a device gets done at once, by its caps alone: what runs in parallel, times its lanes. A device without host
 * memory pays for copies, so it must be clearly ahead. 0: computes nothing. */
static u64 power_of(const qn_caps *caps)
{
    u64 lanes = (u64)caps->workers * MAX(caps->width, caps->best_group);
    return caps->host_memory ? lanes * 8 : lanes;
}

static qn_status open_auto(const qn_device_desc *desc, qn_device **out)
{
    qn_device *best = NULL;
    for (u32 i = 0; device_backends[i]; i++) {
        for (u32 index = 0; index < MAX_DEVICES_OF_A_KIND; index++) {
            qn_device *d;
            if (open_index(device_backends[i], index, desc, &d) != QN_OK) break;
            if (power_of(&d->info.caps) > (best ? power_of(&best->info.caps) : 0)) {
                qn_device_close(best);
                best = d;
            } else {
                qn_device_close(d);
            }
        }
    }
    if (!best) return fail(QN_E_NO_DEVICE, "no device can be opened here: %s", qn_last_error());
    *out = best;
    return QN_OK;
}

qn_status qn_device_open(const char *spec, const qn_device_desc *desc, qn_device **out)
{
    if (!spec || !out) return fail(QN_E_USAGE, "qn_device_open: spec and out are needed; \"auto\" opens the fastest device");
    if (!desc) desc = &default_desc;
    if (text_same(spec, "auto")) {
        attempt_begin();
        qn_status status = open_auto(desc, out);
        attempt_end(status != QN_OK);
        return status;
    }
    const qn_backend *backend;
    u32 index;
    QN_TRY(parse_spec(spec, &backend, &index));
    qn_device *d;
    qn_status status = open_index(backend, index, desc, &d);
    if (status == QN_E_NAME)
        return fail(QN_E_NO_DEVICE, "there is no device '%s'; 'quern doctor' lists those present", spec);
    if (status == QN_OK) *out = d;
    return status;
}

void qn_device_close(qn_device *d)
{
    if (d) d->backend->close(d);
}

const qn_device_info *qn_device_get_info(const qn_device *d) { return d ? &d->info : NULL; }

/* The index-th entry: the devices of each kind, or one entry for a kind that has none. */
static qn_status list_entry(u32 index, qn_device_info *out)
{
    u32 left = index;
    for (u32 i = 0; device_backends[i]; i++) {
        for (u32 at = 0; at < MAX_DEVICES_OF_A_KIND; at++) {
            qn_device *d = NULL;
            qn_status status = open_index(device_backends[i], at, &default_desc, &d);
            if (status == QN_E_NAME && at > 0) break;
            if (left-- > 0) {
                qn_device_close(d);
                if (status != QN_OK) break;
                continue;
            }
            if (d) *out = d->info;
            qn_device_close(d);
            if (status == QN_OK) return QN_OK;
            *out = (qn_device_info){ 0 };
            snprintf(out->kind, sizeof out->kind, "%s", device_backends[i]->name);
            snprintf(out->spec, sizeof out->spec, "%s", device_backends[i]->name);
            return status == QN_E_NAME ? fail(QN_E_NO_DEVICE, "no device of kind '%s' was found", out->kind) : status;
        }
    }
    return fail(QN_E_NAME, "there are only %u devices", index - left);
}

qn_status qn_device_list(uint32_t index, qn_device_info *out)
{
    if (!out) return fail(QN_E_USAGE, "qn_device_list: out is needed");
    attempt_begin();
    qn_status status = list_entry(index, out);
    attempt_end(status != QN_OK);
    return status;
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
        d->backend->wait_a_little(d, t);
    }
}
