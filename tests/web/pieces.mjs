/* Models in pieces, from blobs, files and addresses: up to 320 MB on a device while the module's memory stays below 64 MB. */
import { onnxWriter } from './onnx.mjs';
import { serve } from './server.mjs';

const WRITER = `(${onnxWriter})()`;

async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate((writer) => (globalThis.onnx = eval(writer)), WRITER);
  return page;
}

/* A chain of products with matrices of 1/n: each element of the answer is the mean of x. The blob of one matrix is that of all, so the page
 * itself holds 64 MB. */
function runChain([kind, layers, how]) {
  const n = 4096, bytes = n * n * 4;
  const blob = new Blob([new Float32Array(n * n).fill(1 / n)]);
  const nodes = [], weights = [];
  for (let i = 0; i < layers; i++) {
    nodes.push(onnx.node('MatMul', [i ? `t${i}` : 'x', `w${i}`], [i + 1 < layers ? `t${i + 1}` : 'y']));
    weights.push(...onnx[how](`w${i}`, [n, n], blob));
  }
  const file = new Blob(onnx.model([...weights, ...nodes, onnx.value(11, 'x', [1, n]), onnx.value(12, 'y', [1, n])]));
  return (async () => {
    const device = await quern.Device.open({ kind });
    const before = device.heapBytes, stages = new Set();
    const session = await quern.Session.open(file, { device, onProgress: (p) => stages.add(p.stage) });
    const { y } = await session.run({ x: Float32Array.from({ length: n }, (_, i) => i % 8) });
    const worst = y.data.reduce((w, v) => Math.max(w, Math.abs(v - 3.5)), 0);
    const weightBytes = session.report().stats.weights_bytes;
    const heap = device.heapBytes;
    device.close();
    return { fileBytes: file.size, weightBytes: weightBytes / bytes, worst, heap, grown: heap - before, stages: [...stages] };
  })();
}

const large = [['webgpu', 5, 'weight'], ['webgpu', 3, 'constant'], ['webgl', 2, 'weight']].map(([kind, layers, how]) => ({
  name: `pieces: a model of ${layers * 64} MB${how === 'constant' ? ' in Constant nodes' : ''} with a heap below 64 MB, ${kind}`,
  async run(t) {
    const page = await ready(t);
    const got = await page.evaluate(runChain, [kind, layers, how]);
    t.check(got.fileBytes > layers * 2 ** 26, `${got.fileBytes} bytes`);
    t.same(got.weightBytes, layers, 'weights on the device');
    t.check(got.worst < 1e-3, `off by ${got.worst}`);
    t.check(got.heap < 64 * 2 ** 20, `the module's memory rose to ${got.heap} bytes`);
    for (const stage of ['reading', 'planning', 'loading weights', 'ready']) t.check(got.stages.includes(stage), `stages ${got.stages}`);
    console.log(`         ${(got.fileBytes / 2 ** 20).toFixed(0)} MiB of file, the module's memory at most ${(got.heap / 2 ** 20).toFixed(1)} MiB`);
  },
}));

export const cases = [
  ...large,
  {
    name: 'pieces: the same answers as whole, on every device',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const image = Float32Array.from({ length: 1024 }, (_, i) => (i * 7) % 11 / 11), answers = {};
        for (const kind of ['webgpu', 'webgl', 'wasm']) {
          const device = await quern.Device.open({ kind }), outputs = [];
          for (const stream of [false, true]) {
            const session = await quern.Session.open('/pkg/glyphs.onnx', { device, cache: 'none', stream });
            outputs.push((await session.run({ image: quern.Tensor.from(image, [1, 1, 32, 32]) })).probabilities.data);
          }
          answers[kind] = Math.max(...outputs[0].map((v, i) => Math.abs(v - outputs[1][i])));
          device.close();
        }
        return answers;
      });
      for (const [kind, off] of Object.entries(got)) t.check(off < 1e-6, `${kind}: off by ${off}`);
    },
  },
  {
    name: 'pieces: weights in a file beside the model, by address and given',
    async run(t) {
      const { value, node, external, model } = onnxWriter();
      const w = Float32Array.from({ length: 10240 }, (_, i) => i % 5), b = Float32Array.from({ length: 64 }, (_, i) => i);
      const file = model([node('MatMul', ['x', 'w'], ['p']), node('Add', ['p', 'b'], ['y']), value(11, 'x', [1, 160]), value(12, 'y', [1, 64]),
        external('w', [160, 64], 'w.bin', 256, 40960), external('b', [64], 'w.bin', 0, 256)]);
      const bytes = Buffer.concat(file.map((p) => Buffer.from(p))), beside = Buffer.concat([Buffer.from(b.buffer), Buffer.from(w.buffer)]);
      const send = (data) => (_, response) => response.writeHead(200, { 'content-length': data.length }).end(data);
      const server = await serve([], { headers: { 'access-control-allow-origin': '*' }, routes: { '/m/a.onnx': send(bytes), '/m/w.bin': send(beside) } });
      const want = Array.from({ length: 64 }, (_, c) => b[c] + Array.from({ length: 160 }, (_, r) => w[r * 64 + c]).reduce((s, v) => s + v, 0));
      try {
        const page = await ready(t);
        const got = await page.evaluate(async ([url, model, weights]) => {
          const device = await quern.Device.open({ kind: 'wasm' }), x = new Float32Array(160).fill(1);
          const ask = async (source, options) => {
            const session = await quern.Session.open(source, { device, cache: 'none', ...options }).catch((e) => e);
            return session.run ? [...(await session.run({ x })).y.data] : `${session.code}: ${session.message}`;
          };
          const file = new Uint8Array(model), files = { 'w.bin': new Blob([new Uint8Array(weights)]) };
          const answers = [await ask(url, {}), await ask(file, { files }), await ask(file, {}), await ask(file, { files: { 'w.bin': new Uint8Array(9000) } })];
          device.close();
          return answers;
        }, [`${server.url}/m/a.onnx`, [...bytes], [...beside]]);
        t.same(got.slice(0, 2), [want, want], 'answers');
        t.check(/^io: .*w\.bin.*files/.test(got[2]), got[2]);
        t.check(/^format: w\.bin ends at byte 9000/.test(got[3]), got[3]);
      } finally {
        server.close();
      }
    },
  },
  {
    name: 'pieces: 12 rounds of open, run, close leave nothing, on every device',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const bytes = new Uint8Array(await (await fetch('/pkg/glyphs.onnx')).arrayBuffer()), image = new Float32Array(1024).fill(0.5), counts = {};
        for (const kind of ['webgpu', 'webgl', 'wasm']) {
          const device = await quern.Device.open({ kind }), { engine } = device, rounds = [];
          for (let i = 0; i < 12; i++) {
            const session = await quern.Session.open(bytes, { device, stream: true });
            await session.run({ image: quern.Tensor.from(image, [1, 1, 32, 32]) });
            session.close();
            rounds.push([engine.x.qw_blocks(), device.heapBytes, engine.webgpu.bufferCount].join());
          }
          counts[kind] = rounds[3] === rounds[11] ? 'flat' : [rounds[3], rounds[11]];
          device.close();
        }
        return counts;
      });
      t.same(got, { webgpu: 'flat', webgl: 'flat', wasm: 'flat' }, 'blocks, heap bytes, buffers');
    },
  },
  {
    name: 'pieces: opening can be aborted, and a file that ends early is one sentence',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const device = await quern.Device.open({ kind: 'wasm' });
        const bytes = new Uint8Array(await (await fetch('/pkg/glyphs.onnx')).arrayBuffer());
        const given = new AbortController();
        const aborted = await quern.Session.open(bytes, { device, stream: true, signal: given.signal, onProgress: (p) => p.stage === 'loading weights' && given.abort() }).catch((e) => e.name);
        const cut = await quern.Session.open(bytes.subarray(0, 90000), { device, stream: true }).catch((e) => [e.code, e.message]);
        device.close();
        return { aborted, cut };
      });
      t.same(got.aborted, 'AbortError', 'aborted');
      t.check(got.cut[0] === 'format' && !got.cut[1].includes('\n'), JSON.stringify(got.cut));
    },
  },
  {
    name: 'pieces: without a file system a download stays in blobs; without room in it too',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const storage = Object.getPrototypeOf(navigator.storage), { getDirectory, estimate } = storage;
        const open = async () => {
          const device = await quern.Device.open({ kind: 'wasm' });
          const session = await quern.Session.open('/pkg/glyphs.onnx', { device, stream: true });
          const names = session.inputs.map((i) => i.name);
          device.close();
          return names;
        };
        const kept = async () => {
          const all = await (await getDirectory.call(navigator.storage)).getDirectoryHandle('quern', { create: true });
          let n = 0;
          for await (const [, folder] of all.entries()) for await (const name of folder.keys()) n += name !== 'about.json';
          return n;
        };
        storage.estimate = async () => ({ quota: 1000, usage: 900 });
        const full = [await open(), await kept()];
        storage.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));
        const none = await open();
        Object.assign(storage, { getDirectory, estimate });
        const there = [await open(), await kept()];
        return { full, none, there };
      });
      t.same(got, { full: [['image'], 0], none: ['image'], there: [['image'], 1] }, 'what was kept');
    },
  },
];
