/* The cases of ops on one kind of device of this page, in all variants, through the test module (tests/web/op_cases.h). Two devices at a time where
 * a driver in another process compiles: one prepares its next case meanwhile. */
import { Device } from '/pkg/quern.js';

const RUNS = 0, RAN = 1, NO_SUCH_TYPE = 3; // op_outcome

/* A device with the calls of the test module around it. */
async function open({ kind, threads, name }) {
  const file = kind === 'wasm' && threads !== 1 ? 'quern-tests-threads.wasm' : 'quern-tests.wasm';
  const device = await Device.open({ kind, threads, wasm: `/build/${file}` });
  const { engine, handle } = device, { x } = engine;
  const told = (call) => {
    const value = call(), why = engine.heap.cText(x.qt_failed());
    if (why) throw new Error(why.trim());
    return value;
  };
  const attempt = async (one, row) => {
    let state = told(() => engine.withTexts([name], (at) => x.qt_start(one, handle, at, row)));
    if (state === RUNS) await device.settled(() => Number((state = told(() => x.qt_poll(one))) !== RUNS));
    return state;
  };
  const rowName = (one, row) => engine.heap.cText(x.qt_row(one, row));
  return { device, x, told, attempt, rowName };
}

/* One case in all its variants; those in `known` ran before and are left out. */
async function runCase(on, index, known) {
  const one = on.told(() => on.x.qt_open(index));
  const states = [];
  try {
    for (let row = 0; row === 0 || on.rowName(one, row); row++) {
      const variant = row && on.rowName(one, row);
      if (variant && known?.has(variant)) continue;
      const state = await on.attempt(one, row);
      if (variant && state === RAN) known?.add(variant);
      states.push(state);
    }
  } finally {
    if (!on.device.engine.broken) on.x.qt_close(one);
  }
  return states;
}

/** options: { kind, threads, name, seed, seconds (of the quick run; 0: all), lanes }. */
export async function run(options) {
  const { seed, seconds, lanes = 1 } = options;
  const until = seconds ? performance.now() + seconds * 1000 : Infinity;
  const known = seconds && options.kind !== 'wasm' ? new Set() : undefined;
  const result = { passed: 0, failed: 0, skipped: {}, failures: [], turns: 0 };
  const skip = (why) => { result.skipped[why] = (result.skipped[why] ?? 0) + 1; };
  const lane = async () => {
    let on = await open(options);
    for (const n = on.x.qt_count(); result.turns < n && performance.now() < until;) {
      const index = on.x.qt_turn(seed, result.turns++);
      try {
        const states = await runCase(on, index, known);
        if (states.includes(RAN)) result.passed++;
        else skip(states.includes(NO_SUCH_TYPE) ? 'the case holds a type that the device has not' : 'no variant runs it');
      } catch (error) {
        result.failed++;
        result.failures.push(error.message);
        on.device.close(); // a refused kernel stops a WebGPU device, and a trap the module
        on = await open(options);
      }
    }
    const left = on.x.qt_count() - result.turns;
    on.device.close();
    return left;
  };
  const left = Math.min(...(await Promise.all(Array.from({ length: lanes }, lane))));
  if (left) result.skipped[`not in this run's slice, which QUERN_TEST_SEED=${seed} picks: a driver compiles each kernel; QUERN_FULL=1 has all`] = left;
  return result;
}
