/* Tensors in files: what is written is read again, other writers' forms of .npy are read, and damaged ones are refused. */
#include <stdio.h>

#include "format/npy.h"
#include "format/onnx_tensor.h"
#include "test.h"

/* ---- there and back */

static void test_same(test *t, const qn_tensor *a, const qn_tensor *b, const char *what)
{
    bool same = a->dtype == b->dtype && a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
    CHECK(t, same, "%s: %s of rank %u comes back as %s of rank %u", what, qn_dtype_name(a->dtype), a->rank,
          qn_dtype_name(b->dtype), b->rank);
    size_t bytes = (size_t)qn_tensor_bytes(a);
    CHECK(t, same && (bytes == 0 || memcmp(a->data, b->data, bytes) == 0), "%s: %s comes back with other elements", what,
          qn_dtype_name(a->dtype));
}

static void test_there_and_back(test *t, qn_dtype d, u32 rank, const i64 *dims)
{
    u8 data[512];
    char path[256];
    qn_tensor is = { .dtype = d, .rank = rank, .data = data }, got;
    for (u32 i = 0; i < sizeof data; i++) data[i] = d == QN_BOOL ? i % 2 : (u8)(i * 37);
    for (u32 i = 0; i < rank; i++) is.dims[i] = dims[i];
    snprintf(path, sizeof path, "%s/tensor", test_temp_folder());
    for (u32 pb = 0; pb < 2; pb++) {
        qn_status status = pb ? qn_tensor_save_pb(path, "name", &is) : qn_tensor_save_npy(path, &is);
        CHECK_OK(t, status);
        if (status == QN_OK) CHECK_OK(t, status = qn_tensor_load(path, &got));
        if (status != QN_OK) continue;
        test_same(t, &is, &got, pb ? "pb" : "npy");
        qn_tensor_free(&got);
    }
}

static void test_texts(test *t)
{
    const qn_bytes texts[3] = { { "one", 3 }, { "", 0 }, { "t\xc3\xb6", 3 } };
    const qn_tensor is = { QN_STRING, 1, { 3 }, texts };
    qn_tensor got;
    char path[256];
    snprintf(path, sizeof path, "%s/texts", test_temp_folder());
    CHECK(t, qn_tensor_save_npy(path, &is) == QN_E_UNSUPPORTED, "texts have no place in .npy");
    CHECK_OK(t, qn_tensor_save_pb(path, NULL, &is));
    qn_status status = qn_tensor_load(path, &got);
    CHECK_OK(t, status);
    if (status != QN_OK) return;
    const qn_bytes *back = got.data;
    for (u32 i = 0; i < 3; i++)
        CHECK(t, back[i].n == texts[i].n && memcmp(back[i].data, texts[i].data, texts[i].n) == 0,
              "text %u comes back changed", i);
    qn_tensor_free(&got);
}

/* ---- forms of .npy: the header, then the elements */

typedef struct npy_case {
    u8 version;
    const char *header, *elements;
    size_t n_elements;
    const char *want;
    size_t n_want; /* the elements as they must come out; NULL: refused */
    const char *why;
} npy_case;

/* clang-format off */
#define DICT(descr, order, shape) "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }"
#define FROM(text) text, sizeof text - 1
#define REFUSED    NULL, 0
static const npy_case npy_cases[] = {
    { 1, DICT("<i2", "False", "(2,)") "   \n", FROM("\1\0\2\0"), FROM("\1\0\2\0"), "the common case" },
    { 2, DICT("<i2", "False", "(2,)"), FROM("\1\0\2\0"), FROM("\1\0\2\0"), "version 2" },
    { 3, DICT("<i2", "False", "(2,)"), FROM("\1\0\2\0"), FROM("\1\0\2\0"), "version 3" },
    { 1, DICT(">i2", "False", "(2,)"), FROM("\0\1\0\2"), FROM("\1\0\2\0"), "big endian" },
    { 1, DICT(">f8", "False", "()"), FROM("\1\2\3\4\5\6\7\10"), FROM("\10\7\6\5\4\3\2\1"), "big endian, 8 bytes, a scalar" },
    { 1, DICT("|u1", "True", "(2, 3)"), FROM("\1\2\3\4\5\6"), FROM("\1\3\5\2\4\6"), "Fortran order" },
    { 1, DICT("|u1", "True", "(2, 2, 2)"), FROM("\0\1\2\3\4\5\6\7"), FROM("\0\4\2\6\1\5\3\7"), "Fortran order, three dimensions" },
    { 1, DICT(">u2", "True", "(1, 2)"), FROM("\0\1\0\2"), FROM("\1\0\2\0"), "both" },
    { 1, DICT("|b1", "False", "(3,)"), FROM("\0\1\7"), FROM("\0\1\1"), "truth is 0 or 1" },
    { 1, DICT("<V2", "False", "(1,)"), FROM("\x80\x3f"), FROM("\x80\x3f"), "bfloat16, which NumPy calls two opaque bytes" },
    { 1, DICT("<f4", "False", "(0, 5)"), FROM(""), FROM(""), "empty" },
    { 1, DICT("|i1", "False", "(2L, 1L)"), FROM("\1\2"), FROM("\1\2"), "the long integers of Python 2" },
    { 1, "{\"shape\":(1,),\"descr\":\"|i1\",\"fortran_order\":False}", FROM("\5"), FROM("\5"), "any order, other quotes, no spaces" },
    { 1, DICT("|i1", "False", "(1,)"), FROM("\5more"), FROM("\5"), "something behind the elements" },
    { 1, DICT(">c8", "False", "(1,)"), FROM("\1\2\3\4\5\6\7\10"), FROM("\4\3\2\1\10\7\6\5"), "complex numbers from a big-endian machine" },
    { 1, DICT("<c16", "True", "(1,1)"), FROM("1234567812345678"), FROM("1234567812345678"), "wide complex numbers" },
    /* refused */
    { 1, DICT("<i2", "False", "(2,)"), FROM("\1\0\2"), REFUSED, "one byte missing" },
    { 0, DICT("<i2", "False", "(2,)"), FROM("\1\0\2\0"), REFUSED, "version 0" },
    { 4, DICT("<i2", "False", "(2,)"), FROM("\1\0\2\0"), REFUSED, "version 4" },
    { 1, DICT("<c4", "False", "(1,)"), FROM("1234"), REFUSED, "complex numbers of two halves" },
    { 1, DICT("<U1", "False", "(1,)"), FROM("1234"), REFUSED, "text" },
    { 1, DICT("|O", "False", "(1,)"), FROM("12345678"), REFUSED, "pickled objects" },
    { 1, DICT("<f3", "False", "(1,)"), FROM("123"), REFUSED, "three bytes" },
    { 1, DICT("<f4x", "False", "(1,)"), FROM("1234"), REFUSED, "a longer type" },
    { 1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", FROM("1234"), REFUSED, "records" },
    { 1, DICT("<f4", "Maybe", "(1,)"), FROM("1234"), REFUSED, "neither True nor False" },
    { 1, DICT("<f4", "False", "(-1,)"), FROM("1234"), REFUSED, "a negative size" },
    { 1, DICT("<f4", "False", "(1 1)"), FROM("1234"), REFUSED, "no comma" },
    { 1, DICT("<f4", "False", "(99999999999999999999,)"), FROM("1234"), REFUSED, "a size beyond 64 bits" },
    { 1, DICT("<f4", "False", "(4294967296, 4294967296, 4)"), FROM("1234"), REFUSED, "sizes that multiply to 2^66" },
    { 1, DICT("<f4", "False", "(1,1,1,1,1,1,1,1,1)"), FROM("1234"), REFUSED, "nine dimensions" },
    { 1, DICT("<f4", "False", "(1,"), FROM("1234"), REFUSED, "an open shape" },
    { 1, "{'descr': '<f4', 'fortran_order': False, }", FROM("1234"), REFUSED, "no shape" },
    { 1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", FROM("1234"), REFUSED, "a key twice" },
    { 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1, }", FROM("1234"), REFUSED, "a fourth key" },
    { 1, DICT("<f4", "False", "(1,)") " x", FROM("1234"), REFUSED, "something behind the header's end" },
    { 1, "{'descr': '<f4", FROM("1234"), REFUSED, "an open text" },
    { 1, "", FROM(""), REFUSED, "no header" },
};
/* clang-format on */

static void make_npy(const npy_case *c, str *out)
{
    size_t n = strlen(c->header);
    const char lead[12] = {
        (char)0x93, 'N', 'U', 'M', 'P', 'Y', (char)c->version, 0, (char)(n & 0xff), (char)(n >> 8), 0, 0
    };
    str_add_n(out, lead, c->version == 1 ? 10 : 12);
    str_add(out, c->header);
    str_add_n(out, c->elements, c->n_elements);
}

static void test_npy_case(test *t, const npy_case *c)
{
    str file = { 0 };
    qn_tensor got = { 0 };
    make_npy(c, &file);
    qn_status status = npy_read((qn_bytes){ file.text, file.n }, &got);
    if (!c->want) {
        CHECK(t, status == QN_E_FORMAT || status == QN_E_UNSUPPORTED, "%s: %s", c->why, qn_status_text(status));
    } else {
        CHECK(t, status == QN_OK, "%s: %s", c->why, qn_last_error());
        bool same = status == QN_OK && qn_tensor_bytes(&got) == c->n_want && memcmp(got.data, c->want, c->n_want) == 0;
        CHECK(t, same, "%s: other elements", c->why);
    }
    for (size_t cut = 0; status == QN_OK && cut < file.n - c->n_elements; cut++) {
        qn_tensor none;
        CHECK(t, npy_read((qn_bytes){ file.text, cut }, &none) != QN_OK, "%s: cut at %d is read", c->why, (int)cut);
    }
    qn_tensor_free(&got);
    str_free(&file);
}

static void test_bad_calls(test *t)
{
    const qn_tensor no_data = { QN_F32, 1, { 4 }, NULL }, no_type = { .rank = 1, .dims = { 1 }, .data = "" };
    qn_tensor got;
    char path[256];
    snprintf(path, sizeof path, "%s/none", test_temp_folder());
    CHECK(t, qn_tensor_load(path, &got) == QN_E_IO, "a file that is not there");
    CHECK(t, qn_tensor_load(NULL, &got) == QN_E_USAGE && qn_tensor_load(path, NULL) == QN_E_USAGE, "nothing to load");
    CHECK(t, qn_tensor_save_npy(path, &no_data) == QN_E_USAGE && qn_tensor_save_pb(path, "", &no_type) == QN_E_USAGE,
          "half a tensor");
    CHECK(t, qn_tensor_save_npy(path, NULL) == QN_E_USAGE && qn_tensor_save_pb(NULL, "", &no_data) == QN_E_USAGE,
          "no tensor");
    qn_tensor_free(NULL);
}

void test_tensor_files(test *t)
{
    u64 alive = mem_blocks_alive();
    for (u32 d = 1; d < QN_DTYPE_COUNT; d++) {
        if (d >= QN_STRING && d <= QN_MAP) continue;
        test_there_and_back(t, (qn_dtype)d, 0, NULL);
        test_there_and_back(t, (qn_dtype)d, 1, (const i64[]){ 7 });
        test_there_and_back(t, (qn_dtype)d, 3, (const i64[]){ 2, 3, 4 });
        test_there_and_back(t, (qn_dtype)d, 2, (const i64[]){ 0, 3 });
    }
    test_texts(t);
    for (size_t i = 0; i < COUNT(npy_cases); i++) test_npy_case(t, &npy_cases[i]);
    test_bad_calls(t);
    CHECK(t, mem_blocks_alive() == alive, "something leaks");
}
