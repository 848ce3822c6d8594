/* The kinds of reduction, chosen outside the loop: FOLD_KIND(start, V) runs LOOP(enter, meet) of the kind, which folds into `acc`.
 *     kind   0 sum   1 sum of squares   2 sum of |x|   3 max   4 min   5 product
 *     post   0 the result itself   1 divided by the count   2 square root   3 logarithm */
#define ENTER_PLAIN(v)  (v)
#define ENTER_SQUARE(v) ((v) * (v))
#define ENTER_ABS(v)    abs(v)
#define MEET_SUM(a, b)  ((a) + (b))
#define MEET_MAX(a, b)  max(a, b)
#define MEET_MIN(a, b)  min(a, b)
#define MEET_PROD(a, b) ((a) * (b))

#define FOLD_KIND(kind, LOOP)                                                                                               \
    if (kind == 0) { LOOP(ENTER_PLAIN, MEET_SUM) }                                                                          \
    else if (kind == 1) { LOOP(ENTER_SQUARE, MEET_SUM) }                                                                    \
    else if (kind == 2) { LOOP(ENTER_ABS, MEET_SUM) }                                                                       \
    else if (kind == 3) { LOOP(ENTER_PLAIN, MEET_MAX) }                                                                     \
    else if (kind == 4) { LOOP(ENTER_PLAIN, MEET_MIN) }                                                                     \
    else { LOOP(ENTER_PLAIN, MEET_PROD) }
