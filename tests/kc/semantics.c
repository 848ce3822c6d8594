/* Control flow that inlining, folding and unrolling must not change: compiled by the host compiler and by kc, the answers are the same
 * (tests/kc_host.c). Each function returns from somewhere else. */
#include "quern_kernel.h"

#define ROUNDS    5
#define MIX(a, b) (((a) ^ (b)) * 2654435761u)

static const u32 primes[8] = { 2, 3, 5, 7, 11, 13, 17, 19 };

static u32 from_loop(u32 a)
{
    for (u32 k = 0; k < 8; k++)
        if (a % primes[k] == 0) return k;
    return 99;
}

static u32 from_nested_loops(u32 a)
{
    u32 seen = 0;
    for (u32 r = 0; r < 4; r++) {
        if (r == 2) continue;
        for (u32 c = 0; c < 4; c++) {
            seen += r * c + 1;
            if (seen % 7 == a % 7) return seen * 100 + r * 10 + c;
            if (seen > a) break;
        }
        seen ^= 3;
    }
    return seen;
}

static i32 from_branches(i32 a)
{
    if (a < 0) {
        if (a < -100) return -2;
        a = -a;
    } else if (a == 0) {
        return 0;
    } else {
        a += 1;
        if (a % 3 == 0) return a;
    }
    a *= 2;
    if (a > 50) return 50;
    return a - 1;
}

static u32 endless(u32 a)
{
    for (;;) {
        if (a == 1) return 7;
        if (a % 2 == 0) a /= 2;
        else if (a > 1000) return a;
        else a = a * 3 + 1;
    }
}

static u32 do_while(u32 a)
{
    u32 n = 0;
    do {
        n++;
        if (n == 9) return 1000 + a;
        a >>= 1;
        if (a == 5) continue;
    } while (a > 0);
    return n;
}

static u32 swaps(u32 a, u32 b)
{
    u32 t = a;
    a = b;
    b = t;
    return a * 10 + b;
}

static void fill(ARRAY(u32, out), u32 n, u32 from)
{
    if (n == 0) return;
    for (u32 k = 0; k < n; k++) {
        out[k] = from + k;
        if (out[k] == 13) return;
    }
    out[0] += 1;
}

static u32 sum_rows(u32 a)
{
    u32 rows[3][4];
    u32 sum = 0;
    for (u32 r = 0; r < 3; r++) {
        for (u32 c = 0; c < 4; c++) rows[r][c] = 0;
        fill(rows[r], 4 - r, a % 16 + r);
    }
#pragma unroll
    for (u32 r = 0; r < 3; r++) {
#pragma unroll
        for (u32 c = 0; c < 4; c++) sum = sum * 3 + rows[r][c];
    }
    return sum;
}

static bool is_odd(u32 a) { return a % 2 == 1; }
static u32 nothing_or(u32 a, bool yes) { return yes ? a : 0; }

static u32 lazy(u32 a)
{
    return (is_odd(a) && from_loop(a) > 2) || a > 3000 ? swaps(endless(a + 1), a) : nothing_or(do_while(a), !is_odd(a));
}

static u32 folded(u32 a)
{
    const i32 minus = -7;
    u32 n = 3;
    i32 wraps = 2147483647;
    wraps += 2;
    u8 narrow = 250;
    narrow += 10;
    i8 low = (i8)200;
    if (n * n == 9) a += (u32)(minus / 2) + (u32)(minus % 3) + (u32)(minus >> 1);
    return a + (u32)wraps + narrow + (u32)low + (1u - 2u) + (u32)(1 << 30) + (0x80000000 >> 3) + (minus < (i32)n ? 1 : 2);
}

static u32 unrolled(u32 a)
{
    u32 sum = a;
#pragma unroll
    for (i32 k = 6; k > -6; k -= 4) sum = MIX(sum, (u32)k);
#pragma unroll 3
    for (u32 k = 0; k < ROUNDS; k++) {
        u32 twice = k * 2;
        sum += twice ^ a;
    }
    u32 i = 0;
    while (i < 3) {
        sum -= i == 1 ? 5 : 6;
        i++;
    }
    return sum;
}

/* The same elements read where a condition from memory holds, where another does, and always: each is a load of its own, or one that happens. */
static u32 reads_again(IN(u32) x, u32 at, u32 other)
{
    u32 maybe = x[other] % 3 == 0 ? 1 : x[at];
    u32 nested = (2 < (x[other] % 5 == 0 ? 1 : x[at + 1]) ? x[other] >> 1 : x[at + 1]) + 7;
    u32 either = x[other] % 2 == 0 ? x[x[at + 2] % 64] / 3 : x[at + 2] ^ other;
    return MIX(maybe, nested) + either * 31 + x[at];
}

static u32 reads_four_again(IN(f32) small, u32 at, u32 a)
{
    f32x4 maybe = a % 3 == 0 ? MAKE4(f32, 1, 2, 3, 4) : load4(small, at), always = load4(small, at);
    f32 mixed[4];
    store4(mixed, 0, maybe * 256.0f + always);
    return (u32)mixed[0] ^ (u32)mixed[1] * 3 ^ (u32)mixed[2] * 5 ^ (u32)mixed[3] * 7;
}

/* A parameter negated, as one of three. */
static u32 of_three(i32 a, i32 b, i32 n)
{
    i32 least = min(min(a, -n), b), most = max(max(b, 0 - n), a), product = min(min(n * -1, b), a);
    return MIX(MIX((u32)least, (u32)most), (u32)product);
}

/* Signs that Vulkan leaves open. */
static u32 signed_rest(i32 a, i32 by)
{
    i32 rest = a % (by == 0 ? 3 : by);
    a %= 7;
    return MIX((u32)rest, (u32)(a % 3)) ^ (u32)(-5 % ((by & 127) + 1));
}

/* Constants that overflow, which WGSL refuses where it sees that they are. */
static u32 hidden_constants(u32 a)
{
    u32 high = (clz(1u) << 31) + 17u;
    return a ^ high ^ ((u32)popcount(3) << 31) ^ (popcount(7u) * 0x70000001u) ^ (ctz(8u) - 5u);
}

/* An array with any index in each copy of an unrolled body, where a copy is often skipped. */
static u32 array_in_branch(u32 a)
{
    u32 sum = a;
#pragma unroll
    for (u32 k = 0; k < 3; k++) {
        if ((a >> k) % 2 == 1) {
            u32 few[3] = { 0 };
            few[a % 3] = 5 + k;
            few[(a + k) % 3] += sum;
            sum = MIX(sum, few[(a + 1) % 3]) + few[a % 3];
        }
    }
    return sum;
}

MAP(u32) semantics(u32 i, IN(u32) x, IN(f32) small, u32 n)
{
    u32 a = x[i % n];
    u32 which = i % 16;
    if (which == 0) return from_loop(a);
    if (which == 1) return from_nested_loops(a % 100);
    if (which == 2) return (u32)from_branches((i32)(a % 400) - 200);
    if (which == 3) return endless(a % 5000 + 1);
    if (which == 4) return do_while(a);
    if (which == 5) return swaps(a, swaps(i, a));
    if (which == 6) return sum_rows(a);
    if (which == 7) return lazy(a % 5000);
    if (which == 8) return folded(a);
    if (which == 9) return reads_again(x, i % (n - 2), i * 7 % n);
    if (which == 10) return reads_four_again(small, i % (n - 3), a);
    if (which == 11) return of_three((i32)(a % 4096) - 2048, (i32)(x[i * 7 % n] % 4096) - 2048, (i32)n);
    if (which == 12) return signed_rest((i32)a, (i32)(a >> 7) - 40);
    if (which == 13) return hidden_constants(a);
    if (which == 14) return array_in_branch(a);
    return unrolled(a);
}
