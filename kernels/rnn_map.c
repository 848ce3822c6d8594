/* A recurrent layer for devices without groups: two or three launches a time step, each element by itself. Shapes and gates are rnn.c's.
 *
 * all[2 + steps][dirs][batch][hidden]: h, c, and h after each step in the order of walking, so far. A step reads one such buffer and writes
 * another, whole; two steps are a turn, which ends where it began: step = 2 * turn + half, and a step past the last changes nothing.
 * sums[dirs][batch][gates][hidden]; of a GRU update, reset, the hidden gate's part of the input, and with linear_before_reset that of h. */
#include "quern_kernel.h"
#include "rnn.h"
#pragma host T=f32,f16,bf16,f64

static u32 length_of(IN(i32) lens, u32 b, u32 steps, u32 given) { return given != 0 ? min((u32)lens[b], steps) : steps; }

/* input[dirs][rows][gates * hidden] = xw + the biases; then, of a GRU, [dirs][hidden]: the bias that the reset gate scales with h. */
MAP(f32) rnn_input(u32 i, IN(T) xw, IN(T) bias, u32 rows, u32 dirs, u32 hidden, CONST(u32) kind, CONST(u32) has_bias,
                   CONST(u32) linear_before_reset)
{
    u32 wide = (kind == KIND_RNN ? 1u : kind == KIND_GRU ? 3u : 4u) * hidden;
    u32 inputs = dirs * rows * wide;
    f32 x = 0;
    if (i < inputs) {
        u32 at = i / (rows * wide) * 2 * wide + i % wide;
        bool apart = kind == KIND_GRU && linear_before_reset != 0 && i % wide >= 2 * hidden;
        x = load(xw, i);
        if (has_bias != 0) x += load(bias, at);
        if (has_bias != 0 && !apart) x += load(bias, at + wide);
    } else if (has_bias != 0) {
        u32 rest = i - inputs;
        x = load(bias, rest / hidden * 2 * wide + wide + 2 * hidden + rest % hidden);
    }
    return x;
}

MAP(f32) rnn_start(u32 i, IN(T) h0, IN(T) c0, u32 batch, u32 dirs, u32 hidden, CONST(u32) has_h0, CONST(u32) has_c0, CONST(u32) batch_first)
{
    u32 n = dirs * batch * hidden;
    u32 item = i % n / hidden;
    u32 at = (batch_first != 0 ? item % batch * dirs + item / batch : item) * hidden + i % hidden;
    f32 v = 0;
    if (i < n && has_h0 != 0) v = load(h0, at);
    if (i >= n && i < 2 * n && has_c0 != 0) v = load(c0, at);
    return v;
}

MAP(f32) rnn_sums(u32 i, IN(f32) input, IN(T) r, IN(f32) all, IN(i32) lens, u32 turn, u32 half, u32 steps, u32 batch, u32 dirs, u32 hidden,
                  u32 backward, CONST(u32) kind, CONST(u32) has_lens, CONST(u32) batch_first, CONST(u32) linear_before_reset)
{
    u32 gates = kind == KIND_RNN ? 1u : kind == KIND_GRU ? 3u : 4u;
    u32 columns = (kind == KIND_GRU ? 4u : gates) * hidden;
    u32 wide = gates * hidden;
    u32 item = i / columns;
    u32 d = item / batch;
    u32 b = item % batch;
    u32 gate = i % columns / hidden;
    u32 j = i % hidden;
    u32 s = turn * 2 + half;
    u32 length = length_of(lens, b, steps, has_lens);
    f32 sum = 0;
    if (s < length) {
        u32 time = d == 1 || backward != 0 ? length - 1 - s : s;
        u32 row = (d * steps * batch + (batch_first != 0 ? b * steps + time : time * batch + b)) * wide;
        bool before = kind == KIND_GRU && gate == 3;                              /* what is reset */
        bool of_h = kind != KIND_GRU || gate < 2 || (gate == 3 && linear_before_reset != 0);
        u32 r_at = (d * wide + min(gate, gates - 1) * hidden + j) * hidden;
        sum = before ? input[dirs * steps * batch * wide + d * hidden + j] : input[row + gate * hidden + j];
        if (of_h)
            for (u32 k = 0; k < hidden; k++) sum += load(r, r_at + k) * all[item * hidden + k];
    }
    return sum;
}

/* A GRU's reset gate: times h, or with linear_before_reset the whole sum of the hidden gate. */
MAP(f32) rnn_reset(u32 i, IN(f32) sums, IN(f32) all, u32 batch, u32 hidden, u32 act0, u32 act1, f32 a0, f32 b0, f32 a1, f32 b1, f32 clip,
                   CONST(u32) linear_before_reset)
{
    u32 at = i / hidden * 4 * hidden + i % hidden;
    bool first = i / hidden < batch;
    f32 reset = activate(clipped(sums[at + hidden], clip), first ? act0 : act1, first ? a0 : a1, first ? b0 : b1);
    return linear_before_reset != 0 ? sums[at + 2 * hidden] + reset * sums[at + 3 * hidden] : reset * all[i];
}

/* The hidden gate's sum, from h behind its reset. */
MAP(f32) rnn_fresh(u32 i, IN(f32) sums, IN(T) r, IN(f32) reset, u32 batch, u32 hidden)
{
    u32 item = i / hidden;
    u32 j = i % hidden;
    u32 r_at = (item / batch * 3 * hidden + 2 * hidden + j) * hidden;
    f32 sum = sums[item * 4 * hidden + 2 * hidden + j];
    for (u32 k = 0; k < hidden; k++) sum += load(r, r_at + k) * reset[item * hidden + k];
    return sum;
}

MAP(f32) gru_next(u32 i, IN(f32) sums, IN(f32) all, IN(f32) fresh, IN(i32) lens, u32 turn, u32 half, u32 steps, u32 batch, u32 dirs, u32 hidden,
                  u32 act_f0, u32 act_g0, u32 act_f1, u32 act_g1, f32 f0a, f32 f0b, f32 g0a, f32 g0b, f32 f1a, f32 f1b, f32 g1a, f32 g1b,
                  f32 clip, CONST(u32) has_lens)
{
    u32 n = dirs * batch * hidden;
    u32 at = i % n;
    u32 item = at / hidden;
    u32 s = turn * 2 + half;
    bool first = item < batch;
    f32 v = all[i];
    if ((i < n || i / n == s + 2) && s < length_of(lens, item % batch, steps, has_lens)) {
        f32 update_sum = clipped(sums[item * 4 * hidden + at % hidden], clip);
        f32 update = activate(update_sum, first ? act_f0 : act_f1, first ? f0a : f1a, first ? f0b : f1b);
        f32 new_h = activate(clipped(fresh[at], clip), first ? act_g0 : act_g1, first ? g0a : g1a, first ? g0b : g1b);
        v = (1 - update) * new_h + update * all[at];
    }
    return v;
}

MAP(f32) rnn_next(u32 i, IN(f32) sums, IN(f32) all, IN(T) peep, IN(i32) lens, u32 turn, u32 half, u32 steps, u32 batch, u32 dirs, u32 hidden,
                  u32 act_f0, u32 act_g0, u32 act_h0, u32 act_f1, u32 act_g1, u32 act_h1, f32 f0a, f32 f0b, f32 g0a, f32 g0b, f32 h0a, f32 h0b,
                  f32 f1a, f32 f1b, f32 g1a, f32 g1b, f32 h1a, f32 h1b, f32 clip, CONST(u32) kind, CONST(u32) has_lens, CONST(u32) has_peep,
                  CONST(u32) coupled)
{
    u32 n = dirs * batch * hidden;
    u32 at = i % n;
    u32 row = i / n;
    u32 item = at / hidden;
    u32 j = at % hidden;
    u32 s = turn * 2 + half;
    bool first = item < batch;
    u32 act_f = first ? act_f0 : act_f1;
    f32 fa = first ? f0a : f1a;
    f32 fb = first ? f0b : f1b;
    f32 v = all[i];
    if ((row < 2 || row == s + 2) && s < length_of(lens, item % batch, steps, has_lens)) {
        if (kind == KIND_RNN) {
            v = activate(clipped(sums[at], clip), act_f, fa, fb);
        } else {
            u32 sum_at = item * 4 * hidden + j;
            u32 p_at = (first ? 0u : 3 * hidden) + j;
            f32 c = all[n + at];
            f32 in_sum = sums[sum_at] + (has_peep != 0 ? load(peep, p_at) * c : 0);
            f32 forget_sum = sums[sum_at + 2 * hidden] + (has_peep != 0 ? load(peep, p_at + 2 * hidden) * c : 0);
            f32 in = activate(clipped(in_sum, clip), act_f, fa, fb);
            f32 forget = coupled != 0 ? 1 - in : activate(clipped(forget_sum, clip), act_f, fa, fb);
            f32 cell = clipped(sums[sum_at + 3 * hidden], clip);
            c = forget * c + in * activate(cell, first ? act_g0 : act_g1, first ? g0a : g1a, first ? g0b : g1b);
            f32 out_sum = sums[sum_at + hidden] + (has_peep != 0 ? load(peep, p_at + hidden) * c : 0);
            f32 out = activate(clipped(out_sum, clip), act_f, fa, fb);
            v = row == 1 ? c : out * activate(c, first ? act_h0 : act_h1, first ? h0a : h1a, first ? h0b : h1b);
        }
    }
    return v;
}

MAP(T) rnn_y(u32 i, IN(f32) all, IN(i32) lens, u32 steps, u32 batch, u32 dirs, u32 hidden, u32 backward, CONST(u32) has_lens,
             CONST(u32) batch_first)
{
    u32 line = i / hidden;
    u32 d = batch_first != 0 ? line % dirs : line / batch % dirs;
    u32 b = batch_first != 0 ? line / dirs / steps : line % batch;
    u32 time = batch_first != 0 ? line / dirs % steps : line / batch / dirs;
    u32 length = length_of(lens, b, steps, has_lens);
    f32 v = 0;
    if (time < length) {
        u32 s = d == 1 || backward != 0 ? length - 1 - time : time;
        v = all[(((s + 2) * dirs + d) * batch + b) * hidden + i % hidden];
    }
    return TO(T, v);
}

/* h (row 0) or c (row 1) at the end. */
MAP(T) rnn_end(u32 i, IN(f32) all, u32 row, u32 batch, u32 dirs, u32 hidden, CONST(u32) batch_first)
{
    u32 line = i / hidden;
    u32 item = batch_first != 0 ? line % dirs * batch + line / dirs : line;
    return TO(T, all[(row * dirs * batch + item) * hidden + i % hidden]);
}
