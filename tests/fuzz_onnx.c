/* libFuzzer entry: any bytes as an ONNX file, read, checked and printed, and read to be inspected. Its corpus: tests/corpus/onnx. */
#include <assert.h>

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

/* In pieces: what remains of it is a smaller file, which is read; files beside it are all zeros. */
static void read_sifted(qn_bytes file)
{
    static u8 zeros[64 << 10];
    arena *mem = arena_make();
    sift s;
    qn_status status = mem ? format_sift_begin(&s, file.n, mem) : QN_E_NOMEM;
    if (!mem) return;
    while (status == QN_OK && s.want.bytes) {
        const u8 *from = s.want.file ? zeros : (const u8 *)file.data + s.want.at;
        assert(s.want.bytes <= (s.want.file ? sizeof zeros : file.n - s.want.at));
        status = format_sift_take(&s, (qn_bytes){ from, (size_t)s.want.bytes });
    }
    format_source from = { .g = graph_make(mem, NULL), .mem = mem, .streamed = file.n };
    from.file = (qn_bytes){ s.kept.text, s.kept.n };
    if (status == QN_OK && from.g && format_files_make(mem, &from.files) == QN_OK && format_read(&from) == QN_OK)
        (void)graph_check(from.g);
    format_files_close(from.files);
    format_sift_end(&s);
    arena_free(mem);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    read_sifted((qn_bytes){ data, n });
    read_once((qn_bytes){ data, n }, false);
    read_once((qn_bytes){ data, n }, true);
    return 0;
}
