/* Image tensors drawn on what shows them: the same picture from every device, and from a webgpu device without a byte through the page. */
async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate(() => {
    globalThis.W = 20, globalThis.H = 12;
    globalThis.noise = new Uint8Array(4 * W * H).map((_, i) => (i % 4 === 3 ? 255 - (i % 80) : Math.imul(i + 1, 2654435761) >>> 24));
    /* noise as a tensor, and what its pixels are then. */
    globalThis.image = ({ channels = 3, layout = 'nchw', range: [low, high] = [0, 1], bgr = false, batch = 1, dims }) => {
      const area = W * H, values = new Float32Array(batch * channels * area), rgba = new Uint8ClampedArray(4 * area).fill(255);
      for (let p = 0; p < area; p++) {
        for (let c = 0; c < channels; c++) {
          const from = bgr && c < 3 ? 2 - c : c;
          values[(batch - 1) * channels * area + (layout === 'nhwc' ? p * channels + c : c * area + p)] = low + (noise[4 * p + from] / 255) * (high - low);
        }
        for (let c = 0; c < 4; c++) if (c < 3 || channels === 4) rgba[4 * p + c] = noise[4 * p + (channels === 1 ? 0 : c)];
      }
      return { values, dims: dims ?? (layout === 'nhwc' ? [batch, H, W, channels] : [batch, channels, H, W]), rgba };
    };
    globalThis.onto = (device, { values, dims }) => quern.Tensor.onDevice(device.buffer(values), 'f32', dims);
    globalThis.seen = (canvas) => {
      const flat = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
      flat.drawImage(canvas, 0, 0);
      return flat.getImageData(0, 0, canvas.width, canvas.height).data;
    };
    globalThis.off = (got, want) => (got.length === want.length ? Math.max(...got.map((v, i) => Math.abs(v - want[i]))) : 999);
    globalThis.rgbOff = (got, want) => off(got.filter((_, i) => i % 4 < 3), want.filter((_, i) => i % 4 < 3));
  });
  return page;
}

const each = (name, run) => ['webgpu', 'webgl', 'wasm'].map((kind) => ({ name: `drawn: ${name}, ${kind}`, run: (t) => run(t, kind) }));

export const cases = [
  ...each('layouts, channels, ranges and batches, on canvases and pixels', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const device = await quern.Device.open({ kind }), worst = {};
      const settings = [{}, { layout: 'nhwc', bgr: true }, { channels: 1, range: [-1, 1] }, { range: [0, 255], batch: 3, index: 2 }, { channels: 3, dims: [3, H, W], range: [1, 0] }];
      for (const options of settings) {
        const made = image(options), tensor = onto(device, made), canvas = document.createElement('canvas'), offscreen = new OffscreenCanvas(3, 3), pixels = new ImageData(W, H);
        for (const target of [canvas, offscreen, pixels]) await quern.drawTensor(tensor, target, options);
        worst[JSON.stringify(options)] = [off(seen(canvas), made.rgba), off(seen(offscreen), made.rgba), off(pixels.data, made.rgba)];
        tensor.close();
      }
      const alpha = image({ channels: 4, layout: 'nhwc' }), pixels = new ImageData(W, H), canvas = new OffscreenCanvas(1, 1), tensor = onto(device, alpha);
      await quern.drawTensor(tensor, pixels, { layout: 'nhwc' });
      await quern.drawTensor(tensor, canvas, { layout: 'nhwc' });
      const flat = document.createElement('canvas'); // a canvas that has pixels of its own keeps its kind of context
      flat.getContext('2d').fillRect(0, 0, 1, 1);
      await quern.drawTensor(quern.Tensor.from(image({}).values, image({}).dims), flat);
      worst.alpha = [off(pixels.data, alpha.rgba), off(seen(canvas), alpha.rgba), off(seen(flat), image({}).rgba)];
      device.close();
      return worst;
    }, kind);
    for (const [what, list] of Object.entries(got)) t.check(list.every((v) => v <= (what === 'alpha' ? 3 : 1)), `${what}: ${list}`);
  }),
  {
    name: 'drawn: from a kernel on a lent device, onto a texture and a canvas that the page has configured; nothing is read back',
    async run(t) {
      const got = await (await ready(t)).evaluate(async () => {
        const gpu = await (await navigator.gpu.requestAdapter()).requestDevice(), device = await quern.Device.open({ gpuDevice: gpu });
        const kernel = await device.kernel('#include "quern_kernel.h"\nMAP(f32) ramp(u32 i, u32 w, f32 by) { return (f32)(i % w) * by; }');
        const out = device.buffer(4 * W * H), tensor = quern.Tensor.onDevice(out, 'f32', [1, H, W]);
        kernel.launch(W * H, [W, 1 / 255, out]);
        await out.read(0, 0);
        let maps = 0;
        const map = GPUBuffer.prototype.mapAsync;
        GPUBuffer.prototype.mapAsync = function (...args) {
          maps++;
          return map.apply(this, args);
        };
        const canvas = document.createElement('canvas'), context = canvas.getContext('webgpu');
        context.configure({ device: gpu, format: 'rgba8unorm', alphaMode: 'opaque', usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC });
        const texture = gpu.createTexture({ size: [W, H], format: 'bgra8unorm', usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.TEXTURE_BINDING });
        kernel.launch(W * H, [W, 2 / 255, out]); // drawn after what is queued
        await quern.drawTensor(tensor, context);
        const wide = [canvas.width, canvas.height], shown = seen(canvas), format = context.getConfiguration?.().format ?? 'rgba8unorm';
        await quern.drawTensor(tensor, texture);
        const back = await quern.pictureTensor(device, texture, { width: W, height: H, range: [0, 255], channels: 3 });
        const before = maps;
        const looked = Array.from(await back.read()).slice(0, W).map(Math.round), scope = await gpu.popErrorScope().then(() => 'one was left', () => 'none');
        GPUBuffer.prototype.mapAsync = map;
        device.close();
        return { maps: before, wide, format, shown: Array.from(shown.subarray(0, 12)), looked: looked.slice(0, 4), scope };
      });
      t.same(got, { maps: 0, wide: [20, 12], format: 'rgba8unorm', shown: [0, 0, 0, 255, 2, 2, 2, 255, 4, 4, 4, 255], looked: [0, 2, 4, 6], scope: 'none' }, 'what is shown');
    },
  },
  {
    name: 'drawn: what cannot be is one sentence',
    async run(t) {
      const got = await (await ready(t)).evaluate(async () => {
        const gpuDevice = await quern.Device.open({ kind: 'webgpu' }), wasm = await quern.Device.open({ kind: 'wasm' }), gpu = gpuDevice.gpuDevice;
        const made = image({}), there = onto(gpuDevice, made), here = quern.Tensor.from(made.values, made.dims), canvas = () => new OffscreenCanvas(1, 1);
        const texture = (size, format) => gpu.createTexture({ size, format, usage: GPUTextureUsage.RENDER_ATTACHMENT });
        const webgl = canvas();
        webgl.getContext('webgl2');
        const said = async (...args) => {
          const e = await quern.drawTensor(...args).catch((e) => e);
          return e === undefined ? 'drawn' : e.message.length > 20 && !e.message.includes('\n') && !/undefined|not a function|Failed to/.test(e.message) ? e.code : e.message;
        };
        const codes = [await said(5, canvas()), await said(here, canvas(), null), await said(here, document.createElement('div')), await said(here, canvas(), { layout: 'x' }), await said(here, canvas(), { range: [1] }),
          await said(here, canvas(), { index: 1 }), await said(here, webgl), await said(there, webgl), await said(here, texture([W, H], 'rgba8unorm')), await said(onto(wasm, made), texture([W, H], 'rgba8unorm')),
          await said(quern.Tensor.from(new Float32Array(4), [2, 2]), canvas()), await said(quern.Tensor.from(new Float32Array(8), [2, 2, 2]), canvas()), await said(here, canvas(), { layout: 'nhwc' }), await said(here, new ImageData(2, 2)),
          await said(there, texture([2, 2], 'rgba8unorm')), await said(quern.Tensor.from(new Uint8Array(12), [3, 2, 2]), canvas()), await said(there, texture([W, H], 'rgba8uint'))];
        const aborted = await quern.drawTensor(there, canvas(), { signal: AbortSignal.abort() }).catch((e) => e.name), scope = await gpu.popErrorScope().then(() => 'one was left', () => 'none');
        gpuDevice.close();
        wasm.close();
        return { codes, aborted, scope };
      });
      t.same(got, { codes: [...Array(10).fill('usage'), ...Array(5).fill('shape'), 'dtype', 'device'], aborted: 'AbortError', scope: 'none' }, 'codes');
    },
  },
];
