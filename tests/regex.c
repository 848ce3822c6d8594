/* Regular expressions in RE2's syntax: what becomes of a pattern, what is refused and where, which texts match, how long that may take. That the
 * answers are RE2's is checked against onnxruntime, in tests/make_untested_cases.py. */
#include "base/regex.h"
#include "test.h"

#define BYTES(text) ((qn_bytes){ (text), sizeof(text) - 1 })

/* clang-format off */
static const struct {
    const char *pattern, *to; /* to NULL: refused, */
    const char *why;          /* with these words */
} rewritten[] = {
    { "", "", "" },
    { "a+b*?c{2,3}", "a+b*c{2,3}", "" },
    { "x{,2}{", "x\\{,2\\}\\{", "" },
    { "\\.\\-\\_ \\n\\v\\x41\\x{e9}\\101\\01", "\\.-_ \\x0a\\x0bA\xc3\xa9""A\\x01", "" },
    { "\\Qa.b\\E+", "a\\.b+", "" },
    { ".(?s).", "[^\\n][\\s\\S]", "" },
    { "^a$(?m:^a$)\\A\\z", "(?:^)a(?:$)(?:(?:^|(?<=\\n))a(?:$|(?=\\n)))(?:^)(?:$)", "" },
    { "(a|(?P<n>b)|(?<m>c)|(?:d))", "(?:a|(?:b)|(?:c)|(?:d))", "" },
    { "(?i)k(?-i:k)", "(?i:k)(?:k)", "" },
    { "(a(?i)b|c)d", "(?:a(?i:b)|(?i:c))d", "" },
    { "[]a-c^-]", "[\\]a-c\\^\\-]", "" },
    { "[^\\d\\s]\\W", "[^0-9\\x09-\\x0a\\x0c-\\x0d ][\\x00-\\/\\x3a-@\\[-\\^`\\{-\\x7f\xc2\x80-\xf4\x8f\xbf\xbf]", "" },
    { "[[:alpha:]_]", "[A-Za-z_]", "" },
    { "[:al:]=[.=]", "[\\x3aal\\x3a]=[\\.\\x3d]", "" },
    { "[[:^ascii:]]", "[\xc2\x80-\xf4\x8f\xbf\xbf]", "" },
    { "\\pN\\p{Greek}\\P{^Lu}", "[\\p{N}][\\p{sc=Greek}][\\p{Lu}]", "" },
    { "(?i)[a-c]\\W", "(?i:[a-c])[\\x00-\\/\\x3a-@\\[-\\^`\\{-\\x7f\xc2\x80-\xc5\xbe\xc6\x80-\xe2\x84\xa9\xe2\x84\xab-\xf4\x8f\xbf\xbf]", "" },
    { "a**", NULL, "at byte 2, a repeat of a repeat" },
    { "a|*b", NULL, "at byte 2, nothing to repeat" },
    { "(*UTF)a", NULL, "at byte 1, nothing to repeat" },
    { "a{2,1}", NULL, "at byte 1, a repeat that is not 0 to 1000 times" },
    { "a{1001}", NULL, "at byte 1, a repeat that is not 0 to 1000 times" },
    { "(ab", NULL, "at byte 3, a group without its )" },
    { "ab)", NULL, "at byte 2, a ) that closes nothing" },
    { "[ab", NULL, "at byte 3, a class without its ]" },
    { "[a-\\d]", NULL, "at byte 3, an escape that RE2 does not have" },
    { "[b-a]", NULL, "at byte 1, a range that ends before it starts" },
    { "[[:nosuch:]]", NULL, "at byte 1, a class that RE2 does not have" },
    { "a\\", NULL, "at byte 1, nothing follows the backslash" },
    { "(a)\\1", NULL, "at byte 3, an escape that RE2 does not have" },
    { "(?=a)", NULL, "at byte 0, a group that RE2 does not have" },
    { "(?<!a)", NULL, "at byte 0, a group that RE2 does not have" },
    { "(?<=a)", NULL, "at byte 0, a group that RE2 does not have" },
    { "(?>a)", NULL, "at byte 0, a group that RE2 does not have" },
    { "(?P=n)", NULL, "at byte 0, a group that RE2 does not have" },
    { "\\x{110000}", NULL, "at byte 0, \\x wants" },
    { "\\p{", NULL, "at byte 2, \\p wants" },
    { "a\\C", NULL, "\\C, a byte whatever it is, at byte 1" },
    { "(?i)\\pL", NULL, "under (?i), at byte 6" },
    { "a\xff", NULL, "no UTF-8: byte 1" },
};

#define TEXT(text) (text), sizeof(text) - 1
static const struct {
    const char *pattern;
    const char *text;
    size_t n;
    bool yes;
} matched[] = {
    { "", TEXT(""), true },
    { "", TEXT("a"), false },
    { "a|ab", TEXT("ab"), true },
    { "a|ab", TEXT("abc"), false },
    { "a\\x00b", TEXT("a\0b"), true },
    { "a.b", TEXT("a\0b"), true },
    { "a$", TEXT("a\n"), false },
    { "(?m)a$\\n", TEXT("a\n"), true },
    { "(?m)a\\n^", TEXT("a\n"), true },
    { ".", TEXT("\xe2\x98\x83"), true },
    { ".", TEXT("\xff"), false },
    { "[^a]*", TEXT("b\xff"), false },
    { "(?i)\xc3\xa9k", TEXT("\xc3\x89\xe2\x84\xaa"), true },
    { "\\p{Greek}+", TEXT("\xce\xb1\xcf\x89"), true },
};
/* clang-format on */

static void rewriting(test *t)
{
    for (size_t i = 0; i < COUNT(rewritten); i++) {
        str out = { 0 };
        const char *pattern = rewritten[i].pattern, *to = rewritten[i].to;
        qn_status s = regex_rewrite((qn_bytes){ pattern, strlen(pattern) }, &out);
        if (to)
            CHECK(t, s == QN_OK && text_same(out.text, to), "'%s' becomes '%s'", pattern, s ? qn_last_error() : out.text);
        else
            CHECK(t, s != QN_OK && strstr(qn_last_error(), rewritten[i].why), "'%s': %s", pattern,
                  s ? qn_last_error() : out.text);
        str_free(&out);
    }
}

static bool there_is_an_engine(test *t)
{
    regex *r;
    if (regex_make(BYTES("a"), &r) == QN_OK) return regex_free(r), true;
    CHECK(t, strstr(qn_last_error(), "without PCRE2"), "a build without says so: %s", qn_last_error());
    SKIP(t, "this build has no PCRE2");
    return false;
}

static void matching(test *t)
{
    for (size_t i = 0; i < COUNT(matched); i++) {
        regex *r = NULL;
        bool yes = !matched[i].yes;
        CHECK_OK(t, regex_make((qn_bytes){ matched[i].pattern, strlen(matched[i].pattern) }, &r));
        if (r) CHECK_OK(t, regex_matches(r, (qn_bytes){ matched[i].text, matched[i].n }, &yes));
        CHECK(t, yes == matched[i].yes, "'%s' and text %zu", matched[i].pattern, i);
        regex_free(r);
    }
}

/* Patterns that take an engine that backtracks longer than anybody waits: an answer or a sentence, soon. */
static void hostile(test *t)
{
    static const char *const patterns[] = { "(a+)+b", "(a|a)*b", "(?:x|(?:a*)*)*b", "(.*)*(.*)*(.*)*b",
                                            "((a?){50}){20}a{500}b" };
    static char text[20001];
    memset(text, 'a', sizeof text - 1);
    for (size_t i = 0; i < COUNT(patterns); i++) {
        regex *r = NULL;
        bool yes = true;
        f64 from = processor_seconds();
        CHECK_OK(t, regex_make((qn_bytes){ patterns[i], strlen(patterns[i]) }, &r));
        qn_status s = r ? regex_matches(r, BYTES(text), &yes) : QN_E_BUG;
        bool told = s == QN_E_UNSUPPORTED && strstr(qn_last_error(), "too many ways at once for a text of 20000 bytes");
        CHECK(t, (s == QN_OK && !yes) || told, "'%s': %s", patterns[i], qn_last_error());
        CHECK(t, processor_seconds() - from < 20, "'%s': %.1f s", patterns[i], processor_seconds() - from);
        if (r) CHECK_OK(t, regex_matches(r, BYTES("ab"), &yes));
        regex_free(r);
    }
    static char deep[600];
    memset(deep, '(', sizeof deep);
    regex *r;
    CHECK(t, regex_make((qn_bytes){ deep, sizeof deep }, &r) == QN_E_FORMAT && strstr(qn_last_error(), "200 groups"),
          "deep groups: %s", qn_last_error());
    CHECK(t, regex_make((qn_bytes){ text, 1 << 16 }, &r) == QN_E_UNSUPPORTED && strstr(qn_last_error(), "the limit is"),
          "a long pattern: %s", qn_last_error());
    const char *many = "((((a{1000}){1000}){1000}){1000})";
    CHECK(t, regex_make((qn_bytes){ many, strlen(many) }, &r) != QN_OK, "a pattern that unfolds to very many states");
}

/* Any failing allocation is a status, and nothing leaks. */
static void no_memory(test *t)
{
    for (u64 n = 1; n < 60; n++) {
        regex *r = NULL;
        bool yes;
        u64 alive = mem_blocks_alive();
        mem_fail_at(n);
        qn_status s = regex_make(BYTES("(a|[^b-d])+x"), &r);
        if (s == QN_OK) s = regex_matches(r, BYTES("aax"), &yes);
        bool over = s == QN_OK;
        mem_fail_at(0);
        regex_free(r);
        CHECK(t, s == QN_OK || s == QN_E_NOMEM, "allocation %llu fails: %s", (unsigned long long)n, qn_last_error());
        CHECK(t, mem_blocks_alive() == alive, "allocation %llu fails: a leak", (unsigned long long)n);
        if (over) return;
    }
    CHECK(t, false, "more than 60 allocations");
}

void test_regex(test *t)
{
    rewriting(t);
    if (!there_is_an_engine(t)) return;
    matching(t);
    hostile(t);
    no_memory(t);
}
