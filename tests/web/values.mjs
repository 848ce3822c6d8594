/* Values that are no tensors, in a page and out of it: sequences as arrays, optionals as what they hold or null, texts, one in the other. */
import { onnxWriter } from './onnx.mjs';

const WRITER = `(${onnxWriter})()`;

async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate((writer) => {
    const onnx = eval(writer);
    const { tensorType, sequenceOf, optionalOf, mapOf, typed, node, model } = onnx;
    globalThis.types = { numbers: tensorType([2]), texts: tensorType([2], onnx.STRING), sequenceOf, optionalOf, mapOf, one: (type) => tensorType([], type), INT64: onnx.INT64, STRING: onnx.STRING };
    /* A model of one node, of which inputs and outputs have these types. */
    globalThis.open = (device, op, ins, outs) => quern.Session.open(new Blob(model([node(op, Object.keys(ins), Object.keys(outs)),
      ...Object.entries(ins).map(([name, type]) => typed(11, name, type)), ...Object.entries(outs).map(([name, type]) => typed(12, name, type))])), { device });
    globalThis.plain = (value) => (value === null ? null : Array.isArray(value) ? value.map(plain) : value.texts ?? Array.from(value.data, Number));
    globalThis.two = (...numbers) => quern.Tensor.from(Float32Array.from(numbers));
  }, WRITER);
  return page;
}

const each = (name, run) => ['wasm', 'webgpu', 'webgl'].map((kind) => ({ name: `values: ${name}, ${kind}`, run: (t) => run(t, kind) }));

export const cases = [
  ...each('sequences of tensors, grown, empty and again', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const device = await quern.Device.open({ kind }), { numbers, sequenceOf } = types;
      const session = await open(device, 'SequenceInsert', { s: sequenceOf(numbers), x: numbers }, { y: sequenceOf(numbers) });
      const run = async (s) => plain((await session.run({ s, x: two(5, 6) })).y);
      const answers = [await run([two(1, 2), two(3, 4)]), await run([]), await run([new Float32Array([1, 2])])];
      const blocks = device.engine.x.qw_blocks();
      for (let i = 0; i < 5; i++) await run([two(1, 2), two(3, 4)]);
      const info = session.inputs[0], grown = device.engine.x.qw_blocks() - blocks;
      device.close();
      return { answers, info, grown };
    }, kind);
    t.same(got.answers, [[[1, 2], [3, 4], [5, 6]], [[5, 6]], [[1, 2], [5, 6]]], 'answers');
    t.same([got.info.dtype, got.info.of.dtype, got.info.of.dims], ['sequence', 'f32', [2]], 'what the model declares');
    t.check(got.grown <= 0, `${got.grown} blocks are left by five runs`);
  }),
  ...each('optionals, with something in them and without', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const device = await quern.Device.open({ kind }), { numbers, texts, sequenceOf, optionalOf } = types;
      const same = async (type, values) => {
        const session = await open(device, 'Identity', { x: type }, { y: type }), answers = [];
        for (const x of values) answers.push(plain((await session.run({ x })).y));
        return answers;
      };
      const words = quern.Tensor.ofTexts(['a', 'wörter']);
      const answers = [await same(optionalOf(numbers), [null, two(1, 2), null]), await same(optionalOf(sequenceOf(texts)), [null, [], [words, words]]), await same(sequenceOf(texts), [[words], []])];
      device.close();
      return answers;
    }, kind);
    t.same(got, [[null, [1, 2], null], [null, [], [['a', 'wörter'], ['a', 'wörter']]], [[['a', 'wörter']], []]], 'answers');
  }),
  ...each('maps, alone and in sequences', async (t, kind) => {
    const got = await (await ready(t)).evaluate(async (kind) => {
      const device = await quern.Device.open({ kind }), { sequenceOf, mapOf, one, INT64, STRING } = types, answers = [];
      const told = (v) => (v instanceof Map ? [...v].map(([k, x]) => [typeof k, String(k), typeof x, String(x)]) : Array.isArray(v) ? v.map(told) : v);
      const same = async (type, ...values) => {
        const session = await open(device, 'Identity', { x: type }, { y: type });
        for (const x of values) answers.push(await session.run({ x }).then((r) => told(r.y), (e) => [e.code, e.message]));
        return session.inputs[0];
      };
      const info = await same(mapOf(INT64, one(1)), new Map([[2 ** 53 - 1, 0.5], [-3n, 2]]), new Map(), {}, new Map([[0.5, 1]]), new Map([['1', 1]]), new Map([[1, 'x']]));
      await same(mapOf(STRING, one(STRING)), new Map([['wörter', 'a'], ['', '']]), new Map([[1, 'a']]));
      await same(sequenceOf(mapOf(STRING, one(INT64))), [new Map([['a', 2n ** 60n]]), new Map(), new Map([['b', -1]])], []);
      device.close();
      return { answers, info };
    }, kind);
    const not = (type, v) => ['usage', `input 'x' is a map to or from ${type}, which '${v}' is not`];
    t.same(got.answers, [[['bigint', '9007199254740991', 'number', '0.5'], ['bigint', '-3', 'number', '2']], [], ['usage', "input 'x' is a map; give a Map"], not('i64', 0.5), not('i64', 1), not('f32', 'x'),
      [['string', 'wörter', 'string', 'a'], ['string', '', 'string', '']], ['usage', 'Tensor.ofTexts wants a list of strings'],
      [[['string', 'a', 'bigint', '1152921504606846976']], [], [['string', 'b', 'bigint', '-1']]], []], 'answers');
    t.same([got.info.dtype, got.info.key, got.info.of.dtype], ['map', 'i64', 'f32'], 'what the model declares');
  }),
  {
    name: 'values: what is no such value is refused, and the session goes on',
    async run(t) {
      const got = await (await ready(t)).evaluate(async () => {
        const device = await quern.Device.open({ kind: 'wasm' }), { numbers, sequenceOf } = types;
        const session = await open(device, 'Identity', { x: sequenceOf(numbers) }, { y: sequenceOf(numbers) });
        const said = (x, options) => session.run({ x }, options).then((r) => plain(r.y), (e) => [e.code, e.message]);
        const answers = [await said(two(1, 2)), await said(null), await said([null]), await said([two(1, 2)], { keep: ['y'] }), await said([two(1, 2)])];
        const gone = two(1, 2), around = [two(1, 2)];
        structuredClone(gone.data, { transfer: [gone.data.buffer] });
        around.push(around);
        answers.push(await said([gone]), await said(around), await said(new Array(2)), await said([two(3, 4)]));
        device.close();
        return answers;
      });
      t.same(got, [['usage', "input 'x' is a sequence; give an array of tensors"], ['usage', "input 'x' is a sequence; give an array of tensors"],
        ['usage', "input 'x' is no tensor; give a Tensor or a typed array"], ['unsupported', "output 'y' is a sequence, which lives on the host and cannot stay on the device"], [[1, 2]],
        ['shape', "a tensor's array has 0 bytes now, and had 8: was it transferred?"], ['usage', 'an array among the inputs holds itself, or lies too deep in others'],
        ['usage', "input 'x' is no tensor; give a Tensor or a typed array"], [[3, 4]]], 'what is said');
    },
  },
];
