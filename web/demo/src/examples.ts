/* The kernels that the playground starts with. Each has inputs that make its output worth looking at. */

export type Fill = 'wave' | 'ramp' | 'random' | 'ones' | 'picture' | 'zeros';
export type View = 'chart' | 'picture' | 'numbers';

export interface Example {
  name: string;
  source: string;
  /** By parameter: how a buffer is filled and its elements, or a number. */
  args: Record<string, { fill: Fill; n: number } | number>;
  /** Elements of a MAP, groups of a KERNEL. */
  count: number;
  view: View;
}

const HEAD = '#include "quern_kernel.h"\n\n';

export const EXAMPLES: Example[] = [
  {
    name: 'Mandelbrot',
    source: `${HEAD}/* One element is one pixel of a square picture: how soon does the point escape? */
MAP(f32) mandelbrot(u32 i, u32 side, f32 x0, f32 y0, f32 zoom)
{
    f32 cx = x0 + ((f32)(i % side) / (f32)side - 0.5f) * zoom;
    f32 cy = y0 + ((f32)(i / side) / (f32)side - 0.5f) * zoom;
    f32 x = 0.0f, y = 0.0f;
    u32 n = 0;
    while (n < 120u && x * x + y * y < 4.0f) {
        f32 next = x * x - y * y + cx;
        y = 2.0f * x * y + cy;
        x = next;
        n++;
    }
    return n == 120u ? 0.0f : sqrt((f32)n / 120.0f);
}
`,
    args: { side: 192, x0: -0.65, y0: 0, zoom: 2.6 }, count: 192 * 192, view: 'picture',
  },
  {
    name: 'saxpy',
    source: `${HEAD}/* The "hello" of kernels: element i of a x + y. A MAP returns its element and can write nothing else,
 * so it runs on every device, WebGL 2 included. */
MAP(f32) saxpy(u32 i, IN(f32) x, IN(f32) y, f32 a)
{
    return a * x[i] + y[i];
}
`,
    args: { x: { fill: 'wave', n: 512 }, y: { fill: 'ramp', n: 512 }, a: 0.5 }, count: 512, view: 'chart',
  },
  {
    name: 'Blur',
    source: `${HEAD}/* The mean of a window around each pixel of a square picture; the borders are held. */
static u32 at(u32 v, i32 by, u32 side)
{
    return (u32)clamp((i32)v + by, 0, (i32)side - 1);
}

MAP(f32) blur(u32 i, IN(f32) picture, u32 side, i32 reach)
{
    f32 sum = 0.0f;
    for (i32 dy = -reach; dy <= reach; dy++)
        for (i32 dx = -reach; dx <= reach; dx++)
            sum += picture[at(i / side, dy, side) * side + at(i % side, dx, side)];
    f32 window = (f32)(2 * reach + 1);
    return sum / (window * window);
}
`,
    args: { picture: { fill: 'picture', n: 128 * 128 }, side: 128, reach: 3 }, count: 128 * 128, view: 'picture',
  },
  {
    name: 'Softmax of rows',
    source: `${HEAD}#define GROUP 64

/* A KERNEL runs in groups. ITEMS is a phase: between two of them everybody waits for everybody. */
KERNEL softmax(u32 row, IN(f32) x, OUT(f32) y, u32 cols)
{
    SHARED(f32, part, GROUP);
    PER_ITEM(f32, top);
    ITEMS(t) {
        f32 m = -INFINITY;
        for (u32 c = t; c < cols; c += GROUP) m = max(m, x[row * cols + c]);
        part[t] = m;
    }
    for (u32 half = GROUP / 2; half > 0; half /= 2)
        ITEMS(t) if (t < half) part[t] = max(part[t], part[t + half]);
    ITEMS(t) top[t] = part[0];
    ITEMS(t) {
        f32 s = 0.0f;
        for (u32 c = t; c < cols; c += GROUP) s += exp(x[row * cols + c] - top[t]);
        part[t] = s;
    }
    for (u32 half = GROUP / 2; half > 0; half /= 2)
        ITEMS(t) if (t < half) part[t] += part[t + half];
    ITEMS(t)
        for (u32 c = t; c < cols; c += GROUP) y[row * cols + c] = exp(x[row * cols + c] - top[t]) / part[0];
}
`,
    args: { x: { fill: 'wave', n: 1024 }, y: { fill: 'zeros', n: 1024 }, cols: 256 }, count: 4, view: 'chart',
  },
  {
    name: 'Histogram with atomics',
    source: `${HEAD}#define GROUP 64

/* Each group counts in its own memory first; then the bins are added up, atomically. */
KERNEL histogram(u32 group, IN(f32) x, INOUT(u32) bins, u32 n)
{
    SHARED(u32, mine, 32);
    ITEMS(t) if (t < 32u) mine[t] = 0;
    ITEMS(t) {
        u32 i = group * GROUP + t;
        if (i < n) {
            u32 was = atomic_add(mine, min((u32)(x[i] * 32.0f), 31u), 1u);
        }
    }
    ITEMS(t)
        if (t < 32u) {
            u32 was = atomic_add(bins, t, mine[t]);
        }
}
`,
    args: { x: { fill: 'random', n: 4096 }, bins: { fill: 'zeros', n: 32 }, n: 4096 }, count: 64, view: 'chart',
  },
  {
    name: 'Matrix product, tiled',
    source: `${HEAD}#define TILE 8
#define GROUP 64

/* c = a b, all square. A group makes one tile of c; each item one element of it. */
KERNEL matmul(u32 group, IN(f32) a, IN(f32) b, OUT(f32) c, u32 n)
{
    SHARED2(f32, left, TILE, TILE);
    SHARED2(f32, right, TILE, TILE);
    PER_ITEM(f32, sum);
    u32 tiles = n / TILE;
    u32 row0 = group / tiles * TILE, col0 = group % tiles * TILE;
    ITEMS(t) sum[t] = 0.0f;
    for (u32 k0 = 0; k0 < n; k0 += TILE) {
        ITEMS(t) {
            left[t / TILE][t % TILE] = a[(row0 + t / TILE) * n + k0 + t % TILE];
            right[t / TILE][t % TILE] = b[(k0 + t / TILE) * n + col0 + t % TILE];
        }
        ITEMS(t)
            for (u32 k = 0; k < TILE; k++) sum[t] += left[t / TILE][k] * right[k][t % TILE];
    }
    ITEMS(t) c[(row0 + t / TILE) * n + col0 + t % TILE] = sum[t];
}
`,
    args: { a: { fill: 'picture', n: 64 * 64 }, b: { fill: 'picture', n: 64 * 64 }, c: { fill: 'zeros', n: 64 * 64 }, n: 64 }, count: 64, view: 'picture',
  },
];
