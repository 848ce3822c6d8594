/* What a page calls to run the cases of ops, beside what src/web/web.h declares and after its rules: tests/op_case.h by numbers and handles.
 * Only in quern-tests.wasm, which no package holds. The lines that start with WEB are the exports. */
#ifndef WEB_OP_CASES_H
#define WEB_OP_CASES_H

#include "op_case.h"
#include "web/web.h"

WEB u32 qt_count(void);
WEB void *qt_open(u32 index); /* a case with what it should give, computed in double; 0: qt_failed */
WEB void qt_close(void *one);
WEB const char *qt_op(void *one); /* "Conv" */
WEB const char *qt_row(void *one,
                       u32 k); /* what its k-th try allows: "" all variants, then the name of each; 0 past the last */
WEB u32 qt_start(void *one, qn_device *d, const char *device,
                 u32 k); /* the k-th try, one at a time; op_outcome, as qt_poll */
WEB u32 qt_poll(void *one);
WEB u32 qt_checks(void);         /* that held so far */
WEB const char *qt_failed(void); /* the sentences of those that did not since this was last asked, "" for none */

#endif
