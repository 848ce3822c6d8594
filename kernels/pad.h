/* Where a padded coordinate comes from. how: 0 constant, 1 reflect, 2 edge, 3 wrap. */

/* The coordinate in an input of n elements that place c (counted from the input's first element) shows; -1: the constant. */
static i32 pad_source(i32 c, i32 n, u32 how)
{
    i32 at = c;
    if (c < 0 || c >= n) {
        if (how == 0 || n == 0) at = -1;
        else if (how == 1) {
            i32 period = max(2 * (n - 1), 1);
            at = c % period;
            if (at < 0) at += period;
            if (at >= n) at = period - at;
        } else if (how == 2) at = c < 0 ? 0 : n - 1;
        else {
            at = c % n;
            if (at < 0) at += n;
        }
    }
    return at;
}
