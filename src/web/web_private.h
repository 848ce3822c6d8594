/* What the files of this folder share. */
#ifndef WEB_PRIVATE_H
#define WEB_PRIVATE_H

#include "web/web.h"

bool web_ok(qn_status s); /* keeps a failure for qw_status; true for QN_OK */

/* One document at a time: what a describing call gives. */
json *web_json(char bracket);
const char *web_json_end(char bracket); /* 0: no memory */

/* Where an input, or an item of one, is put. What it owns stays from run to run, and grows. */
typedef struct web_place {
    qn_tensor tensor;
    void *data;
    u64 bytes; /* allocated */
    bool fed;
    qn_buffer *from;         /* instead of data; of an input only */
    struct web_place *items; /* [room]: what a sequence or optional holds */
    u32 room;
} web_place;
typedef struct web_session {
    qn_session *session;
    web_place *inputs; /* [qn_input_count] */
    void *file;
    u32 tag;
} web_session;

/* web_values.c */
void web_place_free(web_place *p); /* what it owns */
bool web_place_whole(web_place *p,
                     const char *name); /* puts together what lists hold; as web_ok: an item of it was not fed */

/* web_prep.c: bools, as web_ok. */
bool web_prep_guess(const web_session *s, const char *config, qn_image_prep *out);
bool web_prep_read(const char *text, qn_image_prep *p); /* what the text does not say stays as it is */

typedef struct web_defines { /* "N=4 T=f32" cut apart */
    char *text;
    qn_define list[64];
    u32 n;
} web_defines;

#endif
