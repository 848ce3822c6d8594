/* The way through the system's compiler: text in, a function out; what a refused text says; what is kept, and where nothing is kept. */
#include "device/cpu_compile.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char good[] = "typedef struct { void *const *bufs; const unsigned *words; } qk_args;\n"
                           "void qk_run(const qk_args *a, unsigned from, unsigned to)\n"
                           "{ unsigned *y = a->bufs[0]; for (unsigned i = from; i < to; i++) y[i] = i + a->words[0]; }\n";

static u32 files_in(const char *folder)
{
    u32 n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

/* Compiles and runs `good`; how many files the folder then has. */
static u32 files_after_run(test *t, const char *folder)
{
    void *code = NULL;
    host_kernel_fn run = NULL;
    u32 y[8] = { 0 };
    void *bufs[] = { y };
    CHECK_OK(t, cpu_compile(good, "baseline", &code, &run));
    if (run) run(&(qk_args){ bufs, (const u32[]){ 100 } }, 2, 5);
    CHECK(t, !run || (y[1] == 0 && y[2] == 102 && y[4] == 104 && y[5] == 0), "a compiled kernel gives %u %u %u %u", y[1],
          y[2], y[4], y[5]);
    cpu_code_free(code);
    return files_in(folder);
}

static void check_cache(test *t, const char *folder)
{
    mkdir(folder, 0700);
    CHECK(t, files_after_run(t, folder) == 1, "a compiled kernel leaves %u files in %s", files_in(folder), folder);
    CHECK(t, files_after_run(t, folder) == 1, "a kernel taken from the cache leaves %u files", files_in(folder));
}

static void check_open_folder(test *t, const char *folder)
{
    mkdir(folder, 0700);
    chmod(folder, 0777); /* anyone may put files here: not trusted, so not used */
    CHECK(t, files_after_run(t, folder) == 0, "%u files in a folder that everyone may write", files_in(folder));
}

static void check_damaged(test *t, const char *folder)
{
    char path[1024];
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%.255s", folder, e->d_name);
        CHECK_OK(t, file_write(path, (qn_bytes){ "damaged", 7 }));
    }
    if (d) closedir(d);
    CHECK(t, files_after_run(t, folder) == 1, "a damaged file in the cache is not replaced");
}

/* Entries put in with ages; the longest unused go, other files stay, an entry that is used again outlives newer ones. */
static void check_limit(test *t)
{
    char folder[512], path[1100];
    void *copy;
    size_t n;
    static const u8 data[1000];
    snprintf(folder, sizeof folder, "%s/limited", test_temp_folder());
    setenv("QUERN_CACHE", folder, 1);
    for (u64 i = 0; i < 20; i++) {
        char name[64];
        cache_put("thing", (cache_key){ i, i }, (qn_bytes){ data, sizeof data });
        snprintf(name, sizeof name, "thing-%016llx.bin", (unsigned long long)i);
        CHECK(t, cache_path(name, path, sizeof path), "a path");
        const struct timespec times[2] = { { 1000 + (i64)i, 0 }, { 1000 + (i64)i, 0 } };
        CHECK(t, utimensat(AT_FDCWD, path, times, 0) == 0, "%s is there", path);
    }
    CHECK(t, cache_path("notes.txt", path, sizeof path) && file_write(path, (qn_bytes){ data, sizeof data }) == QN_OK,
          "a note");
    cache_trim(folder, 100000);
    CHECK(t, files_in(folder) == 21, "nothing goes while there is room: %u", files_in(folder));
    if (CHECK(t, cache_get("thing", (cache_key){ 3, 3 }, &copy, &n) && n == sizeof data, "an entry is found"))
        mem_free(copy);
    CHECK(t, !cache_get("thing", (cache_key){ 3, 4 }, &copy, &n), "an entry of another key is none");
    cache_trim(folder, 8 * 1032);
    CHECK(t, files_in(folder) == 6 + 1, "three quarters of the limit stay, and the note: %u", files_in(folder));
    const u64 stay[] = { 3, 15, 16, 17, 18, 19 };
    for (size_t i = 0; i < COUNT(stay); i++)
        if (CHECK(t, cache_get("thing", (cache_key){ stay[i], stay[i] }, &copy, &n), "%llu stays",
                  (unsigned long long)stay[i]))
            mem_free(copy);
}

void test_cpu_compile(test *t)
{
    char folder[512], kept[600];
    void *code = NULL;
    host_kernel_fn run = NULL;
    if (!cpu_compiler_found()) {
        SKIP(t, "no C compiler on PATH");
        return;
    }
    const char *before = getenv("QUERN_CACHE");
    snprintf(kept, sizeof kept, "%s", before ? before : "");
    check_limit(t);
    snprintf(folder, sizeof folder, "%s/compiled", test_temp_folder());
    setenv("QUERN_CACHE", folder, 1);
    check_cache(t, folder);
    check_damaged(t, folder);
    qn_status status = cpu_compile("void qk_run(int) { nonsense }", "baseline", &code, &run);
    CHECK(t, status == QN_E_KERNEL && strstr(qn_last_error(), "error"), "bad C: %s, '%s'", qn_status_text(status),
          qn_last_error());
    status = cpu_compile("int x;", "baseline", &code, &run);
    CHECK(t, status == QN_E_KERNEL && !code, "C without qk_run: %s", qn_status_text(status));
    CHECK(t, cpu_compile(good, "z80", &code, &run) == QN_E_UNSUPPORTED, "an instruction set that is none");
    snprintf(folder, sizeof folder, "%s/open", test_temp_folder());
    setenv("QUERN_CACHE", folder, 1);
    check_open_folder(t, folder);
    if (before) setenv("QUERN_CACHE", kept, 1);
    else unsetenv("QUERN_CACHE");
}
