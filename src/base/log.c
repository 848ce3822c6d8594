/* Lines for the caller's log. Without a hook nothing is even formatted. */
#include <stdio.h>

#include "base/base.h"

static qn_log_fn log_hook;
static void *log_user;

void qn_set_log(qn_log_fn log, void *user)
{
    log_hook = log;
    log_user = user;
}

void log_line(qn_log_level level, const char *format, ...)
{
    if (!log_hook) return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_hook(log_user, level, line);
}
