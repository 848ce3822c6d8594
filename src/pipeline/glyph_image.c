/* Any picture of one drawn glyph -> the 32 x 32 tensor that models/glyphs.onnx reads. The steps are those of docs/glyphs.md, numbered
 * as there, and of tools/glyph_normalize.py, which trained the model: the two must give the same numbers. */
#include <math.h>

#include "pipeline/pipeline.h"

enum { SIDE = 32, INK_SIDE = 22, WORK_SIDE = 256 };
static const f64 BLANK = 0.04; /* contrast below which there is no ink */

typedef struct plane {
    u32 rows, cols;
    f64 *v; /* v[rows][cols] */
} plane;

static f64 luma(const u8 *p) { return (0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]) / 255; }

/* 1. White paper under what is transparent; black when most of it is bare and the ink is light. */
static f64 paper_under(const qn_image *im)
{
    size_t n = (size_t)im->width * im->height;
    f64 total = 0, weighted = 0;
    for (size_t i = 0; i < n; i++) {
        f64 alpha = im->rgba[i * 4 + 3] / 255.0;
        total += alpha;
        weighted += alpha * luma(im->rgba + i * 4);
    }
    f64 mean_luma = total > 0 ? weighted / total : 0;
    return total / (f64)n < 0.5 && mean_luma > 0.5 ? 0 : 1;
}

static f64 mean_of_block(const qn_image *im, u32 x0, u32 y0, u32 wide, u32 high, f64 paper)
{
    f64 sum = 0;
    for (u32 y = y0; y < y0 + high; y++)
        for (u32 x = x0; x < x0 + wide; x++) {
            const u8 *p = im->rgba + ((size_t)y * im->width + x) * 4;
            f64 alpha = p[3] / 255.0;
            sum += alpha * luma(p) + (1 - alpha) * paper;
        }
    return sum / ((f64)wide * high);
}

/* 2. Means of k x k blocks, so that no side is longer than WORK_SIDE; a last part block is dropped. */
static qn_status shrink(const qn_image *im, plane *out)
{
    u32 k = (MAX(im->width, im->height) + WORK_SIDE - 1) / WORK_SIDE;
    plane p = { MAX(1, im->height / k), MAX(1, im->width / k), NULL };
    size_t bytes = (size_t)p.rows * p.cols * sizeof *p.v;
    p.v = mem_alloc(bytes);
    if (!p.v) return fail_nomem(bytes);
    u32 high = MIN(k, im->height), wide = MIN(k, im->width);
    f64 paper = paper_under(im);
    for (u32 y = 0; y < p.rows; y++)
        for (u32 x = 0; x < p.cols; x++) p.v[y * p.cols + x] = mean_of_block(im, x * wide, y * high, wide, high, paper);
    *out = p;
    return QN_OK;
}

/* 3. The bare paper's brightness everywhere: a quadratic surface in u and v, which go from -1 to 1. */
enum { PLANE = 3, BENT = 6 }; /* terms of a plane and of a quadratic surface */

typedef struct sheet {
    f64 c[BENT];
} sheet;

typedef struct spot { /* one pixel and its terms */
    f64 y, terms[BENT];
} spot;

static spot spot_at(const plane *p, u32 x, u32 y)
{
    f64 u = (2.0 * x + 1 - p->cols) / p->cols, v = (2.0 * y + 1 - p->rows) / p->rows;
    return (spot){ p->v[y * p->cols + x], { 1, u, v, u * u, u * v, v * v } };
}

static f64 paper_at(const sheet *s, const spot *at)
{
    f64 sum = 0;
    for (int i = 0; i < BENT; i++) sum += s->c[i] * at->terms[i];
    return sum;
}

/* The border's columns of row y come first and last: from `left` on, `skip` columns are inside. */
typedef struct border {
    u32 left, skip;
} border;

static border border_of(const plane *p, u32 y)
{
    u32 b = MAX(1, MIN(p->rows, p->cols) / 16);
    bool inside = y >= b && y + b < p->rows && p->cols > 2 * b;
    return (border){ b, inside ? p->cols - 2 * b : 0 };
}

static u32 next_border(border b, u32 x) { return x + 1 == b.left ? x + 1 + b.skip : x + 1; }

static f64 median_of_border(const plane *p)
{
    u64 bins[256] = { 0 }, n = 0, sum = 0;
    for (u32 y = 0; y < p->rows; y++) {
        border b = border_of(p, y);
        for (u32 x = 0; x < p->cols; x = next_border(b, x), n++) {
            f64 bin = floor(p->v[y * p->cols + x] * 255 + 0.5);
            bins[bin > 255 ? 255 : (u32)bin]++;
        }
    }
    u32 bin = 0;
    while (sum + bins[bin] < (n + 1) / 2) sum += bins[bin++];
    return bin / 255.0;
}

/* How far the border's pixels are from the sheet, on average, those farther than `reach` left out. */
static f64 mean_error(const plane *p, const sheet *s, f64 reach)
{
    f64 sum = 0, n = 0;
    for (u32 y = 0; y < p->rows; y++) {
        border b = border_of(p, y);
        for (u32 x = 0; x < p->cols; x = next_border(b, x)) {
            spot at = spot_at(p, x, y);
            f64 error = fabs(at.y - paper_at(s, &at));
            if (error <= reach) sum += error, n++;
        }
    }
    return n > 0 ? sum / n : 0;
}

/* m c = t for the first n unknowns, m symmetric and positive, by elimination. */
static void solve(int n, f64 m[BENT][BENT], f64 t[BENT], f64 c[BENT])
{
    for (int k = 0; k < n; k++)
        for (int i = k + 1; i < n; i++) {
            f64 f = m[i][k] / m[k][k];
            for (int j = k; j < n; j++) m[i][j] -= f * m[k][j];
            t[i] -= f * t[k];
        }
    for (int i = n - 1; i >= 0; i--) {
        f64 v = t[i];
        for (int j = i + 1; j < n; j++) v -= m[i][j] * c[j];
        c[i] = v / m[i][i];
    }
}

typedef struct normal { /* equations of least squares */
    f64 m[BENT][BENT], t[BENT];
} normal;

static void add_equation(normal *e, int n, const spot *at)
{
    for (int i = 0; i < n; i++) {
        e->t[i] += at->terms[i] * at->y;
        for (int j = 0; j < n; j++) e->m[i][j] += at->terms[i] * at->terms[j];
    }
}

/* Least squares with n terms over the pixels (of the border) that lie within `reach` of the sheet so far. False: there is none. */
static bool refit(const plane *p, int n, bool border_only, f64 reach, sheet *s)
{
    normal e = { 0 };
    for (u32 y = 0; y < p->rows; y++) {
        border b = border_only ? border_of(p, y) : (border){ 0 };
        for (u32 x = 0; x < p->cols; x = next_border(b, x)) {
            spot at = spot_at(p, x, y);
            if (fabs(at.y - paper_at(s, &at)) <= reach) add_equation(&e, n, &at);
        }
    }
    if (e.m[0][0] == 0) return false;
    for (int i = 1; i < n; i++) e.m[i][i] += 1e-3 * e.m[0][0]; /* a little ridge: small pictures have no slope to find */
    solve(n, e.m, e.t, s->c);
    return true;
}

/* A plane through the border, its ink left out; then bent to the light over all that is near it. */
static sheet fit_paper(const plane *p)
{
    sheet s = { { median_of_border(p) } };
    f64 reach = 0;
    for (int turn = 0; turn < 4; turn++) {
        reach = 1.5 * mean_error(p, &s, 1e9) + 0.02;
        refit(p, PLANE, true, reach, &s);
    }
    for (int turn = 0; turn < 6; turn++) {
        reach = 2.0 * mean_error(p, &s, reach) + 0.02;
        if (!refit(p, BENT, false, reach, &s)) break;
    }
    return s;
}

static f64 sum_of_powers(const plane *p, int power)
{
    f64 sum = 0;
    for (size_t i = 0; i < (size_t)p->rows * p->cols; i++) sum += p->v[i] * p->v[i] * p->v[i] * (power == 4 ? p->v[i] : 1);
    return sum;
}

/* 4, 5. Brightness -> ink 0..1, in place: what stands out most from the paper, darker or lighter. False: the picture is blank. */
static bool find_ink(plane *p)
{
    sheet s = fit_paper(p);
    u32 n = p->rows * p->cols;
    for (u32 y = 0; y < p->rows; y++)
        for (u32 x = 0; x < p->cols; x++) {
            spot at = spot_at(p, x, y);
            p->v[y * p->cols + x] -= paper_at(&s, &at);
        }
    f64 sign = sum_of_powers(p, 3) < 0 ? -1 : 1;
    for (u32 i = 0; i < n; i++) p->v[i] = fmax(sign * p->v[i], 0);
    f64 cubes = sum_of_powers(p, 3), contrast = cubes > 0 ? sum_of_powers(p, 4) / cubes : 0;
    if (contrast < BLANK) return false;
    for (u32 i = 0; i < n; i++) p->v[i] = fmin(fmax((p->v[i] / contrast - 0.25) / 0.6, 0), 1);
    return true;
}

/* 6. First and one past the last of the ink along one axis, 0.2 % of the ink let go at either end. */
typedef struct span {
    u32 from, to;
} span;

static f64 mass_at(const plane *p, bool columns, u32 i)
{
    f64 sum = 0;
    for (u32 k = 0; k < (columns ? p->rows : p->cols); k++) sum += columns ? p->v[k * p->cols + i] : p->v[i * p->cols + k];
    return sum;
}

static span span_of(const plane *p, bool columns)
{
    u32 n = columns ? p->cols : p->rows;
    f64 total = 0, so_far = 0;
    for (u32 i = 0; i < n; i++) total += mass_at(p, columns, i);
    f64 slack = 0.002 * total;
    span s = { 0, 1 };
    for (u32 i = 0; i < n; i++) {
        so_far += mass_at(p, columns, i);
        if (so_far <= slack) s.from = i + 1;
        if (so_far < total - slack) s.to = i + 2;
    }
    return (span){ MIN(s.from, n - 1), MIN(s.to, n) };
}

/* 7. Output pixel i reads a triangle around the source place that it covers. */
static f64 weight(span s, f64 scale, u32 i, u32 source)
{
    f64 centre = (s.from + s.to) / 2.0 + (i + 0.5 - (f64)SIDE / 2) / scale, reach = fmax(1, 1 / scale);
    return fmax(0, 1 - fabs(source + 0.5 - centre) / reach) / reach;
}

static void place_ink(const plane *ink, f64 out[SIDE][SIDE])
{
    span xs = span_of(ink, true), ys = span_of(ink, false);
    f64 scale = (f64)INK_SIDE / MAX(xs.to - xs.from, ys.to - ys.from);
    for (u32 y = 0; y < SIDE; y++) {
        f64 row[WORK_SIDE] = { 0 };
        for (u32 sy = ys.from; sy < ys.to; sy++) {
            f64 w = weight(ys, scale, y, sy);
            for (u32 sx = xs.from; w > 0 && sx < xs.to; sx++) row[sx] += w * ink->v[sy * ink->cols + sx];
        }
        for (u32 x = 0; x < SIDE; x++) {
            out[y][x] = 0;
            for (u32 sx = xs.from; sx < xs.to; sx++) out[y][x] += weight(xs, scale, x, sx) * row[sx];
        }
    }
}

/* 8. One over the ink's own mean: thin strokes come out as dark as thick ones. */
static void write_even(f64 ink[SIDE][SIDE], f32 *out)
{
    f64 sum = 0, squares = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        f64 v = ink[i / SIDE][i % SIDE];
        sum += v, squares += v * v;
    }
    f64 gain = sum / fmax(1e-12, squares);
    for (int i = 0; i < SIDE * SIDE; i++) out[i] = (f32)fmin(1, ink[i / SIDE][i % SIDE] * gain);
}

qn_status glyph_to_tensor(void *unused, const qn_image *im, qn_tensor *out)
{
    (void)unused;
    if (!im || !im->rgba || !im->width || !im->height) return fail(QN_E_USAGE, "a picture with pixels is needed");
    f32 *y = mem_zalloc(sizeof(f32) * SIDE * SIDE);
    if (!y) return fail_nomem(sizeof(f32) * SIDE * SIDE);
    plane p = { 0 };
    qn_status s = shrink(im, &p);
    if (s != QN_OK) {
        mem_free(y);
        return s;
    }
    f64 ink[SIDE][SIDE];
    if (find_ink(&p)) {
        place_ink(&p, ink);
        write_even(ink, y);
    }
    mem_free(p.v);
    *out = (qn_tensor){ .dtype = QN_F32, .rank = 4, .dims = { 1, 1, SIDE, SIDE }, .data = y };
    return QN_OK;
}
