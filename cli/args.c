/* argv -> words and options, checked against the command's table. "--name value" and "--name=value"; "--" ends the options. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const option common[] = {
    { "--json", NULL, "print one JSON value instead of text" },
    { "--help", NULL, "show this" },
    { 0 },
};

static const option *option_in(const option *options, const char *name, size_t n)
{
    for (; options->name; options++)
        if (strlen(options->name) == n && memcmp(options->name, name, n) == 0) return options;
    return NULL;
}

/* ---- suggestions */
static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Edits (insert, delete, replace) that turn a into b. */
static size_t distance(const char *a, const char *b)
{
    enum { MOST = 256 };
    size_t row[MOST], n = strlen(b);
    if (n + 1 > MOST) return SIZE_MAX; /* nobody meant that */
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; *a; a++, i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replace = corner + (*a != b[j - 1]);
            corner = row[j];
            row[j] = least(least(row[j], row[j - 1]) + 1, replace);
        }
    }
    return row[n];
}

const char *nearest_name(const char *typed, const char *const *names, size_t n)
{
    size_t best = strlen(typed) / 3 + 2;
    const char *nearest = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d = strncmp(names[i], typed, strlen(typed)) == 0 && strlen(typed) > 2 ? 0 : distance(typed, names[i]);
        if (d < best) best = d, nearest = names[i];
    }
    return nearest;
}

static const char *nearest_option(const command *c, const char *typed)
{
    const char *names[64];
    size_t n = 0;
    for (const option *o = c->options; o->name && n < COUNT(names); o++) names[n++] = o->name;
    for (const option *o = common; o->name && n < COUNT(names); o++) names[n++] = o->name;
    return nearest_name(typed, names, n);
}

static bool takes_target(const option *o) { return o->value && strcmp(o->value, "TARGET") == 0; }

/* ---- messages */
static void say_try(const command *c) { fprintf(stderr, "Try: quern %s --help\n", c->name); }

int usage_error(const args *a, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    progress_clear();
    fprintf(stderr, "quern %s: %s\n", a->command->name, text);
    say_try(a->command);
    if (a->json) put_error(text, "usage");
    return EXIT_USAGE;
}

/* "c (the default), opencl, ..." */
static void list_targets(FILE *to)
{
    for (uint32_t i = 0; qn_kernel_target(i); i++)
        fprintf(to, "%s%s%s", i ? ", " : "", qn_kernel_target(i), i ? "" : " (the default)");
}

void args_help(const command *c, FILE *to)
{
    fprintf(to, "usage: quern %s%s%s [OPTIONS]\n\n%s\n\n", c->name, *c->arguments ? " " : "", c->arguments, c->doc);
    const option *lists[] = { c->options, common };
    for (size_t i = 0; i < COUNT(lists); i++)
        for (const option *o = lists[i]; o->name; o++) {
            char left[64];
            snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
            fprintf(to, "  %-24s %s", left, o->doc);
            if (takes_target(o)) list_targets(to);
            fputc('\n', to);
        }
}

/* ---- parsing */
static bool is_number(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n < 10 && !text[n];
}

static bool take_value(args *a, const option *o, const char *inside, int argc, char **argv, int *i, const char **out)
{
    const char *value = inside;
    if (!value && *i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0) value = argv[++*i];
    if (!value || !*value) return usage_error(a, "%s wants a value: %s %s", o->name, o->name, o->value), false;
    if (strcmp(o->value, "N") == 0 && !is_number(value))
        return usage_error(a, "%s wants a whole number, not '%s'", o->name, value), false;
    *out = value;
    return true;
}

static bool take_option(args *a, int argc, char **argv, int *i)
{
    const char *text = argv[*i], *equals = strchr(text, '=');
    size_t n = equals ? (size_t)(equals - text) : strlen(text);
    const option *o = option_in(a->command->options, text, n);
    if (!o) o = option_in(common, text, n);
    if (!o) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)least(n, sizeof name - 1), text);
        const char *near = nearest_option(a->command, name);
        if (near) usage_error(a, "unknown option %s; did you mean %s?", name, near);
        else usage_error(a, "unknown option %s", name);
        return false;
    }
    const char *value = NULL;
    if (!o->value && equals) return usage_error(a, "%s takes no value", o->name), false;
    if (o->value && !take_value(a, o, equals ? equals + 1 : NULL, argc, argv, i, &value)) return false;
    a->options[a->n_options++] = (given){ o, value };
    return true;
}

static bool check_words(const args *a)
{
    const char *want = a->command->arguments;
    bool many = strstr(want, "...") != NULL, may_miss = *want == '[' || !*want;
    if (a->n_words == 0 && !may_miss) return usage_error(a, "%s is missing", want), false;
    uint32_t most = !*want ? 0 : 1;
    if (a->n_words > most && !many) return usage_error(a, "one argument too many: %s", a->words[most]), false;
    return true;
}

bool args_parse(const command *c, int argc, char **argv, args *out)
{
    *out = (args){ .command = c };
    out->words = calloc((size_t)argc + 1, sizeof *out->words);
    out->options = calloc((size_t)argc + 1, sizeof *out->options);
    if (!out->words || !out->options) return fprintf(stderr, "quern: out of memory\n"), false;
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0 && !out->json; i++)
        out->json = strcmp(argv[i], "--json") == 0; /* known before the first complaint */
    bool plain = false;
    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        if (!plain && strcmp(text, "--") == 0) plain = true;
        else if (!plain && text[0] == '-' && text[1] == 'h' && !text[2]) out->help = true;
        else if (plain || text[0] != '-' || !text[1]) out->words[out->n_words++] = text;
        else if (!take_option(out, argc, argv, &i)) return false;
    }
    out->help = out->help || args_flag(out, "--help");
    return out->help || check_words(out);
}

void args_free(args *a)
{
    free(a->words);
    free(a->options);
}

const char *args_next(const args *a, const char *name, uint32_t *at)
{
    while (*at < a->n_options) {
        const given *g = &a->options[(*at)++];
        if (strcmp(g->option->name, name) == 0) return g->value ? g->value : "";
    }
    return NULL;
}

const char *args_text(const args *a, const char *name)
{
    const char *last = NULL, *v;
    for (uint32_t at = 0; (v = args_next(a, name, &at));) last = v;
    return last;
}

bool args_flag(const args *a, const char *name) { return args_text(a, name) != NULL; }

uint32_t args_number(const args *a, const char *name, uint32_t otherwise)
{
    const char *text = args_text(a, name);
    return text ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}
