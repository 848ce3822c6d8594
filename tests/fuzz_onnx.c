/* libFuzzer entry: any bytes as an ONNX file, read, checked and printed, and read to be inspected. Its corpus: tests/corpus/onnx. */
#include "format/format.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

static void read_once(qn_bytes file, bool tolerant)
{
    arena *mem = arena_make();
    format_files *files = NULL;
    graph *g = mem ? graph_make(mem, NULL) : NULL;
    str text = { 0 };
    if (g && format_files_make(mem, &files) == QN_OK && format_read(g, NULL, file, mem, files, tolerant) == QN_OK &&
        (tolerant || graph_check(g) == QN_OK))
        (void)graph_print(g, &text);
    str_free(&text);
    format_files_close(files);
    arena_free(mem);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    read_once((qn_bytes){ data, n }, false);
    read_once((qn_bytes){ data, n }, true);
    return 0;
}
