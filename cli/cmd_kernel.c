/* quern kernel: a kernel file, translated for a target. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const option kernel_options[] = {
    { "--target", "TARGET", "what to print: " },
    { "--define", "N=V", "a launch constant; may be repeated" },
    { "--entry", "NAME", "the MAP or KERNEL to translate (default: the only one)" },
    { 0 },
};

/* "N=V" split in place; a bare name means 1. */
static int take_defines(const args *a, qn_define *out, size_t *n)
{
    const char *text;
    for (uint32_t at = 0; (text = args_next(a, "--define", &at));) {
        const char *equals = strchr(text, '=');
        if (equals == text) return usage_error(a, "--define wants NAME=VALUE, not '%s'", text);
        size_t length = equals ? (size_t)(equals - text) : strlen(text);
        out[*n] = (qn_define){ strndup(text, length), equals ? equals + 1 : "1" };
        if (!out[(*n)++].name) return tell_nomem(a);
    }
    return 0;
}

static bool is_target(const char *name)
{
    uint32_t i = 0;
    while (qn_kernel_target(i) && strcmp(qn_kernel_target(i), name) != 0) i++;
    return qn_kernel_target(i) != NULL;
}

static int translate(const args *a, const qn_kernel_desc *desc)
{
    const char *target = args_text(a, "--target");
    char *text;
    qn_status s = qn_kernel_translate(desc, target ? target : "c", &text);
    if (s == QN_E_NAME && target && !is_target(target)) return usage_error(a, "%s", qn_last_error());
    if (s != QN_OK) return report_failure(a, s);
    if (a->json) {
        json_begin(NULL, '{');
        json_put_text("file", desc->file);
        json_put_text("target", target ? target : "c");
        json_put_text("text", text);
        json_end('}');
    } else {
        fputs(text, stdout);
    }
    qn_text_free(text);
    return 0;
}

int kernel_run(const args *a)
{
    const char *path = a->words[0];
    char *source;
    if (!read_file(path, &source, NULL)) return tell_failure(a, EXIT_FILE, QN_E_IO, "%s: %s", path, strerror(errno));
    qn_define *defines = calloc(a->n_options + 1, sizeof *defines);
    size_t n = 0;
    int code = defines ? take_defines(a, defines, &n) : tell_nomem(a);
    if (!code) {
        qn_kernel_desc desc = {
            .source = source, .file = path, .entry = args_text(a, "--entry"), .defines = defines, .n_defines = n
        };
        code = translate(a, &desc);
    }
    for (size_t i = 0; i < n; i++) free((char *)(uintptr_t)defines[i].name);
    free(defines);
    free(source);
    return code;
}
