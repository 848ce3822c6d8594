/* A recurrent layer as its rows see it: sizes and functions taken from a node. */
#ifndef RNN_H
#define RNN_H

#include "op/op.h"

typedef struct rnn_activation {
    u32 code;
    f64 a, b;
} rnn_activation;

typedef enum rnn_kind { KIND_RNN, KIND_GRU, KIND_LSTM } rnn_kind;           /* as numbered in kernels/rnn.c */
enum { RNN_X, RNN_W, RNN_R, RNN_BIAS, RNN_LENS, RNN_H0, RNN_C0, RNN_PEEP }; /* inputs */

typedef struct rnn_layer {
    rnn_kind kind;
    u32 dirs, gates;
    bool backward, batch_first;
    sym steps, batch, width, hidden;
    rnn_activation acts[2][3]; /* of each direction: f, g and h, those that the kind has */
} rnn_layer;

qn_status rnn_layer_of(lowering *l, const node *n, rnn_layer *out);
/* xw[dirs][steps * batch][gates * hidden] = x times the weights of each direction. */
qn_status rnn_input_product(lowering *l, const node *n, const rnn_layer *p, val *out);
/* The layer of b->n. */
qn_status rnn_layer_built(build *b, rnn_layer *out);
/* rnn_unroll.c: what the op means, in simpler ops; for a number of steps that is known. */
qn_status rnn_unroll(build *b, const node *n);
/* rnn_steps.c: the row that needs nothing. */
qn_status rnn_steps_emit(lowering *l, const node *n);

#endif
