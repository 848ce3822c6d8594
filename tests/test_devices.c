/* The devices that this machine has, each opened once for all tests until a group closes them. */
#include <stdlib.h>

#include "run_graph.h"

static test_device devices[16];
static u32 n_devices;

/* "cpu" by the name of its instruction set: every kernel would run twice. */
static bool is_cpu_again(const qn_device *d, const qn_device_desc *desc)
{
    return desc && desc->cpu_isa && n_devices && text_same(devices[0].name, "cpu") &&
           text_same(devices[0].device->info.driver, d->info.driver);
}

static void try_device(test *t, const char *name, const char *spec, const qn_device_desc *desc)
{
    qn_device *d;
    if (!test_asked("QUERN_TEST_DEVICES", name)) return; /* "cpu,opencl": to look into some */
    if (qn_device_open(spec, desc, &d) == QN_OK) {
        if (is_cpu_again(d, desc)) qn_device_close(d);
        else devices[n_devices++] = (test_device){ .name = name, .device = d, .every = 1 };
    } else if (t) SKIP(t, "device %s: %s", name, qn_last_error());
}

/* Every other device that the library knows: a new backend is tested without a line here. */
static void try_others(test *t)
{
    static qn_device_info infos[COUNT(devices)];
    qn_status status = QN_OK;
    for (u32 i = 0; i < COUNT(infos) && (status = qn_device_list(i, &infos[i])) != QN_E_NAME; i++) {
        const char *spec = status == QN_OK ? infos[i].spec : infos[i].kind;
        if (!text_same(infos[i].kind, "cpu") && !text_same(infos[i].kind, "null") && n_devices < COUNT(devices))
            try_device(t, spec, spec, NULL);
    }
}

/* Two that differ little each take half of a long list in a quick run. */
static void share_cases(const char *one, const char *other)
{
    for (u32 i = 0; i < n_devices; i++) {
        bool second = text_same(devices[i].name, other);
        if (second || text_same(devices[i].name, one)) devices[i].every = 2, devices[i].at = second;
    }
}

u32 open_test_devices(test *t, const test_device **out)
{
    static bool told;
    if (told) t = NULL; /* an absent device is one skip, however often they are opened */
    told = true;
    if (!n_devices) {
        try_device(t, "cpu", "cpu", &(qn_device_desc){ 0 });
        try_device(t, "cpu-avx2", "cpu", &(qn_device_desc){ .cpu_isa = "avx2" });
        try_device(t, "cpu-baseline", "cpu", &(qn_device_desc){ .cpu_isa = "baseline" });
        try_device(t, "interpreter", "cpu", &(qn_device_desc){ .interpret = true, .threads = 1 });
        try_device(t, "reversed", "cpu", &(qn_device_desc){ .interpret = true, .reverse_items = true, .threads = 1 });
        try_others(t);
        share_cases("interpreter", "reversed");
    }
    *out = devices;
    return n_devices;
}

void close_test_devices(void)
{
    while (n_devices) qn_device_close(devices[--n_devices].device);
}

qn_device *test_cpu(void)
{
    static qn_device *cpu;
    if (!cpu && qn_device_open("cpu", NULL, &cpu) != QN_OK) cpu = NULL;
    return cpu;
}
