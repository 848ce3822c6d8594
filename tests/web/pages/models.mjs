/* Small trained models that others publish, against what independent peers answered, on one kind of device of this page: tests/models.c again,
 * through the package. */
import { Device, Session, Tensor } from '/pkg/quern.js';
import { readNpy, relativeError } from './tensor_file.mjs';
import { runSlice } from './slice.mjs';

async function bytesAt(file) {
  const response = await fetch(`/models/${file}`);
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

const tensorAt = async (file) => readNpy(await bytesAt(file));
const asTensor = ({ dtype, dims, data }) => Tensor.from(data, dims, dtype);
const allowed = (t) => (t.dtype === 'f16' ? 1e-2 : 1e-4); // of the norm

async function stored(device, { name, model, inputs, outputs }, signal) {
  const session = await Session.open(`/models/${model}`, { device, signal, cache: 'none' });
  const feeds = {};
  for (const i of inputs) feeds[i.name] = asTensor(await tensorAt(i.file));
  const got = await session.run(feeds, { signal });
  for (const o of outputs) {
    const error = relativeError(got[o.name], await tensorAt(o.file));
    if (!(error <= allowed(got[o.name]))) throw new Error(`${name}: output '${o.name}' is off by ${error}`);
  }
  session.close();
}

/* The samples of a WAV file of 16 bits and one channel. */
function samples(bytes) {
  const view = new DataView(bytes.buffer);
  let at = 12;
  while (view.getUint32(at, true) !== 0x61746164) at += 8 + view.getUint32(at + 4, true); // "data"
  return Float32Array.from(new Int16Array(bytes.slice(at + 8, at + 8 + view.getUint32(at + 4, true)).buffer), (v) => v / 32768);
}

/* Silero's detector of voice: 64 samples of the chunk before and 512 new ones, and a state that goes round. */
async function voice(device, { name, model, wav, want, chunks }, signal) {
  const session = await Session.open(`/models/${model}`, { device, signal, cache: 'none' });
  const x = samples(await bytesAt(wav)), expected = (await tensorAt(want)).data;
  const chunk = new Float32Array(576), rate = Tensor.from(new BigInt64Array([16000n]), []);
  let state = new Float32Array(256);
  for (let k = 0; k < Math.min(chunks, expected.length) && (k + 1) * 512 <= x.length; k++) {
    chunk.copyWithin(0, 512);
    chunk.set(x.subarray(k * 512, k * 512 + 512), 64);
    const got = await session.run({ input: Tensor.from(chunk, [1, 576]), state: Tensor.from(state, [2, 1, 128]), sr: rate }, { signal });
    const [p, next] = session.outputs.map((o) => got[o.name].data);
    if (!(Math.abs(p[0] - expected[k]) < 1e-3)) throw new Error(`${name}, chunk ${k}: ${p[0]}, the peer says ${expected[k]}`);
    state = next;
  }
  session.close();
}

/** options: { kind, threads, seed, seconds, lanes, cases: [{ name, model, inputs, outputs: [{ name, file }...] } or { name, model, wav, want, chunks }] }. */
export function run(options) {
  const { kind, threads, cases } = options;
  return runSlice({ ...options, n: cases.length, nameOf: (index) => cases[index].name, open: () => Device.open({ kind, threads }),
    run: (device, index, signal) => (cases[index].wav ? voice : stored)(device, cases[index], signal) });
}
