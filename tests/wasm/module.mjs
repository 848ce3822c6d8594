// The module build/web/quern.wasm in Node, with the few calls that the tests need. The package in web/ has its own loader.
import fs from "node:fs";
import { performance } from "node:perf_hooks";

import { Worker } from "node:worker_threads";

const text = new TextDecoder();
const QN_E_NAME = 2;

// compile and forget, for the instance whose exports `get` gives. Slot 0 asks for a free place in its table.
export function compiler(get, memory) {
  const free = [];
  const compile = (at, n, slot) => {
    const x = get(), table = x.__indirect_function_table, own = memory ?? x.memory;
    try {
      const module = new WebAssembly.Module(new Uint8Array(own.buffer).slice(at, at + n));
      const { qk_run } = new WebAssembly.Instance(module, { env: { memory: own, __stack_pointer: x.__stack_pointer }, math: x }).exports;
      if (!slot) slot = free.pop() ?? table.length;
      if (slot >= table.length) table.grow(slot + 1 - table.length);
      table.set(slot, qk_run);
      return slot;
    } catch (e) {
      if (process.env.QUERN_WHY) console.error(String(e));
      return 0;
    }
  };
  return { compile, forget: (slot) => { get().__indirect_function_table.set(slot, null); free.push(slot); } };
}

export function imports(memory, own = {}) {
  const quern = { now: () => performance.now(), progress: () => 1, threads: () => 1, spawn: () => 0, ...own };
  return { env: { memory }, quern };
}

// threads > 1: the module with shared memory, and that many less one workers, ready before anything runs.
async function startWorkers(module, memory, n) {
  const all = Array.from({ length: n }, () => new Worker(new URL("./worker.mjs", import.meta.url), { workerData: { module, memory } }));
  await Promise.all(all.map((w) => new Promise((ready) => w.once("message", ready))));
  all.forEach((w) => w.unref());
  return all;
}

export async function load(path, threads = 1, given = {}) {
  const module = await WebAssembly.compile(fs.readFileSync(path));
  const shared = WebAssembly.Module.imports(module).some((i) => i.kind === "memory");
  const memory = shared ? new WebAssembly.Memory({ initial: 256, maximum: 65535, shared: true }) : undefined;
  const workers = shared ? await startWorkers(module, memory, threads - 1) : [];
  const workerOf = new Map(); // a block stays with its worker
  const spawn = (block, stack, tls) => {
    const w = workerOf.get(block) ?? workers.pop();
    if (!w) return 0;
    workerOf.set(block, w);
    w.postMessage({ block, stack, tls });
    return 1;
  };
  let x;
  const page = Object.fromEntries(WebAssembly.Module.imports(module).map((i) => [i.name, () => 0])); // devices that are not here
  const own = { ...page, now: () => performance.now(), progress: () => 1, threads: () => threads, spawn, picture: () => QN_E_NAME, ...compiler(() => x, memory), ...given };
  x = { ...(await WebAssembly.instantiate(module, imports(memory, own))).exports };
  x.memory ??= memory;
  x._initialize();
  const bytes = () => new Uint8Array(x.memory.buffer);
  const read = (at) => text.decode(bytes().slice(at, bytes().indexOf(0, at)));
  const failure = () => new Error(`${read(x.qw_status_text(x.qw_status()))}: ${read(x.qw_error())}`);
  const check = (v) => { if (!v) throw failure(); return v; };
  const put = (data) => { const at = check(x.qw_alloc(data.length)); bytes().set(data, at); return at; };
  const withText = (s, f) => { const at = put(Buffer.from(s + "\0")); try { return f(at); } finally { x.qw_free(at); } };
  const json = (at) => JSON.parse(read(check(at)));
  return { x, bytes, read, failure, check, put, withText, json };
}

const arrays = { f32: Float32Array, f64: Float64Array, i8: Int8Array, i16: Int16Array, i32: Int32Array, i64: BigInt64Array,
                 u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, u64: BigUint64Array, bool: Uint8Array, f16: Uint16Array, bf16: Uint16Array };

export function openSession(m, device, file, flags = 0) {
  const session = m.check(m.x.qw_session_open(device, m.put(file), file.length, flags, 0, 0));
  while (!m.json(m.x.qw_session_want(session)).open); // on the cpu nothing is waited for
  return session;
}

// inputs: one {dtype, dims, data: bytes} per model input, in its order. Gives [{dtype, dims, data: typed array}].
export function run(m, session, inputs) {
  const names = Array.from({ length: 20 }, (_, i) => m.read(m.x.qw_dtype_name(i)));
  inputs.forEach(({ dtype, dims, data }, i) => {
    const at = m.put(Buffer.from(Uint32Array.from(dims).buffer));
    const to = m.check(m.x.qw_feed(m.check(m.x.qw_input(session, i)), names.indexOf(dtype), dims.length, at));
    m.x.qw_free(at);
    m.bytes().set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to);
  });
  const ticket = m.check(m.x.qw_run(session));
  for (let state; (state = m.x.qw_poll(session, ticket)) !== 1;) if (state === 2) throw m.failure();
  return m.json(m.x.qw_session_outputs(session)).map((_, i) => {
    const t = m.check(m.x.qw_output(session, i));
    const dtype = names[m.x.qw_tensor_dtype(t)];
    const dims = Array.from({ length: m.x.qw_tensor_rank(t) }, (_, k) => m.x.qw_tensor_dim(t, k));
    const at = m.x.qw_tensor_data(t), n = m.x.qw_tensor_bytes(t);
    return { dtype, dims, data: new arrays[dtype](Uint8Array.from(m.bytes().subarray(at, at + n)).buffer) };
  });
}
