/* Decimal numbers and their text, alike in every locale: what the C library reads and prints as a decimal point is the host program's choice.
 *
 * Reading: a text is whole * 10^e, which is whole * 5^e * 2^e, with `whole` an integer of any length. 5^e is multiplied into it; for a negative
 * e, whole is moved up by more bits than a format keeps, and divided, and what is left over is remembered as one bit. The number is
 * then rounded once, to the nearest of its own format and to even between two: never through another format, which would round twice. */
#include <math.h>
#include <stdio.h>

#include "base/base.h"

/* The point halfway between two f64 has at most 767 digits: what stands behind MOST_DIGITS matters only in that it is not 0. */
enum { MOST_DIGITS = 800, LARGEST = 310, SMALLEST = -330, LIMBS = 200 };

typedef struct big {
    u32 n, limb[LIMBS]; /* the lowest first, the last one not 0 */
} big;

static void big_multiply_add(big *b, u32 by, u32 more)
{
    u64 carry = more;
    for (u32 i = 0; i < b->n; i++) {
        carry += (u64)b->limb[i] * by;
        b->limb[i] = (u32)carry;
        carry >>= 32;
    }
    if (carry) b->limb[b->n++] = (u32)carry;
}

/* Was something left over? */
static bool big_divide(big *b, u32 by)
{
    u64 rest = 0;
    for (u32 i = b->n; i-- > 0;) {
        rest = rest << 32 | b->limb[i];
        b->limb[i] = (u32)(rest / by);
        rest %= by;
    }
    if (b->n && !b->limb[b->n - 1]) b->n--;
    return rest != 0;
}

static u32 big_bits(const big *b)
{
    u32 n = b->n * 32;
    while (n && !(b->limb[(n - 1) / 32] >> (n - 1) % 32 & 1)) n--;
    return n;
}

static bool big_bit(const big *b, u32 at) { return b->limb[at / 32] >> at % 32 & 1; }

/* ---- reading */

/* A text taken apart: whole * 10^exponent, and more behind it when `rest`. */
typedef struct decimal {
    big whole;
    i64 exponent;
    u32 digits; /* of whole */
    bool rest;
} decimal;

typedef struct scan {
    const char *at, *end;
} scan;

static char peek(const scan *s) { return s->at == s->end ? 0 : *s->at; }
static bool at_digit(const scan *s) { return peek(s) >= '0' && peek(s) <= '9'; }

static void take_digit(decimal *d, u32 digit)
{
    if (d->digits == MOST_DIGITS) {
        d->rest |= digit != 0;
        d->exponent++;
        return;
    }
    d->digits += d->digits || digit;
    big_multiply_add(&d->whole, 10, digit);
}

/* "e-5"; where no digit follows the e, it is no part of the number. */
static i64 scan_exponent(scan *s)
{
    scan t = { s->at, s->end };
    i64 value = 0;
    if ((peek(&t) | 32) != 'e') return 0;
    t.at++;
    bool minus = peek(&t) == '-';
    if (minus || peek(&t) == '+') t.at++;
    if (!at_digit(&t)) return 0;
    for (; at_digit(&t); t.at++)
        if (value < INT32_MAX) value = value * 10 + (*t.at - '0');
    *s = t;
    return minus ? -value : value;
}

static bool scan_decimal(scan *s, decimal *out)
{
    bool any = false;
    for (; at_digit(s); s->at++, any = true) take_digit(out, (u32)(*s->at - '0'));
    if (peek(s) == '.')
        for (s->at++; at_digit(s); s->at++, any = true, out->exponent--) take_digit(out, (u32)(*s->at - '0'));
    if (any) out->exponent += scan_exponent(s);
    return any;
}

static bool scan_word(scan *s, const char *word)
{
    const char *at = s->at;
    for (; *word && at != s->end && (*at | 32) == *word; word++) at++;
    if (*word) return false;
    s->at = at;
    return true;
}

/* ---- rounding */

typedef struct format {
    u32 bits;   /* that it keeps, the hidden one too */
    i32 lowest; /* exponent of its smallest number */
    i32 top;    /* and of the first power of two beyond it */
} format;

static format format_of(qn_dtype d)
{
    return d == QN_F16    ? (format){ 11, -24, 16 }
           : d == QN_BF16 ? (format){ 8, -133, 128 }
           : d == QN_F32  ? (format){ 24, -149, 128 }
                          : (format){ 53, -1074, 1024 };
}

/* b * 2^exponent, and a little more when `rest`. */
static f64 rounded(const big *b, i32 exponent, bool rest, format f)
{
    i32 bits = (i32)big_bits(b), drop = MAX(MAX(bits - (i32)f.bits, f.lowest - exponent), 0);
    u64 kept = 0;
    for (i32 i = bits; i-- > drop;) kept = kept * 2 + big_bit(b, (u32)i);
    bool half = drop > 0 && drop <= bits && big_bit(b, (u32)drop - 1);
    for (i32 i = 0; i < drop - 1 && i < bits && !rest; i++) rest = big_bit(b, (u32)i);
    kept += half && (rest || kept & 1);
    f64 v = ldexp((f64)kept, exponent + drop);
    return v < ldexp(1, f.top) ? v : HUGE_VAL;
}

static f64 value_of(decimal *d, format f)
{
    enum { FIVES = 13, FIVE_POW = 1220703125 };
    i32 shift = 0, left;
    i64 point = d->exponent + d->digits;
    if (!d->digits || point < SMALLEST) return 0;
    if (point > LARGEST) return HUGE_VAL;
    left = (i32)(d->exponent < 0 ? -d->exponent : d->exponent);
    if (d->exponent < 0) { /* 5^left is less than 2^(3 * left) */
        u32 limbs = (u32)left * 3 / 32 + 3;
        memmove(d->whole.limb + limbs, d->whole.limb, d->whole.n * sizeof(u32));
        memset(d->whole.limb, 0, limbs * sizeof(u32));
        d->whole.n += limbs;
        shift = (i32)limbs * 32;
    }
    for (; left > 0; left -= FIVES) {
        u32 by = FIVE_POW;
        for (i32 i = left; i < FIVES; i++) by /= 5;
        if (d->exponent < 0) d->rest |= big_divide(&d->whole, by);
        else big_multiply_add(&d->whole, by, 0);
    }
    return rounded(&d->whole, (i32)d->exponent - shift, d->rest, f);
}

bool number_read(const char **text, const char *end, qn_dtype as, f64 *out)
{
    scan s = { *text, end };
    decimal d = { 0 };
    bool minus = peek(&s) == '-';
    if (minus || peek(&s) == '+') s.at++;
    if (scan_word(&s, "inf")) *out = HUGE_VAL;
    else if (scan_word(&s, "nan")) *out = (f64)NAN;
    else if (scan_decimal(&s, &d)) *out = value_of(&d, format_of(as));
    else return false;
    if (minus) *out = -*out;
    *text = s.at;
    return true;
}

/* ---- printing */

/* The digits of v from its "%e", whatever stands between them there; gives the exponent of the first. */
static i32 digits_of(f64 v, int n, char *digits)
{
    char text[40];
    snprintf(text, sizeof text, "%.*e", n - 1, fabs(v));
    const char *at = text, *e = strchr(text, 'e');
    for (; e && at < e; at++)
        if (*at >= '0' && *at <= '9') *digits++ = *at;
    *digits = 0;
    i32 exponent = 0;
    for (at = e ? e + 2 : ""; *at; at++) exponent = exponent * 10 + (*at - '0');
    return e && e[1] == '-' ? -exponent : exponent;
}

static bool reads_back(const char *digits, i32 exponent, f64 v, qn_dtype as)
{
    decimal d = { 0 };
    d.exponent = exponent + 1 - (i64)strlen(digits);
    for (; *digits; digits++) take_digit(&d, (u32)(*digits - '0'));
    return value_of(&d, format_of(as)) == fabs(v);
}

static char *put_digits(char *to, const char *digits, i32 n, i32 before_point)
{
    for (i32 i = MIN(before_point - 1, 0); i < MAX(n, before_point); i++) {
        if (i == before_point) *to++ = '.';
        *to++ = i >= 0 && i < n ? digits[i] : '0';
    }
    return to;
}

static char *put_exponent(char *to, i32 exponent)
{
    u32 size = (u32)(exponent < 0 ? -exponent : exponent);
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    for (u32 unit = size < 100 ? 10 : 100; unit; unit /= 10) *to++ = (char)('0' + size / unit % 10);
    return to;
}

const char *number_print(char to[NUMBER_BYTES], f64 v, qn_dtype as)
{
    char digits[20], *at = to;
    i32 exponent = 0, n = 0;
    if (signbit(v) && !isnan(v)) *at++ = '-';
    if (!isfinite(v)) {
        memcpy(at, isnan(v) ? "nan" : "inf", 4);
        return to;
    }
    do exponent = digits_of(v, ++n, digits);
    while (n < 17 && !reads_back(digits, exponent, v, as));
    bool plain = exponent >= -5 && exponent < 16;
    at = put_digits(at, digits, n, plain ? exponent + 1 : 1);
    if (!plain) at = put_exponent(at, exponent);
    *at = 0;
    return to;
}
