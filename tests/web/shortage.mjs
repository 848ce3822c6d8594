/* A run, or a model's weights, that the device has no memory for, on devices that the page lent: the driver's own answer, all given back, a smaller
 * run or model after it, the same model on another device, and the page's device as it was. */
import { onnxWriter } from './onnx.mjs';

const WRITER = `(${onnxWriter})()`;

/* Where a buffer of 1 GiB is more than the driver gives. */
async function lendGPU() {
  const adapter = await navigator.gpu.requestAdapter(), { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const gpuDevice = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
  const heard = [], { createBuffer } = GPUDevice.prototype, { destroy } = GPUBuffer.prototype, alive = new Set();
  let lost = false;
  gpuDevice.addEventListener('uncapturederror', (e) => heard.push(e.error.message));
  void gpuDevice.lost.then(() => (lost = true));
  GPUDevice.prototype.createBuffer = function (...args) {
    const made = createBuffer.apply(this, args);
    alive.add(made);
    return made;
  };
  GPUBuffer.prototype.destroy = function () {
    alive.delete(this);
    destroy.call(this);
  };
  return {
    options: { gpuDevice }, elements: Math.min(maxBufferSize, maxStorageBufferBindingSize) / 4, alive: () => alive.size,
    works: async () => {
      gpuDevice.queue.submit([gpuDevice.createCommandEncoder().finish()]);
      await gpuDevice.queue.onSubmittedWorkDone();
      await new Promise((r) => setTimeout(r, 50));
      return !lost && !heard.length ? 'works' : `lost ${lost}, heard ${heard.join()}`;
    },
  };
}

/* Software takes any texture at once and memory for it later, which would be the machine's. So in place of a large one the driver is asked for 128 GiB,
 * which it refuses; Chromium says so with INVALID_OPERATION. */
async function lendGL() {
  const gl = new OffscreenCanvas(4, 4).getContext('webgl2'), alive = new Set(), proto = WebGL2RenderingContext.prototype;
  const { texStorage2D, createTexture, deleteTexture } = proto;
  proto.createTexture = function () {
    const made = createTexture.call(this);
    alive.add(made);
    return made;
  };
  proto.deleteTexture = function (texture) {
    alive.delete(texture);
    deleteTexture.call(this, texture);
  };
  proto.texStorage2D = function (target, levels, format, w, h) {
    if (w * h * 16 < 2 ** 26) return texStorage2D.call(this, target, levels, format, w, h);
    const huge = createTexture.call(this);
    this.bindTexture(this.TEXTURE_3D, huge);
    this.texStorage3D(this.TEXTURE_3D, 1, this.RGBA32F, 2048, 2048, 2048);
    deleteTexture.call(this, huge);
  };
  return {
    options: { gl }, elements: 2 ** 25, alive: () => alive.size,
    works: async () => {
      gl.clearColor(0, 1, 0, 1);
      gl.clear(gl.COLOR_BUFFER_BIT);
      const pixel = new Uint8Array(4);
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
      return !gl.isContextLost() && gl.getError() === 0 && pixel.join() === '0,255,0,255' ? 'works' : `lost ${gl.isContextLost()}, ${pixel}`;
    },
  };
}

/* Of n equal numbers each is 1/n of their sum. */
async function runAll(lend) {
  const { node, value, model } = onnx, INT64 = 7;
  const parts = [node('Expand', ['x', 'shape'], ['e']), node('Softmax', ['e'], ['s']), node('ReduceMax', ['s'], ['y']), value(11, 'x', [1]), value(11, 'shape', [1], INT64), value(12, 'y', [1])];
  const lent = await lend(), device = await quern.Device.open(lent.options);
  const session = await quern.Session.open(new Blob(model(parts)), { device });
  const { engine } = device, told = [], counts = [];
  const run = async (n) => (await session.run({ x: Float32Array.of(3), shape: quern.Tensor.from(new BigInt64Array([BigInt(n)]), [1]) })).y.data[0] * n;
  const attempt = async (n) => told.push(await run(n).then((v) => Math.round(v * 1e4) / 1e4, (e) => e.code));
  await attempt(64);
  const before = lent.alive();
  for (let turn = 0; turn < 2; turn++) {
    await attempt(lent.elements);
    counts.push(lent.alive() <= before);
    await attempt(64);
    await attempt(64);
    counts.push(lent.alive() === before);
  }
  session.close();
  device.close();
  return { told, counts, works: await lent.works(), left: engine.webgpu.bufferCount };
}

/* A product with a matrix of 64 MiB, for which a driver is asked for more than it has. */
async function openAll(lend) {
  const { node, value, model, weight, constant } = onnx, N = 4096;
  const product = (how, n, blob) => new Blob(model([...how('w', [n, n], blob), node('MatMul', ['x', 'w'], ['y']), value(11, 'x', [1, n]), value(12, 'y', [1, n])]));
  const large = product(weight, N, new Blob([new Float32Array(N * N).fill(1 / N)])), small = product(constant, 64, new Blob([new Float32Array(64 * 64).fill(1 / 64)]));
  const lent = await lend(), { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (d) {
    return createBuffer.call(this, d.size < 2 ** 26 ? d : { ...d, size: lent.elements * 4 });
  };
  const device = await quern.Device.open(lent.options), { engine } = device, told = [], counts = [];
  const mean = async (d, file, n, stream) => {
    const session = await quern.Session.open(file, { device: d, stream });
    const { y } = await session.run({ x: Float32Array.from({ length: n }, (_, i) => i % 8) });
    session.close();
    return Math.round(y.data[n - 1] * 1e3) / 1e3;
  };
  const attempt = async (...args) => told.push(await mean(...args).catch((e) => `${e.code}: ${e.message}`));
  await attempt(device, small, 64);
  const before = [lent.alive(), engine.x.qw_blocks(), engine.webgpu.objectCount].join();
  for (const stream of [true, false]) {
    await attempt(device, large, N, stream);
    counts.push([lent.alive(), engine.x.qw_blocks(), engine.webgpu.objectCount].join() === before || [before, lent.alive(), engine.x.qw_blocks(), engine.webgpu.objectCount].join());
    await attempt(device, small, 64);
  }
  const other = await quern.Device.open({ kind: 'wasm' });
  await attempt(other, large, N);
  other.close();
  device.close();
  GPUDevice.prototype.createBuffer = createBuffer;
  return { told, counts, works: await lent.works(), left: engine.webgpu.bufferCount };
}

async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate((writer) => (globalThis.onnx = eval(writer)), WRITER);
  return page;
}

const LENDERS = [['webgpu', lendGPU], ['webgl', lendGL]];
const SENTENCE = /^nomem: [^\n]*weight[^\n]*$/;

export const cases = [
  ...LENDERS.map(([kind, lend]) => ({
    name: `no memory: a run that is too large says so, gives all back, and smaller ones go on, ${kind}`,
    async run(t) {
      const got = await (await ready(t)).evaluate(`(${runAll})(${lend})`);
      t.same(got, { told: [1, 'nomem', 1, 1, 'nomem', 1, 1], counts: [true, true, true, true], works: 'works', left: 0 }, 'what happened');
    },
  })),
  ...LENDERS.map(([kind, lend]) => ({
    name: `no memory: weights that are too large say so, give all back, and open on another device, ${kind}`,
    async run(t) {
      const got = await (await ready(t)).evaluate(`(${openAll})(${lend})`);
      for (const i of [1, 3]) t.check(SENTENCE.test(got.told[i]), `it says ${got.told[i]}`);
      t.same([got.told[0], got.told[2], got.told[4], got.told[5]], [3.5, 3.5, 3.5, 3.5], 'the small one, and the large one elsewhere');
      t.same([got.counts, got.works, got.left], [[true, true], 'works', 0], 'what is left');
      console.log(`         ${got.told[1]}`);
    },
  })),
  {
    name: 'no memory: weights past what a module can have are one sentence, and the next model opens, wasm',
    async run(t) {
      const got = await (await ready(t)).evaluate(async () => {
        const { node, value, model, weight } = onnx, blob = new Blob(Array(80).fill(new Blob([new Uint8Array(60_000_000)]))); // 4.8 GB of one piece
        const file = new Blob(model([...weight('w', [30_000, 40_000], blob), node('MatMul', ['x', 'w'], ['y']), value(11, 'x', [1, 30_000]), value(12, 'y', [1, 40_000])]));
        const device = await quern.Device.open({ kind: 'wasm' }), { engine } = device;
        await quern.Session.open('/pkg/glyphs.onnx', { device }).then((s) => s.close());
        const before = engine.x.qw_blocks();
        const told = await quern.Session.open(file, { device }).then(() => 'opened', (e) => `${e.code}: ${e.message}`), after = engine.x.qw_blocks();
        const session = await quern.Session.open('/pkg/glyphs.onnx', { device }), { probabilities } = await session.run({ image: quern.Tensor.from(new Float32Array(1024), [1, 1, 32, 32]) });
        const heap = device.heapBytes;
        device.close();
        return { told, left: after - before, classes: probabilities.data.length > 1, heap: heap < 2 ** 28 || heap };
      });
      t.check(/^(nomem|unsupported): [^\n]*4800000000 bytes[^\n]*$/.test(got.told), `it says ${got.told}`);
      t.same([got.left, got.classes, got.heap], [0, true, true], 'what is left');
    },
  },
];
