/* How many edits lie between two words, by one row of the table of Wagner and Fischer at a time. */
#include "base/nearest.h"

u32 nearest_edits(const char *a, size_t n_a, const char *b, size_t n_b)
{
    u32 row[NEAREST_MAX_BYTES + 1];
    for (u32 j = 0; j <= n_b; j++) row[j] = j;
    for (u32 i = 1; i <= n_a; i++) {
        u32 diagonal = row[0];
        row[0] = i;
        for (u32 j = 1; j <= n_b; j++) {
            u32 above = row[j];
            u32 change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = MIN(change, MIN(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[n_b];
}

u32 nearest_too_many(size_t n) { return n < 4 ? 2 : (u32)n / 3 + 1; }
