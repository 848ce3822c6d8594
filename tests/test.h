/* The test harness: each tests/NAME.c with TEST(NAME) in tests.def defines `void test_NAME(test *t)`.
 * A check counts as passed or failed, a skip is counted and listed by its reason. Nothing else is printed for a passing check. */
#ifndef TEST_H
#define TEST_H

#include "base/base.h"

typedef struct test {
    const char *name; /* of the running group */
    u64 passed, failed, skipped;
    u32 shown; /* failures printed so far in this group */
    bool verbose;
} test;

bool test_check(test *t, bool ok, const char *file, int line, const char *format, ...) PRINTF_LIKE(5, 6);
void test_skip(test *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* Count a check; the words are printed when it fails. Gives the condition back, so a test can stop early. */
#define CHECK(t, cond, ...) test_check((t), (cond), __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_OK(t, call)                                                                                                   \
    do {                                                                                                                    \
        const char *check_before = test_sentence();                                                                         \
        qn_status check_status = (call);                                                                                    \
        test_check((t), check_status == QN_OK, __FILE__, __LINE__, "%s: %s: %s", #call, qn_status_text(check_status),       \
                   check_status == QN_OK ? "" : qn_last_error());                                                           \
        test_check((t), check_status != QN_OK || strcmp(check_before, qn_last_error()) == 0, __FILE__, __LINE__,            \
                   "%s succeeds and leaves '%s'", #call, qn_last_error());                                                  \
    } while (0)
#define SKIP(t, ...) test_skip((t), __VA_ARGS__)

/* The table of devices (tests/device_table.py): cases of one kind on one device, printed at the end of the run as
 * "device NAME: KIND: N passed, N failed, N skipped (reason)". */
typedef struct test_tally {
    const char *device, *kind;
    u64 passed, failed, skipped;
    struct {
        const char *why;
        u64 n;
    } skips[6];
} test_tally;
test_tally *test_tally_of(const char *device, const char *kind); /* both static */
void test_tally_skip(test_tally *y, const char *why, u64 n);     /* why: static */

#define TEST(group) void test_##group(test *t);
#include "tests.def"
#undef TEST

/* Where the shared test models lie ($QUERN_MODELS, default ../shared/models); NULL when absent. */
const char *test_models(void);
const char *test_sentence(void);    /* a copy of qn_last_error() */
const char *test_temp_folder(void); /* a fresh folder for this run */
f64 processor_seconds(void); /* that this program has worked: a bound on it does not hang on what else the machine does */
u32 test_seed(void);         /* picks what a quick run takes of a long list: $QUERN_TEST_SEED, else the day */
/* The allocation that fails next, behind n; 0 asks for the first. Each one; under QUERN_QUICK, where a check of memory makes thousands of them and slows
 * down each, one in eight, from one that the seed picks. */
u64 test_next_failure(u64 n);
/* Is name in the list of names with commas that the environment gives? Yes where it gives none. */
bool test_asked(const char *variable, const char *name);
/* First in a group that counts what it leaves behind: what a device shared by the groups (run_graph.h) makes late and keeps is no loss. */
void close_test_devices(void);
#endif
