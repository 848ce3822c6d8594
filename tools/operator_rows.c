/* What the table of ops says of itself, a line of JSON for each: tools/operators.py makes docs/operators.md of it. */
#include <stdio.h>

#include "op/op.h"

static const char *kind_of(const op_def *d)
{
    return d->control    ? "control"
           : d->row      ? "row"
           : d->expand   ? "composite"
           : d->variants ? "primitive"
           : d->host     ? "host"
                         : "view";
}

static u32 cases_of(const op_def *d)
{
    u32 n = 0;
    while (d->cases && d->cases[n].in) n++;
    return n;
}

static void print_slots(const char *key, const op_slot *slots)
{
    printf(", \"%s\": [", key);
    for (u32 i = 0; i < 16 && slots[i].name; i++) printf("%s[\"%s\", \"%s\"]", i ? ", " : "", slots[i].name, slots[i].types);
    printf("]");
}

int main(void)
{
    for (u32 id = 1; id < OP_COUNT; id++) {
        const op_def *d = op_defs[id];
        printf("{\"name\": \"%s\", \"domain\": \"%s\", \"kind\": \"%s\", \"cases\": %u, \"kernel\": %s, \"host\": %s",
               d->name, d->domain ? d->domain : "", kind_of(d), cases_of(d), d->variants ? "true" : "false",
               d->host ? "true" : "false");
        print_slots("in", d->in);
        print_slots("out", d->out);
        printf("}\n");
    }
    return 0;
}
