/* A recurrent layer over all its time steps: one group for each direction and batch item, from its first step to its last.
 *
 * xw[dirs][rows][gates * hidden]: the input times its weights, made before; rows are [steps][batch] or, with batch_first, [batch][steps].
 * r[dirs][gates * hidden][hidden]   bias[dirs][2][gates * hidden]   lens[batch]   h0, c0, yh, yc [dirs][batch][hidden]
 * peep[dirs][3][hidden]: input, output, forget      y[steps][dirs][batch][hidden]; with batch_first [batch][steps][dirs][hidden] and so on
 * state[dirs * batch][(gates + 3) * hidden]: sums of the gates, h, c, and r * h of a GRU.
 * Gates: LSTM input, output, forget, cell; GRU update, reset, hidden. */
#include "quern_kernel.h"
#include "rnn.h"
#pragma host T=f32,f16,bf16,f64
#ifndef GROUP
#define GROUP 1
#endif

/* The sum of r[r_at ..] * state[h_at ..] over n. */
static f32 dot(IN(T) r, INOUT(f32) state, u32 r_at, u32 h_at, u32 n)
{
    f32w sums = splatw(0);
    u32 k = 0;
    for (; k + WIDTH <= n; k += WIDTH) sums = mad(loadw(r, r_at + k), loadw(state, h_at + k), sums);
    f32 sum = sumw(sums);
    for (; k < n; k++) sum += load(r, r_at + k) * state[h_at + k];
    return sum;
}

KERNEL rnn_run(u32 group, IN(T) xw, IN(T) r, IN(T) bias, IN(i32) lens, IN(T) h0, IN(T) c0, IN(T) peep, INOUT(f32) state, OUT(T) y, OUT(T) yh,
               OUT(T) yc, u32 steps, u32 batch, u32 dirs, u32 hidden, u32 backward, u32 act_f0, u32 act_g0, u32 act_h0, u32 act_f1, u32 act_g1,
               u32 act_h1, f32 f0a, f32 f0b, f32 g0a, f32 g0b, f32 h0a, f32 h0b, f32 f1a, f32 f1b, f32 g1a, f32 g1b, f32 h1a, f32 h1b, f32 clip,
               CONST(u32) kind, CONST(u32) has_bias, CONST(u32) has_lens, CONST(u32) has_h0, CONST(u32) has_c0, CONST(u32) has_peep,
               CONST(u32) batch_first, CONST(u32) coupled, CONST(u32) linear_before_reset)
{
    u32 d = group / batch;
    u32 b = group % batch;
    u32 gates = kind == KIND_RNN ? 1u : kind == KIND_GRU ? 3u : 4u;
    u32 wide = gates * hidden;
    u32 sums = group * (gates + 3) * hidden;
    u32 h_at = sums + wide;
    u32 c_at = h_at + hidden;
    u32 rh_at = c_at + hidden;
    u32 r_at = d * wide * hidden;
    u32 ends = (batch_first != 0 ? b * dirs + d : group) * hidden;
    u32 length = has_lens != 0 ? min((u32)lens[b], steps) : steps;
    bool backwards = d == 1 || backward != 0;
    u32 act_f = d == 0 ? act_f0 : act_f1;
    u32 act_g = d == 0 ? act_g0 : act_g1;
    u32 act_h = d == 0 ? act_h0 : act_h1;
    f32 fa = d == 0 ? f0a : f1a;
    f32 fb = d == 0 ? f0b : f1b;
    f32 ga = d == 0 ? g0a : g1a;
    f32 gb = d == 0 ? g0b : g1b;
    f32 ha = d == 0 ? h0a : h1a;
    f32 hb = d == 0 ? h0b : h1b;
    ITEMS(t) {
        for (u32 j = t; j < hidden; j += GROUP) {
            state[h_at + j] = has_h0 != 0 ? load(h0, ends + j) : 0;
            state[c_at + j] = has_c0 != 0 ? load(c0, ends + j) : 0;
        }
    }
    for (u32 s = 0; s < steps; s++) {
        bool live = s < length;
        u32 time = live && backwards ? length - 1 - s : s;
        u32 row = (d * steps * batch + (batch_first != 0 ? b * steps + time : time * batch + b)) * wide;
        u32 to = (batch_first != 0 ? (b * steps + time) * dirs + d : (time * dirs + d) * batch + b) * hidden;
        u32 first = kind == KIND_GRU && linear_before_reset == 0 ? 2 * hidden : wide;   /* the rest needs the reset gate */
        u32 wanted = live ? wide : 0u;
        ITEMS(t) {
            for (u32 j = t; j < wanted; j += GROUP) {
                f32 sum = has_bias != 0 ? load(bias, d * 2 * wide + wide + j) : 0;
                if (j < first) sum += dot(r, state, r_at + j * hidden, h_at, hidden);
                bool later = kind == KIND_GRU && j >= 2 * hidden;                          /* the input's part is not reset */
                if (!later) sum += load(xw, row + j) + (has_bias != 0 ? load(bias, d * 2 * wide + j) : 0);
                state[sums + j] = sum;
            }
        }
        if (kind == KIND_GRU) {
            ITEMS(t) {
                for (u32 j = t; j < wanted / 3; j += GROUP) {
                    f32 reset = activate(clipped(state[sums + hidden + j], clip), act_f, fa, fb);
                    state[rh_at + j] = linear_before_reset != 0 ? reset * state[sums + 2 * hidden + j] : reset * state[h_at + j];
                }
            }
            ITEMS(t) {
                for (u32 j = t; j < wanted / 3; j += GROUP) {
                    u32 k = 2 * hidden + j;
                    f32 sum = load(xw, row + k) + (has_bias != 0 ? load(bias, d * 2 * wide + k) : 0);
                    if (linear_before_reset != 0)
                        sum += state[rh_at + j];
                    else
                        sum += state[sums + k] + dot(r, state, r_at + k * hidden, rh_at, hidden);
                    state[sums + k] = sum;
                }
            }
        }
        ITEMS(t) {
            for (u32 j = t; j < hidden; j += GROUP) {
                f32 h = state[h_at + j];
                if (live && kind == KIND_RNN) h = activate(clipped(state[sums + j], clip), act_f, fa, fb);
                if (live && kind == KIND_GRU) {
                    f32 update = activate(clipped(state[sums + j], clip), act_f, fa, fb);
                    f32 fresh = activate(clipped(state[sums + 2 * hidden + j], clip), act_g, ga, gb);
                    h = (1 - update) * fresh + update * h;
                }
                if (live && kind == KIND_LSTM) {
                    f32 c = state[c_at + j];
                    u32 p_at = d * 3 * hidden + j;
                    f32 in_sum = state[sums + j] + (has_peep != 0 ? load(peep, p_at) * c : 0);
                    f32 forget_sum = state[sums + 2 * hidden + j] + (has_peep != 0 ? load(peep, p_at + 2 * hidden) * c : 0);
                    f32 in = activate(clipped(in_sum, clip), act_f, fa, fb);
                    f32 forget = coupled != 0 ? 1 - in : activate(clipped(forget_sum, clip), act_f, fa, fb);
                    c = forget * c + in * activate(clipped(state[sums + 3 * hidden + j], clip), act_g, ga, gb);
                    f32 out_sum = state[sums + hidden + j] + (has_peep != 0 ? load(peep, p_at + hidden) * c : 0);
                    h = activate(clipped(out_sum, clip), act_f, fa, fb) * activate(c, act_h, ha, hb);
                    state[c_at + j] = c;
                }
                state[h_at + j] = h;
                store(y, to + j, live ? h : 0);
            }
        }
    }
    ITEMS(t) {
        for (u32 j = t; j < hidden; j += GROUP) {
            store(yh, ends + j, state[h_at + j]);
            store(yc, ends + j, state[c_at + j]);
        }
    }
}
