/* Launches that are sent together. A list of the same programs, buffers and counts that comes again is kept as a CUDA graph and replayed by one
 * call; words that changed are put into its nodes. So a plan that runs again costs a few calls, whatever its number of launches, and nobody
 * above has to know. */
#ifndef CUDA_LIST_H
#define CUDA_LIST_H

#include "device/cuda_program.h"

enum { CUDA_LIST_MOST = 96, CUDA_GRAPHS_MOST = 64 };

typedef struct cuda_launch {
    const cuda_program *program;
    u32 grid[2], block;
    u32 n_bytes;             /* of args */
    u64 args[CUDA_MAX_ARGS]; /* buffers as addresses, scalars, then count */
} cuda_launch;

typedef struct cuda_replay { /* a list that was seen before */
    u64 key;                 /* of programs, grids and buffers */
    u32 n, seen;
    u64 last_used;
    cuda_launch *launches; /* as they are in the graph */
    cu_node *nodes;
    cu_graph graph;
    cu_exec exec; /* NULL: not worth it yet */
} cuda_replay;

typedef struct cuda_list {
    cuda_launch *launches;
    u32 n;
    cuda_replay replays[CUDA_GRAPHS_MOST];
    u64 clock;
} cuda_list;

/* The next launch to fill in; NULL: no memory. The list must not be full. */
cuda_launch *cuda_list_next(cuda_list *l);
qn_status cuda_list_send(cuda_list *l, const cuda_api *cu, cu_stream stream);
/* A program goes: so do the graphs that hold it. */
void cuda_list_forget(cuda_list *l, const cuda_api *cu, const cuda_program *p);
void cuda_list_close(cuda_list *l, const cuda_api *cu);

#endif
