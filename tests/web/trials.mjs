/* Kernels tried out on a page's devices when a model is first opened there: one that a driver makes wrong gives way, with a note, and is known to the
 * next page; what is given up or lost in the middle leaves nothing behind. The faulty driver is the browser's own with one shader's text changed. */
import { onnxWriter } from './onnx.mjs';

const WRITER = `(${onnxWriter})()`;

/* In the page: a model of one Softmax, and drivers that can be spoilt. */
function prepare() {
  globalThis.softmax = () => new Blob(onnx.model([onnx.node('Softmax', ['x'], ['y']), onnx.value(11, 'x', [4, 64]), onnx.value(12, 'y', [4, 64])]));
  globalThis.input = Float32Array.from({ length: 256 }, (_, i) => (i * 7919 % 64) / 16);
  const wgsl = GPUDevice.prototype.createShaderModule, glsl = WebGL2RenderingContext.prototype.shaderSource;
  globalThis.made = []; // kernels that drivers were given
  globalThis.spoilt = false;
  const changed = (text, from, to) => {
    const name = /(\w+), printed by Quern/.exec(text)?.[1];
    if (name) made.push(name);
    return spoilt && /^(softmax|reduce)/.test(name) ? text.replace(from, to) : text;
  };
  GPUDevice.prototype.createShaderModule = function ({ code }) {
    return wgsl.call(this, { code: changed(code, /fn qc_exp_f32\(x: f32\) -> f32 \{/, '$& if (x < 100.0) { return 1.0; }') });
  };
  WebGL2RenderingContext.prototype.shaderSource = function (shader, text) {
    return glsl.call(this, shader, changed(text, /(qk_made\[k\] = floatBitsToUint\()/, '$11.25 * '));
  };
  /* How far the answer is from the host's. */
  globalThis.answer = async (session) => {
    const { data } = (await session.run({ x: input })).y;
    let worst = 0;
    for (let row = 0; row < 4; row++) {
      const e = Array.from(input.subarray(row * 64, row * 64 + 64), Math.exp), sum = e.reduce((a, b) => a + b);
      e.forEach((v, i) => (worst = Math.max(worst, Math.abs(v / sum - data[row * 64 + i]))));
    }
    return worst < 1e-5 ? 'right' : worst;
  };
  /* How many kernels' trials are kept in files: the first word of each file says it, and one that is being written is empty. */
  globalThis.keptTrials = async () => {
    try {
      const folder = await (await (await navigator.storage.getDirectory()).getDirectoryHandle('quern')).getDirectoryHandle('kept');
      const files = (await Array.fromAsync(folder.entries())).filter(([name]) => name.startsWith('check-'));
      const words = await Promise.all(files.map(async ([, file]) => new Uint32Array(await (await file.getFile()).slice(0, 4).arrayBuffer())));
      return words.reduce((sum, [word]) => sum + (word ?? 0), 0);
    } catch {
      return 0;
    }
  };
}

async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate(([writer, prepared]) => (Object.assign(globalThis, { onnx: eval(writer) }), eval(prepared)()), [WRITER, `(${prepare})`]);
  return page;
}

const each = (name, run, kinds = ['webgpu', 'webgl']) => kinds.map((kind) => ({ name: `${name}, ${kind}`, run: (t) => run(t, kind) }));

const open = async (kind) => {
  const device = await quern.Device.open({ kind });
  const session = await quern.Session.open(softmax(), { device });
  const got = { answer: await answer(session), notes: session.report().notes, device: device.report().notes, tried: device.report().tried, made: made.length };
  device.close();
  return got;
};

export const cases = [
  ...each('trial: a kernel that computes wrong gives way, with a note, and the next page knows', async (t, kind) => {
    const page = await ready(t);
    const first = await page.evaluate(async ([run, k]) => ((globalThis.spoilt = true), eval(run)(k)), [`(${open})`, kind]);
    t.check(first.answer === 'right' && first.tried.wrong >= 1 && first.made >= 1, JSON.stringify(first));
    t.check(first.notes.some((n) => /(runs as|on the host).*wrong/.test(n)), `the session's notes: ${first.notes}`);
    t.check(first.device.length >= 1 && first.device.every((n) => /^kernel '(softmax|reduce)\w*' .* computes wrong \(\w+ (\w+ )?is off by [^()]+\)/.test(n)), `the device's notes: ${first.device}`);
    const tried = Object.values(first.tried).reduce((a, b) => a + b);
    await page.waitForFunction(async (all) => (await keptTrials()) === all, tried);
    await page.close();
    const next = await page.context().newPage().then(async () => ready(t));
    const again = await next.evaluate(async ([run, k]) => eval(run)(k), [`(${open})`, kind]); // a driver that is right, with what is known of it
    t.check(again.answer === 'right' && again.tried.wrong === first.tried.wrong, JSON.stringify(again));
    t.same([again.notes, again.device], [first.notes, first.device], 'what the next page is told');
    t.check(again.made < first.made, `${again.made} kernels made by the next page, ${first.made} by the first`);
  }),
  ...each('trial: what cannot be kept is known as long as the page lives; a device that is trusted is not tried', async (t, kind) => {
    const page = await ready(t);
    const got = await page.evaluate(async ([run, k]) => {
      Object.getPrototypeOf(navigator.storage).getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));
      const trusted = await quern.Device.open({ kind: k, trust: true });
      const session = await quern.Session.open(softmax(), { device: trusted });
      const untried = [await answer(session), Object.values(trusted.report().tried).reduce((a, b) => a + b)];
      trusted.close();
      const first = await eval(run)(k), again = await eval(run)(k);
      return { untried, answers: [first.answer, again.answer], tried: [first.tried, again.tried] };
    }, [`(${open})`, kind]);
    t.same(got.untried, ['right', 0], 'trusted');
    t.check(got.answers.every((a) => a === 'right') && got.tried[0].right >= 1 && !got.tried[0].wrong, JSON.stringify(got));
    t.same(got.tried[1], got.tried[0], 'what is known later');
  }),
  ...each('trial: given up in the middle, by the signal, by closing the device, by its loss: nothing is left', async (t, kind) => {
    const page = await ready(t);
    const got = await page.evaluate(async (k) => {
      Object.getPrototypeOf(navigator.storage).getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));
      const lose = (d) => (d.gpuDevice ? d.gpuDevice.destroy() : d.opened.gl.getExtension('WEBGL_lose_context').loseContext());
      const round = async (act) => {
        const device = await quern.Device.open({ kind: k }), given = new AbortController(), { engine } = device;
        let turns = 0;
        const onProgress = (p) => p.stage === 'trying kernels out' && turns++ === 0 && setTimeout(() => act(device, given));
        const code = await quern.Session.open(softmax(), { device, signal: given.signal, onProgress }).then(() => 'opened', (e) => (e instanceof DOMException ? e.name : e.code));
        device.close();
        return [code, turns > 0, engine.x.qw_blocks(), engine.webgpu.bufferCount];
      };
      const none = await quern.Device.open({ kind: 'wasm' }), { engine } = none;
      none.close();
      engine.json(engine.x.qw_devices()); // the one document that stays
      const before = engine.x.qw_blocks();
      const all = [];
      for (const act of [(d, g) => g.abort(), (d) => d.close(), lose]) all.push(await round(act));
      return { all, before };
    }, kind);
    t.same(got.all.map(([code, tried]) => [code, tried]), [['AbortError', true], ['usage', true], ['lost', true]], 'how it ended');
    for (const [, , blocks, buffers] of got.all) t.same([blocks, buffers], [got.before, 0], 'blocks and buffers');
  }),
  ...each('trial: the page has its turns meanwhile, and a worker leaves what it found to the page', async (t, kind) => {
    const page = await ready(t);
    const got = await page.evaluate(async ([run, k]) => {
      const worker = new Worker('/worker.js', { type: 'module' }), picture = await createImageBitmap(await (await fetch('/samples/star.jpg')).blob());
      worker.postMessage({ kind: k, picture });
      const label = await new Promise((done) => (worker.onmessage = (e) => done(e.data)));
      while (!(await keptTrials())) await new Promise((next) => setTimeout(next, 20));
      worker.terminate();
      let longest = 0, last = performance.now(), running = true;
      const beat = async () => {
        for (; running; last = performance.now()) {
          await new Promise((next) => setTimeout(next));
          longest = Math.max(longest, performance.now() - last);
        }
      };
      const device = await quern.Device.open({ kind: k }), known = device.report().tried.right;
      const beating = beat();
      const session = await quern.Session.open(softmax(), { device });
      running = false;
      await beating;
      const right = await answer(session);
      device.close();
      return { label, known, right, longest: Math.round(longest) };
    }, [`(${open})`, kind]);
    console.log(`         the page waited ${got.longest} ms at most`);
    t.check(got.label === 'star' && got.known > 2 && got.right === 'right', JSON.stringify(got));
  }, ['webgl']),
];
