/* What the tests of devices and of users' kernels share: the ways in which a device can be opened, buffers made and read. */
#ifndef DEVICE_WAYS_H
#define DEVICE_WAYS_H

#include "device/device.h"
#include "device/opencl_api.h"
#include "test.h"

/* Calls `body` for each way (the CPU with each instruction set and in the interpreter, OpenCL), with the device open; one that is absent is a skip with its reason. */
void for_each_device(test *t, void (*body)(test *t, qn_device *d));
/* A buffer with these bytes (data NULL: zeros); NULL after a failed check. */
qn_buffer *buffer_of(test *t, qn_device *d, const void *data, u64 bytes);
i64 driver_objects(void); /* of all devices that a driver made and has not deleted */
bool read_all(test *t, qn_device *d, qn_buffer *b, void *to);

#endif
