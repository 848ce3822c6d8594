/* Folders of the ONNX backend-test layout on one kind of device of this page, as `quern conformance` judges them. */
import { Device, Session, Tensor } from '/pkg/quern.js';
import { differs, readPb } from './tensor_file.mjs';
import { runSlice, Skip } from './slice.mjs';

const RANDOM = /^test_(bernoulli|training_dropout|randomnormal|randomuniform|multinomial)(?!.*zero_ratio)/; // judged by shape and type

async function bytesAt(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function tensorAt(url) {
  const tensor = readPb(await bytesAt(url));
  if (!tensor) throw new Skip('its data are text, or of a type that a page cannot hold');
  return tensor;
}

/* What many models' refusals have in common; `quern conformance` names each op and type. */
const KINDS = [[/^node .* is not in this build/, 'an op is not in this build'], [/element type|is not a number type/, 'a type that this build cannot hold'],
  [/optional|sequence/, 'a value that is optional or a sequence']];
const shared = (sentence) => KINDS.find(([of]) => of.test(sentence))?.[1] ?? sentence.replace(/^(\w+) '[^']*': /, '$1: ').replace(/(input|output|node) '[^']*'/g, '$1');

async function orSkip(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.code === 'unsupported') throw new Skip(shared(error.message));
    throw error;
  }
}

async function runSet(session, base, { inputs, outputs }, shapeOnly) {
  const given = await Promise.all(inputs.map((f) => tensorAt(base + f))), wanted = await Promise.all(outputs.map((f) => tensorAt(base + f)));
  const feeds = Object.fromEntries(given.map(({ dtype, dims, data }, i) => [session.inputs[i].name, Tensor.from(data, dims, dtype)]));
  const got = await orSkip(session.run(feeds));
  if (wanted.length !== session.outputs.length) throw new Error(`the test stores ${wanted.length} outputs, the model has ${session.outputs.length}`);
  wanted.forEach((want, i) => {
    const why = differs(got[session.outputs[i].name], want, shapeOnly);
    if (why) throw new Error(`output '${session.outputs[i].name}': ${why}`);
  });
}

async function runTest(device, { name, base, files, sets, skip }) {
  if (skip) throw new Skip(skip);
  const bytes = await bytesAt(`${base}model.onnx`);
  const weights = Object.fromEntries(await Promise.all(files.map(async (f) => [f, await bytesAt(base + f)])));
  const session = await orSkip(Session.open(bytes, { device, files: weights }));
  try {
    for (const set of sets) await runSet(session, base, set, RANDOM.test(name));
  } catch (error) {
    throw error instanceof Skip ? error : Object.assign(error, { message: `${name}: ${error.message}` });
  } finally {
    session.close();
  }
}

/** options: { kind, threads, seed, seconds, lanes, tests: [{ name, base, files, sets: [{ inputs, outputs: [file...] }] }] }. */
export function run(options) {
  const { kind, threads, tests } = options;
  return runSlice({ ...options, n: tests.length, nameOf: (index) => tests[index].name, open: () => Device.open({ kind, threads }), run: (device, index) => runTest(device, tests[index]) });
}
