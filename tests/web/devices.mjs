/* The package on each kind of device: on the page, in a worker, under a strict policy; lost and lent devices. */
const KINDS = ['webgpu', 'webgl', 'wasm'];

async function ready(t, address = `${t.url}/index.html`) {
  const page = await t.page(address);
  await page.waitForFunction(() => globalThis.quern);
  return page;
}

const each = (name, run) => KINDS.map((kind) => ({ name: `${name}, ${kind}`, run: (t) => run(t, kind) }));

export const cases = [
  ...each('kernel: a map, its sentence when it is wrong', async (t, kind) => {
    const page = await ready(t);
    const got = await page.evaluate(async (k) => {
      const device = await quern.Device.open({ kind: k });
      const source = (body) => `#include "quern_kernel.h"\nMAP(f32) f(u32 i, IN(f32) x, f32 by, u32 n) { return ${body}; }`;
      const x = device.buffer(Float32Array.from({ length: 1000 }, (_, i) => i / 4)), y = device.buffer(4000);
      const kernel = await device.kernel(source('x[n - 1u - i] * by'));
      kernel.launch(1000, [x, 0.5, 1000, y]);
      const values = new Float32Array(await y.read());
      const wrong = await device.kernel(source('x[i] * bye')).catch((e) => e);
      device.close();
      return { first: values[0], last: values[999], code: wrong.code, line: wrong.diagnostics[0]?.line, column: wrong.diagnostics[0]?.column };
    }, kind);
    t.same({ ...got, column: got.column > 60 }, { first: 999 / 8, last: 0, code: 'kernel', line: 2, column: true }, 'answers');
  }),
  ...['webgpu', 'wasm'].map((kind) => ({
    name: `kernel: more groups than one dimension holds, each ran once, ${kind}`,
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async (k) => {
        const dispatch = GPUComputePassEncoder.prototype.dispatchWorkgroups, rows = [];
        GPUComputePassEncoder.prototype.dispatchWorkgroups = function (x, y, z) {
          rows.push(y);
          return dispatch.call(this, x, y, z);
        };
        const device = await quern.Device.open({ kind: k }), groups = 131101, behind = 64;
        const y = device.buffer(Uint32Array.from({ length: groups + behind }, (_, i) => i ^ 0x55));
        const kernel = await device.kernel('#include "quern_kernel.h"\n#define GROUP 1\nKERNEL visit(u32 group, INOUT(u32) y) { ITEMS(t) y[group] = y[group] * 3u + group; }');
        kernel.launch(groups, [y]);
        const values = new Uint32Array(await y.read());
        device.close();
        return { wrong: values.findIndex((v, i) => v !== (i < groups ? (i ^ 0x55) * 3 + i : i ^ 0x55)), rows: Math.max(0, ...rows) };
      }, kind);
      t.same(got, { wrong: -1, rows: kind === 'webgpu' ? 3 : 0 }, 'the first that is wrong, and rows of groups');
    },
  })),
  ...each('session: two on one device, queued and aborted runs', async (t, kind) => {
    const page = await ready(t);
    const got = await page.evaluate(async (k) => {
      const device = await quern.Device.open({ kind: k });
      const bytes = new Uint8Array(await (await fetch('/pkg/glyphs.onnx')).arrayBuffer());
      const a = await quern.Session.open(bytes, { device }), b = await quern.Session.open(new Blob([bytes]), { device });
      const image = new Float32Array(1024).fill(0);
      for (let y = 5; y < 27; y++) image.fill(1, y * 32 + 15, y * 32 + 18);
      const run = (s, signal) => s.run({ image: quern.Tensor.from(image, [1, 1, 32, 32]) }, { signal });
      const given = new AbortController();
      const aborted = run(a, given.signal).then(() => 'ran', (e) => e.name);
      given.abort();
      const all = await Promise.all([run(a), run(b), run(a)]);
      const best = all.map((o) => { const p = o.probabilities.data; return p.indexOf(Math.max(...p)); });
      const wrong = await run(a).then(() => a.run({ picture: image })).catch((e) => e.code);
      device.close();
      return { best, aborted: await aborted, wrong };
    }, kind);
    t.same(got, { best: [1, 1, 1], aborted: 'AbortError', wrong: 'name' }, 'answers');
  }),
  ...each('worker: the engine in a worker', async (t, kind) => {
    const page = await ready(t);
    const label = await page.evaluate(async (k) => {
      const bitmap = await createImageBitmap(await (await fetch('/samples/star.jpg')).blob());
      const worker = new Worker('/worker.js', { type: 'module' });
      worker.postMessage({ kind: k, picture: bitmap }, [bitmap]);
      return new Promise((done) => (worker.onmessage = (e) => done(e.data)));
    }, kind);
    t.same(label, 'star', 'label');
  }),
  ...each('leaks: 12 rounds of open, run, close leave nothing', async (t, kind) => {
    const page = await ready(t);
    const got = await page.evaluate(async (k) => {
      const bytes = new Uint8Array(await (await fetch('/pkg/glyphs.onnx')).arrayBuffer());
      const image = new Float32Array(1024).fill(0.5);
      const round = async () => {
        const device = await quern.Device.open({ kind: k });
        const { engine } = device;
        const s = await quern.Session.open(bytes, { device });
        for (let i = 0; i < 3; i++) await s.run({ image: quern.Tensor.from(image, [1, 1, 32, 32]) });
        device.close();
        return [engine.x.qw_blocks(), engine.heap.memory.buffer.byteLength, engine.webgpu.bufferCount];
      };
      for (let i = 0; i < 3; i++) await round();
      const before = await round();
      for (let i = 0; i < 9; i++) await round();
      return [before, await round()];
    }, kind);
    t.same(got[1], got[0], 'blocks, heap bytes, buffers');
  }),
  {
    name: 'webgpu: a kernel that the browser refuses rejects with its sentence, and all else goes on',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const make = GPUDevice.prototype.createShaderModule;
        GPUDevice.prototype.createShaderModule = function ({ code }) { // what no kernel can be made to contain
          return make.call(this, { code: code.includes('spoil_me') ? `${code}\nfn spoilt() -> u32 { return nobody_knows_this; }` : code });
        };
        const device = await quern.Device.open({ kind: 'webgpu' });
        const source = (name) => `#include "quern_kernel.h"\nMAP(f32) ${name}(u32 i, IN(f32) x) { return x[i] * 2; }`;
        const x = device.buffer(Float32Array.of(1, 2, 3)), y = device.buffer(12), z = device.buffer(12);
        const good = await device.kernel(source('twice')), bad = await device.kernel(source('spoil_me'));
        const answer = async () => {
          good.launch(3, [x, y]);
          return [...new Float32Array(await y.read())];
        };
        const before = await answer();
        bad.launch(3, [x, z]);
        const late = await z.read().catch((e) => e);
        const between = await answer();
        let now;
        try {
          bad.launch(3, [x, z]);
        } catch (e) {
          now = e;
        }
        const after = await answer();
        device.close();
        GPUDevice.prototype.createShaderModule = make;
        return { before, between, after, codes: [late.code, now?.code], says: [late.message, now?.message].map((m) => /spoil_me.*nobody_knows_this/s.test(m) || m) };
      });
      t.same(got, { before: [2, 4, 6], between: [2, 4, 6], after: [2, 4, 6], codes: ['device', 'device'], says: [true, true] }, 'answers');
    },
  },
  {
    name: 'webgpu: opening a session begins all its pipelines, and its first run makes no other',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const make = GPUDevice.prototype.createComputePipelineAsync;
        let made = 0;
        GPUDevice.prototype.createComputePipelineAsync = function (...args) {
          made++;
          return make.apply(this, args);
        };
        const device = await quern.Device.open({ kind: 'webgpu' });
        const session = await quern.Session.open('/pkg/glyphs.onnx', { device, cache: 'none' });
        const opened = made, from = performance.now();
        await session.run({ image: quern.Tensor.from(new Float32Array(1024), [1, 1, 32, 32]) });
        const first = performance.now() - from;
        device.close();
        GPUDevice.prototype.createComputePipelineAsync = make;
        return { opened, made, first };
      });
      t.check(got.opened > 3 && got.made === got.opened, JSON.stringify(got));
      console.log(`         the first run, with ${got.made} pipelines: ${Math.round(got.first)} ms`);
    },
  },
  {
    name: 'strict policy: every device without eval or blobs',
    async run(t) {
      const page = await t.page(`${t.url}/strict.html`);
      await page.waitForFunction(() => globalThis.answer);
      t.same(await page.evaluate(() => globalThis.answer), { answers: { webgpu: [2, 4, 6], webgl: [2, 4, 6], wasm: [2, 4, 6] }, violations: [] }, 'answers');
    },
  },
  ...each('using: what goes out of scope is closed, and a device takes all that is on it along', async (t, kind) => {
    const page = await ready(t);
    const got = await page.evaluate(async (k) => {
      const code = async (call) => (await Promise.resolve().then(call).catch((e) => e))?.code;
      const device = await quern.Device.open({ kind: k }), { engine } = device;
      const open = () => quern.Session.open('/pkg/glyphs.onnx', { device, cache: 'none' });
      const source = '#include "quern_kernel.h"\nMAP(f32) f(u32 i, IN(f32) x) { return x[i]; }', image = quern.Tensor.from(new Float32Array(1024), [1, 1, 32, 32]);
      const dispose = (thing) => (thing[Symbol.dispose](), thing[Symbol.dispose]()); // twice is fine
      const session = await open(), buffer = device.buffer(16), kernel = await device.kernel(source);
      const { probabilities } = await session.run({ image }, { keep: ['probabilities'] });
      [probabilities, kernel, buffer, session].forEach(dispose);
      const apart = [await code(() => session.run({ image })), await code(() => buffer.read()), await code(() => kernel.launch(4, [buffer, buffer]))];
      const other = await open(), left = device.buffer(16);
      dispose(device);
      const along = [await code(() => other.run({ image })), await code(() => left.read()), await code(() => device.kernel(source))];
      return { apart, along, buffers: engine.webgpu.objectCount };
    }, kind);
    t.same(got, { apart: ['usage', 'usage', 'usage'], along: ['usage', 'usage', 'usage'], buffers: 0 }, 'codes');
  }),
  {
    name: 'several devices in one page agree',
    async run(t) {
      const page = await ready(t);
      const top = await page.evaluate(async () => {
        const picture = await (await fetch('/samples/five.jpg')).blob();
        const devices = await Promise.all(['webgpu', 'webgl', 'wasm', 'wasm'].map((kind) => quern.Device.open({ kind })));
        const answers = await Promise.all(devices.map(async (d) => (await (await quern.Classifier.glyphs(d)).classify(picture)).top[0]));
        devices.forEach((d) => d.close());
        return answers;
      });
      for (const a of top) t.check(a.label === '5' && Math.abs(a.probability - top[2].probability) < 1e-3, JSON.stringify(top));
    },
  },
  {
    name: 'lost: a destroyed WebGPU device rejects with code lost, and opens again',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const device = await quern.Device.open({ kind: 'webgpu' });
        const classifier = await quern.Classifier.glyphs(device);
        const picture = await (await fetch('/samples/star.jpg')).blob();
        const before = (await classifier.classify(picture)).top[0].label;
        const pending = classifier.classify(picture).catch((e) => e.code);
        device.gpuDevice.destroy();
        const during = await pending;
        const after = await classifier.classify(picture).catch((e) => e.code);
        device.close();
        const again = await quern.Device.open({ kind: 'webgpu' });
        const label = (await (await quern.Classifier.glyphs(again)).classify(picture)).top[0].label;
        again.close();
        return { before, during: ['lost', undefined].includes(during) || during?.top ? 'lost or done' : during, after, label };
      });
      t.same(got, { before: 'star', during: 'lost or done', after: 'lost', label: 'star' }, 'codes');
    },
  },
  {
    name: 'lost: a lost WebGL context rejects with code lost, and opens again',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const gl = new OffscreenCanvas(1, 1).getContext('webgl2');
        const device = await quern.Device.open({ gl });
        const classifier = await quern.Classifier.glyphs(device);
        const picture = await (await fetch('/samples/star.jpg')).blob();
        const before = (await classifier.classify(picture)).top[0].label;
        gl.getExtension('WEBGL_lose_context').loseContext();
        await new Promise((r) => setTimeout(r, 20));
        const after = await classifier.classify(picture).catch((e) => e.code);
        device.close();
        const again = await quern.Device.open({ kind: 'webgl' });
        const label = (await (await quern.Classifier.glyphs(again)).classify(picture)).top[0].label;
        again.close();
        return { before, after, label };
      });
      t.same(got, { before: 'star', after: 'lost', label: 'star' }, 'codes');
    },
  },
  {
    name: 'lent: a WebGL context keeps its state and still draws',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const gl = new OffscreenCanvas(8, 8).getContext('webgl2');
        const texture = gl.createTexture(), buffer = gl.createBuffer();
        gl.activeTexture(gl.TEXTURE3);
        gl.bindTexture(gl.TEXTURE_2D, texture);
        gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, buffer);
        gl.enable(gl.BLEND);
        gl.viewport(1, 2, 3, 4);
        gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, true);
        gl.clearColor(0, 1, 0, 1);
        const device = await quern.Device.open({ gl });
        const label = (await (await quern.Classifier.glyphs(device)).classify(await (await fetch('/samples/star.jpg')).blob())).top[0].label;
        const held = () => gl.getParameter(gl.TEXTURE_BINDING_2D) === texture && gl.getParameter(gl.PIXEL_UNPACK_BUFFER_BINDING) === buffer && gl.isEnabled(gl.BLEND)
          && [...gl.getParameter(gl.VIEWPORT)].join() === '1,2,3,4' && gl.getParameter(gl.UNPACK_FLIP_Y_WEBGL) && gl.getParameter(gl.ACTIVE_TEXTURE) === gl.TEXTURE3;
        const during = held();
        device.close();
        const after = held();
        gl.clear(gl.COLOR_BUFFER_BIT);
        const pixel = new Uint8Array(4);
        gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
        return { label, during, after, pixel: [...pixel], error: gl.getError(), lost: gl.isContextLost() };
      });
      t.same(got, { label: 'star', during: true, after: true, pixel: [0, 255, 0, 255], error: 0, lost: false }, 'state');
    },
  },
  {
    name: 'lent: a page renders a texture, has it classified and draws the answer; nothing is read back, and its device lives on',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const adapter = await navigator.gpu.requestAdapter(), gpu = await adapter.requestDevice();
        let maps = 0;
        const map = GPUBuffer.prototype.mapAsync;
        GPUBuffer.prototype.mapAsync = function (...args) {
          maps++;
          return map.apply(this, args);
        };
        const render = (code, view) => {
          const module = gpu.createShaderModule({ code: `@vertex fn v(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1); }\n${code}` });
          const pipeline = gpu.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment: { module, targets: [{ format: 'rgba8unorm' }] } });
          const encoder = gpu.createCommandEncoder(), pass = encoder.beginRenderPass({ colorAttachments: [{ view, loadOp: 'clear', storeOp: 'store' }] });
          pass.setPipeline(pipeline);
          pass.draw(3);
          pass.end();
          gpu.queue.submit([encoder.finish()]);
        };
        const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_SRC;
        const texture = gpu.createTexture({ size: [64, 64], format: 'rgba8unorm', usage }), screen = gpu.createTexture({ size: [1, 19], format: 'rgba8unorm', usage });
        const stroke = '@fragment fn f(@builtin(position) p: vec4f) -> @location(0) vec4f { return vec4f(vec3f(select(0.0, 1.0, min(abs(p.x - 32), abs(p.y - 32)) < 3 && max(abs(p.x - 32), abs(p.y - 32)) < 22)), 1); }';
        render(stroke, texture.createView());

        const device = await quern.Device.open({ gpuDevice: gpu });
        const session = await quern.Session.open('/pkg/glyphs.onnx', { device, cache: 'none' });
        const mapsOfTrials = maps; // kernels that are tried out when a model first opens
        const image = await quern.pictureTensor(device, texture, { width: 32, height: 32, channels: 1 });
        const { probabilities } = await session.run({ image }, { keep: ['probabilities'] });
        await quern.drawTensor(quern.Tensor.onDevice(probabilities.buffer, 'f32', [1, 19, 1]), screen);
        const mapsBefore = maps - mapsOfTrials;

        const look = async (from, width, height) => { // only now is anything read: by the page, to see what it drew
          const out = gpu.createBuffer({ size: 256 * height, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
          const encoder = gpu.createCommandEncoder();
          encoder.copyTextureToBuffer({ texture: from }, { buffer: out, bytesPerRow: 256 }, [width, height]);
          gpu.queue.submit([encoder.finish()]);
          await out.mapAsync(GPUMapMode.READ);
          return new Uint8Array(out.getMappedRange()).slice();
        };
        const drawn = await look(screen, 1, 19), lit = Array.from({ length: 19 }, (_, row) => drawn[row * 256]);
        image.close();
        probabilities.close();
        session.close();
        device.close();
        render(stroke, texture.createView());
        const again = await look(texture, 64, 64);
        return { mapsBefore, best: lit.indexOf(Math.max(...lit)), sure: Math.max(...lit) > 160, alive: again[32 * 256 + 32 * 4] === 255 && again[32 * 256] === 0 };
      });
      t.same(got, { mapsBefore: 0, best: 14, sure: true, alive: true }, 'what happened');
    },
  },
];
