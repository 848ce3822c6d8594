/* The matrix units of the kernel language, by the layout that docs/kernel-language.md gives: whole numbers, so that every sum is exact, for each
 * kind and several counts of tiles, in two subgroups, on every device that has them. The others refuse the kernel with a sentence. */
#include <stdlib.h>

#include "device_ways.h"

enum { MOST = 3, ITEMS = 64, SUBGROUPS = ITEMS / 32 };

/* clang-format off */
static const char source[] =
    "#include \"quern_kernel.h\"\n"
    "#define GROUP 64\n"
    "KERNEL product(u32 group, IN(u32) a, IN(u32) b, INOUT(f32) y)\n"
    "{\n"
    "    PER_ITEMS(f32, sums, 4 * ROWS * COLS);\n"
    "    PER_ITEMS(u32, left, 4 * ROWS);\n"
    "    PER_ITEMS(u32, right, 2 * COLS);\n"
    "    ITEMS(t) {\n"
    "#pragma unroll\n"
    "        for (u32 i = 0; i < 4 * ROWS; i++) left[t][i] = a[(group * GROUP + t) * (4 * ROWS) + i];\n"
    "#pragma unroll\n"
    "        for (u32 i = 0; i < 2 * COLS; i++) right[t][i] = b[(group * GROUP + t) * (2 * COLS) + i];\n"
    "#pragma unroll\n"
    "        for (u32 i = 0; i < 4 * ROWS * COLS; i++) sums[t][i] = y[(group * GROUP + t) * (4 * ROWS * COLS) + i];\n"
    "    }\n"
    "    KIND(sums, left, right);\n"
    "    ITEMS(t)\n"
    "#pragma unroll\n"
    "        for (u32 i = 0; i < 4 * ROWS * COLS; i++) y[(group * GROUP + t) * (4 * ROWS * COLS) + i] = sums[t][i];\n"
    "}\n";
/* clang-format on */

/* kind; numbers in a word; the word of whole numbers x and y, |x| and |y| at most 8 */
static u32 halves_f16(i32 x, i32 y) { return f16_from_f32((f32)x) | (u32)f16_from_f32((f32)y) << 16; }
static u32 halves_bf16(i32 x, i32 y) { return bf16_from_f32((f32)x) | (u32)bf16_from_f32((f32)y) << 16; }

static u32 single_tf32(i32 x, i32 y)
{
    f32 v = (f32)x;
    u32 bits;
    (void)y;
    memcpy(&bits, &v, sizeof bits);
    return bits | 0x0aa5u; /* what does not count */
}

static const struct kind {
    const char *name;
    u32 per_word;
    u32 (*word)(i32 x, i32 y);
} kinds[] = { { "mma_f16", 2, halves_f16 }, { "mma_bf16", 2, halves_bf16 }, { "mma_tf32", 1, single_tf32 } };

static i32 number_at(u32 which, u32 subgroup, u32 i, u32 j)
{
    return (i32)((which * 7 + subgroup * 5 + i * 3 + j * 11 + i * j) % 17) - 8;
}

typedef struct product_case {
    const struct kind *kind;
    u32 rows, cols; /* tiles */
    u32 a[ITEMS * 4 * MOST], b[ITEMS * 2 * MOST];
    f32 y[ITEMS * 4 * MOST * MOST], want[ITEMS * 4 * MOST * MOST];
} product_case;

static u32 left_word(const product_case *c, u32 subgroup, u32 row, u32 word)
{
    u32 k = word * c->kind->per_word;
    return c->kind->word(number_at(0, subgroup, row, k), number_at(0, subgroup, row, k + 1));
}

static u32 right_word(const product_case *c, u32 subgroup, u32 word, u32 col)
{
    u32 k = word * c->kind->per_word;
    return c->kind->word(number_at(1, subgroup, k, col), number_at(1, subgroup, k + 1, col));
}

static f32 sum_of(const product_case *c, u32 subgroup, u32 row, u32 col)
{
    i32 sum = 0;
    for (u32 k = 0; k < 8 * c->kind->per_word; k++) sum += number_at(0, subgroup, row, k) * number_at(1, subgroup, k, col);
    return (f32)sum;
}

/* What each item holds, by the table of the reference. */
static void fill(product_case *c)
{
    for (u32 t = 0; t < ITEMS; t++) {
        u32 s = t / 32, g = t % 32 / 4, q = t % 4;
        for (u32 i = 0; i < c->rows; i++)
            for (u32 e = 0; e < 4; e++)
                c->a[t * 4 * c->rows + 4 * i + e] = left_word(c, s, 16 * i + g + 8 * (e % 2), q + 4 * (e / 2));
        for (u32 j = 0; j < c->cols; j++)
            for (u32 e = 0; e < 2; e++) c->b[t * 2 * c->cols + 2 * j + e] = right_word(c, s, q + 4 * e, 8 * j + g);
        for (u32 n = 0; n < 4 * c->rows * c->cols; n++) {
            u32 e = n % 4, i = n / 4 / c->cols, j = n / 4 % c->cols, at = t * 4 * c->rows * c->cols + n;
            c->y[at] = (f32)(at % 100);
            c->want[at] = c->y[at] + sum_of(c, s, 16 * i + g + 8 * (e / 2), 8 * j + 2 * q + e % 2);
        }
    }
}

static void run_product(test *t, qn_device *d, qn_kernel *k, product_case *c)
{
    u32 sums = ITEMS * 4 * c->rows * c->cols, wrong = 0;
    static f32 out[ITEMS * 4 * MOST * MOST];
    fill(c);
    qn_buffer *a = buffer_of(t, d, c->a, ITEMS * 4 * c->rows * sizeof(u32)),
              *b = buffer_of(t, d, c->b, ITEMS * 2 * c->cols * sizeof(u32)), *y = buffer_of(t, d, c->y, sums * sizeof(f32));
    if (a && b && y) CHECK_OK(t, qn_kernel_launch(k, 1, (qn_arg[]){ { .buffer = a }, { .buffer = b }, { .buffer = y } }, 3));
    if (read_all(t, d, y, out))
        for (u32 i = 0; i < sums; i++) wrong += out[i] != c->want[i];
    CHECK(t, wrong == 0, "%s of %u x %u tiles on %s (%s): %u of %u sums are wrong", c->kind->name, c->rows, c->cols,
          d->info.spec, qn_kernel_how(k), wrong, sums);
    qn_buffer_free(a), qn_buffer_free(b), qn_buffer_free(y);
}

static void one_case(test *t, qn_device *d, product_case *c)
{
    const char numbers[][2] = { "0", "1", "2", "3" };
    const qn_define defines[] = { { "KIND", c->kind->name }, { "ROWS", numbers[c->rows] }, { "COLS", numbers[c->cols] } };
    qn_kernel *k = NULL;
    qn_status s = qn_kernel_from_source(
        d, &(qn_kernel_desc){ .source = source, .file = "matrix_units.c", .defines = defines, .n_defines = COUNT(defines) },
        &k);
    if (d->info.caps.mma) {
        CHECK(t, s == QN_OK, "%s on %s: %s", c->kind->name, d->info.spec, qn_last_error());
        if (k) run_product(t, d, k, c);
    } else {
        CHECK(t, s == QN_E_UNSUPPORTED && !k && qn_last_error()[0], "%s on %s, which has no matrix units: %s", c->kind->name,
              d->info.spec, qn_status_text(s));
    }
    qn_kernel_free(k);
}

static void one_device(test *t, qn_device *d)
{
    static product_case c;
    static const u32 tiles[][2] = { { 1, 1 }, { 2, 1 }, { 1, 3 }, { 3, 2 } };
    for (u32 i = 0; i < COUNT(kinds); i++)
        for (u32 n = 0; n < COUNT(tiles); n++) {
            c.kind = &kinds[i], c.rows = tiles[n][0], c.cols = tiles[n][1];
            one_case(t, d, &c);
        }
}

void test_matrix_units(test *t) { for_each_device(t, one_device); }
