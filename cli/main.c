/* quern: the command line. Finds the subcommand in commands.def, reads its arguments, runs it. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "cli.h"

static const command commands[] = {
#define COMMAND(name, arguments, doc) { #name, arguments, doc, name##_options, name##_run },
#include "commands.def"
#undef COMMAND
};

static void print_help(FILE *to)
{
    fprintf(to, "quern %s: run neural networks, from one set of kernels, on every device\n\n", qn_version());
    fprintf(to, "usage: quern COMMAND [ARGUMENTS] [OPTIONS]\n\n");
    for (size_t i = 0; i < COUNT(commands); i++)
        fprintf(to, "  %-12s %-11s %s\n", commands[i].name, commands[i].arguments, commands[i].doc);
    fprintf(to, "\n`quern COMMAND --help` lists the options of a command. --json, everywhere, prints one JSON value instead "
                "of text.\n"
                "Exit codes: 0 done, 1 failed at run time, 2 usage, 3 the file is bad or unsupported, 4 no such device.\n");
}

static const command *command_named(const char *name)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int refuse_command(const char *typed)
{
    const char *names[COUNT(commands)];
    for (size_t i = 0; i < COUNT(commands); i++) names[i] = commands[i].name;
    const char *near = nearest_name(typed, names, COUNT(commands));
    fprintf(stderr, "quern: unknown command %s", typed);
    if (near) fprintf(stderr, "; did you mean %s?", near);
    fprintf(stderr, "\nTry: quern --help\n");
    return EXIT_USAGE;
}

static int run_command(const command *c, int argc, char **argv)
{
    args a;
    int code = EXIT_USAGE;
    if (args_parse(c, argc, argv, &a)) {
        if (a.help) {
            args_help(c, stdout);
            code = EXIT_DONE;
        } else {
            progress_verbose(args_flag(&a, "--verbose"));
            code = c->run(&a);
        }
    }
    args_free(&a);
    return code;
}

static int dispatch(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0) {
        const command *c = argc > 2 ? command_named(argv[2]) : NULL;
        if (argc > 2 && !c) return refuse_command(argv[2]);
        if (c) args_help(c, stdout);
        else print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(first, "--version") == 0) {
        printf("quern %s\n", qn_version());
        return EXIT_DONE;
    }
    const command *c = command_named(first);
    return c ? run_command(c, argc - 2, argv + 2) : refuse_command(first);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN); /* `quern inspect x | head`: seen as a failed write below */
    int code = dispatch(argc, argv);
    progress_clear();
    bool lost = fflush(stdout) != 0;
    if (lost && errno != EPIPE) fprintf(stderr, "quern: the output cannot be written: %s\n", strerror(errno));
    if ((lost || ferror(stdout)) && code == EXIT_DONE) code = EXIT_RUN;
    return code;
}
