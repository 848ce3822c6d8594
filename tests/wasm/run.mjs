// The module in Node:  node tests/wasm/run.mjs MODULE THREADS NETWORKS    The last line is  N passed, N failed, N skipped.
import fs from "node:fs";
import path from "node:path";
import { load, openSession, run } from "./module.mjs";
import { readTensor } from "./tensor_file.mjs";

const [modulePath, threadText, networks] = process.argv.slice(2);
const threads = Number(threadText ?? 1);
const root = new URL("../../", import.meta.url).pathname;
const count = { passed: 0, failed: 0, skipped: 0 };

function check(name, ok, why = "") {
  count[ok ? "passed" : "failed"]++;
  if (!ok) console.log(`FAILED ${name}: ${why}`);
}

function attempt(name, f) {
  try { f(); } catch (e) { check(name, false, e instanceof WebAssembly.RuntimeError ? `TRAP ${e.stack}` : String(e)); }
}

const openCpu = (m) => m.withText("cpu", (at) => m.check(m.x.qw_device_open(at, threads)));

// ---- kernels made at run time
function runKernel(m, device, { source, defines = "", buffers, scalars = [], elems, type, launch, args }) {
  const texts = [source, "k.c", "", defines].map((t) => m.put(Buffer.from(t + "\0")));
  const kernel = m.check(m.x.qw_kernel_make(device, ...texts));
  texts.forEach((at) => m.x.qw_free(at));
  const how = m.read(m.x.qw_kernel_how(kernel));
  const made = buffers.map((data) => {
    const at = m.put(new Uint8Array(data.buffer)), b = m.check(m.x.qw_buffer_make(device, data.byteLength));
    m.check(m.x.qw_buffer_write(b, 0, at, data.byteLength));
    m.x.qw_free(at);
    return b;
  });
  const out = m.check(m.x.qw_buffer_make(device, elems * type.BYTES_PER_ELEMENT));
  args.forEach((a, i) => {
    if (a === "out") m.x.qw_kernel_arg_buffer(kernel, i, out);
    else if (a[0] === "b") m.x.qw_kernel_arg_buffer(kernel, i, made[Number(a.slice(1))]);
    else m.x.qw_kernel_arg_number(kernel, i, scalars[Number(a.slice(1))]);
  });
  m.check(m.x.qw_kernel_launch(kernel, launch, args.length));
  const n = elems * type.BYTES_PER_ELEMENT, at = m.check(m.x.qw_alloc(n));
  m.check(m.x.qw_buffer_read(out, 0, at, n));
  const result = new type(Uint8Array.from(m.bytes().subarray(at, at + n)).buffer);
  m.x.qw_free(at);
  [...made, out].forEach((b) => m.x.qw_buffer_free(b));
  m.x.qw_kernel_free(kernel);
  return { how, result };
}

const head = '#include "quern_kernel.h"\n';
const N = 70001; // not a multiple of four, and enough for several threads
const xs = Float32Array.from({ length: N }, (_, i) => Math.sin(i * 0.7) * 4), ints = Int32Array.from({ length: N }, (_, i) => Math.imul(i, -1640531535) >> i % 29);
ints.set([-2147483648, -1, 0, 1, 2147483647]);
const divisors = Int32Array.from({ length: N }, (_, i) => [-1, 0, 7, -3, 1][i % 5]);
const near = (want) => (got, i) => Math.abs(got - want(i)) <= 2e-6 * Math.max(1, Math.abs(want(i)));
const same = (want) => (got, i) => got === want(i);
const halfOf = (v) => Math.round(v * 1024) / 1024; // exact in f16 here
const f16 = Uint16Array.from({ length: 64 }, (_, i) => (15 << 10) | (i << 4)); // 1 + i / 64
const kernels = [
  { name: "straight line, four at a time", source: "MAP(f32) f(u32 i, IN(f32) x, f32 a) { f32 v = x[i] * a + 1.0f; return max(v, 0.0f) + exp(v * 0.1f); }",
    buffers: [xs], scalars: [1.5], elems: N, type: Float32Array, launch: N, args: ["b0", "s0", "out"], ok: near((i) => { const v = xs[i] * 1.5 + 1; return Math.max(v, 0) + Math.exp(v * 0.1); }) },
  { name: "a branch and sin", source: "MAP(f32) f(u32 i, IN(f32) x) { if (x[i] > 0.5f) return sin(x[i]); return x[i] < -1.0f ? tanh(x[i]) : 2.0f; }",
    buffers: [xs], elems: N, type: Float32Array, launch: N, args: ["b0", "out"], ok: near((i) => (xs[i] > 0.5 ? Math.sin(xs[i]) : xs[i] < -1 ? Math.tanh(xs[i]) : 2)) },
  { name: "integer division answers always", interpreted: "divided by", source: "MAP(i32) f(u32 i, IN(i32) a, IN(i32) b) { return a[i] / b[i] + (a[i] % b[i]) * 3; }",
    buffers: [ints, divisors], elems: N, type: Int32Array, launch: N, args: ["b0", "b1", "out"],
    ok: same((i) => { const a = ints[i], b = divisors[i] === 0 || (divisors[i] === -1 && a === -2147483648) ? 1 : divisors[i]; return (Math.trunc(a / b) + (a % b) * 3) | 0; }) },
  { name: "casts saturate", interpreted: "cast to an integer", source: "MAP(i32) f(u32 i, IN(f32) x) { f32 v = x[i] * 1e9f; return i == 3 ? (i32)(v / 0.0f * 0.0f) : TO(i32, v); }",
    buffers: [xs], elems: N, type: Int32Array, launch: N, args: ["b0", "out"],
    ok: same((i) => (i === 3 ? 0 : Math.min(Math.max(Math.trunc(Math.fround(xs[i] * Math.fround(1e9))), -2147483648), 2147483647))) },
  { name: "64 bits", source: "MAP(i64) f(u32 i, IN(i32) a) { i64 v = (i64)a[i] * 3000000019l; return v >> 3 ^ (i64)popcount((u32)a[i]); }",
    buffers: [ints], elems: N, type: BigInt64Array, launch: N, args: ["b0", "out"],
    ok: same((i) => { let n = 0n; for (let v = ints[i] >>> 0; v; v &= v - 1) n++; return ((BigInt(ints[i]) * 3000000019n) >> 3n) ^ n; }) },
  { name: "half in and out", source: "MAP(f16) f(u32 i, IN(f16) x) { return TO(f16, load(x, i) * 0.5f); }",
    buffers: [f16], elems: 64, type: Uint16Array, launch: 64, args: ["b0", "out"], ok: same((i) => f16[i] - (1 << 10)) },
  { name: "a vector an element", source: "MAP(i32x2) f(u32 i, IN(i32) a) { return MAKE2(i32, a[i], 3); }",
    buffers: [ints], elems: 2 * 700, type: Int32Array, launch: 700, args: ["b0", "out"], ok: same((i) => (i % 2 ? 3 : ints[i / 2])) },
  { name: "a table", source: "static const f32 taps[3] = { 0.25f, 0.5f, 0.25f };\nMAP(f32) f(u32 i, u32 n) { return taps[i % 3] + (f32)n; }",
    buffers: [], scalars: [4], elems: N, type: Float32Array, launch: N, args: ["s0", "out"], ok: same((i) => [0.25, 0.5, 0.25][i % 3] + 4) },
  { name: "a group, its memory and phases", source: "#define GROUP 64\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y, u32 cols) { SHARED(f32, part, GROUP); PER_ITEM(f32, keep);\n" +
      "ITEMS(t) { f32 sum = 0.0f; for (u32 c = t; c < cols; c += GROUP) { if (c == 7) continue; sum += x[g * cols + c]; } part[t] = sum; keep[t] = sum; }\n" +
      "for (u32 half = GROUP / 2; half > 0; half /= 2) ITEMS(t) if (t < half) part[t] += part[t + half];\n ITEMS(t) if (t == 0) y[g] = part[0] + keep[t] * 0.0f; }",
    buffers: [xs], scalars: [700], elems: 100, type: Float32Array, launch: 100, args: ["b0", "out", "s0"],
    ok: (got, g) => { let s = 0; for (let c = 0; c < 700; c++) if (c !== 7) s += xs[g * 700 + c]; return Math.abs(got - s) < 1e-3; } },
  { name: "atomics", source: "#define GROUP 32\nKERNEL f(u32 g, IN(i32) x, INOUT(u32) bins) { ITEMS(t) atomic_add(bins, (u32)x[g * GROUP + t] & 15u, 1u); }",
    buffers: [ints], elems: 16, type: Uint32Array, launch: Math.floor(N / 32), args: ["b0", "out"],
    ok: (got, b) => { let n = 0; for (let i = 0; i < Math.floor(N / 32) * 32; i++) n += (ints[i] & 15) === b; return got === n; } },
  { name: "wide vectors and parts", source: "#define GROUP 1\nKERNEL f(u32 g, IN(f32) x, OUT(f32) y, u32 n) { ITEMS(t) { u32 c = 0; f32w sum = splatw(0.0f);\n" +
      "for (; c + WIDTH <= n; c += WIDTH) sum += loadw(x, g * n + c); sum += loadw_part(x, g * n + c, n - c); y[g] = sumw(sum); } }",
    buffers: [xs], scalars: [703], elems: 90, type: Float32Array, launch: 90, args: ["b0", "out", "s0"],
    ok: (got, g) => { let s = 0; for (let c = 0; c < 703; c++) s += xs[g * 703 + c]; return Math.abs(got - s) < 1e-3; } },
];

function testKernels(m, want, refusing) {
  const device = openCpu(m);
  for (const k of kernels) {
    attempt(k.name, () => {
      if (refusing && k.interpreted) { // the interpreter says what it finds wrong
        let said = "";
        try { runKernel(m, device, { ...k, source: head + k.source }); } catch (e) { said = e.message; }
        return void check(`${k.name}, interpreted`, said.includes(k.interpreted), said);
      }
      const { how, result } = runKernel(m, device, { ...k, source: head + k.source });
      const bad = result.findIndex((v, i) => !k.ok(v, i));
      check(k.name, bad < 0, `${how}: element ${bad} is ${result[bad]}`);
      check(`${k.name}: how`, refusing ? how !== want : how === want, how);
    });
  }
  m.x.qw_device_close(device);
}

// ---- networks, with onnxruntime's answers
const number = (dtype, v) => (dtype === "i64" || dtype === "u64" ? Number(v) : v);

function differs(got, want) {
  if (got.dtype !== want.dtype || String(got.dims) !== String(want.dims)) return `${got.dtype}[${got.dims}] for ${want.dtype}[${want.dims}]`;
  if (want.dtype === "f16" || want.dtype === "bf16") return null; // compared by the native tests
  for (let i = 0; i < want.data.length; i++) {
    const g = number(got.dtype, got.data[i]), w = number(want.dtype, want.data[i]);
    if (Object.is(g, w) || Math.abs(g - w) <= 1e-4 + 1e-3 * Math.abs(w)) continue;
    return `element ${i} is ${g}, should be ${w}`;
  }
  return null;
}

function testNetwork(m, device, folder) {
  const name = path.basename(folder);
  const session = openSession(m, device, fs.readFileSync(path.join(folder, "model.onnx")));
  const order = m.json(m.x.qw_session_inputs(session)).map((i) => i.name), outs = m.json(m.x.qw_session_outputs(session)).map((o) => o.name);
  for (const set of fs.readdirSync(folder).filter((f) => f.startsWith("test_data_set_"))) {
    const read = (kind) => fs.readdirSync(path.join(folder, set)).filter((f) => f.startsWith(kind)).sort((a, b) => parseInt(a.slice(kind.length)) - parseInt(b.slice(kind.length))).map((f) => readTensor(path.join(folder, set, f)));
    const inputs = read("input_"), wants = read("output_");
    if ([...inputs, ...wants].some((t) => !t)) { count.skipped++; console.log(`skipped ${name}/${set}: its data are not raw bytes`); continue; }
    attempt(`${name}/${set}`, () => {
      const got = run(m, session, order.map((n, i) => inputs.find((t) => t.name === n) ?? inputs[i]));
      wants.forEach((want, i) => {
        const at = outs.indexOf(want.name), why = differs(got[at < 0 ? i : at], want);
        check(`${name}/${set}`, !why, why);
      });
    });
  }
  m.x.qw_session_close(session);
}

function testNetworks(m) {
  if (!networks || !fs.existsSync(networks)) { count.skipped++; console.log("skipped: no networks: tests/make_test_models.py makes them"); return; }
  const device = openCpu(m);
  for (const name of fs.readdirSync(networks).sort()) {
    const folder = path.join(networks, name);
    if (fs.existsSync(path.join(folder, "model.onnx"))) attempt(name, () => {
      try { testNetwork(m, device, folder); } catch (e) {
        if (!/external data/.test(String(e))) throw e;
        count.skipped++, console.log(`skipped ${name}: ${e.message}`);
      }
    });
  }
  m.x.qw_device_close(device);
}

// ---- bad files: a status, never a trap
function* badFiles() {
  const folder = path.join(root, "tests/corpus/onnx");
  const files = fs.readdirSync(folder).map((f) => path.join(folder, f)).filter((f) => fs.statSync(f).isFile());
  for (const f of [...files, path.join(root, "models/glyphs.onnx")]) {
    const whole = fs.readFileSync(f);
    yield [path.basename(f), whole];
    for (let part = 1; part < 8; part++) yield [`${path.basename(f)} cut at ${part}/8`, whole.subarray(0, (whole.length * part) >> 3)];
    for (let k = 0; k < 24; k++) {
      const bent = Buffer.from(whole);
      for (let j = 0; j < 4; j++) bent[(k * 7919 + j * 104729) % Math.min(bent.length, 4096)] ^= 1 << (k + j) % 8;
      yield [`${path.basename(f)} bent ${k}`, bent];
    }
  }
}

function testBadFiles(m) {
  const device = openCpu(m);
  for (const [name, bytes] of badFiles()) {
    let trap = null;
    try { m.x.qw_session_close(m.x.qw_session_open(device, m.put(bytes), bytes.length, 0, 0, 0)); } catch (e) { trap = e; }
    check(name, !trap, String(trap));
    if (trap) return; // what the module holds now means nothing
  }
  const huge = m.x.qw_alloc(0xfffffff0);
  check("no memory is a status", huge === 0 && m.read(m.x.qw_status_text(m.x.qw_status())) === "no memory");
  m.x.qw_device_close(device);
}

// ---- nothing is left behind
function testRounds(m) {
  const file = fs.readFileSync(path.join(root, "models/glyphs.onnx"));
  let blocks = 0, bytes = 0;
  for (let round = 0; round < 100; round++) {
    const a = openCpu(m), b = openCpu1(m);
    const s = openSession(m, a, file), t = openSession(m, b, file);
    const [input] = m.json(m.x.qw_session_inputs(s));
    const dims = input.dims.map((d) => (typeof d === "number" ? d : 1)), data = new Float32Array(dims.reduce((x, y) => x * y, 1)).fill(0.5);
    const [y] = run(m, s, [{ dtype: "f32", dims, data }]), [z] = run(m, t, [{ dtype: "f32", dims, data }]);
    if (round === 0) check("two sessions agree", !differs(y, z), differs(y, z));
    [s, t].forEach((x) => m.x.qw_session_close(x));
    [a, b].forEach((x) => m.x.qw_device_close(x));
    if (round === 9) blocks = m.x.qw_blocks(), bytes = m.x.memory.buffer.byteLength;
  }
  check("blocks are flat", m.x.qw_blocks() === blocks, `${blocks}, then ${m.x.qw_blocks()}`);
  check("memory is flat", m.x.memory.buffer.byteLength === bytes, `${bytes}, then ${m.x.memory.buffer.byteLength}`);
}
const openCpu1 = (m) => m.withText("cpu", (at) => m.check(m.x.qw_device_open(at, 1)));

const m = await load(modulePath, threads);
testKernels(m, "WebAssembly", false);
testNetworks(m);
testRounds(m);
testBadFiles(m);
testKernels(await load(modulePath, threads, { compile: () => 0 }), "WebAssembly", true); // a page that does not compile
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed ? 1 : 0);
