/* Memory stays flat on one kind of device of this page: many runs of one session, and many rounds of opening a device and a session, running and
 * closing. Counted are blocks of the library's allocator, the bytes of the module's heap, WebGPU's objects that the module knows by number, and what
 * is alive of the browser's own objects, at the functions that make and free them. The network is small and has a loop, whose runs read values back and forth. */
import { Device, Session, Tensor } from '/pkg/quern.js';
import { runSlice } from './slice.mjs';

const alive = new Map(); // kind of object -> number

/* Counts what `make` of one prototype gives until `free` of another (of its own: the argument) takes it. */
function count(what, maker, make, owner, free) {
  if (!maker?.[make] || !owner?.[free]) return;
  const { [make]: made } = maker, { [free]: freed } = owner, seen = new WeakSet();
  const add = (n) => alive.set(what, (alive.get(what) ?? 0) + n);
  maker[make] = function (...args) {
    const thing = made.apply(this, args);
    if (thing) seen.add(thing), add(1);
    return thing;
  };
  owner[free] = function (...args) {
    if (seen.delete(owner === maker ? args[0] : this)) add(-1);
    return freed.apply(this, args);
  };
}

/* Once for the page, before any device is opened. */
function countObjects() {
  const gl = globalThis.WebGL2RenderingContext?.prototype;
  for (const kind of ['Texture', 'Framebuffer', 'Buffer', 'VertexArray', 'Shader', 'Program']) count(kind, gl, `create${kind}`, gl, `delete${kind}`);
  count('Sync', gl, 'fenceSync', gl, 'deleteSync');
  count('GPUBuffer', globalThis.GPUDevice?.prototype, 'createBuffer', globalThis.GPUBuffer?.prototype, 'destroy');
}

function now(device) {
  const { engine } = device;
  return JSON.stringify({ blocks: engine.x.qw_blocks(), heap: engine.heap.memory.buffer.byteLength, numbered: engine.webgpu.objectCount, ...Object.fromEntries([...alive].sort()) });
}

const feeds = () => ({ times: Tensor.from(new BigInt64Array([3n]), []), x: Tensor.from(Float32Array.from({ length: 6 }, (_, i) => i / 6), [1, 6]) });

/* The state after the first few turns, which may keep things, against that after the last. */
async function flat(what, turns, warm, turn, state) {
  let before;
  for (let k = 0; k < turns; k++) {
    await turn(k);
    if (k === warm - 1) before = state();
  }
  if (state() !== before) throw new Error(`${turns} ${what}: ${state()}, after ${warm} of them ${before}`);
}

const open = async ({ kind, threads }, bytes) => {
  const device = await Device.open({ kind, threads });
  return { device, session: await Session.open(bytes, { device }) };
};

async function manyRuns(options, bytes) {
  const { device, session } = await open(options, bytes);
  await flat('runs', options.runs, 5, () => session.run(feeds()), () => now(device));
  device.close();
}

async function manyRounds(options, bytes) {
  let last;
  await flat('rounds', options.rounds, 3, async () => {
    const { device, session } = await open(options, bytes);
    await session.run(feeds());
    device.close();
    last = device;
  }, () => now(last));
}

/** options: { kind, threads, runs, rounds, model: the network's address }. */
export async function run(options) {
  countObjects();
  const bytes = new Uint8Array(await (await fetch(options.model)).arrayBuffer());
  const tests = [manyRuns, manyRounds];
  return runSlice({ seed: 0, seconds: 0, longest: 7200, n: tests.length, nameOf: (i) => tests[i].name, open: () => ({ close() {} }), run: (_, i) => tests[i](options, bytes) });
}
