/* What emit() says becomes steps: a launch collects its program, buffers and words, and is added to the plan when it is complete.
 * Errors stick to the launch and come out of launch_map and launch_groups, so that emit functions read straight down. */
#include <stdio.h>

#include "plan/plan.h"

static launch broken = { .status = QN_E_NOMEM }; /* what launch_begin gives when there is no memory */

const graph *lower_graph(const lowering *l) { return l->p->g; }
graph *lower_graph_mut(lowering *l) { return l->p->g; }
const qn_caps *lower_caps(const lowering *l) { return l->caps; }
const type *lower_type(const lowering *l, val v) { return &value_at(l->p->g, v)->type; }
val lower_in(const lowering *l, const node *n, u32 i) { return node_in(l->p->g, n, i); }

val lower_out(const lowering *l, const node *n, u32 i)
{
    if (i >= n->n_out) return 0;
    return i == 0 || value_at(l->p->g, n->out[i])->uses ? n->out[i] : 0;
}

i64 lower_int(const lowering *l, const node *n, const char *name)
{
    (void)l;
    const op_attr *a = op_attr_of(op_of(n), name);
    return attr_int(n, name, a ? a->i : 0);
}

f64 lower_float(const lowering *l, const node *n, const char *name)
{
    (void)l;
    const op_attr *a = op_attr_of(op_of(n), name);
    return attr_float(n, name, a ? a->f : 0);
}

sym lower_elems(lowering *l, val v) { return l->p->values[v].elems; }

sym lower_dim(const lowering *l, val v, i64 axis)
{
    const type *t = lower_type(l, v);
    if (axis < 0) axis += t->rank;
    return axis >= 0 && axis < t->rank ? t->dims[axis] : 0;
}

sym lower_product(lowering *l, val v, u32 from, u32 to)
{
    const type *t = lower_type(l, v);
    sym product = sym_number(l->p->g, 1);
    for (u32 i = from; i < to && i < t->rank; i++) product = sym_mul(l->p->g, product, t->dims[i]);
    return product;
}

bool lower_turns_fit(const lowering *l, val v, sym turns)
{
    u64 most = l->caps->max_turns, together = 16 / MAX(qn_dtype_bytes(lower_type(l, v)->dtype), 1);
    i64 n;
    return !most || !sym_is_number(l->p->g, turns, &n) || (u64)n < most / together;
}

val lower_scratch(lowering *l, qn_dtype d, sym elems) { return plan_add_value(l->p, d, elems); }

val lower_table(lowering *l, const qn_tensor *t)
{
    plan *p = l->p;
    val v = plan_add_value(p, t->dtype, sym_number(p->g, (i64)qn_tensor_elems(t)));
    if (!v || !ARENA_PUSH_ROOM(p->mem, p->tables, p->n_tables, p->cap_tables, 1u << 24)) return 0;
    u64 bytes = qn_tensor_bytes(t);
    void *data = arena_alloc(p->mem, bytes);
    if (!data) return 0;
    if (bytes) memcpy(data, t->data, (size_t)bytes);
    p->values[v].stored = false; /* it has bytes of its own, outside the layout */
    p->tables[p->n_tables++] = (struct plan_table){ v, { t->dtype, t->rank, { 0 }, data } };
    memcpy(p->tables[p->n_tables - 1].tensor.dims, t->dims, sizeof t->dims);
    return v;
}

qn_status lower_fail(const lowering *l, const node *n, qn_status code, const char *format, ...)
{
    (void)l;
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail(code, "%s '%s': %s", op_of(n)->name, n->name ? n->name : "", text);
}

const char *dtype_word(qn_dtype d) { return qn_dtype_name(d); }

/* ---- collecting a launch */

static launch *begin(lowering *l, const char *file, const char *text, const char *entry)
{
    launch *k = ARENA_NEW(l->p->mem, launch);
    if (!k) return &broken;
    *k = (launch){ .l = l, .file = file, .text = text, .entry = entry };
    return k;
}

launch *launch_begin(lowering *l, const char *file, const char *entry) { return begin(l, file, NULL, entry); }

launch *launch_begin_text(lowering *l, const char *name, const char *text)
{
    const char *copy = arena_text(l->p->mem, text, strlen(text));
    return copy ? begin(l, name, copy, NULL) : &broken;
}

static bool usable(launch *k) { return k->status == QN_OK; }

static void stop(launch *k, qn_status s)
{
    if (k != &broken && k->status == QN_OK) k->status = s;
}

void launch_define(launch *k, const char *name, const char *to)
{
    if (!usable(k)) return;
    if (k->n_defines == COUNT(k->defines)) {
        stop(k, fail(QN_E_BUG, "%s: too many defines", k->file));
        return;
    }
    u32 i = k->n_defines++;
    for (; i > 0 && strcmp(k->defines[i - 1].name, name) > 0; i--) k->defines[i] = k->defines[i - 1]; /* sorted by name */
    k->defines[i].name = name;
    k->defines[i].value = arena_text(k->l->p->mem, to, strlen(to));
    if (!k->defines[i].value) stop(k, fail_nomem(strlen(to)));
}

void launch_define_number(launch *k, const char *name, i64 to)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)to);
    launch_define(k, name, text);
}

static void add_buffer(launch *k, val v, bool written)
{
    if (!usable(k)) return;
    if (!v) {
        stop(k, fail(QN_E_BUG, "%s: buffer %u of kernel '%s' is missing", k->file, k->n_bufs, k->entry ? k->entry : ""));
        return;
    }
    if (k->n_bufs == DEVICE_MAX_BUFFERS) {
        stop(k, fail(QN_E_BUG, "%s: too many buffers", k->file));
        return;
    }
    plan *p = k->l->p;
    if (v <= p->g->n_values) v = live(p->g, v);
    if (!written) stop(k, plan_need(p, v, k->l->node));
    k->bufs[k->n_bufs] = v;
    k->written[k->n_bufs++] = written;
}

void launch_in(launch *k, val v) { add_buffer(k, v, false); }
void launch_out(launch *k, val v) { add_buffer(k, v, true); }

static void add_word(launch *k, word w)
{
    if (!usable(k)) return;
    if (k->n_words == DEVICE_MAX_WORDS) stop(k, fail(QN_E_BUG, "%s: too many scalars", k->file));
    else k->words[k->n_words++] = w;
}

/* A size expression that is 0 where none may be: there was no memory for it, or it would be too long. Then a plan for known sizes can be made. */
static qn_status unknown(const launch *k, const char *what, u32 number)
{
    QN_TRY(sym_status(k->l->p->g));
    return fail(QN_E_UNSUPPORTED, "%s: %s %u of kernel '%s' is too long an expression of sizes that are open", k->file, what,
                number, k->entry ? k->entry : "");
}

void launch_size(launch *k, sym s)
{
    i64 v;
    if (usable(k) && !s) stop(k, unknown(k, "scalar", k->n_words));
    else if (usable(k) && sym_is_number(k->l->p->g, s, &v)) launch_number(k, v);
    else add_word(k, (word){ .kind = WORD_SIZE, .size = s });
}

void launch_number(launch *k, i64 v)
{
    if (v < INT32_MIN || v > (i64)UINT32_MAX)
        stop(k, fail(QN_E_SHAPE, "%s: %lld does not fit in 32 bits", k->file, (long long)v));
    else add_word(k, (word){ .kind = WORD_LITERAL, .bits = (u32)v });
}

static bool computes_in_double(const launch *k)
{
    for (u32 i = 0; i < k->n_defines; i++)
        if (text_same(k->defines[i].name, "T") && text_same(k->defines[i].value, "f64")) return true;
    return false;
}

void launch_float(launch *k, f64 v)
{
    if (usable(k) && computes_in_double(k)) {
        u64 bits;
        memcpy(&bits, &v, sizeof bits);
        launch_wide(k, (i64)bits);
        return;
    }
    f32 narrow = (f32)v;
    u32 bits;
    memcpy(&bits, &narrow, sizeof bits);
    add_word(k, (word){ .kind = WORD_LITERAL, .bits = bits });
}

void launch_wide(launch *k, i64 v)
{
    add_word(k, (word){ .kind = WORD_LITERAL, .bits = (u32)(u64)v });
    add_word(k, (word){ .kind = WORD_LITERAL, .bits = (u32)((u64)v >> 32) });
}

void launch_const(launch *k, const char *name, i64 v)
{
    if (usable(k) && k->l->bakes) launch_define_number(k, name, v);
    else launch_number(k, v);
}

void launch_draw(launch *k, u32 stream, bool own_seed)
{
    add_word(k, (word){ .kind = own_seed ? WORD_REDRAW : WORD_DRAW, .bits = stream });
}

void launch_step(launch *k) { add_word(k, (word){ .kind = WORD_STEP }); }

void launch_repeat_begin(lowering *l, sym times)
{
    step *s = plan_add_step(l->p, STEP_REPEAT, l->node);
    if (!s) return;
    s->times = times;
    l->repeat_at = l->p->n_steps - 1;
}

void launch_repeat_end(lowering *l)
{
    if (l->repeat_at == UINT32_MAX) return;
    step *s = plan_add_step(l->p, STEP_REPEAT_END, l->node);
    if (!s) return;
    s->partner = l->repeat_at;
    l->p->steps[l->repeat_at].partner = l->p->n_steps - 1;
    l->repeat_at = UINT32_MAX;
}

/* ---- choices */

void launch_choose(launch *k, launch_choice choose, const sym *sizes, u32 n)
{
    i64 known[CHOICE_SIZES];
    bool all = true;
    if (!usable(k)) return;
    for (u32 i = 0; i < n; i++) {
        if (!sizes[i]) stop(k, unknown(k, "choice", i));
        k->choice[i] = sizes[i];
        all = all && sizes[i] && sym_is_number(k->l->p->g, sizes[i], &known[i]);
    }
    k->n_choice = n;
    k->caps = k->l->caps;
    k->choose = all ? NULL : choose;
    k->choice_at = k->l->p->n_choices++;
    if (all) choose(k->l->caps, known, k->numbers);
}

sym launch_sym(const launch *k, i64 v) { return k->l ? sym_number(k->l->p->g, v) : 0; }

void launch_chosen(launch *k, u32 which)
{
    if (usable(k) && !k->choose) launch_number(k, k->numbers[which]);
    else add_word(k, (word){ .kind = WORD_CHOSEN, .bits = which });
}

bool launch_count(const launch *k, bool (*size)(const void *user, sym s, i64 *out), const void *user, chosen *last,
                  i64 *count)
{
    i64 sizes[CHOICE_SIZES] = { 0 }, when = 1;
    *count = 0;
    if (k->when && !size(user, k->when, &when)) return false;
    if (!when) return true;
    for (u32 i = 0; k->choose && i < k->n_choice; i++)
        if (!size(user, k->choice[i], &sizes[i])) return false;
    if (k->choose && (!last->made || memcmp(last->sizes, sizes, sizeof sizes) != 0)) {
        memcpy(last->sizes, sizes, sizeof sizes);
        k->choose(k->caps, sizes, last->numbers);
        last->made = true;
    }
    if (k->count) return size(user, k->count, count);
    *count = last->numbers[k->count_is];
    return true;
}

/* ---- finishing */

static const char *defines_text(launch *k)
{
    str s = { 0 };
    for (u32 i = 0; i < k->n_defines; i++) str_print(&s, "%s%s=%s", i ? " " : "", k->defines[i].name, k->defines[i].value);
    const char *text = s.bad ? NULL : arena_text(k->l->p->mem, s.n ? s.text : "", s.n);
    str_free(&s);
    return text;
}

static qn_status add_program(launch *k, const kc_program *program)
{
    lowering *l = k->l;
    const node *n = node_at(l->p->g, l->node);
    qn_status s = plan_within_limits(k, program);
    if (s != QN_OK) return fail_in(s, "%s '%s': ", op_of(n)->name, n->name ? n->name : "");
    k->program = plan_program(l->p, program, l->on_host);
    return k->program == UINT32_MAX ? fail_nomem(sizeof *program) : QN_OK;
}

static qn_status finish(launch *k, sym count)
{
    if (!usable(k)) return k == &broken ? fail_nomem(sizeof(launch)) : k->status;
    lowering *l = k->l;
    if (!count && !k->choose) return unknown(k, "count", 1);
    const char *defines = defines_text(k);
    if (!defines) return fail_nomem(64);
    k->count = count;
    k->when = l->when;
    QN_TRY(add_program(k, &(kc_program){ .file = k->file, .text = k->text, .entry = k->entry, .defines = defines }));
    step *s = plan_add_step(l->p, STEP_LAUNCH, l->node);
    if (!s) return fail_nomem(sizeof *s);
    s->launch = k;
    s->on_host = l->on_host;
    s->variant = l->variant;
    return QN_OK;
}

qn_status launch_map(launch *k, sym count) { return finish(k, count); }
qn_status launch_groups(launch *k, sym count) { return finish(k, count); }

qn_status launch_chosen_groups(launch *k, u32 which)
{
    if (usable(k) && !k->choose) return finish(k, sym_number(k->l->p->g, k->numbers[which]));
    k->count_is = which;
    return finish(k, 0);
}
