/* What the files of this folder share. */
#ifndef WEB_PRIVATE_H
#define WEB_PRIVATE_H

#include "web/web.h"

bool web_ok(qn_status s); /* keeps a failure for qw_status; true for QN_OK */

/* One document at a time: what a describing call gives. */
json *web_json(char bracket);
const char *web_json_end(char bracket); /* 0: no memory */

typedef struct web_input {
    qn_tensor tensor;
    void *data;
    u64 bytes; /* allocated */
    bool fed;
    qn_buffer *from; /* instead of data */
} web_input;
typedef struct web_session {
    qn_session *session;
    web_input *inputs; /* [qn_input_count] */
    void *file;
    u32 tag;
} web_session;

/* web_prep.c: bools, as web_ok. */
bool web_prep_guess(const web_session *s, const char *config, qn_image_prep *out);
bool web_prep_read(const char *text, qn_image_prep *p); /* what the text does not say stays as it is */

typedef struct web_defines { /* "N=4 T=f32" cut apart */
    char *text;
    qn_define list[64];
    u32 n;
} web_defines;

#endif
