/* A build tool: makes the C that puts kernels/ into the library.
 *
 *     kernels_gen OUT_DIR kernels/NAME.c... kernels/NAME.h...      writes the files
 *     kernels_gen --outputs OUT_DIR kernels/NAME.c...              prints their names, one a line, for the build system
 *
 *     OUT_DIR/embedded.c           the text of every file: kc_embedded, kc_embedded_name; and of quern_kernel_math.h, taken from
 *                                  ../include beside the first file, for what kc prints as C: kc_embedded only
 *     OUT_DIR/host_table.c         host_kernel_find and host_kernels_built (src/device/host_kernels.h), over the rows of the next two (of
 *                                  the first only, with -DQUERN_NO_DOUBLE)
 *     OUT_DIR/host_NAME.c          one for each NAME.c: its instances, compiled once an instruction set with -DQK_ISA=avx2 ...
 *     OUT_DIR/host_NAME_double.c   its instances with T=f64, compiled with -DQK_DOUBLE, too
 *     OUT_DIR/kernels/NAME.c .h    what the host compiler reads: `#pragma unroll` spelled for it, v.x as v[0]; same lines
 *
 * An instance is one set of defines of a `#pragma host` line. All instances of a file share a translation unit, so the names it defines
 * (functions, tables) get a number by #define before it is included and its macros are undefined after. Around each kernel stands a
 * wrapper with one signature, which takes buffers and words out of a qk_args.
 *
 * How much C it knows: enough of the preprocessor to see which kernels an instance has and what their parameter lists are (macros
 * without parameters may stand in them; WIDTH is 4 here), and definitions at file scope. It needs no part of kc, so that kc is not
 * needed to build the library that holds it. */
#include "kernels_gen.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------ writing */
static char *stem(const char *name) { return gen_copy_n(name, strcspn(name, ".")); }

static void put_wrapper(text *t, const entry *e, int number)
{
    gen_add(t, "static void qk_run_%s_%d(const qk_args *qk_a, u32 qk_from, u32 qk_to)\n{\n", e->name, number);
    int buffers = 0;
    text words = { 0 };
    gen_add_n(&words, "0", 1);
    for (int i = 0; i < e->n_params; i++) {
        const param *p = &e->params[i];
        if (p->word == 'I' || p->word == 'O' || p->word == 'N') {
            gen_add(t, "    %s(%s) qk_%d = qk_a->bufs[%d];\n", p->word == 'I' ? "IN" : "OUT", p->type, i, buffers++);
        } else {
            gen_add(t, "    const %s qk_%d = QK_WORD(qk_a, %s, %s);\n", p->type, i, p->type, words.at);
            gen_add(&words, " + QK_WORDS(%s)", p->type);
        }
    }
    if (e->result) gen_add(t, "    OUT(%s) qk_out = qk_a->bufs[%d];\n", e->result, buffers);
    gen_add(t, "    for (u32 qk_i = qk_from; qk_i < qk_to; qk_i++) %s%s(qk_i", e->result ? "qk_out[qk_i] = " : "", e->name);
    for (int i = 0; i < e->n_params; i++) gen_add(t, ", qk_%d", i);
    gen_add(t, ");\n}\n");
}

static void put_instance(text *t, const source *file, const instance *i, const shared_names *n, int number)
{
    gen_add(t, "\n/* ---- %s */\n", *i->defines ? i->defines : "no defines");
    for (int k = 0; k < n->defined.n; k++) gen_add(t, "#define %s %s_%d\n", n->defined.at[k], n->defined.at[k], number);
    macros defines = { 0 };
    gen_define(&defines, i->defines);
    for (int k = 0; k < defines.n; k++) gen_add(t, "#define %s %s\n", defines.at[k].name, defines.at[k].value);
    gen_add(t, "#include \"kernels/%s\"\n", file->name);
    for (int k = 0; k < i->n_entries; k++) put_wrapper(t, &i->entries[k], number);
    for (int k = 0; k < defines.n; k++) gen_add(t, "#undef %s\n", defines.at[k].name);
    for (int k = 0; k < n->macro_names.n; k++) gen_add(t, "#undef %s\n", n->macro_names.at[k]);
    for (int k = 0; k < n->defined.n; k++) gen_add(t, "#undef %s\n", n->defined.at[k]);
}

static void put_host(const char *folder, const source *file, const instance *list, int n, const shared_names *shared,
                     bool doubles)
{
    char *name = stem(file->name);
    text t = { 0 }, rows = { 0 };
    gen_add(&t, "/* Made by kernels_gen from %s. */\n#include \"quern_kernel.h\"\n#include \"device/host_kernels.h\"\n",
            file->name);
    gen_add_n(&rows, "", 0);
    for (int i = 0; i < n; i++) {
        if (list[i].is_double != doubles) continue;
        put_instance(&t, file, &list[i], shared, i);
        for (int k = 0; k < list[i].n_entries; k++)
            gen_add(&rows, "    { \"%s\", \"%s\", \"%s\", qk_run_%s_%d },\n", file->name, list[i].entries[k].name,
                    list[i].defines, list[i].entries[k].name, i);
    }
    gen_add(&t, "\nconst host_kernel_row HOST_ROWS(%s%s)[] = {\n%s    { 0 }\n};\n", name, doubles ? "_double" : "", rows.at);
    text path = { 0 };
    gen_add(&path, "%s/host_%s%s.c", folder, name, doubles ? "_double" : "");
    gen_write_file(path.at, &t);
}

/* WITHOUT_NAME_C, where it is defined, leaves NAME.c out. */
static void put_embedded_file(text *t, const char *name, const char *body)
{
    gen_add(t, "#ifndef WITHOUT_%s_%c\n    { \"%s\",\n      \"", stem(name), name[strlen(name) - 1], name);
    for (const char *s = body; *s; s++) {
        if (*s == '\n') gen_add(t, s[1] ? "\\n\"\n      \"" : "\\n");
        else if (*s == '"' || *s == '\\' || *s == '?') gen_add(t, "\\%c", *s);
        else if (*s == '\t') gen_add(t, "\\t");
        else gen_add_n(t, s, 1);
    }
    gen_add(t, "\" },\n#endif\n");
}

/* Behind the comment that starts at s; its line breaks stay. */
static const char *past_comment(const char *s, text *t)
{
    const char *end = strstr(s + 2, "*/");
    if (!end) gen_die("a comment does not end: %.40s", s);
    for (; s < end; s++)
        if (*s == '\n') gen_add_n(t, s, 1);
    return end + 2;
}

/* A kernel file as the library carries it: on the same lines, without comments and without spaces around lines. */
static const char *bare(const char *body)
{
    text t = { 0 };
    for (const char *s = body; *s;) {
        bool line_starts = !t.n || t.at[t.n - 1] == '\n', line_ends = *s == '\n' || !strncmp(s, "\\\n", 2);
        while (line_ends && t.n && t.at[t.n - 1] == ' ') t.n--;
        if (!strncmp(s, "/*", 2)) s = past_comment(s, &t);
        else if (*s == ' ' && line_starts) s++;
        else gen_add_n(&t, s++, 1);
    }
    return t.at;
}

/* The float builtins, as kc puts them into the C it prints. */
static char *math_text(void)
{
    const char *slash = strrchr(gen_sources[0].path, '/');
    text path = { 0 };
    gen_add(&path, "%.*s../include/quern_kernel_math.h", slash ? (int)(slash - gen_sources[0].path + 1) : 0,
            gen_sources[0].path);
    return gen_read_file(path.at);
}

static void put_embedded(const char *folder)
{
    text t = { 0 };
    gen_add(&t, "/* Made by kernels_gen: the text of kernels/. */\n#include <stddef.h>\n#include <string.h>\n#include "
                "\"kc/kc.h\"\n\n");
    gen_add(&t, "static const struct { const char *name, *text; } files[] = {\n");
    for (int i = 0; i < gen_n_sources; i++) put_embedded_file(&t, gen_sources[i].name, bare(gen_sources[i].body));
    put_embedded_file(&t, "quern_kernel_math.h", math_text());
    gen_add(&t,
            "    { NULL, NULL }\n};\n\nconst char *kc_embedded(const char *file)\n{\n"
            "    for (u32 i = 0; files[i].name; i++)\n        if (!strcmp(files[i].name, file)) return files[i].text;\n"
            "    return NULL;\n}\n\nconst char *kc_embedded_name(u32 i)\n{\n    return i < COUNT(files) && files[i].name && "
            "strcmp(files[i].name, \"quern_kernel_math.h\") ? files[i].name : NULL;\n}\n");
    text path = { 0 };
    gen_add(&path, "%s/embedded.c", folder);
    gen_write_file(path.at, &t);
}

static bool is_kernel(const source *s) { return strlen(s->name) > 2 && !strcmp(s->name + strlen(s->name) - 2, ".c"); }

static void put_isa(text *t, const char *isa, const char *guard)
{
    gen_add(t, "#%s\n", guard);
    for (int pass = 0; pass < 2; pass++) {
        if (pass) gen_add(t, "static const host_kernel_row *const rows_%s[] = {\n", isa);
        for (int i = 0; i < gen_n_sources; i++) {
            if (!is_kernel(&gen_sources[i])) continue;
            char *name = stem(gen_sources[i].name);
            const char *form = pass ? "    host_rows_%s%s_%s,\n" : "extern const host_kernel_row host_rows_%s%s_%s[];\n";
            gen_add(t, form, name, "", isa);
            gen_add(t, "#ifndef QUERN_NO_DOUBLE\n");
            gen_add(t, form, name, "_double", isa);
            gen_add(t, "#endif\n");
        }
        if (pass) gen_add(t, "    NULL\n};\n");
    }
    gen_add(t, "#endif\n");
}

static void put_table(const char *folder)
{
    static const struct {
        const char *isa, *guard;
    } isas[] = { { "baseline", "if 1" }, { "avx2", "ifdef QUERN_ISA_AVX2" }, { "avx512", "ifdef QUERN_ISA_AVX512" } };
    text t = { 0 };
    gen_add(&t,
            "/* Made by kernels_gen. */\n#include <string.h>\n#include \"kc/kc.h\"\n#include \"device/host_kernels.h\"\n\n");
    for (int i = 0; i < 3; i++) put_isa(&t, isas[i].isa, isas[i].guard);
    gen_add(&t, "\nstatic const struct { const char *isa; const host_kernel_row *const *rows; } isas[] = {\n");
    for (int i = 0; i < 3; i++)
        gen_add(&t, "#%s\n    { \"%s\", rows_%s },\n#endif\n", isas[i].guard, isas[i].isa, isas[i].isa);
    gen_add(
        &t,
        "    { NULL, NULL }\n};\n\n"
        "host_kernel_fn host_kernel_find(const char *isa, const char *file, const char *entry, const char *defines)\n{\n"
        "    for (u32 i = 0; isas[i].isa; i++) {\n        if (strcmp(isas[i].isa, isa)) continue;\n"
        "        for (const host_kernel_row *const *list = isas[i].rows; *list; list++)\n"
        "            for (const host_kernel_row *row = *list; row->file && !strcmp(row->file, file); row++)\n"
        "                if ((!entry || !strcmp(row->entry, entry)) && !strcmp(row->defines, defines ? defines : \"\"))\n"
        "                    return row->run;\n    }\n    return NULL;\n}\n\n"
        "bool host_kernels_built(const char *isa)\n{\n"
        "    for (u32 i = 0; isas[i].isa; i++)\n        if (!strcmp(isas[i].isa, isa)) return true;\n"
        "    return false;\n}\n");
    text path = { 0 };
    gen_add(&path, "%s/host_table.c", folder);
    gen_write_file(path.at, &t);
}

/* What the host compiler reads: v.x is v[0] (gcc's vectors have no members), `#pragma unroll` is QK_UNROLL. */
static void put_copy(const char *folder, const source *file)
{
    text t = { 0 };
    gen_add(&t, "#line 1 \"kernels/%s\"\n", file->name);
    char before = 0;
    for (const char *s = file->body; *s;) {
        const char *line = gen_skip_blank(s);
        if ((!before || before == '\n') && !strncmp(line, "#pragma unroll", 14)) {
            const char *count = gen_skip_blank(line + 14);
            size_t n = gen_word_length(count);
            gen_add(&t, "QK_UNROLL(%.*s)", n ? (int)n : 2, n ? count : "64");
            s += strcspn(s, "\n");
            before = ')';
        } else if (*s == '.' && s[1] && strchr("xyzw", s[1]) && !gen_word_part(s[2]) &&
                   (gen_word_part(before) || strchr(")]", before))) {
            gen_add(&t, "[%d]", s[1] == 'w' ? 3 : s[1] - 'x');
            s += 2;
            before = ']';
        } else {
            before = *s;
            gen_add_n(&t, s++, 1);
        }
    }
    text path = { 0 };
    gen_add(&path, "%s/kernels/%s", folder, file->name);
    gen_write_file(path.at, &t);
}

static void put_kernel(const char *folder, const source *file)
{
    static instance list[MAX_INSTANCES];
    memset(list, 0, sizeof list);
    int n = gen_read_instances(file, list);
    for (int i = 0; i < n; i++) gen_read_entries(file, &list[i]);
    static shared_names shared;
    memset(&shared, 0, sizeof shared);
    gen_note_names(&shared, file);
    gen_resolve_names(&shared);
    put_host(folder, file, list, n, &shared, false);
    put_host(folder, file, list, n, &shared, true);
}

static void print_outputs(const char *folder)
{
    printf("%s/embedded.c\n%s/host_table.c\n", folder, folder);
    for (int i = 0; i < gen_n_sources; i++)
        if (is_kernel(&gen_sources[i]))
            printf("%s/host_%s.c\n%s/host_%s_double.c\n", folder, stem(gen_sources[i].name), folder,
                   stem(gen_sources[i].name));
}

int main(int argc, char **argv)
{
    bool outputs = argc > 1 && !strcmp(argv[1], "--outputs");
    int first = outputs ? 2 : 1;
    if (argc <= first) gen_die("usage: kernels_gen [--outputs] OUT_DIR FILE...");
    for (int i = first + 1; i < argc; i++) {
        if (gen_n_sources == MAX_FILES) gen_die("more than %d files", MAX_FILES);
        const char *slash = strrchr(argv[i], '/');
        gen_sources[gen_n_sources++] =
            (source){ argv[i], slash ? slash + 1 : argv[i], outputs ? NULL : gen_read_file(argv[i]) };
    }
    if (outputs) {
        print_outputs(argv[first]);
        return 0;
    }
    text folder = { 0 };
    gen_add(&folder, "%s/kernels", argv[first]);
    mkdir(argv[first], 0777);
    mkdir(folder.at, 0777);
    put_embedded(argv[first]);
    put_table(argv[first]);
    for (int i = 0; i < gen_n_sources; i++) put_copy(argv[first], &gen_sources[i]);
    for (int i = 0; i < gen_n_sources; i++)
        if (is_kernel(&gen_sources[i])) put_kernel(argv[first], &gen_sources[i]);
    return 0;
}
