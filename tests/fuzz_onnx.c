/* libFuzzer entry: any bytes as an ONNX file, read, checked and printed, and read to be inspected. Its corpus: tests/corpus/onnx. */
#include "format/format.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

static void read_once(qn_bytes file, bool tolerant)
{
    arena *mem = arena_make();
    graph *g = mem ? graph_make(mem, NULL) : NULL;
    str text = { 0 };
    format_source from = { .g = g, .file = file, .mem = mem, .tolerant = tolerant };
    if (g && format_files_make(mem, &from.files) == QN_OK && format_read(&from) == QN_OK &&
        (tolerant || graph_check(g) == QN_OK))
        (void)graph_print(g, &text);
    str_free(&text);
    format_files_close(from.files);
    arena_free(mem);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    read_once((qn_bytes){ data, n }, false);
    read_once((qn_bytes){ data, n }, true);
    return 0;
}
