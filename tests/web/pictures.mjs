/* Pictures that become tensors: the same on every device, whatever they come from; what is wrong is said before anything is done. */
async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate(() => {
    /* Noise, edges and a gradient: what a careless filter gets wrong. */
    globalThis.textured = (width, height) => {
      const image = new ImageData(width, height);
      for (let i = 0, x = 12345; i < width * height; i++) {
        x = Math.imul(x, 1103515245) + 12345;
        image.data.set([(x >>> 16) & 255, (i % width) % 7 < 3 ? 250 : 5, (255 * i / (width * height)) | 0, 255], 4 * i);
      }
      return image;
    };
  });
  return page;
}

const SETTINGS = {
  'a quarter of it': { width: 64, height: 48, range: [-1, 1], mean: [0.1, 0.2, 0.3], std: [0.5, 1, 2], bgr: true },
  'stretched, larger': { width: 700, height: 600, fit: 'squash', layout: 'nhwc' },
  'in a letter box': { width: 96, height: 96, fit: 'letterbox', pad: 114 },
  'grey, cut': { width: 33, height: 57, channels: 1, mean: 0.5, std: 0.25 },
};

export const cases = [
  ...Object.entries(SETTINGS).map(([what, options]) => ({
    name: `pictures: bitmap, canvas, video frame, pixels and texture give the same tensor on every device: ${what}`,
    async run(t) {
      const worst = await (await ready(t)).evaluate(async (options) => {
        const pixels = textured(512, 384), bitmap = await createImageBitmap(pixels), frame = new VideoFrame(bitmap, { timestamp: 0 });
        const canvas = new OffscreenCanvas(512, 384);
        canvas.getContext('2d').putImageData(pixels, 0, 0);
        const devices = await Promise.all(['wasm', 'webgl', 'webgpu'].map((kind) => quern.Device.open({ kind }))), gpu = devices[2].gpuDevice;
        const texture = gpu.createTexture({ size: [512, 384], format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT });
        gpu.queue.copyExternalImageToTexture({ source: bitmap }, { texture }, [512, 384]);
        const all = await Promise.all(devices.map((d) => quern.pictureTensor(d, pixels, options))), want = await all[0].read(), off = {};
        const [low, high] = options.range ?? [0, 1], channels = options.channels ?? 3, stds = Array(channels).fill(options.std ?? 1).map((std, c) => std[c] ?? std);
        const std = (i) => stds[options.layout === 'nhwc' ? i % channels : Math.floor(i * channels / want.length)];
        const look = async (name, tensor) => {
          const values = await tensor.read();
          off[name] = values.reduce((most, v, i) => Math.max(most, Math.abs(v - want[i]) * std(i)), 0) / (high - low);
          if (String(tensor.dims) !== String(all[0].dims) || values.length !== want.length) off[name] = Infinity;
          tensor.close();
        };
        await look('webgl', all[1]);
        await look('webgpu', all[2]);
        const sources = { bitmap, canvas, frame, rgba: { width: 512, height: 384, rgba: pixels.data } };
        for (const [name, source] of Object.entries(sources)) for (const d of devices) await look(`${name}, ${d.kind}`, await quern.pictureTensor(d, source, options));
        await look('texture', await quern.pictureTensor(devices[2], texture, options));
        frame.close();
        devices.forEach((d) => d.close());
        return off;
      }, options);
      const most = (options.channels === 1 ? 1.6 : 1.05) / 255; // grey is rounded once more where it is made
      for (const [name, w] of Object.entries(worst)) t.check(w <= most, `${name}: ${w * 255} of 255; ${JSON.stringify(worst)}`);
      t.check(worst['rgba, wasm'] === 0 && worst['bitmap, webgl'] === 0, JSON.stringify(worst));
    },
  })),
  {
    name: 'pictures: a letter box and its bars, grey, and one number for all channels',
    async run(t) {
      const got = await (await ready(t)).evaluate(async () => {
        const white = new ImageData(new Uint8ClampedArray(4 * 8).fill(255), 4, 2), answers = [];
        for (const kind of ['wasm', 'webgpu']) {
          const device = await quern.Device.open({ kind }), tensor = async (o) => (await quern.pictureTensor(device, white, { width: 4, height: 4, channels: 1, ...o })).read();
          answers.push([...await tensor({ fit: 'letterbox', pad: 51 })].map((v) => Math.round(v * 1000) / 1000), [...await tensor({ mean: 0.5, std: [0.25] })].map((v) => Math.round(v * 1000) / 1000),
            [...await (await quern.pictureTensor(device, white, { width: 1, height: 1, mean: 0.5 })).read()]);
          device.close();
        }
        return answers;
      });
      const want = [[...Array(4).fill(0.2), ...Array(8).fill(1), ...Array(4).fill(0.2)], Array(16).fill(2), [0.5, 0.5, 0.5]];
      t.same(got, [...want, ...want], 'values');
    },
  },
  {
    name: 'pictures: what is wrong is one sentence, and a lent device finds its error scopes as they were',
    async run(t) {
      const got = await (await ready(t)).evaluate(async () => {
        const gpu = await (await navigator.gpu.requestAdapter()).requestDevice(), uncaught = [];
        gpu.onuncapturederror = (e) => uncaught.push(e.error.message);
        const devices = [await quern.Device.open({ gpuDevice: gpu }), await quern.Device.open({ kind: 'wasm' })];
        const fine = { width: 4, height: 4 }, picture = textured(8, 8), closed = await createImageBitmap(picture), wrong = [];
        closed.close();
        const uint = gpu.createTexture({ size: [4, 4], format: 'rgba8uint', usage: GPUTextureUsage.TEXTURE_BINDING });
        const all = [[picture, undefined], [picture, null], [picture, {}], [picture, { width: 0, height: 4 }], [picture, { width: 4.5, height: 4 }], [picture, { width: 1e6, height: 4 }],
          [picture, { ...fine, channels: 2 }], [picture, { ...fine, layout: 'chw' }], [picture, { ...fine, fit: 'cover' }], [picture, { ...fine, range: [1] }], [picture, { ...fine, range: [1, 1] }],
          [picture, { ...fine, mean: [0.5] }], [picture, { ...fine, channels: 1, mean: [0.1, 0.2, 0.3] }], [picture, { ...fine, std: [1, 0, 1] }], [picture, { ...fine, std: 'x' }], [picture, { ...fine, pad: 300 }],
          [picture, { ...fine, bgr: 1 }], [5, fine], [null, fine], [{ width: 4, height: 4 }, fine], [{ width: 2, height: 2, rgba: new Uint8Array(3) }, fine], [document.createElement('video'), fine], [new Image(), fine],
          [document.createElement('div'), fine], [closed, fine]];
        for (const device of devices) for (const [source, options] of [...all, ...(device.gpuDevice ? [] : [[uint, fine]])]) {
          const e = await quern.pictureTensor(device, source, options).catch((e) => e);
          if (e?.code !== 'usage' || !(e.message.length > 20) || e.message.includes('\n') || /undefined|not a function|Failed to/.test(e.message)) wrong.push([device.kind, JSON.stringify(options), e?.code, e?.message]);
        }
        const refused = await quern.pictureTensor(devices[0], uint, fine).catch((e) => e.code), damaged = await quern.pictureTensor(devices[0], new Blob(['x']), fine).catch((e) => e.code);
        const scope = await gpu.popErrorScope().then(() => 'one was left', () => 'none');
        const still = await (await quern.pictureTensor(devices[0], picture, { width: 8, height: 8 })).read(), first = [still[0], picture.data[0] / 255].map((v) => Math.round(v * 1000));
        devices.forEach((d) => d.close());
        return { wrong, refused, damaged, scope, uncaught, same: first[0] === first[1] };
      });
      t.same(got, { wrong: [], refused: 'device', damaged: 'format', scope: 'none', uncaught: [], same: true }, 'what is said');
    },
  },
];
