/* A run that the device has no memory for, on devices that the page lent: the driver's own answer, all given back, a smaller run after it, and
 * the page's device as it was. */
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

export const cases = [['webgpu', lendGPU], ['webgl', lendGL]].map(([kind, lend]) => ({
  name: `no memory: a run that is too large says so, gives all back, and smaller ones go on, ${kind}`,
  async run(t) {
    const page = await t.page(`${t.url}/index.html`);
    await page.waitForFunction(() => globalThis.quern);
    await page.evaluate((writer) => (globalThis.onnx = eval(writer)), WRITER);
    const got = await page.evaluate(`(${runAll})(${lend})`);
    t.same(got, { told: [1, 'nomem', 1, 1, 'nomem', 1, 1], counts: [true, true, true, true], works: 'works', left: 0 }, 'what happened');
  },
}));
