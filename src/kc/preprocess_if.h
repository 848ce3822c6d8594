/* What directives ask of the rest of their line (preprocess_if.c). Private to src/kc. */
#ifndef KC_PREPROCESS_IF_H
#define KC_PREPROCESS_IF_H

#include "kc/macro.h"

bool preprocess_more(reader *r);                  /* is there more on the line of the directive being read? */
bool preprocess_condition(reader *r, kc_pos pos); /* the rest of an #if's line */
/* The value of the tokens as an integer expression; all of them must belong to it. where: "#if", for sentences. */
i64 preprocess_value(front *f, const token *items, u32 n, kc_pos pos, const char *where);

#endif
