/* RegexFullMatch, on the host: patterns are base/regex.h's. */
#include "base/regex.h"
#include "op/op_util.h"

static qn_status pattern_of(const node *n, regex **out)
{
    const attr *a = attr_find(n, "pattern");
    return regex_make(a ? a->text : (qn_bytes){ "", 0 }, out);
}

static qn_status infer_regex(infer *c)
{
    regex *r;
    type y = type_with(infer_in(c, 0), QN_BOOL);
    qn_status s = pattern_of(c->n, &r);
    if (s != QN_OK) return infer_fail(c, s, "%s", qn_last_error());
    regex_free(r);
    return infer_out(c, 0, &y);
}

static qn_status match_all(const regex *r, const qn_tensor *x, u8 *y)
{
    const qn_bytes *texts = x->data;
    for (u64 i = 0, n = qn_tensor_elems(x); i < n; i++) {
        bool yes;
        QN_TRY(fail_in(regex_matches(r, texts[i], &yes), "text %llu: ", (unsigned long long)i));
        y[i] = yes;
    }
    return QN_OK;
}

static qn_status host_regex(host_call *h)
{
    const qn_tensor *x = h->in[0];
    u8 *y = host_out(h, 0, QN_BOOL, x->rank, x->dims);
    regex *r;
    if (!y) return QN_E_NOMEM;
    QN_TRY(pattern_of(h->n, &r));
    qn_status s = match_all(r, x, y);
    regex_free(r);
    return s;
}

const op_def op_RegexFullMatch = {
    .name = "RegexFullMatch",
    .doc = DOC("whether the pattern, in RE2's syntax, matches all of each text"),
    .in = { { "X", "string" } },
    .out = { { "Y", "bool" } },
    .attrs = { NEEDED("pattern", ATTR_TEXT) },
    .infer = infer_regex,
    .host = host_regex,
};
