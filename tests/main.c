/* Runs the groups of tests.def, or those whose names contain an argument, and prints one line a group and the totals. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "leaks.h"
#include "test.h"

typedef struct group {
    const char *name;
    void (*run)(test *t);
} group;
static const group groups[] = {
#define TEST(name) { #name, test_##name },
#include "tests.def"
#undef TEST
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
/* A driver keeps memory in variables of its own; once it is unloaded, LeakSanitizer takes that for lost. So nothing is unloaded under it. */
__attribute__((visibility("default"))) int dlclose(void *library);
int dlclose(void *library)
{
    (void)library;
    return 0;
}
#endif
#endif

bool test_check(test *t, bool ok, const char *file, int line, const char *format, ...)
{
    if (ok) {
        t->passed++;
        return true;
    }
    t->failed++;
    if (t->shown++ >= 40) return false;
    va_list args;
    va_start(args, format);
    printf("FAILED %s (%s:%d): ", t->name, file, line);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    fflush(stdout);
    return false;
}

void test_skip(test *t, const char *format, ...)
{
    t->skipped++;
    va_list args;
    va_start(args, format);
    printf("skipped %s: ", t->name);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static test_tally tallies[64];
static u32 n_tallies;

test_tally *test_tally_of(const char *device, const char *kind)
{
    for (u32 i = 0; i < n_tallies; i++)
        if (text_same(tallies[i].device, device) && text_same(tallies[i].kind, kind)) return &tallies[i];
    u32 last = MIN(n_tallies, (u32)COUNT(tallies) - 1);
    tallies[last] = (test_tally){ .device = device, .kind = kind };
    n_tallies = last + 1;
    return &tallies[last];
}

void test_tally_skip(test_tally *y, const char *why, u64 n)
{
    u32 i = 0;
    while (i + 1 < COUNT(y->skips) && y->skips[i].why && !text_same(y->skips[i].why, why)) i++;
    y->skips[i].why = why;
    y->skips[i].n += n;
    y->skipped += n;
}

static void print_tallies(void)
{
    for (u32 i = 0; i < n_tallies; i++) {
        const test_tally *y = &tallies[i];
        printf("device %s: %s: %llu passed, %llu failed, %llu skipped", y->device, y->kind, (unsigned long long)y->passed,
               (unsigned long long)y->failed, (unsigned long long)y->skipped);
        for (u32 k = 0; k < COUNT(y->skips) && y->skips[k].n; k++)
            printf("%s%llu: %s", k ? "; " : " (", (unsigned long long)y->skips[k].n, y->skips[k].why);
        printf(y->skipped ? ")\n" : "\n");
    }
}

const char *test_models(void)
{
    const char *folder = getenv("QUERN_MODELS");
    if (!folder) folder = "../shared/models";
    struct stat st;
    return stat(folder, &st) == 0 && S_ISDIR(st.st_mode) ? folder : NULL;
}

const char *test_sentence(void)
{
    static char kept[4096];
    snprintf(kept, sizeof kept, "%s", qn_last_error());
    return kept;
}

const char *test_temp_folder(void)
{
    static char folder[64];
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/quern-test-XXXXXX");
        if (!mkdtemp(folder)) snprintf(folder, sizeof folder, ".");
    }
    return folder;
}

f64 processor_seconds(void) { return (f64)clock() / CLOCKS_PER_SEC; }

u32 test_seed(void)
{
    const char *given = getenv("QUERN_TEST_SEED");
    return given && *given ? (u32)strtoul(given, NULL, 0) : (u32)(time(NULL) / 86400);
}

u64 test_next_failure(u64 n)
{
    u32 every = getenv("QUERN_QUICK") ? 8 : 1;
    return n ? n + every : 1 + test_seed() % every;
}

bool test_asked(const char *variable, const char *name)
{
    const char *given = getenv(variable), *at = given;
    size_t n = strlen(name);
    while (at && (strncmp(at, name, n) != 0 || (at[n] && at[n] != ','))) {
        at = strchr(at, ',');
        if (at) at++;
    }
    return !given || at;
}

static bool wanted(const char *name, int argc, char **argv)
{
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') continue;
        any = true;
        if (strstr(name, argv[i])) return true;
    }
    return !any;
}

int main(int argc, char **argv)
{
    test total = { 0 };
    leaks_count_bytes();
    for (size_t i = 0; i < COUNT(groups); i++) {
        if (!wanted(groups[i].name, argc, argv)) continue;
        test t = { .name = groups[i].name };
        u64 from = clock_ns();
        groups[i].run(&t);
        printf("%-24s %6llu passed %4llu failed %4llu skipped  %7.0f ms\n", t.name, (unsigned long long)t.passed,
               (unsigned long long)t.failed, (unsigned long long)t.skipped, (double)(clock_ns() - from) / 1e6);
        fflush(stdout);
        total.passed += t.passed, total.failed += t.failed, total.skipped += t.skipped;
    }
    print_tallies();
    printf("%llu passed, %llu failed, %llu skipped\n", (unsigned long long)total.passed, (unsigned long long)total.failed,
           (unsigned long long)total.skipped);
    return total.failed ? 1 : 0;
}
