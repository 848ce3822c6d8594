/* What `quern_tests` and `quern conformance` do natively, on every device of a real browser:  node tests/web/proof.mjs [PART...] [on DEVICE...]
 * One line for each part and device goes into the table of devices (tests/device_table.py); the last line is "N passed, N failed, N skipped".
 * QUERN_FULL=1 runs all of each part, or what a seed picks within QUERN_PROOF_SECONDS; without it a part takes what a seed picks (QUERN_TEST_SEED, else
 * the day) within its own time: what is begun then may end, and a test that does not has failed (pages/slice.mjs).
 * QUERN_PROOF_JSON=FOLDER keeps there what each device says of ONNX's tests, for tools/conformance.py. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { COLUMNS, executable, launch } from './browser.mjs';
import { codecMounts, codecRoutes } from './codecs.mjs';
import { ISOLATED, serve } from './server.mjs';

const here = new URL('.', import.meta.url).pathname;
const root = new URL('../..', import.meta.url).pathname;
const models = process.env.QUERN_MODELS && existsSync(process.env.QUERN_MODELS) ? process.env.QUERN_MODELS : undefined;
const isFull = Boolean(process.env.QUERN_FULL);
const seed = Number(process.env.QUERN_TEST_SEED || Math.floor(Date.now() / 86_400_000));

/* ---- what there is to run */

const sorted = (names, head) => names.filter((f) => f.startsWith(head)).sort((a, b) => parseInt(a.slice(head.length)) - parseInt(b.slice(head.length)));

/* Folders with a model.onnx and its data sets, as pages/onnx_tests.mjs wants them. */
function onnxTests(folder, mount) {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => existsSync(path.join(folder, name, 'model.onnx'))).sort() : [];
  return names.map((name) => {
    const sets = readdirSync(path.join(folder, name)).filter((set) => set.startsWith('test_data_set_')).map((set) => {
      const files = readdirSync(path.join(folder, name, set));
      const of = (head) => sorted(files, head).map((file) => `${set}/${file}`);
      return { inputs: of('input_'), outputs: of('output_') };
    });
    const files = readdirSync(path.join(folder, name), { withFileTypes: true }).filter((f) => f.isFile() && f.name !== 'model.onnx').map((f) => f.name);
    return { name, base: `${mount}${name}/`, files, sets };
  });
}

/* ONNX's own: node, simple, pytorch-operator, ... */
const suiteTests = () => readdirSync(suite).sort().flatMap((part) => onnxTests(path.join(suite, part), `/onnx/${part}/`).map((test) => ({ ...test, name: `${part}/${test.name}` })));

/* Those that decode a picture, by the browser, by the library, or by what the page lends. */
const pictureTests = () => onnxTests(untested, '/untested/').filter(({ name }) => name.startsWith('picture_'));

/* The ONNX models of cases.json whose inputs are stored, and the detector of voice. */
function modelCases(device) {
  if (!models) return [];
  const stored = JSON.parse(readFileSync(`${models}/cases.json`, 'utf8')).filter(({ model, inputs }) => model?.endsWith('.onnx') && inputs.every((i) => i.file?.endsWith('.npy')));
  const cases = stored.map(({ case: name, model, inputs, outputs }) => ({ name, model, inputs, outputs: outputs.filter((o) => o.file) }));
  return [...cases, { name: 'silero', model: 'vad/silero_vad.onnx', wav: 'speech/jfk.wav', want: 'expected/silero_vad_jfk.out.prob_per_512.npy', chunks: device.slow ? 10 : 100 }];
}

const networks = process.env.QUERN_NETWORKS || `${root}build/test/networks`, suite = `${root}build/test/onnx`, untested = `${root}build/test/untested`;
const fullSeconds = Number(process.env.QUERN_PROOF_SECONDS || 0);
const seconds = (device, most) => (isFull ? fullSeconds : device.slow ? most : 0);

const leaks = ({ slow }) => (isFull ? { runs: 1000, rounds: 100 } : slow ? { runs: 60, rounds: 6 } : { runs: 200, rounds: 20 });

const absent = (folder, why) => (existsSync(folder) ? undefined : why);

/* absent: why it cannot be run here. page: the file in pages/ whose run(options) does it; each has { seed, seconds, lanes } and what `options` adds. */
const PARTS = [
  { name: 'op cases', page: 'op_cases.mjs', options: (d) => ({ seconds: seconds(d, 25) }) },
  { name: 'small networks', page: 'onnx_tests.mjs', absent: absent(networks, 'tests/make_test_models.py makes them'), options: (d) => ({ seconds: seconds(d, 20), tests: onnxTests(networks, '/networks/') }) },
  { name: 'ONNX tests', page: 'onnx_tests.mjs', absent: absent(suite, 'there was no generator for them (QUERN_PEERS)'), options: () => ({ seconds: isFull ? fullSeconds : 10, tests: suiteTests() }) },
  { name: 'pictures', page: 'onnx_tests.mjs', absent: absent(untested, 'tests/make_untested_cases.py makes them'), options: (d) => ({ seconds: seconds(d, 10), tests: pictureTests() }) },
  { name: 'shared models', page: 'models.mjs', absent: models ? undefined : 'there are no shared models (QUERN_MODELS)', options: (d) => ({ seconds: seconds(d, 25), cases: modelCases(d) }) },
  { name: 'leaks', page: 'leaks.mjs', absent: absent(networks, 'tests/make_test_models.py makes its network'), options: (d) => ({ model: '/networks/loop_body/model.onnx', ...leaks(d) }) },
];

/* One part on one device, in a page of its own; a page that dies or hangs is one failure. */
async function runOn(browser, servers, part, device) {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const failed = (why) => ({ passed: 0, failed: 1, skipped: {}, failures: [why] });
  const limit = isFull ? Math.max(7200, 1.5 * fullSeconds) : 300;
  try {
    const page = await context.newPage();
    await page.goto(`${(device.isolated ? servers.isolated : servers.plain).url}/empty.html`);
    const { name, kind, threads, lanes } = device;
    const work = page.evaluate(async ([file, options]) => (await import(`/${file}`)).run(options), [part.page, { name, kind, threads, lanes, seed, ...part.options(device) }]);
    const late = new Promise((resolve) => setTimeout(() => resolve(failed(`not done within ${limit} s`)), limit * 1000).unref());
    const crash = new Promise((resolve) => page.on('crash', () => resolve(failed('the page crashed'))));
    return await Promise.race([work, late, crash]);
  } catch (error) {
    return failed(error.message);
  } finally {
    await context.close().catch(() => undefined);
  }
}

function report(part, device, { passed, failed, skipped, failures, slowest = [] }, seconds) {
  const reasons = Object.entries(skipped), left = reasons.reduce((sum, [, n]) => sum + n, 0);
  for (const why of failures.slice(0, 10)) console.log(`FAILED ${part.name} on ${device.name}: ${why}`);
  console.log(`device ${device.name}: ${part.name}: ${passed} passed, ${failed} failed, ${left} skipped${left ? ` (${reasons.map(([why, n]) => `${n}: ${why}`).join('; ')})` : ''}`);
  console.log(`${part.name} on ${device.name} took ${seconds.toFixed(0)} s; longest: ${slowest.map(([ms, what]) => `${what} ${(ms / 1000).toFixed(1)} s`).join(', ')}`);
  return { passed, failed, skipped: left };
}

/* As `quern conformance --json` tells it, for tools/conformance.py. */
function keep(device, { passed, failed, skipped, tests }) {
  const reasons = new Map();
  for (const one of tests.flatMap((t) => t.on_host ?? [])) reasons.set(JSON.stringify(one), (reasons.get(JSON.stringify(one)) ?? 0) + 1);
  const on_the_host = [...reasons].map(([one, n]) => ({ ...JSON.parse(one), tests: n })).sort((a, b) => b.tests - a.tests);
  const skipped_because = Object.entries(skipped).map(([why, n]) => ({ why, tests: n }));
  const told = { device: device.name, tests: tests.map(({ test, ...more }) => ({ test: `/${test}`, ...more })), skipped_because, on_the_host, passed, failed, skipped: tests.length - passed - failed,
    judged_by_shape_only: tests.filter((t) => t.shape_only).length };
  writeFileSync(path.join(process.env.QUERN_PROOF_JSON, `${device.name}.json`), JSON.stringify(told, null, 1));
}

async function runColumn(column, parts, servers, total) {
  if (!column.length) return;
  const browser = await launch();
  for (const device of column)
    for (const part of parts) {
      const from = Date.now();
      const result = part.absent ? { passed: 0, failed: 0, skipped: { [part.absent]: 1 }, failures: [] } : await runOn(browser, servers, part, device);
      if (part.name === 'ONNX tests' && process.env.QUERN_PROOF_JSON && result.tests) keep(device, result);
      const counts = report(part, device, result, (Date.now() - from) / 1000);
      for (const key of Object.keys(total)) total[key] += counts[key];
    }
  await browser.close();
}

async function main(words) {
  if (!executable) {
    console.log('skipped: all, there is no Chromium (tools/setup.sh browser)\n0 passed, 0 failed, 1 skipped');
    return 0;
  }
  const split = words.includes('on') ? words.indexOf('on') : words.length;
  const wantedParts = words.slice(0, split), wantedDevices = words.slice(split + 1);
  const mounts = [...codecMounts, ['/pkg/', `${root}web/dist/`], ['/build/', `${root}build/web/`], ['/networks/', `${networks}/`], ['/onnx/', `${suite}/`], ['/untested/', `${untested}/`], ['/', `${here}pages/`]];
  if (models) mounts.unshift(['/models/', `${models}/`]);
  const servers = { plain: await serve(mounts, { routes: codecRoutes }), isolated: await serve(mounts, { headers: ISOLATED, routes: codecRoutes }) };
  const parts = PARTS.filter((p) => !wantedParts.length || wantedParts.some((w) => p.name.includes(w)));
  const total = { passed: 0, failed: 0, skipped: 0 };
  await Promise.all(COLUMNS.map((column) => runColumn(column.filter((d) => !wantedDevices.length || wantedDevices.includes(d.name)), parts, servers, total)));
  servers.plain.close();
  servers.isolated.close();
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
