/* A workbench in a worker: one device of one kind, what is open on it, and the jobs that the pages ask for. The page stays free while a
 * kernel or a network runs on the CPU, and a kernel that never ends is stopped by ending the worker. */
import { Classifier, Device, Session, Tensor, targets, translate, QuernError, type DeviceKind, type DownloadProgress, type Kernel, type KernelOptions, type Measured as Probed, type Preparation, type TypedArray, type Value, type ValueInfo } from 'quern';
import { chain } from './onnx_chain';

let device: Device | undefined;
let session: Session | undefined;
let classifier: Classifier | undefined;
let extras: Extras = {};

type Tell = (progress: unknown) => void;
const now = (): number => performance.now();

export interface Opened {
  name: string;
  driver: string;
  caps: Record<string, number | boolean>;
  limits: Record<string, number>;
  features: string[];
  openMs: number;
}
/** config: the text of a preprocessor_config.json. Without it, one beside the address is looked for. */
interface Extras {
  labels?: string;
  config?: string;
}
export type ModelSpec = { kind: 'glyphs' } | ({ kind: 'url'; url: string } & Extras) | ({ kind: 'file'; file: Blob } & Extras);
export interface Loaded {
  loadMs: number;
  size: string;
  /** undefined: the built-in model, which prepares pictures by itself */
  preparation?: Preparation;
  fromConfig: boolean;
}
export interface Race {
  firstMs: number;
  warmMs: number[];
  top: { label: string; probability: number }[];
}
export interface KernelJob {
  source: string;
  options: KernelOptions;
  /** In the order of the parameters, a MAP's output last. A number of bytes is an output. */
  args: ({ buffer: Float32Array | Uint32Array | Int32Array } | { out: number } | { value: number })[];
  count: number;
  runs: number;
}
export interface KernelResult {
  how: string;
  compileMs: number;
  firstMs: number;
  warmMs: number[];
  outputs: ArrayBuffer[];
}
export interface Measured {
  coldMs: number;
  warmMs: number[];
  /** What a model of the visitor's was given. */
  inputs?: string;
}
export interface Tried {
  tried: Record<'right' | 'unjudged' | 'wrong' | 'refused', number>;
  notes: string[];
}
/** What Device.open() takes when nobody says a kind, and what it measured of each. */
export interface Auto {
  kind: DeviceKind;
  measured: Probed[];
}
export interface SelfTest {
  name: string;
  passed: boolean;
  detail: string;
}

/* What lies beside a model's address; most have none. */
async function configBeside(url: string): Promise<string | undefined> {
  const response = await fetch(new URL('preprocessor_config.json', url)).catch(() => undefined);
  const text = response?.ok ? await response.text() : '';
  return text.trimStart().startsWith('{') ? text : undefined;
}

function open(): Device {
  if (!device) throw new QuernError('usage', 'no device is open');
  return device;
}

/* A model that needs more than the core gets a device of the full module, which stays. */
async function openModel(model: string | Blob, tell: Tell): Promise<Session> {
  const onProgress = (p: DownloadProgress): void => tell({ stage: p.stage, part: p.part, loaded: p.loadedBytes, total: p.totalBytes });
  const opened = await Session.open(model, { device: open(), onProgress }).catch((error: unknown) => error);
  if (opened instanceof Session) return opened;
  if (!(opened instanceof QuernError && opened.module)) throw opened;
  const { kind } = open();
  device!.close();
  device = await Device.open({ kind, module: opened.module });
  return Session.open(model, { device, onProgress });
}

function limitsOf(d: Device): [Record<string, number>, string[]] {
  const limits: Record<string, number> = {};
  const gpu = d.gpuDevice;
  if (!gpu) return [limits, []];
  for (const name in gpu.limits) limits[name] = gpu.limits[name as keyof GPUSupportedLimits] as number;
  return [limits, [...gpu.features]];
}

async function makeKernel(source: string, options: KernelOptions): Promise<Kernel> {
  return open().kernel(source, options);
}

/* One launch after the other, each waited for by a read of four bytes. */
async function timed(kernel: Kernel, count: number, args: Parameters<Kernel['launch']>[1], out: import('quern').Buffer): Promise<number> {
  const from = now();
  kernel.launch(count, args);
  await out.read(0, Math.min(4, out.bytes));
  return now() - from;
}

const SELF_TESTS: { name: string; needs?: string; source: string; count: number; out: number; args: number[][]; want: (i: number) => number; tolerance: number }[] = [
  {
    name: 'a map: x * 2 + 1', source: 'MAP(f32) f(u32 i, IN(f32) x) { return x[i] * 2.0f + 1.0f; }',
    count: 1000, out: 1000, args: [Array.from({ length: 1000 }, (_, i) => i * 0.25)], want: (i) => i * 0.5 + 1, tolerance: 0,
  },
  {
    name: 'integers wrap and shift', source: 'MAP(u32) f(u32 i, IN(f32) x) { return (i * 2654435761u) >> 7; }',
    count: 4096, out: 4096, args: [[0]], want: (i) => Math.imul(i, 2654435761) >>> 7, tolerance: 0,
  },
  {
    name: 'exp, log, sin', source: 'MAP(f32) f(u32 i, IN(f32) x) { return exp(sin(x[i])) + log(x[i] + 1.0f); }',
    count: 512, out: 512, args: [Array.from({ length: 512 }, (_, i) => i * 0.02)], want: (i) => Math.exp(Math.sin(Math.fround(i * 0.02))) + Math.log(Math.fround(i * 0.02) + 1), tolerance: 1e-4,
  },
  {
    name: 'indices past two dimensions of a texture', source: 'MAP(f32) f(u32 i, IN(f32) x) { return x[(i * 7919u) % 300000u]; }',
    count: 70000, out: 70000, args: [Array.from({ length: 300000 }, (_, i) => i)], want: (i) => (i * 7919) % 300000, tolerance: 0,
  },
  {
    name: 'a group: sums of rows through shared memory', needs: 'max_group',
    source: `#define GROUP 32
KERNEL f(u32 row, IN(f32) x, OUT(f32) y) {
    SHARED(f32, part, GROUP);
    ITEMS(t) { f32 s = 0.0f; for (u32 c = t; c < 100u; c += GROUP) s += x[row * 100u + c]; part[t] = s; }
    for (u32 half = GROUP / 2; half > 0; half /= 2) ITEMS(t) if (t < half) part[t] += part[t + half];
    ITEMS(t) if (t == 0) y[row] = part[0];
}`,
    count: 16, out: 16, args: [Array.from({ length: 1600 }, (_, i) => i % 32)],
    want: (row) => Array.from({ length: 100 }, (_, c) => (row * 100 + c) % 32).reduce((a, b) => a + b, 0), tolerance: 0,
  },
  {
    name: 'atomics: a count', needs: 'atomics',
    source: `#define GROUP 64
KERNEL f(u32 g, IN(f32) x, INOUT(u32) y) { ITEMS(t) { u32 was = atomic_add(y, t % 4u, 1u); } }`,
    count: 8, out: 4, args: [[0]], want: () => 128, tolerance: 0,
  },
];

async function selfTest(test: (typeof SELF_TESTS)[number]): Promise<SelfTest> {
  const d = open();
  if (test.needs && !d.info.caps[test.needs]) return { name: test.name, passed: true, detail: `left out: the device has no ${test.needs === 'max_group' ? 'groups' : test.needs}` };
  const opened: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(thing: T): T => (opened.push(thing), thing);
  try {
    const kernel = keep(await makeKernel(`#include "quern_kernel.h"\n${test.source}`, { file: 'self_test.c' }));
    const inputs = test.args.map((a) => keep(d.buffer(Float32Array.from(a))));
    const out = keep(d.buffer(test.out * 4));
    kernel.launch(test.count, [...inputs, out]);
    const bytes = await out.read();
    const integers = /MAP\(u32\)|INOUT\(u32\)/.test(test.source);
    const got = integers ? new Uint32Array(bytes) : new Float32Array(bytes);
    let worst = 0;
    for (let i = 0; i < test.out; i++) {
      const want = test.want(i), off = Math.abs(got[i]! - want) / Math.max(1, Math.abs(want));
      if (!(off <= test.tolerance)) return { name: test.name, passed: false, detail: `element ${i} is ${got[i]}, not ${want}` };
      worst = Math.max(worst, off);
    }
    return { name: test.name, passed: true, detail: worst ? `largest error ${worst.toExponential(1)}` : 'exact' };
  } catch (error) {
    return { name: test.name, passed: false, detail: (error as Error).message.split('\n')[0]! };
  } finally {
    for (const thing of opened.reverse()) thing.close();
  }
}

/* ---- a model of which nothing is known but what it declares */

const BITS: Record<string, (n: number) => TypedArray> = {
  f32: (n) => Float32Array.from({ length: n }, (_, i) => ((i * 31) % 251) / 251), f64: (n) => Float64Array.from({ length: n }, (_, i) => ((i * 31) % 251) / 251),
  f16: (n) => new Uint16Array(n).fill(0x3800), bf16: (n) => new Uint16Array(n).fill(0x3f00), u8: (n) => new Uint8Array(n).map((_, i) => (i * 31) % 251),
  i8: (n) => new Int8Array(n).fill(1), i16: (n) => new Int16Array(n).fill(1), u16: (n) => new Uint16Array(n).fill(1), i32: (n) => new Int32Array(n).fill(1), u32: (n) => new Uint32Array(n).fill(1),
  i64: (n) => new BigInt64Array(n).fill(1n), u64: (n) => new BigUint64Array(n).fill(1n), bool: (n) => new Uint8Array(n).fill(1),
};
const SIDE = 224, LENGTH = 16;

/* A size that the model leaves open is 1 for a batch, SIDE for the sides of a picture, LENGTH for any other. */
function madeUp({ name, dtype, dims, of }: ValueInfo): Tensor {
  const fill = BITS[dtype];
  if (of || !fill) throw new QuernError('unsupported', `this page makes up numbers alone, and input '${name}' is a ${dtype}`);
  if (!dims) throw new QuernError('unsupported', `the model does not say how many dimensions input '${name}' has`);
  const last = dims.at(-1) === 3, isSide = (axis: number): boolean => dims.length === 4 && (last ? axis === 1 || axis === 2 : axis >= 2);
  const sizes = dims.map((d, axis) => (typeof d === 'number' ? d : axis === 0 && dims.length > 1 ? 1 : isSide(axis) ? SIDE : dims.length === 4 ? 3 : LENGTH));
  return Tensor.from(fill(sizes.reduce((n, d) => n * d, 1)), sizes, dtype);
}

async function anyModel(model: string | Blob, runs: number, tell: Tell): Promise<Measured & { loadMs: number }> {
  const from = now(), half = (part: number): void => tell({ part: 0.5 * (part || 0) }); // opening is one half, running the other
  using s = await openModel(model, (p) => half((p as { part: number }).part));
  const loadMs = now() - from, inputs = Object.fromEntries(s.inputs.map((i) => [i.name, madeUp(i)]));
  const timedRun = async (): Promise<number> => {
    const start = now();
    await s.run<Value>(inputs);
    return now() - start;
  };
  const coldMs = await timedRun(), warmMs: number[] = [], until = now() + PATIENCE_MS;
  while (warmMs.length < runs && (!warmMs.length || now() < until)) {
    warmMs.push(await timedRun());
    tell({ part: 0.5 + 0.5 * (warmMs.length / runs) });
  }
  return { loadMs, coldMs, warmMs, inputs: Object.entries(inputs).map(([name, t]) => `${name}: ${t.dtype}[${t.dims.join(', ')}]`).join(', ') };
}
const PATIENCE_MS = 20_000; // for warm runs, of which there is one at least

const jobs = {
  async open(kind: DeviceKind): Promise<Opened> {
    const from = now();
    device?.close();
    device = await Device.open({ kind });
    const [limits, features] = limitsOf(device);
    return { ...device.info, limits, features, openMs: now() - from };
  },

  async load(spec: ModelSpec, tell: Tell): Promise<Loaded> {
    classifier?.close();
    session?.close();
    classifier = session = undefined;
    const from = now();
    if (spec.kind === 'glyphs') {
      classifier = await Classifier.glyphs(open());
      return { loadMs: now() - from, size: 'any size', fromConfig: false };
    }
    session = await openModel(spec.kind === 'url' ? spec.url : spec.file, tell);
    const config = spec.config ?? (spec.kind === 'url' ? await configBeside(spec.url) : undefined);
    extras = { ...(spec.labels && { labels: spec.labels }), ...(config && { config }) };
    classifier = Classifier.open(session, extras);
    const size = session.inputs.map((i) => `${i.name}: ${i.dtype}[${i.dims?.map((d) => d ?? '?').join(', ') ?? '?'}]`).join(', ');
    return { loadMs: now() - from, size, preparation: classifier.preparation!, fromConfig: Boolean(config) };
  },

  /** Other settings for how pictures are prepared, on the open model. */
  async prepare(preparation: Partial<Preparation>): Promise<void> {
    if (!session) return;
    const next = Classifier.open(session, { ...extras, preparation });
    classifier?.close();
    classifier = next;
  },

  async classify(picture: ImageData): Promise<{ top: { label: string; probability: number }[]; ms: number; softmaxed: boolean }> {
    if (!classifier) throw new QuernError('usage', 'no model is loaded');
    const from = now();
    const { top, softmaxed } = await classifier.classify(picture);
    return { top: top.map((c) => ({ label: c.label ?? `class ${c.index}`, probability: c.probability })), softmaxed, ms: now() - from };
  },

  /** First run, then warm ones, each told as it is done. */
  async race(picture: ImageData, runs: number, tell: Tell): Promise<Race> {
    const first = await jobs.classify(picture);
    tell({ done: 0, ms: first.ms });
    const warmMs: number[] = [];
    for (let i = 0; i < runs; i++) {
      warmMs.push((await jobs.classify(picture)).ms);
      tell({ done: i + 1, ms: warmMs[i] });
    }
    return { firstMs: first.ms, warmMs, top: first.top };
  },

  async translate(source: string, target: string, options: KernelOptions): Promise<string> {
    return translate(source, target, options);
  },

  async targets(): Promise<string[]> {
    return targets();
  },

  async kernel(job: KernelJob): Promise<KernelResult> {
    const d = open();
    const opened: { close(): void }[] = [];
    const keep = <T extends { close(): void }>(thing: T): T => (opened.push(thing), thing);
    try {
      const from = now();
      const kernel = keep(await makeKernel(job.source, job.options));
      const args = job.args.map((a) => ('value' in a ? a.value : keep(d.buffer('out' in a ? a.out : a.buffer))));
      const outs = args.filter((_, i) => 'out' in job.args[i]!) as import('quern').Buffer[];
      await outs[0]!.read(0, 4); // so that a driver's compiler has spoken
      const compileMs = now() - from;
      const firstMs = await timed(kernel, job.count, args, outs[0]!);
      const outputs: ArrayBuffer[] = [];
      for (const out of outs) outputs.push(await out.read());
      const warmMs: number[] = [];
      const until = now() + 1500;
      for (let i = 0; i < job.runs && now() < until; i++) warmMs.push(await timed(kernel, job.count, args, outs[0]!));
      return { how: kernel.how, compileMs, firstMs, warmMs, outputs };
    } finally {
      for (const thing of opened.reverse()) thing.close();
    }
  },

  /** A chain of matrix products through a session: x[n][n] times `steps` constant matrices. */
  async matmul(n: number, steps: number, runs: number, tell: Tell): Promise<Measured & { gflops: number }> {
    const from = now();
    using s = await Session.open(chain(n, steps), { device: open() });
    const x = Tensor.from(new Float32Array(n * n).fill(0.5), [n, n]);
    await s.run({ x });
    const coldMs = now() - from;
    const warmMs: number[] = [];
    for (let i = 0; i < runs; i++) {
      const start = now();
      await s.run({ x });
      warmMs.push(now() - start);
      tell({ part: (i + 1) / runs });
    }
    return { coldMs, warmMs, gflops: (2 * n ** 3 * steps) / Math.min(...warmMs) / 1e6 };
  },

  /** Copies of a buffer by a kernel: bytes read and written a second. */
  async bandwidth(megabytes: number, steps: number, runs: number, tell: Tell): Promise<Measured & { gbps: number }> {
    const d = open();
    const elems = megabytes * 2 ** 18;
    const from = now();
    using kernel = await makeKernel('#include "quern_kernel.h"\nMAP(f32) copy(u32 i, IN(f32) x) { return x[i] + 1.0f; }', {});
    using a = d.buffer(elems * 4);
    using b = d.buffer(elems * 4);
    await timed(kernel, elems, [a, b], b);
    const coldMs = now() - from;
    const warmMs: number[] = [];
    for (let i = 0; i < runs; i++) {
      const start = now();
      for (let k = 0; k < steps; k++) kernel.launch(elems, k % 2 ? [b, a] : [a, b]);
      await b.read(0, 4);
      warmMs.push((now() - start) / steps);
      tell({ part: (i + 1) / runs });
    }
    return { coldMs, warmMs, gbps: (elems * 8) / Math.min(...warmMs) / 1e6 };
  },

  /** The built-in model with a picture, or any other with made-up inputs. */
  async model(spec: ModelSpec, runs: number, tell: Tell): Promise<Measured & { loadMs: number }> {
    if (spec.kind !== 'glyphs') return anyModel(spec.kind === 'url' ? spec.url : spec.file, runs, tell);
    const { loadMs } = await jobs.load(spec, tell);
    const picture = new ImageData(224, 224);
    for (let i = 0; i < picture.data.length; i++) picture.data[i] = i % 4 === 3 ? 255 : (i * 31) % 251;
    const coldMs = (await jobs.classify(picture)).ms;
    const warmMs: number[] = [];
    for (let i = 0; i < runs; i++) {
      warmMs.push((await jobs.classify(picture)).ms);
      tell({ part: (i + 1) / runs });
    }
    return { loadMs, coldMs, warmMs };
  },

  async selfTest(_: undefined, tell: Tell): Promise<SelfTest[]> {
    const results: SelfTest[] = [];
    for (const test of SELF_TESTS) {
      results.push(await selfTest(test));
      tell(results.at(-1));
    }
    return results;
  },

  /** Of kernels tried out on the device, in this visit or earlier: those of the built-in model at least. */
  async tried(): Promise<Tried> {
    (await Classifier.glyphs(open())).close();
    return open().report();
  },

  async auto(): Promise<Auto> {
    using taken = await Device.open();
    return { kind: taken.kind, measured: taken.report().measured ?? [] };
  },

  async close(): Promise<void> {
    device?.close();
    device = session = classifier = undefined;
  },
};
export type Jobs = typeof jobs;

onmessage = async ({ data }: MessageEvent<{ id: number; job: keyof Jobs; args: unknown[] }>) => {
  const tell: Tell = (progress) => postMessage({ id: data.id, progress });
  try {
    const run = jobs[data.job] as (...args: unknown[]) => Promise<unknown>;
    postMessage({ id: data.id, result: await run(...data.args, tell) });
  } catch (error) {
    const known = error instanceof QuernError;
    postMessage({ id: data.id, error: (error as Error)?.message ?? String(error), code: known ? error.code : 'bug', diagnostics: known ? error.diagnostics : [] });
  }
};
