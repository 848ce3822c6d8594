/* Sending launches, one by one or as a graph that was made of the same list before. */
#include "device/cuda_list.h"

enum { WORTH_A_GRAPH = 2, LEAST_LAUNCHES = 2 };

cuda_launch *cuda_list_next(cuda_list *l)
{
    if (!l->launches) l->launches = mem_alloc(CUDA_LIST_MOST * sizeof *l->launches);
    if (!l->launches || l->n == CUDA_LIST_MOST) return NULL;
    return &l->launches[l->n++];
}

/* Where each argument is; the driver copies them at the call. */
static void point_at(const cuda_launch *k, void **params)
{
    for (u32 i = 0; i <= k->program->n_args; i++) params[i] = (void *)(uintptr_t)&k->args[i];
}

static qn_status send_one(const cuda_api *cu, cu_stream stream, const cuda_launch *k)
{
    void *params[CUDA_MAX_ARGS];
    point_at(k, params);
    i32 code = cu->cuLaunchKernel(k->program->function, k->grid[0], k->grid[1], 1, k->block, 1, 1, 0, stream, params, NULL);
    return fail_in(cuda_check(code, "cuLaunchKernel"), "kernel '%s': ", k->program->name);
}

static qn_status send_each(const cuda_list *l, const cuda_api *cu, cu_stream stream)
{
    for (u32 i = 0; i < l->n; i++) QN_TRY(send_one(cu, stream, &l->launches[i]));
    return QN_OK;
}

/* ------------------------------------------------------------------ lists seen before */
/* Programs, grids and buffers; scalars may differ. */
static u64 key_of(const cuda_list *l)
{
    u64 key = l->n;
    for (u32 i = 0; i < l->n; i++) {
        const cuda_launch *k = &l->launches[i];
        const void *program = k->program;
        key = hash_bytes(&program, sizeof program, key);
        key = hash_bytes(k->grid, sizeof k->grid, key);
        for (u32 a = 0; a < k->program->n_args; a++)
            if (k->program->arg_words[a] == 0) key = hash_bytes(&k->args[a], sizeof k->args[a], key);
    }
    return key;
}

static void drop(cuda_replay *r, const cuda_api *cu)
{
    if (r->exec) cu->cuGraphExecDestroy(r->exec), cuda_count(-1);
    if (r->graph) cu->cuGraphDestroy(r->graph), cuda_count(-1);
    mem_free(r->launches);
    mem_free(r->nodes);
    *r = (cuda_replay){ 0 };
}

static cuda_replay *find(cuda_list *l, const cuda_api *cu, u64 key)
{
    cuda_replay *oldest = &l->replays[0];
    for (u32 i = 0; i < CUDA_GRAPHS_MOST; i++) {
        if (l->replays[i].key == key && l->replays[i].n == l->n) return &l->replays[i];
        if (l->replays[i].last_used < oldest->last_used) oldest = &l->replays[i];
    }
    drop(oldest, cu);
    *oldest = (cuda_replay){ .key = key, .n = l->n };
    return oldest;
}

static cu_kernel_node node_of(const cuda_launch *k, void **params)
{
    point_at(k, params);
    return (cu_kernel_node){ .function = k->program->function,
                             .grid = { k->grid[0], k->grid[1], 1 },
                             .block = { k->block, 1, 1 },
                             .params = params };
}

static qn_status add_nodes(cuda_replay *r, const cuda_api *cu)
{
    void *params[CUDA_MAX_ARGS];
    for (u32 i = 0; i < r->n; i++) {
        cu_kernel_node node = node_of(&r->launches[i], params);
        i32 code = cu->cuGraphAddKernelNode(&r->nodes[i], r->graph, i ? &r->nodes[i - 1] : NULL, i != 0, &node);
        QN_TRY(cuda_check(code, "cuGraphAddKernelNode"));
    }
    return QN_OK;
}

static qn_status record(cuda_replay *r, const cuda_list *l, const cuda_api *cu)
{
    r->launches = mem_alloc(l->n * sizeof *r->launches);
    r->nodes = mem_zalloc(l->n * sizeof *r->nodes);
    if (!r->launches || !r->nodes) return fail_nomem(l->n * sizeof *r->launches);
    memcpy(r->launches, l->launches, l->n * sizeof *r->launches);
    QN_TRY(cuda_check(cu->cuGraphCreate(&r->graph, 0), "cuGraphCreate"));
    cuda_count(1);
    QN_TRY(add_nodes(r, cu));
    QN_TRY(cuda_check(cu->cuGraphInstantiateWithFlags(&r->exec, r->graph, 0), "cuGraphInstantiate"));
    cuda_count(1);
    return QN_OK;
}

/* No graph, no harm: the launches go one by one. */
static bool try_record(cuda_replay *r, const cuda_list *l, const cuda_api *cu)
{
    attempt_begin();
    qn_status status = record(r, l, cu);
    attempt_end(false);
    if (status != QN_OK) drop(r, cu);
    return status == QN_OK;
}

static bool same_args(const cuda_launch *a, const cuda_launch *b)
{
    return memcmp(a->args, b->args, (a->program->n_args + 1) * sizeof a->args[0]) == 0;
}

static qn_status update(cuda_replay *r, const cuda_list *l, const cuda_api *cu)
{
    void *params[CUDA_MAX_ARGS];
    for (u32 i = 0; i < l->n; i++) {
        if (same_args(&r->launches[i], &l->launches[i])) continue;
        r->launches[i] = l->launches[i];
        cu_kernel_node node = node_of(&r->launches[i], params);
        QN_TRY(
            cuda_check(cu->cuGraphExecKernelNodeSetParams(r->exec, r->nodes[i], &node), "cuGraphExecKernelNodeSetParams"));
    }
    return QN_OK;
}

/* A key is a hash: what the graph really holds is compared, too. */
static bool holds(const cuda_replay *r, const cuda_list *l)
{
    for (u32 i = 0; i < l->n; i++) {
        const cuda_launch *a = &r->launches[i], *b = &l->launches[i];
        if (a->program != b->program || a->grid[0] != b->grid[0] || a->grid[1] != b->grid[1] || a->block != b->block)
            return false;
    }
    return true;
}

static qn_status send(cuda_list *l, const cuda_api *cu, cu_stream stream)
{
    if (l->n < LEAST_LAUNCHES) return send_each(l, cu, stream);
    cuda_replay *r = find(l, cu, key_of(l));
    r->last_used = ++l->clock;
    if (++r->seen < WORTH_A_GRAPH) return send_each(l, cu, stream);
    if (r->exec && !holds(r, l)) {
        cuda_replay fresh = { .key = r->key, .n = l->n, .seen = WORTH_A_GRAPH, .last_used = l->clock };
        drop(r, cu);
        *r = fresh;
    }
    if (!r->exec && !try_record(r, l, cu)) return send_each(l, cu, stream);
    QN_TRY(update(r, l, cu));
    return cuda_check(cu->cuGraphLaunch(r->exec, stream), "cuGraphLaunch");
}

qn_status cuda_list_send(cuda_list *l, const cuda_api *cu, cu_stream stream)
{
    if (l->n == 0) return QN_OK;
    qn_status status = send(l, cu, stream);
    l->n = 0;
    return status;
}

void cuda_list_forget(cuda_list *l, const cuda_api *cu, const cuda_program *p)
{
    for (u32 i = 0; i < CUDA_GRAPHS_MOST; i++) {
        cuda_replay *r = &l->replays[i];
        bool in = r->key != 0 && !r->launches; /* only counted so far: its key may name p */
        for (u32 k = 0; r->launches && k < r->n && !in; k++) in = r->launches[k].program == p;
        if (in) drop(r, cu);
    }
}

void cuda_list_close(cuda_list *l, const cuda_api *cu)
{
    for (u32 i = 0; i < CUDA_GRAPHS_MOST; i++) drop(&l->replays[i], cu);
    mem_free(l->launches);
    *l = (cuda_list){ 0 };
}
