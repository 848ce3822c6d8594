/* Devices and models opened as the flags say, failures told, files and folders. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli.h"

double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int exit_code(qn_status s)
{
    switch (s) {
    case QN_OK: return EXIT_DONE;
    case QN_E_USAGE:
    case QN_E_NAME: return EXIT_USAGE;
    case QN_E_FORMAT:
    case QN_E_UNSUPPORTED:
    case QN_E_KERNEL:
    case QN_E_IO: return EXIT_FILE;
    case QN_E_NO_DEVICE: return EXIT_DEVICE;
    default: return EXIT_RUN;
    }
}

void put_error(const char *text, const char *status)
{
    json_begin(NULL, '{');
    json_put_text("error", text);
    json_put_text("status", status);
    json_end('}');
}

int report_failure(const args *a, qn_status s)
{
    const char *text = qn_last_error();
    progress_clear();
    fprintf(stderr, "quern %s: %s\n", a->command->name, *text ? text : qn_status_text(s));
    if (a->json) put_error(*text ? text : qn_status_text(s), qn_status_text(s));
    return exit_code(s);
}

int tell_failure(const args *a, int code, qn_status kind, const char *format, ...)
{
    char text[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    progress_clear();
    fprintf(stderr, "quern %s: %s\n", a->command->name, text);
    if (a->json) put_error(text, qn_status_text(kind));
    return code;
}

int tell_nomem(const args *a) { return tell_failure(a, EXIT_RUN, QN_E_NOMEM, "out of memory"); }

static bool on_progress(void *user, const char *stage, double part)
{
    (void)user;
    progress_show(stage, part);
    return true;
}

int open_device(const args *a, qn_device **out)
{
    const char *spec = args_text(a, "--device");
    qn_device_desc desc = { .threads = args_number(a, "--threads", 0), .progress = on_progress };
    qn_status s = qn_device_open(spec ? spec : "auto", &desc, out);
    progress_clear();
    if (s == QN_OK) return 0;
    int code = report_failure(a, s);
    return s == QN_E_NAME || s == QN_E_USAGE ? EXIT_DEVICE : code;
}

static bool layout_of(const char *text, qn_session_desc *desc)
{
    static const char *const names[] = {
        [QN_LAYOUT_CHANNELS_FIRST] = "nchw", [QN_LAYOUT_CHANNELS_LAST] = "nhwc", [QN_LAYOUT_CHANNELS_BLOCKED] = "blocked"
    };
    for (size_t i = 1; text && i < COUNT(names); i++)
        if (!strcmp(text, names[i])) return desc->layout = (enum qn_layout)i, true;
    return !text;
}

int open_model(const args *a, const char *path, qn_session_desc *desc, qn_session **out)
{
    if (!layout_of(args_text(a, "--layout"), desc)) return usage_error(a, "--layout wants nchw, nhwc or blocked");
    desc->path = path;
    desc->progress = on_progress;
    qn_status s = qn_session_open(desc, out);
    progress_clear();
    if (s == QN_OK) return 0;
    int code = report_failure(a, s);
    return s < QN_E_FORMAT || s == QN_E_DATA ? EXIT_FILE : code; /* what does not fit is the file's own here */
}

bool read_file(const char *path, char **text, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    size_t cap = 1 << 16, used = 0;
    char *data = malloc(cap);
    while (data) {
        used += fread(data + used, 1, cap - 1 - used, f);
        if (used < cap - 1) break;
        char *more = cap > (size_t)1 << 28 ? NULL : realloc(data, cap *= 2);
        if (!more) free(data);
        data = more;
    }
    bool ok = data && !ferror(f);
    fclose(f);
    if (!ok) {
        free(data);
        return false;
    }
    data[used] = 0;
    *text = data;
    if (n) *n = used;
    return true;
}

void file_safe_name(const char *name, char *out, size_t bytes)
{
    size_t n = 0;
    for (; *name && n + 1 < bytes; name++) {
        char c = *name;
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
        out[n++] = plain ? c : '_';
    }
    if (n == 0 && bytes > 1) out[n++] = '_';
    out[n] = 0;
    if (out[0] == '.') out[0] = '_'; /* no hidden files, no ".." */
}

bool make_folder(const char *path)
{
    char part[4096];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) return false;
    for (char *p = part + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            mkdir(part, 0777);
            *p = '/';
        }
    struct stat st;
    return mkdir(part, 0777) == 0 || (errno == EEXIST && stat(part, &st) == 0 && S_ISDIR(st.st_mode));
}

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
