/* A comparison in a process that is watched. Drivers' compilers crash, and some never come back; then the process ends, and another goes on at
 * the kernel after. What the two share is kfuzz_progress. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kfuzz_run.h"

enum { MISSING = 4, SHRINKING = 60 /* seconds more while a kernel is made smaller */ };

/* What `only` names and was not opened, in words. */
static bool one_is_missing(const char *only, bool total, const way *ways, u32 n)
{
    for (const char *at = only; at && *at; at += *at == ',') {
        size_t length = strcspn(at, ",");
        bool found = false;
        for (u32 i = 0; i < n; i++) found |= strlen(ways[i].name) == length && !strncmp(ways[i].name, at, length);
        if (!found) {
            fprintf(stderr, "way %.*s is not here%s: %s\n", (int)length, at, total ? ", or takes no total kernels" : "",
                    qn_last_error());
            return true;
        }
        at += length;
    }
    return false;
}

/* The watched process: it takes over the counts of those before it. */
static int compare(const kfuzz_plan *p, const char *only)
{
    kfuzz_progress *at = p->progress;
    way ways[KFUZZ_MAX_WAYS];
    u32 n = ways_open(only, p->total, ways);
    if (one_is_missing(only, p->total, ways, n)) return MISSING;
    for (u32 i = 0; i < n; i++) {
        ways[i].ran = at->ways[i].ran, ways[i].differ = at->ways[i].differ, ways[i].refused = at->ways[i].refused;
        memcpy(ways[i].why, at->ways[i].why, sizeof ways[i].why);
    }
    memcpy(at->ways, ways, n * sizeof *ways);
    at->n_ways = n;
    kfuzz_compare(p, ways, n);
    at->finished = true;
    ways_close(ways, n);
    return 0;
}

static bool too_long(kfuzz_progress *at, u32 timeout)
{
    u64 since = atomic_load(&at->since), most = timeout + (at->told ? SHRINKING : 0);
    return since && clock_ns() > since && clock_ns() - since > most * 1000000000;
}

/* Waits for the process; true: it was ended for taking too long. */
static bool watch(pid_t child, kfuzz_progress *at, u32 timeout, int *status)
{
    const struct timespec nap = { .tv_nsec = 20000000 };
    while (waitpid(child, status, WNOHANG) == 0) {
        if (too_long(at, timeout)) {
            kill(child, SIGKILL);
            waitpid(child, status, 0);
            return true;
        }
        nanosleep(&nap, NULL);
    }
    return false;
}

/* The kernels under way get no answer: one alone is a difference, of several the culprit is looked for. Where the next process begins. */
static void step_over(kfuzz_plan *p, kfuzz_progress *at, const char *why)
{
    way *w = &at->ways[at->way];
    u32 first = at->number + at->from, end = p->from + p->count;
    if (at->n > 1)
        printf("NO ANSWER from %s, kernels %u to %u of seed %llu together: %s; now one by one\n", w->name, first,
               first + at->n - 1, (unsigned long long)p->seed, why);
    else if (at->told) printf("/* not made smaller: %s */\n", why);
    else {
        printf("NO ANSWER from %s, kernel %u of seed %llu: %s\n", w->name, first, (unsigned long long)p->seed, why);
        w->differ++;
    }
    fflush(stdout);
    p->resume.here = at->way > 0;
    p->resume.way = at->way, p->resume.kernel = at->from + (at->n == 1);
    p->from = at->number + (at->way ? 0 : KFUZZ_BATCH);
    p->count = end > p->from ? end - p->from : 0;
    atomic_store(&at->since, 0);
}

qn_status kfuzz_watch(const kfuzz_plan *plan, const char *only, u32 timeout, kfuzz_progress *out)
{
    kfuzz_plan p = *plan;
    kfuzz_progress *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return fail_nomem(sizeof *at);
    *at = (kfuzz_progress){ 0 };
    p.progress = at;
    qn_status result = QN_OK;
    while (result == QN_OK && p.count && !at->finished) {
        u64 start = clock_ns();
        int status = 0;
        char why[80];
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) exit(compare(&p, only));
        bool late = child > 0 && watch(child, at, timeout, &status);
        bool ended = at->finished || (p.seconds && (clock_ns() - start) / 1000000000 >= p.seconds);
        if (p.seconds) p.seconds -= MIN((u32)((clock_ns() - start) / 1000000000), p.seconds - 1);
        if (child < 0) result = fail(QN_E_IO, "a process cannot be started");
        else if (WIFEXITED(status) && WEXITSTATUS(status) == MISSING) result = QN_E_NAME;
        else if (ended) break;
        else if (!atomic_load(&at->since))
            result = fail(QN_E_DEVICE, "the process ended while no kernel ran (status %d)", status);
        else {
            if (late) snprintf(why, sizeof why, "%u s were not enough", timeout);
            else snprintf(why, sizeof why, "the process ended by signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
            step_over(&p, at, why);
        }
    }
    memcpy(out, at, sizeof *out);
    munmap(at, sizeof *at);
    return result;
}
