/* The core and the full module in a page: which file is fetched when, and what each says and runs. */
import { onnxWriter } from './onnx.mjs';

const WRITER = `(${onnxWriter})()`;

/* What a page loads and gets for a model that only the full module has. */
async function answers(t, address, kind) {
  const page = await t.page(`${address}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  return page.evaluate(async ([writer, kind]) => {
    const { Device, Session, Tensor, translate } = quern, { node, value, model } = eval(writer);
    const file = new Blob(model([node('Det', ['x'], ['y']), value(11, 'x', [2, 2]), value(12, 'y', [])]));
    const loaded = () => performance.getEntriesByType('resource').map((r) => r.name.split('/').pop()).filter((f) => f.endsWith('.wasm'));
    const core = await Device.open({ kind });
    const said = await Session.open(file, { device: core }).then(() => 'opened', (e) => e);
    const before = loaded();
    const full = await Device.open({ kind, module: 'full' }), session = await Session.open(file, { device: full });
    const { y } = await session.run({ x: Tensor.from([1, 2, 3, 4], [2, 2]) });
    const classifier = await quern.Classifier.glyphs(core); // the first device is as it was
    const ptx = await translate('#include "quern_kernel.h"\nMAP(f32) twice(u32 i, IN(f32) x) { return 2.0f * x[i]; }', 'ptx');
    classifier.close(), core.close(), full.close();
    return { code: said.code, module: said.module, words: said.message, before, after: loaded(), y: y.data[0], ptx: ptx.includes('.version') };
  }, [WRITER, kind]);
}

export const cases = [
  ...['wasm', 'webgpu', 'webgl'].map((kind) => ({
    name: `modules: the full one is fetched when it is asked for, ${kind}`,
    run: async (t) => {
      const got = await answers(t, t.url, kind);
      t.check(got.code === 'unsupported' && got.module === 'full' && /'Det'.*quern-full\.wasm/.test(got.words), got.words);
      t.same([got.before, got.after], [['quern.wasm'], ['quern.wasm', 'quern-full.wasm']], 'fetched');
      t.same([Math.round(got.y * 1000) / 1000, got.ptx], [-2, true], 'answers');
    },
  })),
  {
    name: 'modules: the full one with threads, on an isolated page',
    run: async (t) => {
      const got = await answers(t, t.isolated, 'wasm');
      t.same([got.before, got.after], [['quern-threads.wasm'], ['quern-threads.wasm', 'quern-full-threads.wasm', 'quern.wasm', 'quern-full.wasm']], 'fetched'); // translate needs no threads
      t.same(Math.round(got.y * 1000) / 1000, -2, 'answer');
    },
  },
  {
    name: 'modules: a page from which the full one was left out says so',
    async run(t) {
      await t.context.route('**/quern-full*.wasm', (route) => route.fulfill({ status: 404, body: 'none' }));
      const page = await t.page(`${t.url}/index.html`);
      await page.waitForFunction(() => globalThis.quern);
      const said = await page.evaluate(() => quern.Device.open({ kind: 'wasm', module: 'full' }).then(() => 'opened', (e) => `${e.code}: ${e.message}`));
      t.check(/^io: .*quern-full\.wasm: the server answered 404/.test(said), said);
    },
  },
];
