/* The sentence of the last failure, one for each thread. Text is made in a second buffer first, so that a message may quote
 * qn_last_error() itself. A message that is too long is cut and ends in "...".
 * Names come from files that anybody made, and sentences end in terminals and logs: what is no character to show becomes \xNN. A format
 * that holds a line end makes text of several lines (a compiler's diagnostics), which keeps its line ends and tabs. */
#include <stdio.h>

#include "base/base.h"

enum { SENTENCE_BYTES = 2048 };

static THREAD_LOCAL char sentences[2][SENTENCE_BYTES]; /* of calls; of attempts inside them */
static THREAD_LOCAL u32 attempts;

static char *last_sentence(void) { return sentences[attempts > 0]; }

/* Bytes of the character to show at `at`, 0 when it is none: broken UTF-8, or a control character (C0, DEL, C1). */
static u32 shown_bytes(const char *at, bool lines)
{
    const u8 *b = (const u8 *)at;
    u32 n = utf8_bytes(b, strlen(at));
    if (*b == '\n' || *b == '\t') return lines;
    bool control = *b < 0x20 || *b == 0x7f || (*b == 0xc2 && n == 2 && b[1] < 0xa0);
    return control ? 0 : n;
}

static void make_text(char *out, const char *format, va_list args)
{
    bool lines = strchr(format, '\n');
    char raw[SENTENCE_BYTES];
    int wanted = vsnprintf(raw, sizeof raw, format, args);
    if (wanted < 0) snprintf(raw, sizeof raw, "%s", format);
    size_t k = 0;
    const char *at = raw;
    for (u32 n = 0; *at; at += MAX(n, 1)) {
        n = shown_bytes(at, lines);
        if (k + (n ? n : 4) >= SENTENCE_BYTES) break;
        if (n) memcpy(out + k, at, n);
        else snprintf(out + k, 5, "\\x%02x", (u8)*at);
        k += n ? n : 4;
    }
    out[k] = '\0';
    if (wanted >= SENTENCE_BYTES || *at) memcpy(out + k - 3, "...", 4);
}

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
    make_text(made, format, args);
    va_end(args);
    sentence_put(made, "");
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
    make_text(head, format, args);
    va_end(args);
    if (!text_starts(last_sentence(), head)) sentence_put(head, last_sentence()); /* where it happened may have said so */
    return code;
}

const char *qn_last_error(void) { return last_sentence(); }

void attempt_begin(void) { attempts++; }

void attempt_end(bool failed)
{
    if (--attempts == 0 && failed) memcpy(sentences[0], sentences[1], SENTENCE_BYTES);
}
