/* A list of tests, or the slice of it that a seed picks, on one kind of device: some devices at a time, each with its next test, until the list or
 * the time is used up. Where a driver in another process compiles, one device prepares its test meanwhile. A test that was begun may end: after the
 * time, none is begun, and those are skipped. One that does not end in `longest` seconds has failed. */

/** Why a test was not run. */
export class Skip extends Error {}

const LONGEST = 150; // seconds: several times what any takes where a processor does a graphics card's work, beside others

/* The k-th of n in an order that the seed picks: steps of the golden section, so that neighbours in the list lie far apart. */
function turnOf(seed, k, n) {
  const divisor = (a, b) => (b ? divisor(b, a % b) : a);
  let stride = Math.max(1, Math.floor(n * 0.6180339887));
  while (stride > 1 && divisor(stride, n) !== 1) stride--;
  return (Math.imul(seed, 0x9e3779b1) % n + n + k * stride) % n;
}

/* What work(signal) gives; the signal is aborted, and this rejects, when it takes longer. */
async function within(seconds, name, work) {
  const given = new AbortController();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${name} did not end in ${seconds} s`));
      given.abort();
    }, seconds * 1000);
  });
  try {
    return await Promise.race([work(given.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** open() gives what has a close(); run(on, index, signal) does a test, and throws when it fails. What it gives is kept in `tests`. n: how many tests there are, asked of the first that is
 * opened if it is a function. seconds 0: without end. longest: seconds for one test. nameOf(index): for people.
 * Gives { passed, failed, skipped: { why: count }, failures: [sentence...], slowest: [[ms, name]...], tests: [{ test, outcome, why, ... }] }. */
export async function runSlice({ n, seed, seconds, longest = LONGEST, lanes = 1, open, run, nameOf = String }) {
  const until = seconds ? performance.now() + seconds * 1000 : Infinity;
  const result = { passed: 0, failed: 0, skipped: {}, failures: [], slowest: [], tests: [] };
  let turns = 0, all = typeof n === 'number' ? n : 0;
  const skip = (why, many = 1) => { result.skipped[why] = (result.skipped[why] ?? 0) + many; };
  const lane = async () => {
    let on = await open();
    if (typeof n === 'function') all = n(on);
    while (turns < all && performance.now() < until) {
      const index = turnOf(seed, turns++, all), from = performance.now();
      const tell = (outcome, more) => result.tests.push({ test: nameOf(index), outcome, ...more });
      try {
        const more = await within(longest, nameOf(index), (signal) => run(on, index, signal));
        result.passed++;
        tell('passed', more);
        result.slowest = [...result.slowest, [performance.now() - from, nameOf(index)]].sort((a, b) => b[0] - a[0]).slice(0, 3);
      } catch (error) {
        if (error instanceof Skip) {
          skip(error.message);
          tell('skipped', { why: error.message });
          continue;
        }
        result.failed++;
        tell('failed', { why: error.message });
        result.failures.push(error.message);
        on.close(); // a refused kernel stops a WebGPU device, and a trap the module
        on = await open();
      }
    }
    on.close();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (!all) throw new Error('there is no test to run');
  if (turns < all) skip(`not in this run's slice, which QUERN_TEST_SEED=${seed} picks; QUERN_FULL=1 has all`, all - turns);
  return result;
}
