/* What a page goes through while a model runs: hidden tabs, devices that are lost while weights are on their way; and profiles, texts. */
import { onnxWriter } from './onnx.mjs';

const WRITER = `(${onnxWriter})()`;

async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate(([writer, small]) => Object.assign(globalThis, { onnx: eval(writer), smallModel: eval(small) }), [WRITER, `(${smallModel})`]);
  return page;
}

/* Two products and what is between them: few kernels, as a driver in software compiles for seconds; weights large enough to come in pieces. */
function smallModel() {
  const n = 128, w = () => new Blob([new Float32Array(n * n).fill(1 / n)]);
  const parts = [onnx.node('MatMul', ['x', 'w'], ['p']), onnx.node('Sigmoid', ['p'], ['q']), onnx.node('MatMul', ['q', 'v'], ['y']), onnx.value(11, 'x', [n, n]), onnx.value(12, 'y', [n, n])];
  const file = new Blob(onnx.model([...parts, ...onnx.weight('w', [n, n], w()), ...onnx.weight('v', [n, n], w())]));
  return { file, x: new Float32Array(n * n).fill(1), want: 1 / (1 + Math.exp(-1)) };
}

/* As a hidden tab is: frames never come, timers come once a second. */
function hide() {
  Object.defineProperty(Document.prototype, 'visibilityState', { get: () => 'hidden' });
  Object.defineProperty(Document.prototype, 'hidden', { get: () => true });
  globalThis.requestAnimationFrame = () => 0;
  const later = globalThis.setTimeout;
  globalThis.timers = 0;
  globalThis.setTimeout = (f, ms = 0, ...rest) => (globalThis.timers++, later(f, Math.max(Math.ceil(ms / 1000), 1) * 1000, ...rest));
}

const hidden = ['webgpu', 'webgl', 'wasm'].map((kind) => ({
  name: `background: a hidden page goes on, ${kind}`,
  async run(t) {
    const page = await ready(t);
    await page.evaluate(hide);
    const got = await page.evaluate(async (k) => {
      const device = await quern.Device.open({ kind: k });
      const classifier = await quern.Classifier.glyphs(device);
      const picture = await (await fetch('/samples/star.jpg')).blob();
      const { top } = await classifier.classify(picture);
      const timers = globalThis.timers, runs = 5;
      for (let i = 0; i < runs; i++) await classifier.classify(picture);
      device.close();
      return { label: top[0].label, timersARun: (globalThis.timers - timers) / runs };
    }, kind);
    t.same(got.label, 'star', 'answer');
    t.check(got.timersARun <= (kind === 'webgpu' ? 40 : 0), `${got.timersARun} timers in a run`); // webgpu sets one beside each promise, in case that never comes
  },
}));

/* Some 2 GFLOP: long enough for timers everywhere, and for a page to feel it. */
const aliveOnWasm = {
  name: 'a long run on wasm: timers fire meanwhile, an abort is heard, the next run is right',
  async run(t) {
    const page = await ready(t);
    const got = await page.evaluate(async () => {
      const n = 256, layers = 60, w = new Blob([new Float32Array(n * n).fill(1 / n)]);
      const parts = Array.from({ length: layers }, (_, i) => onnx.node('MatMul', [i ? `p${i}` : 'x', 'w'], [i < layers - 1 ? `p${i + 1}` : 'y']));
      const file = new Blob(onnx.model([...parts, onnx.value(11, 'x', [n, n]), onnx.value(12, 'y', [n, n]), ...onnx.weight('w', [n, n], w)]));
      const device = await quern.Device.open({ kind: 'wasm' });
      const session = await quern.Session.open(await file.arrayBuffer(), { device });
      const x = quern.Tensor.from(new Float32Array(n * n).fill(1), [n, n]), given = new AbortController();
      setTimeout(() => given.abort(), 1);
      const aborted = await session.run({ x }, { signal: given.signal }).then(() => 'ran', (e) => e.name);
      const { y } = await session.run({ x });
      device.close();
      return { aborted, right: y.data.every((v) => Math.abs(v - 1) < 1e-4) };
    });
    t.same(got, { aborted: 'AbortError', right: true }, 'runs');
  },
};

/* A product a turn, and its values decide whether there is another and which branch is taken: the library reads the device back in each. */
const aliveInLoop = ['webgpu', 'webgl', 'wasm'].map((kind) => ({
  name: `a long Loop with an If: timers of the page fire between its turns, ${kind}`,
  async run(t) {
    const page = await ready(t);
    const got = await page.evaluate(async (k) => {
      const { value, node, body, model, weight, INT64, BOOL } = onnx, n = 128, turns = k === 'wasm' ? 300 : 25;
      const branch = (name, op) => body(name, [node(op, ['p'], ['q']), value(12, 'q', [n, n])]);
      const inLoop = body('body', [node('MatMul', ['x', 'w'], ['p']), node('ReduceMax', ['p'], ['most']), node('Less', ['most', 'least'], ['small']), node('Squeeze', ['small'], ['more']),
        node('If', ['more'], ['next'], [branch('then_branch', 'Neg'), branch('else_branch', 'Abs')]), node('Abs', ['next'], ['x2']),
        value(11, 'turn', [], INT64), value(11, 'go', [], BOOL), value(11, 'x', [n, n]), value(12, 'more', [], BOOL), value(12, 'x2', [n, n])]);
      const whole = [node('Loop', ['count', '', 'x0'], ['y'], [inLoop]), value(11, 'count', [], INT64), value(11, 'x0', [n, n]), value(11, 'least', []), value(12, 'y', [n, n])];
      const file = new Blob(model([...whole, ...weight('w', [n, n], new Blob([new Float32Array(n * n).fill(1 / n)]))]));
      const device = await quern.Device.open({ kind: k });
      const session = await quern.Session.open(await file.arrayBuffer(), { device });
      const run = (count, least) => session.run({ count: quern.Tensor.from(BigInt64Array.of(BigInt(count)), []), x0: new Float32Array(n * n).fill(3), least: quern.Tensor.from(Float32Array.of(least), []) });
      await run(2, 9); // compiled now
      let fired = 0, running = true;
      const beat = async () => { for (; running; fired++) await new Promise((next) => setTimeout(next)); };
      const beating = beat(), from = performance.now();
      const { y } = await run(turns, 9);
      const ms = performance.now() - from;
      running = false;
      await beating;
      const off = y.data.reduce((w, v) => Math.max(w, Math.abs(v - 3)), 0), first = (await run(turns, 1)).y.data[0];
      device.close();
      return { fired, ms, off, first };
    }, kind);
    t.check(got.off < 1e-3 && Math.abs(got.first - 3) < 1e-3, JSON.stringify(got));
    t.check(got.fired >= 3 && got.ms / got.fired < 250, `timers fired ${got.fired} times in ${got.ms} ms`);
    console.log(`         ${Math.round(got.ms)} ms, in which timers fired ${got.fired} times`);
  },
}));

const lostWhileLoading = [
  ['webgpu', (device) => device.gpuDevice.destroy()],
  ['webgl', (device) => device.opened.gl.getExtension('WEBGL_lose_context').loseContext()],
].map(([kind, lose]) => ({
  name: `lost: while weights are on their way, ${kind}; the model opens again, there and on another device`,
  async run(t) {
    const page = await ready(t);
    const got = await page.evaluate(async ([k, text]) => {
      const loseDevice = eval(text);
      const device = await quern.Device.open({ kind: k });
      const { file, x } = smallModel();
      let lost = false;
      const first = await quern.Session.open(file, { device, stream: true, onProgress: (p) => p.stage === 'loading weights' && !lost && ((lost = true), loseDevice(device)) })
        .then((s) => s.run({ x })).then(() => 'ran', (e) => e.code);
      const after = await Promise.resolve().then(() => device.buffer(16).read()).then(() => 'read', (e) => e.code);
      const { engine } = device;
      device.close();
      const again = [];
      for (const next of [k, 'wasm']) {
        const other = await quern.Device.open({ kind: next });
        const session = await quern.Session.open(file, { device: other, stream: true });
        again.push((await session.run({ x })).y.data.length);
        other.close();
      }
      return { first, after, again, buffers: engine.webgpu.bufferCount };
    }, [kind, `(${lose})`]);
    t.same(got, { first: 'lost', after: 'lost', again: [16384, 16384], buffers: 0 }, 'what happened');
  },
}));

export const cases = [
  ...hidden,
  aliveOnWasm,
  ...aliveInLoop,
  ...lostWhileLoading,
  ...['webgpu', 'webgl', 'wasm'].map((kind) => ({
    name: `profile: each launch is timed without blocking, ${kind}`,
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async (k) => {
        const device = await quern.Device.open({ kind: k });
        const { file, x, want } = smallModel();
        const session = await quern.Session.open(file, { device, profile: true });
        let turns = 0, running = true;
        const beat = async () => { for (; running; turns++) await new Promise((next) => setTimeout(next)); };
        const beating = beat();
        const have = (await session.run({ x })).y.data;
        running = false;
        await beating;
        const rows = session.profile(), { launches } = session.report().stats;
        device.close();
        return { rows: rows.length, launches, clocks: [...new Set(rows.map((r) => r.clock))], named: rows.every((r) => r.op && r.kernel && r.ms >= 0 && r.bytes > 0) && rows.reduce((sum, r) => sum + r.ms, 0) > 0, rising: rows.every((r, i) => !i || r.startMs >= rows[i - 1].startMs),
          flops: rows.some((r) => r.flops > 1e6), off: have.reduce((w, v) => Math.max(w, Math.abs(v - want)), 0), turns };
      }, kind);
      t.check(got.rows === got.launches && got.rows >= 2 && got.named && got.rising && got.flops && got.off < 1e-5, JSON.stringify(got));
      t.same(got.clocks, [kind === 'webgpu' ? 'device' : 'page'], 'clock');
      t.check(kind === 'wasm' || got.turns > 2, `the page had ${got.turns} turns`);
    },
  })),
  {
    name: 'texts: tensors of texts in and out',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const { value, node, model, STRING } = onnx;
        const file = new Blob(model([node('Identity', ['x'], ['y']), value(11, 'x', [2, 2], STRING), value(12, 'y', [2, 2], STRING)]));
        const device = await quern.Device.open({ kind: 'wasm' });
        const session = await quern.Session.open(file, { device });
        const texts = ['', 'müll', '日本', 'plain'];
        const { y } = await session.run({ x: quern.Tensor.ofTexts(texts, [2, 2]) });
        const wrong = await session.run({ x: new Float32Array(4) }).catch((e) => e.code);
        device.close();
        return { texts: y.texts, dims: y.dims, dtype: y.dtype, data: y.data === undefined, wrong };
      });
      t.same(got, { texts: ['', 'müll', '日本', 'plain'], dims: [2, 2], dtype: 'string', data: true, wrong: 'dtype' }, 'answers');
    },
  },
  {
    name: 'threads: a worker that cannot compile a kernel leaves the work to others, and nothing hangs',
    async run(t) {
      const refusing = 'const Real = WebAssembly.Module; WebAssembly.Module = class extends Real { constructor(b) { if (b.byteLength > 64) throw new RangeError("no room"); super(b); } };\n';
      let workers = 0;
      await t.context.route('**/worker.js', async (route) => {
        const response = await route.fetch();
        workers++;
        await route.fulfill({ response, body: refusing + (await response.text()) });
      });
      const page = await t.page(`${t.isolated}/index.html`);
      await page.waitForFunction(() => globalThis.quern);
      const got = await page.evaluate(async () => {
        const device = await quern.Device.open({ kind: 'wasm', threads: 3 }), N = 200_000;
        const x = device.buffer(Float32Array.from({ length: N }, (_, i) => i % 97)), y = device.buffer(4 * N);
        const kernel = await device.kernel('#include "quern_kernel.h"\nMAP(f32) f(u32 i, IN(f32) x, f32 a) { return x[i] * a + 1.0f; }');
        const sums = [];
        for (let turn = 0; turn < 12; turn++) {
          kernel.launch(N, [x, 2, y]);
          const values = new Float32Array(await y.read());
          sums.push(values.every((v, i) => v === (i % 97) * 2 + 1));
        }
        const { workers } = device.info.caps;
        device.close();
        return { workers, right: sums.every(Boolean) };
      });
      t.same([got, workers], [{ workers: 3, right: true }, 2], 'answers, and workers that refuse');
    },
  },
];
