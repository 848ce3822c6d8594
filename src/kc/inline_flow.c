/* Where control goes in a function: whether a statement always, maybe or never returns, and what that makes of the statements after it. */
#include "kc/inline.h"

flow inline_flow_of(const kc_stmt *s)
{
    switch (s->op) {
    case S_RETURN: return RETURNS_ALWAYS;
    case S_BLOCK: return inline_flow_of_list(s->body);
    case S_IF: {
        flow a = inline_flow_of_list(s->body), b = inline_flow_of_list(s->other);
        return a == b ? a : RETURNS_MAYBE;
    }
    case S_LOOP: {
        flow body = inline_flow_of_list(s->body);
        if (body == RETURNS_NEVER) return RETURNS_NEVER;
        return (!s->value || (s->test_last && body == RETURNS_ALWAYS)) && !kc_breaks(s->body) ? RETURNS_ALWAYS
                                                                                              : RETURNS_MAYBE;
    }
    default: return RETURNS_NEVER;
    }
}

flow inline_flow_of_list(const kc_stmt *s)
{
    flow all = RETURNS_NEVER;
    for (; s; s = s->next) {
        flow one = inline_flow_of(s);
        if (one == RETURNS_ALWAYS) return RETURNS_ALWAYS;
        if (one == RETURNS_MAYBE) all = RETURNS_MAYBE;
    }
    return all;
}

/* `if (c) return ...;` with nothing or no return in the other branch: what follows can go into that branch. */
const kc_stmt *const *inline_open_branch(const kc_stmt *s)
{
    if (s->op != S_IF) return NULL;
    flow a = inline_flow_of_list(s->body), b = inline_flow_of_list(s->other);
    if (a == RETURNS_ALWAYS && b == RETURNS_NEVER) return &s->other;
    if (b == RETURNS_ALWAYS && a == RETURNS_NEVER) return &s->body;
    return NULL;
}

bool inline_needs_flag(const kc_stmt *s)
{
    for (; s; s = s->next) {
        if (s->op == S_LOOP && inline_flow_of_list(s->body) != RETURNS_NEVER) return true;
        if (inline_flow_of(s) == RETURNS_MAYBE && s->next && !inline_open_branch(s)) return true;
        if ((s->op == S_IF || s->op == S_BLOCK) && (inline_needs_flag(s->body) || inline_needs_flag(s->other))) return true;
    }
    return false;
}
