/* Picture files that a model decodes itself: by the browser, or by a decoder that the page lends; pixels as stored. The PNG is made here, since a canvas
 * loses colours under alpha. */
import { crc32 as nodeCrc32, deflateSync } from 'node:zlib';
import { onnxWriter } from './onnx.mjs';

const WRITER = `(${onnxWriter})()`;

function crc32(bytes) {
  if (nodeCrc32) return nodeCrc32(bytes);
  let c = ~0;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
  }
  return ~c >>> 0;
}

function png(width, height, rgba) {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]), made = Buffer.alloc(body.length + 8);
    made.writeUInt32BE(data.length, 0), body.copy(made, 4), made.writeUInt32BE(crc32(body), body.length + 4);
    return made;
  };
  const head = Buffer.from([0, 0, 0, width, 0, 0, 0, height, 8, 6, 0, 0, 0]);
  const rows = Buffer.concat(Array.from({ length: height }, (_, y) => Buffer.concat([Buffer.from([0]), rgba.subarray(y * width * 4, (y + 1) * width * 4)])));
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/* A TIFF of one strip that nothing compresses: 8 bits, RGB. */
function tiff(width, height, rgb) {
  const SHORT = 3, LONG = 4, at = { bits: 8, pixels: 14, tags: 14 + rgb.length + (rgb.length % 2) };
  const tags = [[256, SHORT, 1, width], [257, SHORT, 1, height], [258, SHORT, 3, at.bits], [259, SHORT, 1, 1], [262, SHORT, 1, 2], [273, LONG, 1, at.pixels], [277, SHORT, 1, 3], [278, SHORT, 1, height], [279, LONG, 1, rgb.length]];
  const file = Buffer.alloc(at.tags + 2 + 12 * tags.length + 4);
  file.write('II*\0', 'latin1'), file.writeUInt32LE(at.tags, 4), file.set(rgb, at.pixels), file.writeUInt16LE(tags.length, at.tags);
  for (let c = 0; c < 3; c++) file.writeUInt16LE(8, at.bits + 2 * c);
  tags.forEach(([tag, type, n, v], i) => {
    const to = at.tags + 2 + 12 * i;
    file.writeUInt16LE(tag, to), file.writeUInt16LE(type, to + 2), file.writeUInt32LE(n, to + 4), file.writeUInt32LE(v, to + 8);
  });
  return file;
}

async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate((writer) => {
    const { value, node, model, UINT8 } = eval(writer);
    const file = model([node('ImageDecoder', ['x'], ['y']), value(11, 'x', ['bytes'], UINT8), value(12, 'y', ['height', 'width', 3], UINT8)], 20);
    globalThis.opened = async (kind, decoders) => {
      const device = await quern.Device.open({ kind, module: 'full' }), session = await quern.Session.open(new Blob(file), { device, decoders });
      const run = async (bytes, options) => {
        const { y } = await session.run({ x: quern.Tensor.from(bytes) }, options);
        return { dims: y.dims, pixels: Array.from(y.data) };
      };
      return { device, session, run };
    };
    /* A JPEG of the browser's own, and the same with a note that the camera was held sideways. */
    globalThis.jpegs = async () => {
      const canvas = new OffscreenCanvas(16, 8), to = canvas.getContext('2d');
      to.fillStyle = 'orange', to.fillRect(0, 0, 16, 8), (to.fillStyle = 'navy'), to.fillRect(0, 0, 8, 8);
      const plain = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 1 })).arrayBuffer());
      const exif = [0x45, 0x78, 0x69, 0x66, 0, 0, 0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
      return [plain, Uint8Array.from([...plain.subarray(0, 2), 0xff, 0xe1, 0, exif.length + 2, ...exif, ...plain.subarray(2)])];
    };
  }, WRITER);
  return page;
}

const each = (name, run) => ['wasm', 'webgpu', 'webgl'].map((kind) => ({ name: `decoder: ${name}, ${kind}`, run: (t) => run(t, kind) }));
const rgba = Buffer.from([200, 100, 50, 255, 200, 100, 50, 128, 10, 250, 30, 1, 90, 80, 70, 0, 1, 2, 3, 254, 255, 254, 253, 2]);
const stored = [...rgba].filter((_, i) => i % 4 < 3);

export const cases = [
  ...each('colours under alpha, orientation left alone, an empty picture for what is none', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async ([kind, file]) => {
      const { device, run } = await opened(kind), [plain, turned] = await jpegs();
      const bitmap = await createImageBitmap(new Blob([turned]));
      const picture = await run(Uint8Array.from(file)), upright = await run(plain), asStored = await run(turned), shown = [bitmap.height, bitmap.width];
      const damaged = await run(Uint8Array.from(file.slice(0, 40))), text = await run(new TextEncoder().encode('no picture'));
      const tiff = await run(Uint8Array.of(0x49, 0x49, 42, 0, 0, 0, 0, 0)).then(() => 'decoded', (e) => `${e.code}: ${e.message}`);
      device.close();
      return { picture, upright, asStored, shown, damaged, text, tiff };
    }, [kind, [...png(3, 2, rgba)]]);
    t.same(got.picture, { dims: [2, 3, 3], pixels: stored }, 'a PNG with alpha');
    t.same([got.shown, got.upright.dims, got.asStored.dims], [[16, 8], [8, 16, 3], [8, 16, 3]], 'sizes as a page shows it, and as stored');
    t.same(got.asStored.pixels, got.upright.pixels, 'pixels as stored');
    t.same([got.damaged.dims, got.text.dims], [[0, 0, 3], [0, 0, 3]], 'what is no picture');
    t.check(/^unsupported: .*TIFF pictures are not decoded here: lend a decoder \(decoders: { 'image\/tiff'/.test(got.tiff), got.tiff);
  }),
  ...each('a run given up while the browser decodes leaves nothing', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async ([kind, file]) => {
      const { device, run } = await opened(kind), [plain] = await jpegs(), bytes = Uint8Array.from(file);
      await run(bytes), await run(plain);
      const before = device.engine.x.qw_blocks(), ended = [], decode = createImageBitmap;
      globalThis.createImageBitmap = async (...args) => (await new Promise((later) => setTimeout(later, 50)), decode(...args)); // one that takes its time
      for (let i = 0; i < 12; i++) {
        const given = new AbortController(), running = run(i % 2 ? bytes : plain, { signal: given.signal });
        setTimeout(() => given.abort());
        ended.push(await running.then(() => 'decoded', (e) => e.name));
      }
      const right = [await run(bytes), (await run(plain)).dims], grown = device.engine.x.qw_blocks() - before;
      device.close();
      return { ended, right, grown };
    }, [kind, [...png(3, 2, rgba)]]);
    t.check(got.ended.every((how) => how === 'AbortError'), `${got.ended}`);
    t.same(got.right, [{ dims: [2, 3, 3], pixels: stored }, [8, 16, 3]], 'the runs after');
    t.check(got.grown <= 0, `${got.grown} blocks are left`);
  }),
  ...each('what a page lends: at once and later, grey and RGB, by type and by magic, before the browser and the library', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async ([kind, file, png]) => {
      const { decoders } = await import('/codecs.js');
      const grey = () => ({ width: 3, height: 1, data: Uint8Array.of(1, 2, 3) }), asked = [];
      const { device, run } = await opened(kind, {
        ...decoders,
        'image/png': async (bytes, { type, signal }) => (await new Promise((later) => setTimeout(later, 20)), asked.push([type, signal.aborted, ...bytes]), grey()),
        'image/jxl': () => grey(),
        'image/bmp': () => new ImageData(Uint8ClampedArray.of(9, 8, 7, 6), 1, 1),
        'image/x-none': { magic: 'QU', at: 1, decode: grey },
        'image/x-camera': { magic: 'II*\0RAW\xff', decode: () => null },
      });
      const bytes = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
      const all = async () => ({
        tiff: await run(Uint8Array.from(file)), asPng: await run(Uint8Array.from(png)), bmp: await run(bytes('BM...')), unknown: await run(bytes('?QU')),
        camera: await run(bytes('II*\0RAW\xff')), jxl: await run(bytes('\0\0\0\x0cJXL \r\n\x87\n')), pnm: await run(bytes('P5 1 1 255\n\x07')),
      });
      await all(), asked.pop();
      const before = device.engine.x.qw_blocks(), pictures = await all(), grown = device.engine.x.qw_blocks() - before;
      device.close();
      return { ...pictures, asked, grown };
    }, [kind, [...tiff(3, 2, Buffer.from(stored))], [...png(3, 2, rgba)]]);
    const three = { dims: [1, 3, 3], pixels: [1, 1, 1, 2, 2, 2, 3, 3, 3] };
    t.same(got.tiff, { dims: [2, 3, 3], pixels: stored }, 'a TIFF by a package');
    t.same([got.asPng, got.asked], [three, [['image/png', false, ...png(3, 2, rgba)]]], 'a PNG, which goes to the page first');
    t.same(got.bmp, { dims: [1, 1, 3], pixels: [9, 8, 7] }, 'an ImageData');
    t.same([got.unknown, got.jxl, got.camera.dims], [three, three, [0, 0, 3]], 'told by their bytes; null is an empty picture');
    t.same(got.pnm, { dims: [1, 1, 3], pixels: [7, 7, 7] }, 'what nobody lent a decoder for');
    t.check(got.grown <= 0, `${got.grown} blocks are left`);
  }),
  ...each('a lent decoder that fails is one sentence', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      let decode;
      const { device, run } = await opened(kind, { 'image/tiff': (...args) => decode(...args) }), bytes = Uint8Array.of(0x49, 0x49, 42, 0);
      const one = { width: 1, height: 1, data: Uint8Array.of(5) }, gone = { width: 2, height: 2, data: new Uint8Array(4) };
      const bad = {
        throws: () => { throw new RangeError('strip 3 is cut short'); },
        rejects: async () => { throw 'no luck'; },
        'not supported': () => { throw new DOMException('CMYK', 'NotSupportedError'); },
        'as the library would': () => { throw new quern.QuernError('name', 'no such thing'); },
        nothing: () => undefined, number: () => 7, floats: () => ({ width: 1, height: 1, data: new Float32Array(1) }), array: () => ({ width: 1, height: 1, data: [1] }),
        'no sizes': () => ({ data: new Uint8Array(4) }), half: () => ({ width: 1.5, height: 2, data: new Uint8Array(3) }), negative: () => ({ width: -1, height: -1, data: new Uint8Array(1) }),
        'too few': () => ({ width: 2, height: 2, data: new Uint8Array(15) }), 'two a pixel': () => ({ width: 2, height: 2, data: new Uint8Array(8) }),
        detached: () => (structuredClone(gone, { transfer: [gone.data.buffer] }), gone),
        wide: () => ({ width: 65536, height: 1, data: new Uint8Array(65536) }), large: () => ({ width: 8193, height: 8192, data: new Uint8Array(8193 * 8192) }),
        getter: () => ({ get width() { throw new Error('not today'); } }),
      };
      await ((decode = () => one), run(bytes));
      const before = device.engine.x.qw_blocks(), said = {};
      for (const [name, made] of Object.entries(bad)) {
        decode = made;
        said[name] = await run(bytes).then(() => 'decoded', (e) => `${e.code}: ${e.message} (${e.cause?.message ?? e.cause})`);
      }
      const empty = (await ((decode = () => ({ width: 0, height: 5, data: new Uint8Array() })), run(bytes))).dims, right = await ((decode = () => one), run(bytes)), grown = device.engine.x.qw_blocks() - before;
      device.close();
      return { said, empty, right, grown };
    }, kind);
    const want = {
      throws: /^data: .*the decoder of image\/tiff failed: strip 3 is cut short \(strip 3 is cut short\)$/, rejects: /^data: .*image\/tiff failed: no luck \(no luck\)$/, 'not supported': /^unsupported: .*image\/tiff failed: CMYK/, 'as the library would': /^data: .*failed: no such thing/,
      nothing: /^usage: .*must give { width, height, data }/, number: /^usage: .*must give/, floats: /^usage: .*must give/, array: /^usage: .*must give/, 'no sizes': /^usage: .*must give/, half: /^usage: .*must give/,
      negative: /^usage: .*must give/, 'too few': /^usage: .*gave 15 bytes for 2 x 2 pixels/, 'two a pixel': /^usage: .*gave 8 bytes/, detached: /^usage: .*gave 0 bytes/,
      wide: /^unsupported: .*65536 x 1 pixels; the limit is 65535 a side/, large: /^unsupported: .*8193 x 8192 pixels/, getter: /^usage: .*not today/,
    };
    for (const [name, said] of Object.entries(got.said)) t.check(want[name].test(said), `${name}: ${said}`);
    t.same([got.empty, got.right], [[0, 0, 3], { dims: [1, 1, 3], pixels: [5, 5, 5] }], 'no pixels, and the run after');
    t.check(got.grown <= 0, `${got.grown} blocks are left`);
  }),
  ...each('a lent decoder that never settles ends with its run, its session or its device', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const asked = [], bytes = Uint8Array.of(0x49, 0x49, 42, 0), one = { width: 1, height: 1, data: Uint8Array.of(5) };
      let never = false, called;
      const told = () => new Promise((resolve) => (called = resolve));
      const { device, session, run } = await opened(kind, { 'image/tiff': (file, { signal }) => (asked.push(signal), called?.(), never ? new Promise(() => {}) : one) });
      await run(bytes);
      never = true;
      const before = device.engine.x.qw_blocks(), how = [], ended = (run) => run.then(() => 'decoded', (e) => `${e.name} ${e.code}: ${e.message}`);
      for (let i = 0; i < 3; i++) {
        const given = new AbortController(), begun = told(), running = ended(run(bytes, { signal: given.signal }));
        await begun, given.abort(), how.push(await running);
      }
      const early = new AbortController(), first = ended(run(bytes, { signal: early.signal }));
      early.abort(), how.push(await first); // before it was asked
      never = false;
      const right = await run(bytes), grown = device.engine.x.qw_blocks() - before;
      never = true;
      let begun = told();
      const closed = ended(run(bytes));
      await begun, session.close(), how.push(await closed);
      const other = await opened(kind, { 'image/tiff': (file, { signal }) => (asked.push(signal), called?.(), new Promise(() => {})) });
      begun = told();
      const left = ended(other.run(bytes));
      await begun, other.device.close(), how.push(await left);
      device.close();
      return { how, right, grown, signals: asked.map((s) => s.aborted) };
    }, kind);
    t.check(got.how.slice(0, 4).every((how) => how.startsWith('AbortError')), `${got.how}`);
    t.check(/^QuernError usage: this (session|device) is closed$/.test(got.how[4]) && /^QuernError usage: this (session|device) is closed$/.test(got.how[5]), `${got.how}`);
    t.same([got.right, got.signals], [{ dims: [1, 1, 3], pixels: [5, 5, 5] }, [false, true, true, true, false, true, true]], 'the run after, and which signals were aborted');
    t.check(got.grown <= 0, `${got.grown} blocks are left`);
  }),
  ...each('two sessions with decoders of their own, side by side, and a decoder that runs a model', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const bytes = Uint8Array.of(0x49, 0x49, 42, 0), grey = (v) => ({ width: 1, height: 1, data: Uint8Array.of(v) });
      const inner = await opened(kind, { 'image/tiff': () => grey(3) }), later = () => new Promise((done) => setTimeout(done, 5));
      const a = await opened(kind, { 'image/tiff': async (file) => (await later(), grey(2 * (await inner.run(file)).pixels[0])) }), b = await opened(kind, { 'image/tiff': async () => (await later(), grey(9)) });
      const runs = await Promise.all([a, b, a, b, inner].map(({ run }) => run(bytes)));
      for (const { device } of [a, b, inner]) device.close();
      return runs.map(({ pixels }) => pixels[0]);
    }, kind);
    t.same(got, [6, 9, 6, 9, 3], 'pixels');
  }),
];
