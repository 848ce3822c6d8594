/* What `quern_tests` and `quern conformance` do natively, on every device of a real browser:  node tests/web/proof.mjs [PART...] [on DEVICE...]
 * One line for each part and device goes into the table of devices (tests/device_table.py); the last line is "N passed, N failed, N skipped".
 * QUERN_FULL=1 runs all of each part; without it a part takes what a seed picks (QUERN_TEST_SEED, else the day) within its time. */
import { existsSync } from 'node:fs';
import { executable, launch } from './browser.mjs';
import { ISOLATED, serve } from './server.mjs';

const here = new URL('.', import.meta.url).pathname;
const root = new URL('../..', import.meta.url).pathname;
const models = process.env.QUERN_MODELS && existsSync(process.env.QUERN_MODELS) ? process.env.QUERN_MODELS : undefined;
const isFull = Boolean(process.env.QUERN_FULL);
const seed = Number(process.env.QUERN_TEST_SEED || Math.floor(Date.now() / 86_400_000));

const DEVICES = [
  { name: 'webgpu-browser', kind: 'webgpu', lanes: 2, slow: true },
  { name: 'webgl-browser', kind: 'webgl', lanes: 2, slow: true },
  { name: 'wasm-browser', kind: 'wasm', threads: 1 },
  { name: 'wasm-threads-browser', kind: 'wasm', threads: 3, isolated: true },
];

/* page: the file in pages/ whose run(options) does it. options(device): what it is given. limit: seconds on one device. */
const PARTS = [
  { name: 'op cases', page: 'op_cases.js', options: (d) => ({ seed, seconds: isFull || !d.slow ? 0 : 60 }) },
];

/* One part on one device, in a page of its own; a page that dies or hangs is one failure. */
async function runOn(browser, servers, part, device) {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const failed = (why) => ({ passed: 0, failed: 1, skipped: {}, failures: [why] });
  const limit = isFull ? 7200 : 300;
  try {
    const page = await context.newPage();
    await page.goto(`${(device.isolated ? servers.isolated : servers.plain).url}/empty.html`);
    const { name, kind, threads, lanes } = device;
    const work = page.evaluate(async ([file, options]) => (await import(`/${file}`)).run(options), [part.page, { name, kind, threads, lanes, ...part.options(device) }]);
    const late = new Promise((resolve) => setTimeout(() => resolve(failed(`not done within ${limit} s`)), limit * 1000).unref());
    const crash = new Promise((resolve) => page.on('crash', () => resolve(failed('the page crashed'))));
    return await Promise.race([work, late, crash]);
  } catch (error) {
    return failed(error.message);
  } finally {
    await context.close().catch(() => undefined);
  }
}

function report(part, device, { passed, failed, skipped, failures }, seconds) {
  const reasons = Object.entries(skipped), left = reasons.reduce((sum, [, n]) => sum + n, 0);
  for (const why of failures.slice(0, 10)) console.log(`FAILED ${part.name} on ${device.name}: ${why}`);
  console.log(`device ${device.name}: ${part.name}: ${passed} passed, ${failed} failed, ${left} skipped${left ? ` (${reasons.map(([why, n]) => `${n}: ${why}`).join('; ')})` : ''}`);
  console.log(`${part.name} on ${device.name} took ${seconds.toFixed(0)} s`);
  return { passed, failed, skipped: left };
}

async function main(words) {
  if (!executable) {
    console.log('skipped: all, there is no Chromium (tools/setup.sh browser)\n0 passed, 0 failed, 1 skipped');
    return 0;
  }
  const split = words.includes('on') ? words.indexOf('on') : words.length;
  const wantedParts = words.slice(0, split), wantedDevices = words.slice(split + 1);
  const mounts = [['/pkg/', `${root}web/dist/`], ['/build/', `${root}build/web/`], ['/', `${here}pages/`]];
  if (models) mounts.unshift(['/models/', `${models}/`]);
  const servers = { plain: await serve(mounts), isolated: await serve(mounts, { headers: ISOLATED }) };
  const browser = await launch();
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const part of PARTS.filter((p) => !wantedParts.length || wantedParts.some((w) => p.name.includes(w))))
    for (const device of DEVICES.filter((d) => !wantedDevices.length || wantedDevices.includes(d.name))) {
      const from = Date.now();
      const counts = report(part, device, await runOn(browser, servers, part, device), (Date.now() - from) / 1000);
      for (const key of Object.keys(total)) total[key] += counts[key];
    }
  await browser.close();
  servers.plain.close();
  servers.isolated.close();
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
