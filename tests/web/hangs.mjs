/* How a part of tests is judged (pages/slice.mjs): what hangs has failed, what there was no time for is skipped, and counted. In Node alone. */
import { runSlice, Skip } from './pages/slice.mjs';

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/* The counts of a part whose tests do these. */
async function judged(tests, options) {
  let opened = 0, closed = 0;
  const open = async () => (opened++, { close: () => closed++ });
  const result = await runSlice({ seed: 0, seconds: 0, n: tests.length, nameOf: (i) => `test ${i}`, open, run: (_, i, signal) => tests[i](signal), ...options });
  const skipped = Object.values(result.skipped).reduce((sum, n) => sum + n, 0);
  return { counts: [result.passed, result.failed, skipped], failures: result.failures, open: opened - closed };
}

export const cases = [
  {
    name: 'slices: a test that hangs has failed, whether it hears its signal or not',
    async run(t) {
      const deaf = () => new Promise(() => {}), hears = (signal) => new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason)));
      const got = await judged([() => wait(1), deaf, hears, () => wait(1)], { longest: 0.05, seconds: 5 });
      t.same(got.counts, [2, 2, 0], 'passed, failed, skipped');
      t.same(got.failures.sort(), ['test 1 did not end in 0.05 s', 'test 2 did not end in 0.05 s'], 'failures');
      t.same(got.open, 0, 'devices left open');
    },
  },
  {
    name: 'slices: what is begun in time ends, and the rest is skipped',
    async run(t) {
      const slow = () => wait(60), refused = () => { throw new Skip('not here'); };
      t.same((await judged([slow, slow, slow], { seconds: 0.03 })).counts, [1, 0, 2], 'passed, failed, skipped');
      t.same((await judged([slow, slow, slow], { seconds: 0.03, lanes: 2 })).counts, [2, 0, 1], 'on two devices');
      t.same((await judged([slow, slow, refused], {})).counts, [2, 0, 1], 'all');
    },
  },
];
