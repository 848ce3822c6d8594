/* Picture files that a model decodes itself: by the browser, pixels as stored. The PNG is made here, since a canvas loses colours under alpha. */
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

async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate((writer) => {
    const { value, node, model, UINT8 } = eval(writer);
    const file = model([node('ImageDecoder', ['x'], ['y']), value(11, 'x', ['bytes'], UINT8), value(12, 'y', ['height', 'width', 3], UINT8)], 20);
    globalThis.opened = async (kind) => {
      const device = await quern.Device.open({ kind, module: 'full' }), session = await quern.Session.open(new Blob(file), { device });
      const run = async (bytes, options) => {
        const { y } = await session.run({ x: quern.Tensor.from(bytes) }, options);
        return { dims: y.dims, pixels: Array.from(y.data) };
      };
      return { device, run };
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
    t.check(/^unsupported: .*TIFF pictures are not decoded on pages/.test(got.tiff), got.tiff);
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
];
