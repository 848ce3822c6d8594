/* One reference network on one kind of device of this page, its weights streamed, against onnxruntime's answers: tests/reference_models.py again,
 * through the package. */
import { Device, Session, Tensor } from '/pkg/quern.js';
import { numberAt, readNpz } from './tensor_file.mjs';

/* Of one output: norm of the difference over norm; the largest and the mean difference of an element over the root mean square. */
function errors(got, want) {
  const elements = want.data.length;
  if (String(got.dims) !== String(want.dims)) return { norm: Infinity, largest: Infinity, mean: Infinity, elements };
  let norm = 0, off = 0, largest = 0, sum = 0;
  for (let i = 0; i < elements; i++) {
    const w = numberAt(want, i), apart = Math.abs(numberAt(got, i) - w);
    if (!(apart <= largest)) largest = apart; // NaN stays
    norm += w * w;
    off += apart * apart;
    sum += apart;
  }
  const size = Math.max(Math.sqrt(norm), 1e-30), rms = size / Math.sqrt(Math.max(elements, 1));
  return { norm: Math.sqrt(off) / size, largest: largest / rms, mean: sum / Math.max(elements, 1) / rms, elements };
}

/* The worst norm and the largest element of all outputs, and the mean over the elements of all. */
function ofAll(outputs) {
  const elements = Math.max(outputs.reduce((n, o) => n + o.elements, 0), 1);
  return { norm: Math.max(...outputs.map((o) => o.norm)), largest: Math.max(...outputs.map((o) => o.largest)), mean: outputs.reduce((s, o) => s + o.mean * o.elements, 0) / elements };
}

/** options: { kind, threads, name }. Gives { norm, largest, mean, openMs, runMs, hostNodes }. */
export async function run({ kind, threads, name }) {
  const stored = readNpz(new Uint8Array(await (await fetch(`/reference/${name}.npz`)).arrayBuffer()));
  const named = (head) => Object.entries(stored).filter(([key]) => key.startsWith(head)).map(([key, value]) => [key.slice(head.length), value]);
  const from = performance.now(), device = await Device.open({ kind, threads });
  const session = await Session.open(`/reference/${name}.onnx`, { device, stream: true });
  const opened = performance.now();
  const got = await session.run(Object.fromEntries(named('in.').map(([key, { data, dims, dtype }]) => [key, Tensor.from(data, dims, dtype)])));
  const ran = performance.now(), wanted = named('out.');
  if (!wanted.length) throw new Error(`${name}.npz holds no answers`);
  const found = { ...ofAll(wanted.map(([key, want]) => errors(got[key], want))), openMs: opened - from, runMs: ran - opened, hostNodes: session.report().host_nodes.length };
  device.close();
  return found;
}
