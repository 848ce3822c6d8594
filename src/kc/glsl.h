/* The parts of the GLSL printer: dialect_glsl.c spells values, glsl_call.c calls, glsl_shader.c what stands around the kernel. Private to src/kc. */
#ifndef GLSL_H
#define GLSL_H

#include "kc/print.h"

/* dialect_glsl.c */
bool glsl_is_wide(kc_type t); /* a pair of words */
bool glsl_is_unsigned(kc_type t);
bool glsl_said(printer *p, const char *name);          /* remembers a name: was it known already? */
const char *glsl_helper(printer *p, const char *name); /* its name, once its text is asked for */
void glsl_put_call(printer *p, const char *name, const kc_expr *const *a, u32 n);
void glsl_put_helper(printer *p, const char *name, kc_type result, const kc_expr *const *a,
                     u32 n);                       /* also of vectors, lane by lane */
void glsl_put_index(printer *p, const kc_expr *e); /* as a uint */

/* glsl_call.c */
bool glsl_call(printer *p, const kc_expr *e, const char *text);

/* glsl_helpers.c */
u32 glsl_turns_of(
    const kc_expr *e); /* of the loops in the function that takes the place of this operator or call, a lane, at most */

/* glsl_shader.c */
void glsl_unit(printer *p, str *out);

#endif
