/* libFuzzer entry: any bytes as a kernel file, compiled with and without simplification and printed for every target, and run by
 * the interpreter for a while. A first line that starts with "//:" holds the defines. Run it with a corpus of kernels/ and tests/kc/. */
#include "kc/kc.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

static void print_all(const kc_module *m)
{
    for (u32 i = 0; i < kc_kernel_count(m); i++)
        for (kc_target target = KC_C; target < KC_TARGET_COUNT; target++) {
            str out = { 0 };
            (void)kc_print(m, kc_kernel_at(m, i), target, &out);
            str_free(&out);
        }
}

enum { BUFFER_WORDS = 64, PARAM_WORDS = 64 };

static void interpret(const kc_module *m, const kc_kernel *k)
{
    static u32 data[16][BUFFER_WORDS];
    u32 words[PARAM_WORDS], n = 0;
    kc_memory bufs[16];
    for (u32 i = 0; i < PARAM_WORDS; i++) words[i] = i % 3;
    for (u32 i = 0; i < k->n_params && n < 15; i++)
        if (k->params[i].role <= KC_INOUT) n++;
    n += k->form == KC_MAP;
    for (u32 i = 0; i < n; i++) bufs[i] = (kc_memory){ data[i], sizeof data[i] };
    u32 n_words = 0;
    for (u32 i = 0; i < k->n_params; i++)
        if (k->params[i].role > KC_INOUT)
            n_words += k->params[i].type.scalar == KC_F64 || k->params[i].type.scalar == KC_I64 ||
                               k->params[i].type.scalar == KC_U64
                           ? 2
                           : 1;
    (void)kc_interpret(m, k, bufs, n, words, n_words, 0, 2, &(kc_checks){ .max_steps = 5000 });
}

static void compile(const char *text, const char *defines, kc_options options)
{
    kc_module *m = NULL;
    arena *a = arena_make();
    kc_program p = { .file = "fuzz.c", .text = text, .defines = defines, .users = true };
    if (a && kc_compile(a, &p, &options, &m) == QN_OK) {
        print_all(m);
        for (u32 i = 0; i < kc_kernel_count(m); i++) interpret(m, kc_kernel_at(m, i));
    }
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    char defines[80] = "T=f32";
    char *text = mem_alloc(n + 1);
    if (!text) return 0;
    memcpy(text, data, n);
    text[n] = '\0';
    if (text_starts(text, "//:")) {
        size_t length = MIN(strcspn(text + 3, "\n"), sizeof defines - 1);
        memcpy(defines, text + 3, length);
        defines[length] = '\0';
    }
    compile(text, defines, (kc_options){ .unbound = true });
    compile(text, defines, (kc_options){ .width = 8 });
    compile(text, defines, (kc_options){ .no_simplify = true, .width = 16 });
    mem_free(text);
    return 0;
}
