/* Folders of the ONNX backend-test layout on one kind of device of this page, as `quern conformance` judges them. */
import { decoders } from '/codecs.js';
import { Device, Session, Tensor } from '/pkg/quern.js';
import { differs, given, hasDrawn, readValue } from './tensor_file.mjs';
import { runSlice, Skip } from './slice.mjs';

async function bytesAt(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

const valueAt = async (url, info) => readValue(await bytesAt(url), info);

/* As the package takes it. */
/* What many models' refusals have in common; `quern conformance` names each op and type. */
const KINDS = [[/^node .* is not in this build/, 'an op is not in this build'], [/element type|is not a number type/, 'a type that this build cannot hold']];
const shared = (sentence) => KINDS.find(([of]) => of.test(sentence))?.[1] ?? sentence.replace(/^(\w+) '[^']*': /, '$1: ').replace(/(input|output|node) '[^']*'/g, '$1');

async function orSkip(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.code === 'unsupported') throw new Skip(shared(error.message));
    throw error;
  }
}

/* What a test tells of itself, as `quern conformance --json` does. */
function told(session, shapeOnly) {
  const { host_nodes: nodes } = session.report();
  const on_host = [...new Map(nodes.map(({ op, reason, why }) => [`${op} ${why}`, { op, reason, why }])).values()];
  return { shape_only: shapeOnly, nodes_on_host: nodes.length, type_lacking: nodes.length > 0 && nodes.every((n) => n.reason === 'type'), on_host };
}

async function runSet(session, base, { inputs, outputs }, signal) {
  const fed = await Promise.all(inputs.map((f, i) => valueAt(base + f, session.inputs[i]))), wanted = await Promise.all(outputs.map((f, i) => valueAt(base + f, session.outputs[i])));
  const got = await orSkip(session.run(Object.fromEntries(fed.map((value, i) => [session.inputs[i].name, given(value, Tensor)])), { signal }));
  const shapeOnly = hasDrawn(session, fed); // the answers that are stored were drawn too
  if (wanted.length !== session.outputs.length) throw new Error(`the test stores ${wanted.length} outputs, the model has ${session.outputs.length}`);
  wanted.forEach((want, i) => {
    const why = differs(got[session.outputs[i].name], want, shapeOnly);
    if (why) throw new Error(`output '${session.outputs[i].name}': ${why}`);
  });
  return shapeOnly;
}

async function runTest(device, { name, base, files, sets }, signal) {
  const bytes = await bytesAt(`${base}model.onnx`);
  const weights = Object.fromEntries(await Promise.all(files.map(async (f) => [f, await bytesAt(base + f)])));
  const session = await orSkip(Session.open(bytes, { device, decoders, files: weights, signal }));
  try {
    let shapeOnly = false;
    for (const set of sets) shapeOnly = (await runSet(session, base, set, signal)) || shapeOnly;
    return told(session, shapeOnly);
  } catch (error) {
    throw error instanceof Skip || signal?.aborted ? error : Object.assign(error, { message: `${name}: ${error.message}` });
  } finally {
    session.close();
  }
}

/** options: { kind, threads, seed, seconds, lanes, tests: [{ name, base, files, sets: [{ inputs, outputs: [file...] }] }] }. */
export function run(options) {
  const { kind, threads, tests } = options;
  return runSlice({ ...options, n: tests.length, nameOf: (index) => tests[index].name, open: () => Device.open({ kind, threads, module: 'full' }), run: (device, index, signal) => runTest(device, tests[index], signal) });
}
