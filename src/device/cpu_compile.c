/* C text -> machine code through the system's compiler, kept in the user's cache folder.
 *
 * What is trusted: a folder that only this user can write, and in it regular files of this user. Anything else is worked around in a
 * fresh private folder. A file's name is the hash of text, flags and compiler, and it appears by rename, whole or not at all. The
 * compiler runs with a fixed argument list, no shell, its own process group, and a time limit. */
#include "device/cpu_compile.h"

#include <stdatomic.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { PATH_BYTES = 1024, NAME_BYTES = 64, MAX_FLAGS = 32, LIMIT_MS = 30000 };

/* ------------------------------------------------------------------ the compiler */
static char compiler[PATH_BYTES]; /* "" where there is none */
static u64 compiler_key;          /* changes when the compiler is replaced */
static pthread_once_t compiler_once = PTHREAD_ONCE_INIT;

static bool take_compiler(const char *folder, size_t n, const char *name)
{
    char path[PATH_BYTES];
    struct stat s;
    if (n == 0 || folder[0] != '/') return false; /* never what lies in the current folder */
    int length = snprintf(path, sizeof path, "%.*s/%s", (int)n, folder, name);
    if (length < 0 || (size_t)length >= sizeof path) return false;
    if (stat(path, &s) || !S_ISREG(s.st_mode) || access(path, X_OK)) return false;
    const i64 parts[] = { (i64)s.st_size, (i64)s.st_mtime, (i64)s.st_ino };
    compiler_key = hash_bytes(parts, sizeof parts, hash_bytes(path, strlen(path), 0));
    memcpy(compiler, path, sizeof path);
    return true;
}

static void find_compiler(void)
{
    static const char *const names[] = { "cc", "gcc", "clang" };
    const char *path = getenv("PATH");
    if (getenv("QUERN_NO_COMPILER") || !path) return;
    for (size_t i = 0; i < COUNT(names); i++)
        for (const char *at = path; *at; at += *at == ':') {
            size_t n = strcspn(at, ":");
            if (take_compiler(at, n, names[i])) return;
            at += n;
        }
}

bool cpu_compiler_found(void)
{
    pthread_once(&compiler_once, find_compiler);
    return compiler[0] != 0;
}

/* ------------------------------------------------------------------ flags: those that the kernels of the library are built with */
#if defined(__x86_64__)
#define AVX2 "-mavx2", "-mfma", "-mf16c", "-mbmi2"
#else
#define AVX2 NULL
#endif

typedef struct isa_flags {
    const char *isa;
    const char *flags[12];
} isa_flags;
static const isa_flags isas[] = {
    { "baseline", { NULL } },
    { "avx2", { AVX2 } },
    { "avx512", { "-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mprefer-vector-width=512", AVX2 } },
};
static const char *const always[] = { "-std=gnu11",
                                      "-O3",
                                      "-ffp-contract=fast",
                                      "-fno-math-errno",
                                      "-fno-trapping-math",
                                      "-fwrapv",
                                      "-fno-strict-aliasing",
                                      "-fPIC",
                                      "-shared",
                                      "-w" };

static const isa_flags *flags_of(const char *isa)
{
    for (size_t i = 0; i < COUNT(isas); i++)
        if (text_same(isas[i].isa, isa)) return &isas[i];
    return NULL;
}

/* ------------------------------------------------------------------ places */
static bool only_ours(const struct stat *s) { return s->st_uid == geteuid() && !(s->st_mode & (S_IWGRP | S_IWOTH)); }

/* The cache folder when it can be trusted, "" when not. */
static void put_cache(char *out, size_t n)
{
    struct stat s;
    if (!cache_folder(out, n) || lstat(out, &s) || !S_ISDIR(s.st_mode) || !only_ours(&s)) out[0] = 0;
}

static bool put_name(char *out, size_t n, const char *folder, const char *name)
{
    int length = snprintf(out, n, "%s/%s", folder, name);
    return length > 0 && (size_t)length < n;
}

/* A new folder that only we can enter, inside `cache` or else the system's for temporary files. */
static qn_status put_work(char *out, size_t n, const char *cache)
{
    const char *temporary = getenv("TMPDIR"), *in = cache[0] ? cache : temporary && temporary[0] == '/' ? temporary : "/tmp";
    if (!put_name(out, n, in, "quern-build-XXXXXX") || !mkdtemp(out))
        return fail(QN_E_IO, "no folder to compile in under %s: %s", in, strerror(errno));
    return QN_OK;
}

/* ------------------------------------------------------------------ running it */
/* Waits for the child and ends its whole group when it takes too long. The exit status, -1 for an end by force. A host that ignores
 * SIGCHLD leaves no status: then the output file decides. */
static int wait_child(pid_t child)
{
    for (u64 start = clock_ns(); (clock_ns() - start) / 1000000 < LIMIT_MS;) {
        int status = 0;
        pid_t done = waitpid(child, &status, WNOHANG);
        if (done == child) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (done < 0 && errno != EINTR) return 0;
        nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
    }
    kill(-child, SIGKILL);
    waitpid(child, NULL, 0);
    return -1;
}

static int run_compiler(const isa_flags *flags, const char *from, const char *to, const char *messages)
{
    const char *argv[MAX_FLAGS];
    u32 n = 0;
    argv[n++] = compiler;
    for (size_t i = 0; i < COUNT(always); i++) argv[n++] = always[i];
    for (size_t i = 0; i < COUNT(flags->flags) && flags->flags[i]; i++) argv[n++] = flags->flags[i];
    argv[n++] = "-o";
    argv[n++] = to;
    argv[n++] = from;
    argv[n++] = "-lm";
    argv[n] = NULL;

    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    pid_t child;
    if (posix_spawn_file_actions_init(&files)) return -1;
    if (posix_spawnattr_init(&how)) {
        posix_spawn_file_actions_destroy(&files);
        return -1;
    }
    bool ready = !posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) &&
                 !posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0) &&
                 !posix_spawn_file_actions_addopen(&files, 2, messages, O_WRONLY | O_CREAT | O_EXCL, 0600) &&
                 !posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP) && !posix_spawnattr_setpgroup(&how, 0);
    /* The arguments are not written to: posix_spawn's type is older than const. */
    bool started = ready && !posix_spawn(&child, compiler, &files, &how, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    return started ? wait_child(child) : -1;
}

/* The first error the compiler reports, or its first line, without the folder's name. */
static void put_message(char *out, size_t n, const char *path)
{
    char line[400];
    out[0] = 0;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        const char *from = strstr(line, "kernel.c:"), *error = strstr(line, "error");
        if (!out[0] || error) snprintf(out, n, "%.*s", (int)strcspn(from ? from : line, "\n"), from ? from : line);
        if (error) break;
    }
    if (f) fclose(f);
}

static qn_status compile_in(const char *work, const isa_flags *flags, const char *text, char *to, size_t to_bytes)
{
    char from[PATH_BYTES], messages[PATH_BYTES], line[200];
    struct stat s;
    if (!put_name(from, sizeof from, work, "kernel.c") || !put_name(messages, sizeof messages, work, "messages") ||
        !put_name(to, to_bytes, work, "kernel.so"))
        return fail(QN_E_IO, "the folder to compile in has too long a name");
    QN_TRY(file_write(from, (qn_bytes){ text, strlen(text) }));
    int status = run_compiler(flags, from, to, messages);
    put_message(line, sizeof line, messages);
    unlink(from);
    unlink(messages);
    if (status == 0 && !stat(to, &s)) return QN_OK;
    unlink(to);
    if (status == -1)
        return fail(QN_E_KERNEL, "%s was stopped or could not be started (limit %d s)", compiler, LIMIT_MS / 1000);
    return fail(QN_E_KERNEL, "%s refuses the kernel: %s", compiler, line);
}

/* ------------------------------------------------------------------ loading */
static bool load(const char *path, void **code, host_kernel_fn *run)
{
    struct stat s;
    if (lstat(path, &s) || !S_ISREG(s.st_mode) || !only_ours(&s)) return false;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *entry = library ? dlsym(library, "qk_run") : NULL;
    if (!entry) {
        if (library) dlclose(library);
        return false;
    }
    *code = library;
    memcpy(run, &entry, sizeof entry); /* ISO C has no cast from an object to a function */
    return true;
}

static u64 bytes_of(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? (u64)s.st_size : 0;
}

void cpu_code_free(void *code)
{
    if (code) dlclose(code);
}

static void put_key(char *out, size_t n, const char *text, const isa_flags *flags)
{
    u64 seed = compiler_key;
    for (size_t i = 0; i < COUNT(always); i++) seed = hash_bytes(always[i], strlen(always[i]), seed);
    for (size_t i = 0; i < COUNT(flags->flags) && flags->flags[i]; i++)
        seed = hash_bytes(flags->flags[i], strlen(flags->flags[i]), seed);
    u64 low = hash_bytes(text, strlen(text), seed), high = hash_bytes(text, strlen(text), ~low);
    snprintf(out, n, "kernel-%016llx%016llx.so", (unsigned long long)high, (unsigned long long)low);
}

static _Atomic u64 asked;

u64 cpu_compile_asked(void) { return atomic_load(&asked); }

qn_status cpu_compile(const char *text, const char *isa, void **code, host_kernel_fn *run)
{
    atomic_fetch_add(&asked, 1);
    const isa_flags *flags = flags_of(isa);
    if (!cpu_compiler_found() || !flags) return fail(QN_E_UNSUPPORTED, "no C compiler for '%s' here", isa ? isa : "");
    char cache[PATH_BYTES], name[NAME_BYTES], kept[PATH_BYTES], work[PATH_BYTES], made[PATH_BYTES];
    put_cache(cache, sizeof cache);
    put_key(name, sizeof name, text, flags);
    bool keep = cache[0] && put_name(kept, sizeof kept, cache, name);
    if (keep && load(kept, code, run)) {
        cache_used(kept);
        return QN_OK;
    }

    QN_TRY(put_work(work, sizeof work, cache));
    qn_status status = compile_in(work, flags, text, made, sizeof made);
    if (status == QN_OK) {
        bool moved = keep && rename(made, kept) == 0;
        if (moved) cache_added(bytes_of(kept));
        if (!load(moved ? kept : made, code, run)) status = fail(QN_E_KERNEL, "the compiled kernel cannot be loaded");
        if (!moved) unlink(made);
    }
    rmdir(work);
    return status;
}

qn_status cpu_compile_kernel(const kc_module *m, const kc_kernel *k, const char *isa, void **code, host_kernel_fn *run)
{
    str text = { 0 };
    qn_status status = kc_print(m, k, KC_C, &text);
    if (status == QN_OK && text.bad) status = fail_nomem(text.n);
    if (status == QN_OK) status = cpu_compile(text.text, isa, code, run);
    str_free(&text);
    return status;
}

const char *const cpu_compiler_how = "system compiler";
const bool cpu_compiler_quick = false;
bool cpu_code_enter(void *code)
{
    (void)code;
    return true;
}
