// Files of kernels on the module in Node, one request after another (tests/kernel_fuzz/kfuzz_node.c asks):  node kernels.mjs MODULE
//
// A request, words of 32 bits, little end first: bytes that follow; then count, kernels, index of the argument `which`, first buffer that
// comes back, buffers, for each its bytes; arguments, for each its buffer + 1 or 0 and a number (64 bits); bytes of the text, of the
// defines; then the bytes of buffers, text, defines. The answer: status (0 done, 1 refused, 2 failed), bytes that follow; then for each kernel the buffers
// that come back, or a sentence.
import fs from "node:fs";
import { load } from "./module.mjs";

const m = await load(process.argv[2]);
const device = m.withText("cpu", (at) => m.check(m.x.qw_device_open(at, 1)));

function readAll(n) {
  const to = Buffer.alloc(n);
  for (let at = 0; at < n;) {
    let got = 0;
    try { got = fs.readSync(0, to, at, n - at, null); } catch (e) { if (e.code !== "EAGAIN") throw e; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); continue; }
    if (!got) process.exit(0);
    at += got;
  }
  return to;
}

function parse(data) {
  let at = 0;
  const word = () => (at += 4, data.readUInt32LE(at - 4)), list = (n, f) => Array.from({ length: n }, f);
  const r = { count: word(), kernels: word(), whichAt: word(), firstBack: word() };
  r.sizes = list(word(), word);
  r.args = list(word(), () => ({ buffer: word(), number: (at += 8, data.readDoubleLE(at - 8)) }));
  const nText = word(), nDefines = word();
  const cut = (n) => data.subarray(at, at += n);
  r.buffers = r.sizes.map(cut);
  r.text = cut(nText).toString(), r.defines = cut(nDefines).toString();
  return r;
}

function run(r) {
  const texts = [r.text, "fuzz.c", "fuzz", r.defines].map((t) => m.put(Buffer.from(t + "\0")));
  const made = m.x.qw_kernel_make(device, ...texts);
  texts.forEach((at) => m.x.qw_free(at));
  const kernel = m.check(made);
  const how = m.read(m.x.qw_kernel_how(kernel));
  if (how !== "WebAssembly") { m.x.qw_kernel_free(kernel); return { refused: `it ran by: ${how}` }; }
  const write = (b, data) => { const at = m.put(data); m.check(m.x.qw_buffer_write(b, 0, at, data.length)); m.x.qw_free(at); };
  const buffers = r.sizes.map((n) => m.check(m.x.qw_buffer_make(device, n)));
  r.buffers.forEach((data, i) => write(buffers[i], data));
  const back = [];
  for (let which = 0; which < r.kernels; which++) {
    for (let i = r.firstBack; i < buffers.length; i++) write(buffers[i], r.buffers[i]);
    r.args.forEach((a, i) => a.buffer ? m.x.qw_kernel_arg_buffer(kernel, i, buffers[a.buffer - 1]) : m.x.qw_kernel_arg_number(kernel, i, i === r.whichAt ? which : a.number));
    m.check(m.x.qw_kernel_launch(kernel, r.count, r.args.length));
    for (let i = r.firstBack; i < buffers.length; i++) {
      const at = m.check(m.x.qw_alloc(r.sizes[i]));
      m.check(m.x.qw_buffer_read(buffers[i], 0, at, r.sizes[i]));
      back.push(Buffer.from(m.bytes().slice(at, at + r.sizes[i])));
      m.x.qw_free(at);
    }
  }
  buffers.forEach((b) => m.x.qw_buffer_free(b));
  m.x.qw_kernel_free(kernel);
  return { back: Buffer.concat(back) };
}

function answer(status, bytes) {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(status, 0), head.writeUInt32LE(bytes.length, 4);
  const all = Buffer.concat([head, bytes]);
  for (let at = 0; at < all.length;) at += fs.writeSync(1, all, at);
}

for (;;) {
  const request = parse(readAll(readAll(4).readUInt32LE(0)));
  let found;
  try { found = run(request); } catch (e) { found = { failed: e.message, unsupported: m.read(m.x.qw_status_text(m.x.qw_status())) === "unsupported" }; }
  if (found.back) answer(0, found.back);
  else answer(found.refused || found.unsupported ? 1 : 2, Buffer.from(found.refused ?? found.failed));
}
