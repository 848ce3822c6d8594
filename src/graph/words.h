/* Words of the graph's text: names, as they are where they read as one word, quoted with escapes where they do not. */
#ifndef WORDS_H
#define WORDS_H

#include "base/base.h"

enum { WORD_MAX_BYTES = 1 << 16 };

/* `name`, or "na\"me" where it is not a plain word ([A-Za-z_%], then also digits and dots). Bytes outside ASCII print as \xHH. */
void word_print(str *out, const char *name, size_t n);
void word_print_quoted(str *out, const char *text, size_t n);
/* Read a plain or quoted word at *text and move past it; NUL-terminated, in mem. QN_E_FORMAT, without a sentence: none is there, or a
 * bad escape. QN_E_NOMEM. */
qn_status word_read(arena *mem, const char **text, qn_bytes *out);
bool word_starts(char c);                /* may a word, plain or quoted, start so? */
void word_skip_space(const char **text); /* blanks and tabs, not line ends */
#endif
