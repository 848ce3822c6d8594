/* One test of the ONNX backend layout, judged. */
#ifndef JUDGE_H
#define JUDGE_H

#include "cli.h"
#include "compare.h"

enum { WHY_BYTES = 600 };

/* Reasons, each with the number of tests that it was given for. */
typedef struct tally_row {
    char op[64], why[WHY_BYTES];
    const char *reason; /* qn_host_reason_name, or "" */
    uint32_t times;
} tally_row;
typedef struct tally {
    tally_row *rows;
    uint32_t n;
} tally;
bool tally_make(tally *t);
void tally_free(tally *t);
void tally_count(tally *t, const char *op, const char *reason, const char *why);
void tally_sort(tally *t); /* most frequent first */

typedef enum outcome { PASSED, FAILED, SKIPPED } outcome;

typedef struct verdict {
    outcome outcome;
    bool shape_only,
        lacking;      /* shape_only: it drew random numbers. lacking: what runs on the host runs there for its type */
    uint32_t on_host; /* nodes */
    tolerance widest;
    char why[WHY_BYTES];
    double worst; /* the largest absolute error of a float output */
} verdict;

verdict judge_test(qn_device *d, const char *folder, bool no_optimize, tally *on_host);
bool judge_is_file(const char *folder, const char *name);

#endif
