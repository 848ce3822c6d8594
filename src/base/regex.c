/* Matching by PCRE2's second algorithm, which walks the text once with all states side by side: no backtracking, so the time is bounded by the
 * length of text and pattern. */
#include "base/regex.h"

#if defined(QUERN_HAVE_PCRE2) && QUERN_HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Words for the states of a step, some six each. A step looks at each pair of them at worst: with room for more, a text must be shorter. */
enum { FIRST_WORDS = 1 << 10, MOST_WORDS = 1 << 20 };
#define MOST_WORK 4e11

struct regex {
    pcre2_general_context *memory;
    pcre2_code *code;
    pcre2_match_data *found;
};

static void *lib_alloc(size_t n, void *user)
{
    (void)user;
    return mem_alloc(n);
}

static void lib_free(void *p, void *user)
{
    (void)user;
    mem_free(p);
}

static qn_status fail_regex(int code)
{
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAPLIMIT || code == PCRE2_ERROR_HEAP_FAILED)
        return fail(QN_E_NOMEM, "no memory for the pattern");
    PCRE2_UCHAR text[160];
    pcre2_get_error_message(code, text, sizeof text);
    return fail(QN_E_UNSUPPORTED, "the pattern is refused by PCRE2: %s", (const char *)text);
}

static qn_status compile(regex *r, const str *text)
{
    r->memory = pcre2_general_context_create(lib_alloc, lib_free, NULL);
    if (!r->memory) return fail_regex(PCRE2_ERROR_NOMEMORY);
    pcre2_compile_context *how = pcre2_compile_context_create(r->memory);
    if (!how) return fail_regex(PCRE2_ERROR_NOMEMORY);
    int code = 0;
    size_t at = 0;
    pcre2_set_newline(how, PCRE2_NEWLINE_LF);
    r->code = pcre2_compile((PCRE2_SPTR)(text->text ? text->text : ""), text->n,
                            PCRE2_UTF | PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &at, how);
    pcre2_compile_context_free(how);
    if (!r->code) return fail_regex(code);
    r->found = pcre2_match_data_create(1, r->memory);
    return r->found ? QN_OK : fail_regex(PCRE2_ERROR_NOMEMORY);
}

qn_status regex_make(qn_bytes pattern, regex **out)
{
    str text = { 0 };
    qn_status s = regex_rewrite(pattern, &text);
    regex *r = s == QN_OK ? mem_zalloc(sizeof *r) : NULL;
    if (s == QN_OK) s = r ? compile(r, &text) : fail_nomem(sizeof *r);
    str_free(&text);
    if (s != QN_OK) regex_free(r);
    else *out = r;
    return s;
}

static qn_status match_with(const regex *r, qn_bytes text, size_t words, bool *out, bool *more)
{
    int *room = mem_alloc(words * sizeof *room);
    if (!room) return fail_nomem(words * sizeof *room);
    PCRE2_SPTR bytes = text.data ? (PCRE2_SPTR)text.data : (PCRE2_SPTR) "";
    int code = pcre2_dfa_match(r->code, bytes, text.n, 0, 0, r->found, NULL, room, words);
    mem_free(room);
    *more = code == PCRE2_ERROR_DFA_WSSIZE;
    *out = code >= 0 && pcre2_get_ovector_pointer(r->found)[1] == text.n; /* of all matches the longest comes first */
    bool not_utf = code <= PCRE2_ERROR_UTF8_ERR1 && code >= PCRE2_ERROR_UTF8_ERR21;
    return code >= 0 || *more || not_utf || code == PCRE2_ERROR_NOMATCH ? QN_OK : fail_regex(code);
}

qn_status regex_matches(const regex *r, qn_bytes text, bool *out)
{
    bool more = true;
    for (size_t words = FIRST_WORDS; more; words *= 4) {
        if (words > MOST_WORDS || (words > FIRST_WORDS && (f64)words * (f64)words * (f64)text.n > MOST_WORK))
            return fail(QN_E_UNSUPPORTED, "the pattern has too many ways at once for a text of %zu bytes", text.n);
        QN_TRY(match_with(r, text, words, out, &more));
    }
    return QN_OK;
}

void regex_free(regex *r)
{
    if (!r) return;
    pcre2_match_data_free(r->found);
    pcre2_code_free(r->code);
    pcre2_general_context_free(r->memory);
    mem_free(r);
}
#else
qn_status regex_make(qn_bytes pattern, regex **out)
{
    (void)pattern, (void)out;
    return fail(QN_E_UNSUPPORTED, "this build matches no patterns: it was made without PCRE2 (libpcre2-8)");
}

qn_status regex_matches(const regex *r, qn_bytes text, bool *out)
{
    (void)r, (void)text, (void)out;
    return fail(QN_E_BUG, "no patterns here");
}

void regex_free(regex *r) { (void)r; }
#endif
