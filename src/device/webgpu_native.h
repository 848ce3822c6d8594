/* Inside the native table of webgpu_api.h: a device of a webgpu.h library, and who does what with it.
 *
 * A callback may come long after we have stopped to wait for it. So it is given numbers, never addresses: the key of its device, and the id of what
 * it is about. What is gone by then is not found. */
#ifndef WEBGPU_NATIVE_H
#define WEBGPU_NATIVE_H

#include "device/slots.h"
#include "device/webgpu_api.h"
#include "device/webgpu_h.h"

typedef struct native_buffer {
    wgpu_object buffer;
    u32 map_state;
    bool mapped; /* or about to be: to be unmapped */
} native_buffer;

typedef struct native_pipeline {
    wgpu_object pipeline, layout; /* of its bind group */
    bool pending;                 /* its error scope has not answered */
    bool refused;
    char why[400];
} native_pipeline;

typedef struct native {
    u32 key; /* by which callbacks know it: of this one alone */
    wgpu_object instance, adapter, device, queue, encoder, pass;
    bool answered; /* what was asked for last: adapter or device */
    slots buffers, pipelines, bindings;
    native_pipeline *making;  /* errors now are of this one */
    u32 submits, done, waits; /* waits: callbacks under way */
    u32 trouble;
    bool lost;
    wgpu_limits limits;
    bool f16;
    u32 subgroup;
    char name[128], driver[128], said[400];
} native;

extern wgpu_library webgpu_lib; /* filled before any other call */

/* ---- webgpu_native.c: buffers, recording, submits */
void native_pump(native *n);  /* lets callbacks come */
void native_pause(native *n); /* the same, and waits a little */
wgpu_callback native_callback(const native *n, u32 id, const void *function, size_t bytes);
#define NATIVE_CALLBACK(n, id, type, function) native_callback((n), (id), &(type){ function }, sizeof(type))
native *native_called(void *key); /* of a callback; NULL: it is gone */
void native_put_text(char *out, size_t room, wgpu_text t);
u32 native_add(slots *s, void *item); /* its id; 0: no memory */
void native_count(i32 change);        /* of objects alive on all devices */

/* ---- webgpu_adapter.c: from an adapter to a device, and back */
native *native_of(u32 device);
native *native_of_key(u32 key);
u32 native_past(void);
u32 native_open(u32 number);
void native_close(u32 device);
void native_limits(u32 device, u32 *out);
u32 native_text(u32 device, u32 what, char *out, u32 room);

/* ---- webgpu_pipeline.c: pipelines and bind groups */
void native_refuse(native_pipeline *p, wgpu_text why);
u32 native_pipeline_make(u32 device, const char *text, u32 n_text, u32 n_spans, u32 reads);
u32 native_pipeline_state(u32 device, u32 pipeline);
u32 native_pipeline_why(u32 device, u32 pipeline, char *out, u32 room);
void native_pipeline_free(u32 device, u32 pipeline);
u32 native_bindings_make(u32 device, u32 pipeline, const webgpu_span *spans, u32 n_spans, u32 uniform);
void native_bindings_free(u32 device, u32 bindings);

#endif
