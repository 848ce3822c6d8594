/* The sentence of the last failure, one for each thread. Text is made in a second buffer first, so that a message may quote
 * qn_last_error() itself. A message that is too long is cut and ends in "...". */
#include <stdio.h>

#include "base/base.h"

enum { SENTENCE_BYTES = 2048 };

static THREAD_LOCAL char sentences[2][SENTENCE_BYTES]; /* of calls; of attempts inside them */
static THREAD_LOCAL u32 attempts;

static char *last_sentence(void) { return sentences[attempts > 0]; }

static void sentence_put(const char *head, const char *tail)
{
    char made[SENTENCE_BYTES];
    int n = snprintf(made, sizeof made, "%s%s", head, tail);
    if (n >= SENTENCE_BYTES) memcpy(made + SENTENCE_BYTES - 4, "...", 4);
    memcpy(last_sentence(), made, sizeof made);
}

qn_status(fail)(qn_status code, const char *format, ...)
{
    char made[SENTENCE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(made, sizeof made, format, args);
    va_end(args);
    if (n >= SENTENCE_BYTES) memcpy(made + SENTENCE_BYTES - 4, "...", 4);
    sentence_put(n < 0 ? format : made, "");
    return code;
}

qn_status(fail_nomem)(u64 bytes)
{
    return fail(QN_E_NOMEM, "out of memory: %llu bytes were wanted", (unsigned long long)bytes);
}

qn_status fail_in(qn_status code, const char *format, ...)
{
    if (code == QN_OK) return code;
    char head[SENTENCE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(head, sizeof head, format, args);
    va_end(args);
    sentence_put(head, last_sentence());
    return code;
}

const char *qn_last_error(void) { return last_sentence(); }

void attempt_begin(void) { attempts++; }

void attempt_end(bool failed)
{
    if (--attempts == 0 && failed) memcpy(sentences[0], sentences[1], SENTENCE_BYTES);
}
