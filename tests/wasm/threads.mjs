// The package on threads in Node:  node tests/wasm/threads.mjs    Workers are Node's there. Answers are those of one thread; workers serve the next device,
// and a process that leaves a device open still ends; where worker.js is not there, one thread does the work.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

const dist = new URL("../../web/dist/", import.meta.url).pathname;
const count = { passed: 0, failed: 0 };

function check(name, ok, why = "") {
  count[ok ? "passed" : "failed"]++;
  if (!ok) console.log(`FAILED ${name}: ${why}`);
}

const SOURCE = '#include "quern_kernel.h"\nMAP(f32) f(u32 i, IN(f32) x) { f32 s = 0.0f; for (u32 k = 0u; k < 20u; k++) s += sin(x[i] + (f32)k); return s; }';

async function answer(device) {
  const N = 50_003, x = device.buffer(Float32Array.from({ length: N }, (_, i) => (i % 1000) / 1000)), y = device.buffer(4 * N);
  const kernel = await device.kernel(SOURCE);
  const sums = new Set();
  for (let turn = 0; turn < 10; turn++) { // pieces are shared once the cost is known
    kernel.launch(N, [x, y]);
    sums.add(new Float32Array(await y.read()).reduce((a, b, i) => (a * 31 + Math.round(b * 1000) * (i % 7)) % 1_000_003, 7));
  }
  return [...sums];
}

/* What a process of its own says: workers of a device that is closed, of one beside another, of the next, and their answers. It closes neither of the last. */
async function inProcess(folder) {
  const { Device } = await import(`${folder}/quern.js`);
  const open = (threads) => Device.open({ kind: "wasm", threads });
  const one = await open(1), first = await open(3);
  const told = { alone: one.info.caps.workers, workers: first.info.caps.workers, sums: [await answer(one), await answer(first)] };
  first.close();
  const next = await open(3), beside = await open(3);
  Object.assign(told, { next: next.info.caps.workers, beside: beside.info.caps.workers, all: [await answer(next), await answer(beside)] });
  next.close(), beside.close();
  const whole = await open(undefined);
  console.log(JSON.stringify({ ...told, whole: whole.info.caps.workers, last: await answer(whole) }));
}

function told(name, folder) {
  const run = spawnSync(process.execPath, [import.meta.filename ?? new URL(import.meta.url).pathname, folder], { timeout: 60_000, encoding: "utf8" });
  check(`${name}: the process ends`, run.status === 0, `${run.signal ?? run.status}: ${run.stderr.slice(-800)}`);
  return run.status === 0 ? JSON.parse(run.stdout) : {};
}

if (process.argv[2]) await inProcess(process.argv[2]);
else {
  const got = told("with workers", dist), whole = Math.max(3, Math.min(availableParallelism(), 32));
  check("workers", got.alone === 1 && got.workers === 3 && got.next === 3 && got.beside === 1 && got.whole === whole, JSON.stringify(got));
  const sums = [...(got.sums ?? []), ...(got.all ?? []), got.last];
  check("answers", sums.every((s) => s?.length === 1 && s[0] === sums[0][0]), JSON.stringify(sums));
  const without = mkdtempSync(join(tmpdir(), "quern-"));
  for (const name of ["quern.js", "quern.wasm", "quern-threads.wasm"]) copyFileSync(`${dist}${name}`, join(without, name));
  copyFileSync(`${dist}../package.json`, join(without, "package.json"));
  const less = told("without worker.js", without);
  check("without worker.js: one thread", less.alone === 1 && less.workers === 1 && less.whole === 1, JSON.stringify(less));
  rmSync(without, { recursive: true });
  console.log(`${count.passed} passed, ${count.failed} failed, 0 skipped`);
  process.exitCode = count.failed ? 1 : 0;
}
