/* Outputs that stay on the device: of any batch, length and rank, and as large as the run makes them. */
import { onnxWriter } from './onnx.mjs';

const WRITER = `(${onnxWriter})()`;

async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate((writer) => {
    globalThis.onnx = eval(writer);
    const { value, node, typed, model } = onnx;
    globalThis.f32 = (dims, ...numbers) => quern.Tensor.from(Float32Array.from(numbers), dims);
    globalThis.read = async (tensor) => [tensor.dims, Array.from(await tensor.read(), Number)];
    /* A model: nodes, then [name, dims, type?] of inputs and of outputs; dims null: unranked. */
    const ends = (field, list) => list.map(([name, dims, type]) => (dims ? value(field, name, dims, type) : typed(field, name, onnx.unranked(type))));
    globalThis.open = (device, nodes, ins, outs) => quern.Session.open(new Blob(model([...nodes.map((n) => node(...n)), ...ends(11, ins), ...ends(12, outs)])), { device });
  }, WRITER);
  return page;
}

const each = (name, run) => ['wasm', 'webgpu', 'webgl'].map((kind) => ({ name: `kept: ${name}, ${kind}`, run: (t) => run(t, kind) }));

export const cases = [
  ...each('batches and lengths that are named, each run with a buffer of its own', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const device = await quern.Device.open({ kind });
      const session = await open(device, [['Add', ['x', 'x'], ['y']]], [['x', ['batch', 'seq']]], [['y', ['batch', 'seq']]]);
      const run = async (x) => (await session.run({ x }, { keep: ['y'] })).y;
      const three = await run(f32([3, 2], 1, 2, 3, 4, 5, 6)), one = await run(f32([1, 1], 7)), long = await run(f32([2, 70], ...Array(140).keys())), none = await run(f32([0, 2]));
      const answers = [await read(three), await read(one), await read(none)], far = (await read(long))[1][139];
      const again = await read(await run(three)); // goes in where it lies
      const there = [three.data, Boolean(three.buffer.gpuBuffer)], host = await read((await session.run({ x: f32([1, 2], 1, 2) })).y);
      device.close();
      return { answers, far, again, there, host };
    }, kind);
    t.same(got, { answers: [[[3, 2], [2, 4, 6, 8, 10, 12]], [[1, 1], [14]], [[0, 2], []]], far: 278, again: [[3, 2], [4, 8, 12, 16, 20, 24]],
      there: [undefined, kind === 'webgpu'].map((v) => v ?? null), host: [[1, 2], [2, 4]] }, 'answers');
  }),
  ...each('sizes that the data decide, and outputs without a rank', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const device = await quern.Device.open({ kind }), { INT64 } = onnx;
      const found = await open(device, [['NonZero', ['x'], ['at']], ['Cast', ['at'], ['y'], [onnx.int('to', 1)]]], [['x', ['n']]], [['at', [1, 'found'], INT64], ['y', [1, 'found']]]);
      const detect = async (...x) => {
        const { at, y } = await found.run({ x: f32([x.length], ...x) }, { keep: ['at', 'y'] });
        return [await read(at), await read(y)];
      };
      const shaped = await open(device, [['Reshape', ['x', 'shape'], ['y']]], [['x', ['n']], ['shape', ['rank'], INT64]], [['y', null]]);
      const shape = async (...dims) => read((await shaped.run({ x: f32([4], 1, 2, 3, 4), shape: quern.Tensor.from(BigInt64Array.from(dims, BigInt)) }, { keep: ['y'] })).y);
      /* In parts: the rank of the second Reshape is what the first part computes. */
      const cut = await open(device, [['NonZero', ['x'], ['at']], ['Reshape', ['at', 'all'], ['list']], ['Reshape', ['v', 'list'], ['y']]],
        [['x', ['n']], ['all', [1], INT64], ['v', ['m']]], [['y', null]]);
      const inParts = async (v, ...x) => read((await cut.run({ x: f32([x.length], ...x), all: quern.Tensor.from(BigInt64Array.of(-1n)), v: f32([v.length], ...v) }, { keep: ['y'] })).y);
      const answers = [await detect(0, 1, 0, 2), await detect(0, 0), await detect(1, 1, 1), await shape(2, 2), await shape(4), await inParts([1, 2], 0, 1, 1), await inParts([1, 2, 3], 0, 0, 0, 1)];
      device.close();
      return answers;
    }, kind);
    t.same(got, [[[[1, 2], [1, 3]], [[1, 2], [1, 3]]], [[[1, 0], []], [[1, 0], []]], [[[1, 3], [0, 1, 2]], [[1, 3], [0, 1, 2]]], [[2, 2], [1, 2, 3, 4]], [[4], [1, 2, 3, 4]],
      [[1, 2], [1, 2]], [[3], [1, 2, 3]]], 'answers');
  }),
  ...each('what the host computes, what is an input, and one value under two names', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const device = await quern.Device.open({ kind }), { INT64, BOOL } = onnx, DOUBLE = 11;
      const session = await open(device, [['Shape', ['x'], ['sizes']], ['Identity', ['x'], ['same']], ['Cast', ['x'], ['wide'], [onnx.int('to', DOUBLE)]], ['Add', ['wide', 'wide'], ['twice']],
        ['Cast', ['x'], ['truth'], [onnx.int('to', BOOL)]], ['Neg', ['x'], ['a']], ['Identity', ['a'], ['b']]], [['x', ['n']]],
      [['sizes', [1], INT64], ['same', ['n']], ['twice', ['n'], DOUBLE], ['truth', ['n'], BOOL], ['a', ['n']], ['b', ['n']]]);
      const names = session.outputs.map((o) => o.name), given = f32([3], 0, 1, 2), answers = [];
      for (const x of [given, quern.Tensor.onDevice(device.buffer(given.data), 'f32', [3])]) {
        const all = await session.run({ x }, { keep: names }), half = await session.run({ x }, { keep: ['a', 'twice'] });
        answers.push(await Promise.all(names.map(async (n) => Array.from(await all[n].read(), Number))), names.filter((n) => half[n].buffer), Array.from(await half.b.read()));
      }
      device.close();
      return answers;
    }, kind);
    const want = [[[3], [0, 1, 2], [0, 2, 4], [0, 1, 1], [0, -1, -2], [0, -1, -2]], ['twice', 'a'], [0, -1, -2]];
    t.same(got, [...want, ...want].map((v) => JSON.parse(JSON.stringify(v))), 'answers');
  }),
  ...each('what is not taken, and what is closed, leaves nothing', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const device = await quern.Device.open({ kind }), { engine } = device;
      const session = await open(device, [['Add', ['x', 'x'], ['y']]], [['x', ['n']]], [['y', ['n']]]);
      const round = async () => {
        const given = new AbortController(), x = f32([3], 1, 2, 3);
        const aborted = session.run({ x }, { keep: ['y'], signal: given.signal }).catch((e) => e.name);
        given.abort();
        await aborted;
        (await session.run({ x }, { keep: ['y'] })).y.close();
        await session.run({ x });
        return [engine.x.qw_blocks(), engine.webgpu.bufferCount];
      };
      await round();
      const before = await round();
      for (let i = 0; i < 4; i++) await round();
      const after = await round(), wrong = await session.run({ x: f32([3], 1, 2, 3) }, { keep: ['z'] }).catch((e) => [e.code, e.message]);
      device.close();
      return { before, after, wrong };
    }, kind);
    t.same(got.after, got.before, 'blocks, buffers');
    t.same(got.wrong, ['name', "the model has no output 'z'; it has 'y'"], 'an unknown name');
  }),
];
