// What the package refuses, in Node:  node tests/wasm/refusals.mjs    Each call of the API with arguments of a wrong kind, things that are closed or things that
// are missing: a QuernError with the code and some words, never another error; an aborted call gives its signal's reason. After all of it a model still runs.
import fs from "node:fs";
import { Buffer, clearCache, Classifier, Device, download, drawTensor, pictureTensor, pixelsOf, QuernError, Session, setWasm, targets, Tensor, translate } from "../../web/dist/quern.js";

const root = new URL("../../", import.meta.url).pathname;
const glyphs = fs.readFileSync(`${root}models/glyphs.onnx`);
const saxpy = '#include "quern_kernel.h"\nMAP(f32) saxpy(u32 i, IN(f32) x, f32 a) { return a * x[i]; }';
const count = { passed: 0, failed: 0 };

function check(name, ok, why = "") {
  count[ok ? "passed" : "failed"]++;
  if (!ok) console.log(`FAILED ${name}: ${why}`);
}

const device = await Device.open({ kind: "wasm", threads: 1 }), other = await Device.open({ kind: "wasm", threads: 1 });
const session = await Session.open(glyphs, { device });
const [input] = session.inputs, [output] = session.outputs;
const sizes = input.dims.map((d) => (typeof d === "number" ? d : 1)), x = Tensor.from(new Float32Array(sizes.reduce((a, b) => a * b, 1)), sizes);
const feed = { [input.name]: x };
const buffer = device.buffer(16), foreign = other.buffer(16), out = device.buffer(16);
const kernel = await device.kernel(saxpy), classifier = await Classifier.glyphs(device);

const closed = { device: await Device.open({ kind: "wasm", threads: 1 }) };
Object.assign(closed, { late: await Session.open(glyphs, { device: closed.device }), buffer: device.buffer(4), kernel: await device.kernel(saxpy), session: await Session.open(glyphs, { device }), classifier: await Classifier.glyphs(device) });
closed.tensor = Tensor.onDevice(closed.buffer, "f32", [1]);
for (const thing of [closed.device, closed.buffer, closed.kernel, closed.session, closed.classifier]) thing.close();
const pixels = { width: 2, height: 2, rgba: new Uint8Array(16) };
const away = "http://127.0.0.1:9/model.onnx"; // nobody listens there

// [what, code, words of the sentence, the call]
const cases = [
  ["Device.open: null", "usage", "Device.open", () => Device.open(null)],
  ["Device.open: an unknown kind", "usage", "known are auto", () => Device.open({ kind: "vulkan" })],
  ["Device.open: a kind that every object has", "usage", "known are auto", () => Device.open({ kind: "toString" })],
  ["Device.open: WebGPU, which is not here", "no_device", "WebGPU", () => Device.open({ kind: "webgpu" })],
  ["Device.open: WebGL, which is not here", "no_device", "WebGL", () => Device.open({ kind: "webgl" })],
  ["Device.open: a GPUDevice that is none", "usage", "Device.open", () => Device.open({ gpuDevice: {} })],
  ["Device.open: a context that is none", "usage", "Device.open", () => Device.open({ gl: {} })],
  ["Device.open: a module that is none", "format", "no Wasm module", () => Device.open({ kind: "wasm", wasm: new Uint8Array([1, 2, 3]) })],
  ["Device.open: another module", "usage", "Device.open", () => Device.open({ kind: "wasm", wasm: new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) })],
  ["Device.open: a module's address that is none", "usage", "URL", () => Device.open({ kind: "wasm", wasm: "http://[" })],
  ["Device.open: a module that is away", "io", "wasm", () => Device.open({ kind: "wasm", wasm: new URL("file:///none/quern.wasm") })],
  ["Device.open: a module of no such name", "usage", "known are core, full", () => Device.open({ kind: "wasm", module: "whole" })],
  ["Device.open: a module of a name that every object has", "usage", "known are core, full", () => Device.open({ kind: "wasm", module: "toString" })],
  ["setWasm: a module of no such name", "usage", "known are core, full", () => setWasm("quern.wasm", "whole")],
  ["Device.open: a signal that is none", "usage", "Device.open", () => Device.open({ kind: "wasm", signal: {} })],
  ["Session.open: no options", "usage", "wants { device }", () => Session.open(glyphs)],
  ["Session.open: null", "usage", "wants { device }", () => Session.open(glyphs, null)],
  ["Session.open: a device that is none", "usage", "wants { device }", () => Session.open(glyphs, { device: {} })],
  ["Session.open: a closed device", "usage", "device is closed", () => Session.open(glyphs, { device: closed.device })],
  ["Session.open: no model", "usage", "a model is an address", () => Session.open(undefined, { device })],
  ["Session.open: a number", "usage", "a model is an address", () => Session.open(7, { device })],
  ["Session.open: a list", "usage", "a model is an address", () => Session.open([1, 2], { device })],
  ["Session.open: no address", "usage", "no address here", () => Session.open("http://[", { device })],
  ["Session.open: nobody there", "io", "cannot be fetched", () => Session.open(away, { device, cache: "none" })],
  ["Session.open: no bytes", "format", "", () => Session.open(new Uint8Array(0), { device })],
  ["Session.open: bytes that are no model", "format", "", () => Session.open(new Uint8Array(64).fill(0x55), { device })],
  ["Session.open: half a model", "format", "", () => Session.open(glyphs.subarray(0, glyphs.length >> 1), { device })],
  ["Session.open: half a model, in pieces", "format", "", () => Session.open(glyphs.subarray(0, glyphs.length >> 1), { device, stream: true })],
  ["Session.open: a web page", "format", "web page", () => Session.open(new TextEncoder().encode("<!doctype html><p>none"), { device })],
  ...[7, null, [null], { "image/tiff": 7 }, { "image/tiff": null }, { "image/x-none": { magic: "Q" } }, { "image/x-none": { magic: "\u0100", decode: () => null } }, { "image/tiff": { magic: "II", at: -1, decode: () => null } }]
    .map((decoders) => [`Session.open: decoders that are ${JSON.stringify(decoders)}`, "usage", "decoders", () => Session.open(glyphs, { device, decoders })]),
  ["Session.open: a decoder of a type that nobody knows", "usage", "'image/x-none' by its bytes", () => Session.open(glyphs, { device, decoders: { "image/x-none": () => null } })],
  ["Session.open: a stream of texts", "usage", "Uint8Arrays", () => Session.open(new ReadableStream({ start(c) { c.enqueue("text"); c.close(); } }), { device })],
  ["Session.open: a stream that fails", "bug", "torn", () => Session.open(new ReadableStream({ start(c) { c.error(new Error("torn")); } }), { device })],
  ["run: nothing", "usage", "run wants", () => session.run()],
  ["run: null", "usage", "run wants", () => session.run(null)],
  ["run: null options", "usage", "run", () => session.run(feed, null)],
  ["run: a missing input", "name", `'${input.name}' is missing`, () => session.run({})],
  ["run: an input too many", "name", "no input 'more'", () => session.run({ ...feed, more: x })],
  ["run: a text for numbers", "usage", "no tensor", () => session.run({ [input.name]: "x" })],
  ["run: null for numbers", "usage", "no tensor", () => session.run({ [input.name]: null })],
  ["run: a number for numbers", "usage", "no tensor", () => session.run({ [input.name]: 5 })],
  ["run: an object like a tensor", "usage", "no tensor", () => session.run({ [input.name]: { ...x } })],
  ["run: texts for numbers", "dtype", "", () => session.run({ [input.name]: Tensor.ofTexts(["a"]) })],
  ["run: another type", "dtype", "", () => session.run({ [input.name]: Tensor.from(new Int32Array(x.elements), sizes) })],
  ["run: another shape", "shape", "", () => session.run({ [input.name]: Tensor.from([1, 2, 3]) })],
  ["run: an array of another length", "shape", "", () => session.run({ [input.name]: new Float32Array(3) })],
  ["run: a tensor in a closed buffer", "usage", "buffer is closed", () => session.run({ [input.name]: closed.tensor })],
  ["run: keeping an unknown output", "name", "no output 'none'", () => session.run(feed, { keep: ["none"] })],
  ["run: keep that is no list", "usage", "keep wants", () => session.run(feed, { keep: 5 })],
  ["run: a signal that is none", "usage", "run", () => session.run(feed, { signal: 5 })],
  ["run: a closed session", "usage", "session is closed", () => closed.session.run(feed)],
  ["run: a closed session, no inputs", "usage", "session is closed", () => closed.session.run({})],
  ["run: a session of a closed device", "usage", "closed", () => closed.late.run(feed)],
  ["profile: a closed session", "usage", "session is closed", () => closed.session.profile()],
  ["report: a closed session", "usage", "session is closed", () => closed.session.report()],
  ["metadata: a closed session", "usage", "session is closed", () => closed.session.metadata("labels")],
  ["reserve: a closed session", "usage", "session is closed", () => closed.session.reserve("n", 4)],
  ["reserve: an unknown size", "name", "", () => session.reserve("none", 4)],
  ["report: a closed device", "usage", "device is closed", () => closed.device.report()],
  ["kernel: no source", "usage", "a kernel is a text", () => device.kernel()],
  ["kernel: null options", "usage", "kernel", () => device.kernel(saxpy, null)],
  ["kernel: a closed device", "usage", "device is closed", () => closed.device.kernel(saxpy)],
  ["kernel: no kernel", "kernel", "", () => device.kernel("int main(void) { return 0; }")],
  ["kernel: an unknown entry", "name", "", () => device.kernel(saxpy, { entry: "none" })],
  ["kernel: a define that is no name", "usage", "kernel", () => device.kernel(saxpy, { defines: { a: Symbol("s") } })],
  ["launch: no arguments", "usage", "launch wants", () => kernel.launch(4)],
  ["launch: no count", "usage", "launch wants", () => kernel.launch("four", [buffer, 1, out])],
  ["launch: a count below zero", "usage", "launch wants", () => kernel.launch(-1, [buffer, 1, out])],
  ["launch: an argument too few", "usage", "", () => kernel.launch(4, [buffer, 1])],
  ["launch: an array for a buffer", "usage", "argument 0", () => kernel.launch(4, [new Float32Array(4), 1, out])],
  ["launch: a number for a buffer", "usage", "", () => kernel.launch(4, [3, 1, out])],
  ["launch: a buffer for a number", "usage", "", () => kernel.launch(4, [buffer, buffer, out])],
  ["launch: a text for a number", "usage", "argument 1", () => kernel.launch(4, [buffer, "1", out])],
  ["launch: an output too small", "shape", "", () => kernel.launch(5, [buffer, 1, out])],
  ["launch: another device's buffer", "usage", "", () => kernel.launch(4, [foreign, 1, out])],
  ["launch: a closed buffer", "usage", "buffer is closed", () => kernel.launch(1, [closed.buffer, 1, out])],
  ["launch: a closed kernel", "usage", "kernel is closed", () => closed.kernel.launch(1, [buffer, 1, out])],
  ["how: a closed kernel", "usage", "kernel is closed", () => closed.kernel.how],
  ["translate: no source", "usage", "a kernel is a text", () => translate(null, "c")],
  ["translate: an unknown target", "name", "known are", () => translate(saxpy, "cobol")],
  ["translate: null options", "usage", "translate", () => translate(saxpy, "c", null)],
  ["targets: null options", "usage", "targets", () => targets(null)],
  ["buffer: a size below zero", "usage", "a buffer is made of", () => device.buffer(-4)],
  ["buffer: half a byte", "usage", "a buffer is made of", () => device.buffer(1.5)],
  ["buffer: null", "usage", "a buffer is made of", () => device.buffer(null)],
  ["buffer: a text", "usage", "a buffer is made of", () => device.buffer("abc")],
  ["buffer: a closed device", "usage", "device is closed", () => closed.device.buffer(4)],
  ["write: a list", "usage", "write wants", () => buffer.write([1, 2])],
  ["write: null", "usage", "write wants", () => buffer.write(null)],
  ["write: a place below zero", "usage", "write wants", () => buffer.write(new Uint8Array(4), -4)],
  ["write: past the end", "shape|usage", "", () => buffer.write(new Uint8Array(4), 16)],
  ["write: a closed buffer", "usage", "buffer is closed", () => closed.buffer.write(new Uint8Array(4))],
  ["read: past the end", "usage", "no 8 from 12 on", () => buffer.read(12, 8)],
  ["read: from behind the end", "usage", "from 20 on", () => buffer.read(20)],
  ["read: a text", "usage", "", () => buffer.read("a")],
  ["read: null options", "usage", "read", () => buffer.read(0, 4, null)],
  ["read: a closed buffer", "usage", "buffer is closed", () => closed.buffer.read()],
  ["read: a tensor in a closed buffer", "usage", "buffer is closed", () => closed.tensor.read()],
  ["read: a tensor of texts", "dtype", "use its texts", () => Tensor.ofTexts(["a"]).read()],
  ["Buffer.of: no WebGPU device", "usage|unsupported", "", () => Buffer.of(device, {})],
  ["Tensor.from: null", "usage", "typed array", () => Tensor.from(null)],
  ["Tensor.from: a text", "usage", "typed array", () => Tensor.from("abc")],
  ["Tensor.from: a view of bytes", "usage", "typed array", () => Tensor.from(new DataView(new ArrayBuffer(4)))],
  ["Tensor.from: dims that are no list", "usage", "no list of sizes", () => Tensor.from([1], 1)],
  ["Tensor.from: a size below zero", "usage", "no list of sizes", () => Tensor.from([1], [-1, -1])],
  ["Tensor.from: half a size", "usage", "no list of sizes", () => Tensor.from([1], [0.5, 2])],
  ["Tensor.from: other dims", "shape", "", () => Tensor.from([1, 2], [3])],
  ["Tensor.from: an unknown type", "dtype", "'f17'", () => Tensor.from(new Uint8Array(4), [4], "f17")],
  ["Tensor.from: numbers as texts", "dtype", "ofTexts", () => Tensor.from([1], [1], "string")],
  ["Tensor.ofTexts: numbers", "usage", "list of strings", () => Tensor.ofTexts([1, 2])],
  ["Tensor.ofTexts: null", "usage", "list of strings", () => Tensor.ofTexts(null, [1])],
  ["Tensor.onDevice: no buffer", "usage", "wants a Buffer", () => Tensor.onDevice({ bytes: 16 }, "f32", [4])],
  ["Tensor.onDevice: too large", "shape", "", () => Tensor.onDevice(buffer, "f32", [5])],
  ["Tensor.onDevice: an unknown type", "dtype", "'f17'", () => Tensor.onDevice(buffer, "f17", [4])],
  ["Classifier.open: null", "usage", "wants a Session", () => Classifier.open(null)],
  ["Classifier.open: a closed session", "usage", "session is closed", () => Classifier.open(closed.session)],
  ["classify: labels that do not fit", "shape", "", () => Classifier.open(session, { labels: "a\nb" }).classify(pixels)],
  ["Classifier.guess: a closed session", "usage", "session is closed", () => Classifier.guess(closed.session)],
  ["Classifier.glyphs: no device", "usage", "wants a Device", () => Classifier.glyphs()],
  ["Classifier.glyphs: a closed device", "usage", "device is closed", () => Classifier.glyphs(closed.device)],
  ["Classifier.glyphs: no model", "usage", "a model is an address", () => Classifier.glyphs(device, { model: 5 })],
  ["classify: nothing", "usage", "a picture is", () => classifier.classify()],
  ["classify: a number", "usage", "a picture is", () => classifier.classify(5)],
  ["classify: too few pixels", "usage", "four bytes a pixel", () => classifier.classify({ ...pixels, width: 100 })],
  ["classify: no size", "usage", "four bytes a pixel", () => classifier.classify({ rgba: pixels.rgba })],
  ["classify: a closed classifier", "usage", "classifier is closed", () => closed.classifier.classify(pixels)],
  ["pixelsOf: null", "usage", "a picture is", () => pixelsOf(null)],
  ["pixelsOf: no picture", "usage", "a picture is", () => pixelsOf({ width: 2, height: 2 })],
  ["pictureTensor: no device", "usage", "pictureTensor", () => pictureTensor(null, pixels, { width: 2, height: 2 })],
  ["pictureTensor: no options", "usage", "pictureTensor wants", () => pictureTensor(device, pixels)],
  ["pictureTensor: a file, which no browser decodes", "usage", "only a browser", () => pictureTensor(device, new Blob(["x"]), { width: 2, height: 2 })],
  ["drawTensor: no tensor", "usage", "drawTensor wants", () => drawTensor(pixels, {})],
  ["drawTensor: nothing to draw on", "usage", "drawTensor draws on", () => drawTensor(Tensor.from(new Float32Array(4), [1, 2, 2]), {})],
  ["download: no address", "usage", "no address here", () => download("http://[")],
  ["download: nobody there", "io", "cannot be fetched", () => download(away, { cache: "none" })],
  ["clearCache: no storage here", "usage|bug", "clearCache", () => clearCache()],
];

async function refused(call) {
  try {
    return { value: await call() };
  } catch (error) {
    return { error };
  }
}

async function testCase([name, codes, words, call]) {
  const { error } = await refused(call);
  const right = error instanceof QuernError && codes.split("|").includes(error.code) && error.message.includes(words) && error.message.length > 8;
  check(name, right, error instanceof QuernError ? `${error.code}: ${error.message}` : error ? `no QuernError: ${error.stack}` : "it was taken");
}

async function testAborted() {
  const reason = new Error("enough"), signal = AbortSignal.abort(reason);
  const calls = { open: () => Device.open({ signal }), session: () => Session.open(glyphs, { device, signal }), run: () => session.run(feed, { signal }), kernel: () => device.kernel(saxpy, { signal }),
    translate: () => translate(saxpy, "c", { signal }), classify: () => classifier.classify(pixels, { signal }), read: () => buffer.read(0, 4, { signal }), download: () => download(away, { signal }) };
  for (const [name, call] of Object.entries(calls)) {
    const { error } = await refused(call);
    check(`aborted: ${name}`, error === reason, String(error));
  }
}

for (const one of cases) await testCase(one);
await testAborted();
const answers = await session.run(feed);
const white = await pictureTensor(device, { ...pixels, rgba: new Uint8Array(16).fill(255) }, { width: 4, height: 3, mean: 0.5 });
check("a picture needs no browser when its pixels are given", white.dims.join() === "1,3,3,4" && white.data.every((v) => v === 0.5), `${white.dims}: ${white.data}`);
check("a model still runs", answers[output.name]?.data.every(Number.isFinite), "no answer");
device.close(), other.close();
console.log(`${count.passed} passed, ${count.failed} failed, 0 skipped`);
process.exit(count.failed ? 1 : 0);
