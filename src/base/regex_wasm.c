/* Matching by the page's RegExp, which keeps the patterns that it has compiled. It has no bound of its own: a pattern that backtracks takes its
 * time there. */
#include "base/regex.h"

/* 1: all of the text matches, 0: it does not, 2: the page has no such patterns. */
FROM_PAGE(matches) extern u32 page_matches(const char *pattern, u32 pattern_bytes, const void *text, u32 text_bytes);

struct regex {
    str pattern;
};

qn_status regex_matches(const regex *r, qn_bytes text, bool *out)
{
    u32 answer = page_matches(r->pattern.text ? r->pattern.text : "", (u32)r->pattern.n, text.data, (u32)text.n);
    *out = answer == 1;
    return answer < 2 ? QN_OK : fail(QN_E_UNSUPPORTED, "this browser's RegExp does not take the pattern");
}

qn_status regex_make(qn_bytes pattern, regex **out)
{
    regex *r = mem_zalloc(sizeof *r);
    if (!r) return fail_nomem(sizeof *r);
    bool any;
    qn_status s = regex_rewrite(pattern, &r->pattern);
    if (s == QN_OK) s = regex_matches(r, (qn_bytes){ 0 }, &any);
    if (s == QN_OK) *out = r;
    else regex_free(r);
    return s;
}

void regex_free(regex *r)
{
    if (!r) return;
    str_free(&r->pattern);
    mem_free(r);
}
