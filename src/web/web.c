/* The page's side of memory, failures and names, and the one document in which describing calls answer. */
#include "web/web_private.h"

static qn_status last;
static str document;
static json writer;

bool web_ok(qn_status s)
{
    if (s != QN_OK) last = s;
    return s == QN_OK;
}

void *qw_alloc(u32 bytes)
{
    void *p = mem_alloc(bytes);
    if (!p) web_ok(fail_nomem(bytes));
    return p;
}

void qw_free(void *p) { mem_free(p); }
u32 qw_blocks(void) { return (u32)mem_blocks_alive(); }
u32 qw_status(void) { return (u32)last; }
const char *qw_error(void) { return qn_last_error(); }
const char *qw_version(void) { return qn_version(); }
const char *qw_build(void) { return quern_build; }
const char *qw_status_text(u32 status) { return qn_status_text((qn_status)status); }

const char *qw_dtype_name(u32 dtype) { return dtype < QN_DTYPE_COUNT ? qn_dtype_name((qn_dtype)dtype) : ""; }
u32 qw_dtype_bytes(u32 dtype) { return dtype < QN_DTYPE_COUNT ? (u32)qn_dtype_bytes((qn_dtype)dtype) : 0; }

json *web_json(char bracket)
{
    str_free(&document);
    document = (str){ 0 };
    writer = (json){ .out = &document };
    json_open(&writer, NULL, bracket);
    return &writer;
}

const char *web_json_end(char bracket)
{
    json_close(&writer, bracket);
    if (!document.bad) return document.text;
    web_ok(fail_nomem(document.n));
    return NULL;
}
