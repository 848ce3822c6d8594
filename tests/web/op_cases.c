/* Handles for a page around tests/op_case.h, and checks that keep their sentences instead of printing them. */
#include "web/op_cases.h"

typedef struct open_case {
    op_ref of;
    op_run run;
    op_try now;
    test_device device;
    arena *mem, *try_mem;
} open_case;

static test checks = { .name = "op cases" };
static str told, shown; /* since last asked; lent to the page */

bool test_check(test *t, bool ok, const char *file, int line, const char *format, ...)
{
    if (ok) {
        t->passed++;
        return true;
    }
    t->failed++;
    va_list args;
    va_start(args, format);
    str_vprint(&told, format, args);
    va_end(args);
    str_print(&told, " (%s:%d)\n", file, line);
    return false;
}

static qn_device *first_cpu(void)
{
    static qn_device *cpu;
    if (!cpu && qn_device_open("cpu", &(qn_device_desc){ .threads = 1 }, &cpu) != QN_OK) cpu = NULL;
    return cpu;
}

u32 qt_count(void) { return op_case_count(); }
u32 qt_checks(void) { return (u32)checks.passed; }

const char *qt_failed(void)
{
    str_free(&shown);
    shown = told;
    told = (str){ 0 };
    return shown.text ? shown.text : "";
}

void *qt_open(u32 index)
{
    open_case *one = mem_zalloc(sizeof *one);
    if (!one) return NULL;
    *one = (open_case){ .of = op_case_at(index), .mem = arena_make() };
    if (one->mem && one->of.d && op_case_prepare(&checks, one->of, first_cpu(), one->mem, &one->run)) return one;
    qt_close(one);
    return NULL;
}

void qt_close(void *handle)
{
    open_case *one = handle;
    if (!one) return;
    graph_session_close(&one->now.s);
    arena_free(one->try_mem);
    arena_free(one->mem);
    mem_free(one);
}

const char *qt_op(void *one) { return ((open_case *)one)->of.d->name; }

const char *qt_row(void *one, u32 k)
{
    const variant *v = ((open_case *)one)->of.d->variants;
    if (!k) return "";
    for (; v && v->name && --k; v++) {}
    return v ? v->name : NULL;
}

u32 qt_start(void *handle, qn_device *d, const char *device, u32 k)
{
    open_case *one = handle;
    arena_free(one->try_mem);
    one->try_mem = arena_make();
    if (!CHECK(&checks, one->try_mem, "no memory for a try")) return OP_RAN;
    one->device = (test_device){ .name = arena_text(one->try_mem, device, strlen(device)), .device = d };
    one->now = (op_try){
        .of = one->of, .r = &one->run, .device = &one->device, .row = k ? qt_row(one, k) : NULL, .mem = one->try_mem
    };
    return op_try_start(&checks, &one->now);
}

u32 qt_poll(void *one) { return op_try_poll(&checks, &((open_case *)one)->now); }
