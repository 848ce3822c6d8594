/* libFuzzer entry: any bytes as a .npy file and as an ONNX TensorProto; what is read is written as .npy and read again. Its corpus:
 * tests/corpus/npy. */
#include "format/npy.h"
#include "format/onnx_tensor.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

static void read_npy(qn_bytes file)
{
    qn_tensor t, again;
    str made = { 0 };
    if (!npy_sniff(file) || npy_read(file, &t) != QN_OK) return;
    if (npy_write(&t, &made) == QN_OK && npy_read((qn_bytes){ made.text, made.n }, &again) == QN_OK) qn_tensor_free(&again);
    str_free(&made);
    qn_tensor_free(&t);
}

static void read_tensor(qn_bytes file)
{
    arena *mem = arena_make();
    qn_bytes name;
    qn_tensor t;
    tensor_source s = { .mem = mem };
    if (mem) (void)onnx_tensor_read(&s, file, &name, &t);
    arena_free(mem);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    read_npy((qn_bytes){ data, n });
    read_tensor((qn_bytes){ data, n });
    return 0;
}
