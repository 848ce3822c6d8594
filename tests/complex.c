/* Complex numbers: what operators give for them, written out; what is refused, and by which sentence; the forms of them in .pb files. */
#include <stdio.h>

#include "graph/text.h"
#include "run_graph.h"

/* ---- graphs */

typedef struct complex_case {
    const char *why, *graph, *want; /* want: the first output's elements as text, or a part of the sentence that refuses */
    qn_status status;
} complex_case;

#define X6 "const x: c64[2,3] = {(1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12)}\n"
#define X3 "const x: c128[3] = {(1, -1), (0.1, 2), (-inf, 0)}\n"
#define X4 "const x: c64[4] = {(1, 2), (3, 4), (5, 6), (7, 8)}\n"

/* clang-format off */
static const complex_case cases[] = {
    /* moves */
    { "itself",          X3 "y = Identity(x)\nout y\n", "{(1, -1), (0.1, 2), (-inf, 0)}", 0 },
    { "a constant",      "const x: c64[2] = {(1, 2), (-0, nan)}\nout x\n", "{(1, 2), (-0, nan)}", 0 },
    { "turned",          X6 "y = Transpose(x, perm=[1,0])\nout y\n", "{(1, 2), (7, 8), (3, 4), (9, 10), (5, 6), (11, 12)}", 0 },
    { "reshaped, cut",   X6 "const s: i64[1] = {6}\nconst f: i64[1] = {4}\nconst e: i64[1] = {0}\nconst a: i64[1] = {0}\nconst p: i64[1] = {-2}\n"
                            "r = Reshape(x, s)\ny = Slice(r, f, e, a, p)\nout y\n", "{(9, 10), (5, 6)}", 0 },
    { "joined",          X6 "const z: c64[1,3] = {(0, 1), (0, 2), (0, 3)}\nj = Concat(x, z, axis=0)\nconst i: i64[2] = {2, -3}\ny = Gather(j, i)\nout y\n",
                         "{(0, 1), (0, 2), (0, 3), (1, 2), (3, 4), (5, 6)}", 0 },
    { "split",           X4 "a, b = Split(x, num_outputs=2)\ny = Concat(b, a, axis=0)\nout y\n", "{(5, 6), (7, 8), (1, 2), (3, 4)}", 0 },
    { "padded with 0",   X3 "const p: i64[2] = {1, 1}\ny = Pad(x, p)\nout y\n", "{(0, 0), (1, -1), (0.1, 2), (-inf, 0), (0, 0)}", 0 },
    { "padded with i",   X3 "const p: i64[2] = {1, 0}\nconst v: c128[] = {(0, 1)}\ny = Pad(x, p, v)\nout y\n", "{(0, 1), (1, -1), (0.1, 2), (-inf, 0)}", 0 },
    { "chosen",          X3 "const c: bool[3] = {1, 0, 1}\nconst z: c128[] = {(7, 7)}\ny = Where(c, x, z)\nout y\n", "{(1, -1), (7, 7), (-inf, 0)}", 0 },
    { "a triangle",      X6 "y = Trilu(x, upper=0)\nout y\n", "{(1, 2), (0, 0), (0, 0), (7, 8), (9, 10), (0, 0)}", 0 },
    { "one of many",     "const i: i64[2] = {1, 5}\nconst d: i64[] = {3}\nconst v: c128[2] = {(0, 1), (1, 0)}\ny = OneHot(i, d, v)\nout y\n",
                         "{(0, 1), (1, 0), (0, 1), (0, 1), (0, 1), (0, 1)}", 0 },
    { "tiled",           "const x: c128[1] = {(1, 2)}\nconst r: i64[1] = {3}\ny = Tile(x, r)\nout y\n", "{(1, 2), (1, 2), (1, 2)}", 0 },
    { "put in",          X4 "const i: i64[2] = {0, 3}\nconst u: c64[2] = {(0, 0), (-1, -2)}\ny = ScatterElements(x, i, u)\nout y\n", "{(0, 0), (3, 4), (5, 6), (-1, -2)}", 0 },
    { "picked",          X4 "const c: bool[4] = {0, 1, 0, 1}\ny = Compress(x, c)\nout y\n", "{(3, 4), (7, 8)}", 0 },
    { "in a sequence",   X4 "const z: c64[1] = {(9, 9)}\nconst i: i64[] = {1}\ns = SequenceConstruct(z, x)\ny = SequenceAt(s, i)\nout y\n",
                         "{(1, 2), (3, 4), (5, 6), (7, 8)}", 0 },
    { "an empty sequence", X4 "const i: i64[] = {0}\ne = SequenceEmpty(dtype=14)\ns = SequenceInsert(e, x)\ny = SequenceAt(s, i)\nout y\n",
                         "{(1, 2), (3, 4), (5, 6), (7, 8)}", 0 },
    { "in a branch",     X4 "const c: bool[] = {0}\ny = If(c, x, then_branch={in a: c64[4]; out a}, else_branch={in a: c64[4]; const i: i64[1] = {2}; b = Gather(a, i); out b}, captures=1)\nout y\n",
                         "{(5, 6)}", 0 },
    { "its shape",       X6 "y = Shape(x)\nout y\n", "{2, 3}", 0 },
    { "empty",           "const x: c64[0] = {}\nconst i: i64[0] = {}\ny = Gather(x, i)\nout y\n", "{}", 0 },
    { "its bits",        "const x: c64[2] = {(1, 0), (0, 1)}\ny = BitCast(x, to=13)\nout y\n", "{1065353216, 4575657221408423936}", 0 },
    { "of bits",         "const x: u64[2] = {1065353216, 4575657221408423936}\ny = BitCast(x, to=14)\nout y\n", "{(1, 0), (0, 1)}", 0 },
    /* looked at */
    { "where not 0",     "const x: c64[4] = {(0, -0), (1, 0), (0, 1), (-0, 0)}\ny = NonZero(x)\nout y\n", "{1, 2}", 0 },
    { "different ones",  "const x: c128[5] = {(2, 1), (1, 5), (2, -1), (1, 5), (1, -5)}\ny = Unique(x)\nout y\n", "{(1, -5), (1, 5), (2, -1), (2, 1)}", 0 },
    /* computed */
    { "added",           X4 "const i: i64[3,1] = {1, 1, -1}\nconst u: c64[3] = {(1, 1), (10, 20), (0.5, -8)}\ny = ScatterND(x, i, u, reduction=\"add\")\nout y\n",
                         "{(1, 2), (14, 25), (5, 6), (7.5, 0)}", 0 },
    { "multiplied",      X3 "const i: i64[2] = {0, 0}\nconst u: c128[2] = {(0, 1), (2, 3)}\ny = ScatterElements(x, i, u, reduction=\"mul\")\nout y\n",
                         "{(-1, 5), (0.1, 2), (-inf, 0)}", 0 },
    { "blocks summed",   "const x: c64[1,2,2] = {(1, 10), (2, 20), (3, 30), (4, 40)}\nconst s: i64[1] = {3}\nconst b: i64[1] = {2}\ny = Col2Im(x, s, b)\nout y\n",
                         "{(1, 10), (5, 50), (4, 40)}", 0 },
    { "between pixels",  "const x: c128[1,1,1,2] = {(1, 8), (3, 0)}\nconst g: f64[1,1,1,2] = {0, 0}\ny = GridSample(x, g)\nout y\n", "{(2, 4)}", 0 },
    { "larger",          "const x: c64[2] = {(1, 8), (3, 0)}\nconst s: f32[1] = {2}\ny = Resize(x, _, s, mode=\"linear\")\nout y\n", "{(1, 8), (1.5, 6), (2.5, 2), (3, 0)}", 0 },
    { "beyond its ends", "const x: c64[2] = {(1, 8), (3, 0)}\nconst r: f32[2] = {0, 2}\nconst z: i64[1] = {3}\n"
                         "y = Resize(x, r, _, z, coordinate_transformation_mode=\"tf_crop_and_resize\", extrapolation_value=5.0)\nout y\n", "{(1, 8), (3, 0), (5, 0)}", 0 },
    /* refused */
    { "the larger one",  X4 "const i: i64[1] = {0}\nconst u: c64[1] = {(0, 0)}\ny = ScatterElements(x, i, u, reduction=\"max\")\nout y\n", "complex numbers have no order", QN_E_DTYPE },
    { "a sum",           X4 "y = Add(x, x)\nout y\n", "is c64, it must be number", QN_E_DTYPE },
    { "a cast to them",  "const x: f32[1] = {1}\ny = Cast(x, to=14)\nout y\n", "says c64", QN_E_DTYPE },
    { "a cast of them",  X4 "y = Cast(x, to=1)\nout y\n", "it must be", QN_E_DTYPE },
    { "filled with",     "const s: i64[1] = {2}\ny = ConstantOfShape(s, value=c64[1] {(1, 1)})\nout y\n", "a value of type c64", QN_E_UNSUPPORTED },
    { "bits of another size", X4 "y = BitCast(x, to=15)\nout y\n", "different size", QN_E_DTYPE },
    { "half a number",   "const x: c64[1] = {1}\nout x\n", "'('", QN_E_FORMAT },
    { "an open number",  "const x: c64[1] = {(1, 2}\nout x\n", "')'", QN_E_FORMAT },
    { "17 parts",        "const x: c64[17] = {(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)}\n"
                         "a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q = Split(x, num_outputs=17)\nout a\n", "more than 63 inputs or 16 outputs", QN_E_UNSUPPORTED },
    { "no place in nothing", "const x: c64[0] = {}\nconst i: i64[1] = {0}\nconst u: c64[1] = {(0, 0)}\ny = ScatterElements(x, i, u, reduction=\"add\")\nout y\n", "0", QN_E_DATA },
    { "no place",        X4 "const i: i64[1] = {4}\nconst u: c64[1] = {(0, 0)}\ny = ScatterElements(x, i, u, reduction=\"add\")\nout y\n", "4", QN_E_DATA },
};
/* clang-format on */

static void try_case(test *t, const complex_case *c, const test_device *d, bool optimize)
{
    graph_run r = { .device = d->device, .optimize = optimize, .mem = arena_make() };
    str got = { 0 };
    qn_status s = graph_run_text(&r, c->graph, NULL, 0);
    CHECK(t, s == c->status, "%s on %s: %s: %s", c->why, d->name, qn_status_text(s), s ? qn_last_error() : "it runs");
    if (s == QN_OK) text_print_tensor_elems(&r.out[0], &got);
    else str_add(&got, qn_last_error());
    bool same = got.text && (c->status ? strstr(got.text, c->want) != NULL : text_same(got.text, c->want));
    CHECK(t, same, "%s on %s: %s", c->why, d->name, got.text ? got.text : "");
    str_free(&got);
    arena_free(r.mem);
}

/* ---- files */

/* clang-format off */
#define FROM(text) text, sizeof text - 1
#define ONE "\0\0\x80\x3f"
#define TWO "\0\0\0\x40"
static const struct { const char *why, *bytes; size_t n; const char *want; } files[] = {
    { "raw",                   FROM("\x08\1\x10\x0e\x4a\x08" ONE TWO),       "{(1, 2)}" },
    { "floats in one piece",   FROM("\x08\1\x10\x0e\x22\x08" ONE TWO),       "{(1, 2)}" },
    { "floats one by one",     FROM("\x08\1\x10\x0e\x25" ONE "\x25" TWO),    "{(1, 2)}" },
    { "doubles one by one",    FROM("\x08\1\x10\x0f\x51\0\0\0\0\0\0\xf0\x3f\x51\0\0\0\0\0\0\0\x40"), "{(1, 2)}" },
    { "none",                  FROM("\x08\0\x10\x0e"),                       "{}" },
    { "an odd float",          FROM("\x08\1\x10\x0e\x25" ONE),               "it holds 1 elements, its shape wants 2" },
    { "a float too many",      FROM("\x08\1\x10\x0e\x22\x0c" ONE TWO ONE),   "it holds 3 elements, its shape wants 2" },
    { "raw, too short",        FROM("\x08\2\x10\x0e\x4a\x08" ONE TWO),       "it holds 8 bytes, its shape wants 16" },
    { "floats for doubles",    FROM("\x08\1\x10\x0f\x22\x08" ONE TWO),       "it holds 0 elements, its shape wants 2" },
    { "2^60 of 16 bytes",      FROM("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x10\x10\x0f\x22\x08" ONE TWO), "its size does not fit in 64 bits" },
};
/* clang-format on */

static void try_file(test *t, u32 i)
{
    char path[256];
    snprintf(path, sizeof path, "%s/complex.pb", test_temp_folder());
    FILE *f = fopen(path, "wb");
    if (!CHECK(t, f && fwrite(files[i].bytes, 1, files[i].n, f) == files[i].n, "%s: not written", files[i].why)) return;
    fclose(f);
    str got = { 0 };
    qn_tensor x = { 0 };
    if (qn_tensor_load(path, &x) == QN_OK) text_print_tensor_elems(&x, &got);
    else str_add(&got, qn_last_error());
    CHECK(t, got.text && strstr(got.text, files[i].want), "%s: %s", files[i].why, got.text ? got.text : "");
    qn_tensor_free(&x);
    str_free(&got);
}

void test_complex(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 d = 0; d < n; d++)
        for (u32 i = 0; i < COUNT(cases); i++) try_case(t, &cases[i], &devices[d], true);
    for (u32 i = 0; i < COUNT(cases); i++)
        try_case(t, &cases[i], &(test_device){ .name = "cpu", .device = test_cpu() }, false);
    for (u32 i = 0; i < COUNT(files); i++) try_file(t, i);
}
