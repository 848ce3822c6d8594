/* The two modules of the package in Node, on ONNX tests:  node tests/wasm/modules.mjs [--one-in N] FOLDER...
 * The full module must give each test's answer. The core must give it too, or refuse the model by saying that the full one has what it needs:
 * then error.module is 'full'. refused.txt and tolerance.txt are as for `quern conformance`. The last line is  N passed, N failed, N skipped. */
import fs from "node:fs";
import path from "node:path";
import { Device, QuernError, Session, Tensor, targets, translate } from "../../web/dist/quern.js";
import { decoders } from "../web/pages/codecs.mjs";
import { differs, given, hasDrawn, readValue } from "../web/pages/tensor_file.mjs";

const args = process.argv.slice(2), part = args[0] === "--one-in" ? Number(args.splice(0, 2)[1]) : 1;
const seed = Number(process.env.QUERN_TEST_SEED || 0);
const count = { passed: 0, failed: 0, skipped: 0 };
const reasons = new Map();

function check(name, ok, why = "") {
  count[ok ? "passed" : "failed"]++;
  if (!ok) console.log(`FAILED ${name}: ${why}`);
}

function skip(why) {
  const short = why.replace(/'[^']*'/g, "...");
  reasons.set(short, (reasons.get(short) ?? 0) + 1);
  count.skipped++;
}

function* testsIn(folder) {
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder).sort() : []) {
    const inner = path.join(folder, name);
    if (fs.existsSync(path.join(inner, "model.onnx"))) yield inner;
    else if (fs.statSync(inner).isDirectory()) yield* testsIn(inner);
  }
}

const numbered = (folder, head) => fs.readdirSync(folder).filter((f) => f.startsWith(head)).sort((a, b) => parseInt(a.slice(head.length)) - parseInt(b.slice(head.length))).map((f) => path.join(folder, f));

const note = (folder, name) => (fs.existsSync(path.join(folder, name)) ? fs.readFileSync(path.join(folder, name), "utf8").trim() : undefined);

async function runSet(session, folder, tolerance) {
  const read = (head, infos) => numbered(folder, head).map((f, i) => readValue(fs.readFileSync(f), infos[i]));
  const inputs = read("input_", session.inputs), wanted = read("output_", session.outputs);
  const got = await session.run(Object.fromEntries(inputs.map((value, i) => [session.inputs[i].name, given(value, Tensor)])));
  const drawn = hasDrawn(session, inputs); // the answers that are stored were drawn too
  return wanted.map((want, i) => differs(got[session.outputs[i].name], want, drawn, tolerance)).find(Boolean);
}

/* undefined: as it should be; a sentence: a wrong answer; a QuernError: refused. */
async function outcome(device, folder) {
  const tolerance = note(folder, "tolerance.txt")?.split(" ").map(Number);
  const files = Object.fromEntries(fs.readdirSync(folder, { withFileTypes: true }).filter((f) => f.isFile() && f.name !== "model.onnx").map((f) => [f.name, fs.readFileSync(path.join(folder, f.name))]));
  let session;
  try {
    session = await Session.open(fs.readFileSync(path.join(folder, "model.onnx")), { device, decoders, files });
    for (const set of fs.readdirSync(folder).filter((f) => f.startsWith("test_data_set_"))) {
      const why = await runSet(session, path.join(folder, set), tolerance);
      if (why) return why;
    }
  } catch (error) {
    if (error instanceof QuernError) return error;
    throw error;
  } finally {
    session?.close();
  }
}

const core = await Device.open({ kind: "wasm" }), full = await Device.open({ kind: "wasm", module: "full" });
let refused = 0;
for (const folder of args.flatMap((f) => [...testsIn(f)]).filter((_, i) => (i + seed) % part === 0)) {
  const name = path.join(path.basename(path.dirname(folder)), path.basename(folder));
  const all = await outcome(full, folder), few = await outcome(core, folder);
  const wanted = note(folder, "refused.txt");
  if (wanted !== undefined) check(`${name} is refused`, all?.message?.includes(wanted), all?.message ?? "it was taken");
  else if (all?.code === "unsupported" && !all.module) skip(all.message);
  else check(`${name} on the full module`, !all, all?.message ?? all);
  if (few?.module) refused++;
  check(`${name} on the core`, few?.module === "full" || few?.message === all?.message || !few, few?.message ?? few);
}
console.log(`${refused} models need the full module`);
for (const [why, n] of reasons) console.log(`skipped ${n}: ${why}`);

const source = '#include "quern_kernel.h"\nMAP(f32) twice(u32 i, IN(f32) x) { return 2.0f * x[i]; }';
for (const target of await targets()) check(`translate to ${target}`, (await translate(source, target)).includes("twice"), "the kernel's name is not there");
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed ? 1 : 0);
