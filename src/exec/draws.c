/* The word that makes each launch of random numbers another one (op/random.c).
 *
 * A node without a seed of its own: from the session's seed and the count of such launches, which goes on from run to run and from plan to plan. One
 * with a seed: from the run and the turns of the Loops around it, so that no session's seed and no other node changes its numbers. */
#include <stdatomic.h>

#include "exec/exec.h"

u64 draws_seed(u64 given)
{
    static atomic_ullong before;
    u64 seed = given;
    while (!seed) {
        const u64 made_of[] = { clock_ns(), atomic_fetch_add(&before, 1), (u64)(uintptr_t)&made_of };
        seed = hash_bytes(made_of, sizeof made_of, 1);
    }
    return seed;
}

u32 draws_word(exec *x, const frame *f, const word *w)
{
    draws *d = x->draws;
    u64 h = w->kind == WORD_DRAW ? d->seed + w->bits : w->bits, n = w->kind == WORD_DRAW ? d->launches++ : d->runs;
    h = hash_bytes(&n, sizeof n, h);
    for (; w->kind == WORD_REDRAW && f; f = f->outer) {
        i64 turn = control_turn(f);
        if (turn) h = hash_bytes(&turn, sizeof turn, h);
    }
    return (u32)(h ^ h >> 32);
}
