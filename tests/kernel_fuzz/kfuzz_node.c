/* Files of kernels as WebAssembly: Node holds the module for browsers, which compiles and runs them (tests/wasm/kernels.mjs has the
 * other end, and the form of a request). Run in the root of the project, with the module built; QUERN_WASM names another. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kfuzz_run.h"

extern char **environ;

struct kfuzz_node {
    pid_t child;
    int to, from;
    bool broken;
};

static bool start(kfuzz_node *n, const char *module)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };
    posix_spawn_file_actions_t files;
    char *const argv[] = { (char *)(uintptr_t)"node", (char *)(uintptr_t)"tests/wasm/kernels.mjs", (char *)(uintptr_t)module,
                           NULL };
    if (pipe(in) || pipe(out) || posix_spawn_file_actions_init(&files)) return false;
    bool started = !posix_spawn_file_actions_adddup2(&files, in[0], 0) &&
                   !posix_spawn_file_actions_adddup2(&files, out[1], 1) &&
                   !posix_spawn_file_actions_addclose(&files, in[1]) && !posix_spawn_file_actions_addclose(&files, out[0]) &&
                   !posix_spawn(&n->child, "tools/node", &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    n->to = in[1], n->from = out[0];
    return started;
}

kfuzz_node *kfuzz_node_open(void)
{
    const char *module = getenv("QUERN_WASM");
    if (!module) module = "build/web/quern.wasm";
    if (access(module, R_OK) || access("tools/node", X_OK)) {
        (void)!fail(QN_E_NAME, "%s or tools/node is not there: cmake --preset web && cmake --build build/web", module);
        return NULL;
    }
    kfuzz_node *n = mem_zalloc(sizeof *n);
    signal(SIGPIPE, SIG_IGN);
    if (n && start(n, module)) return n;
    (void)!fail(QN_E_IO, "Node cannot be started");
    mem_free(n);
    return NULL;
}

void kfuzz_node_close(kfuzz_node *n)
{
    if (!n) return;
    close(n->to);
    close(n->from);
    waitpid(n->child, NULL, 0);
    mem_free(n);
}

static bool write_all(int to, const u8 *bytes, size_t n)
{
    while (n) {
        ssize_t wrote = write(to, bytes, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        bytes += wrote, n -= (size_t)wrote;
    }
    return true;
}

static bool read_all(int from, u8 *bytes, size_t n)
{
    while (n) {
        ssize_t got = read(from, bytes, n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        bytes += got, n -= (size_t)got;
    }
    return true;
}

static void put_word(str *s, u32 v) { str_add_n(s, (const char *)&v, sizeof v); }

static void put_request(str *s, const kfuzz_launch *l, const char *source, const char *defines, u32 kernels)
{
    put_word(s, l->count), put_word(s, kernels), put_word(s, l->which_at), put_word(s, l->first_back);
    put_word(s, l->n_buffers);
    for (u32 i = 0; i < l->n_buffers; i++) put_word(s, (u32)l->buffers[i].bytes);
    put_word(s, l->n_args);
    for (u32 i = 0; i < l->n_args; i++) {
        put_word(s, l->args[i].buffer);
        str_add_n(s, (const char *)&l->args[i].number, sizeof l->args[i].number);
    }
    put_word(s, (u32)strlen(source)), put_word(s, (u32)strlen(defines));
    for (u32 i = 0; i < l->n_buffers; i++) str_add_n(s, l->buffers[i].data, (size_t)l->buffers[i].bytes);
    str_add(s, source), str_add(s, defines);
}

static qn_status read_answer(kfuzz_node *n, const kfuzz_launch *l, u32 kernels, void *const *back, u64 stride)
{
    u32 head[2];
    char words[400] = { 0 };
    if (!read_all(n->from, (u8 *)head, sizeof head)) return fail(QN_E_LOST, "Node has ended");
    if (head[0]) { /* a sentence */
        size_t most = MIN(head[1], (u32)sizeof words - 1);
        bool got = read_all(n->from, (u8 *)words, most);
        for (u32 i = (u32)most; got && i < head[1]; i++) got = read_all(n->from, (u8 *)&words[most], 1);
        words[most] = 0;
        return fail(head[0] == 1 ? QN_E_UNSUPPORTED : QN_E_KERNEL, "%s", words);
    }
    for (u32 k = 0; k < kernels; k++)
        for (u32 i = l->first_back; i < l->n_buffers; i++)
            if (!read_all(n->from, (u8 *)back[i - l->first_back] + k * stride, (size_t)l->buffers[i].bytes))
                return fail(QN_E_LOST, "Node has ended");
    return QN_OK;
}

qn_status kfuzz_node_run(kfuzz_node *n, const kfuzz_launch *l, const char *source, const char *defines, u32 kernels,
                         void *const *back, u64 stride)
{
    str s = { 0 };
    if (n->broken) return fail(QN_E_LOST, "Node has ended");
    put_request(&s, l, source, defines, kernels);
    u32 bytes = (u32)s.n;
    qn_status status = s.bad ? fail_nomem(s.n) : QN_OK;
    if (status == QN_OK && !(write_all(n->to, (const u8 *)&bytes, 4) && write_all(n->to, (const u8 *)s.text, s.n)))
        status = fail(QN_E_LOST, "Node has ended");
    if (status == QN_OK) status = read_answer(n, l, kernels, back, stride);
    n->broken = status == QN_E_LOST;
    str_free(&s);
    return status;
}
