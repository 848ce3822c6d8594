/* The cases of ops on one kind of device of this page, in all variants, through the test module (tests/web/op_cases.h). */
import { Device } from '/pkg/quern.js';
import { runSlice, Skip } from './slice.mjs';

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
  return { device, x, told, attempt, rowName, close: () => device.close() };
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
  if (!states.includes(RAN)) throw new Skip(states.includes(NO_SUCH_TYPE) ? 'the case holds a type that the device has not' : 'no variant runs it');
}

/** options: { kind, threads, name, seed, seconds, lanes }. */
export function run(options) {
  const known = options.seconds ? new Set() : undefined; // a quick run takes each variant once
  return runSlice({ ...options, n: (on) => on.x.qt_count(), open: () => open(options), run: (on, index) => runCase(on, index, known) });
}
