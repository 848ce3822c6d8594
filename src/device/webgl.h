/* For tests: a device over a table of their own, which may fail on purpose. */
#ifndef WEBGL_H
#define WEBGL_H

#include "device/device.h"
#include "device/webgl_api.h"

qn_status webgl_open_with(const webgl_api *gl, u32 index, qn_device **out); /* as the backend's open, without the loading */

#endif
