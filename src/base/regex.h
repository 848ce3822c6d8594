/* Regular expressions in RE2's syntax, against whole texts. The engine is a library's, or the page's. */
#ifndef REGEX_H
#define REGEX_H

#include "base/base.h"

typedef struct regex regex;
/* QN_E_FORMAT: no pattern of RE2's, with the place. QN_E_UNSUPPORTED: too large, or there is no engine in this build. */
qn_status regex_make(qn_bytes pattern, regex **out);
/* Whether the pattern matches all of the text, UTF-8 or not (what is not matches nothing). */
qn_status regex_matches(const regex *r, qn_bytes text, bool *out);
void regex_free(regex *r); /* NULL is fine */

/* regex_pattern.c: the pattern in the words that all engines share, added to `out`. */
qn_status regex_rewrite(qn_bytes pattern, str *out);

/* regex_class.c */
enum { REGEX_MAX_CHAR = 0x10ffff };
void regex_put_char(str *out, u32 c);             /* as itself, whatever it means in a pattern */
void regex_put_range(str *out, u32 from, u32 to); /* in a class; from = to: one character */
/* RE2's [:alpha:] and the like, and d s w, in a class; fold: of a class under (?i). false: there is no such class. */
bool regex_put_named(str *out, const char *name, size_t n, bool negated, bool fold);

#endif
