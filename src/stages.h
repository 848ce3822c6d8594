/* The stages of a session in quern.c, once more: for a run that needs a plan of its own. */
#ifndef STAGES_H
#define STAGES_H

#include "exec/session.h"

static inline bool session_is_open(const qn_session *s) { return s->stage == SESSION_OPEN; }
qn_status session_read_again(qn_session *s); /* the plan is dropped, the graph as in the file */
bool session_may_be_told(qn_status status);  /* may it be mended by knowing more of the inputs? */
/* A plan out of the graph. done false: the device must answer first, or the turn is over. */
qn_status session_plan_begin(qn_session *s);
qn_status session_plan_go_on(qn_session *s, bool *done);
/* Until the device may have answered; fails where nobody can wait. */
qn_status session_wait_a_little(const qn_session *s);
#endif
