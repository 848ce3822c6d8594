/* The reference networks against onnxruntime's answers on every device of headless Chromium, as tests/reference_models.py does natively:
 *     node tests/web/reference.mjs FOLDER [NAME...] [on DEVICE...] [--seconds N] [--json FILE]
 * FOLDER has NAME.onnx and NAME.npz. A difference of more than 1e-4 (norm of the difference over norm) fails; what is not done within N seconds, opening
 * included, is skipped and said. --json adds what was found to FILE, for tests/reference_table.py. The last line is "N passed, N failed, N skipped". */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { COLUMNS, executable, launch } from './browser.mjs';
import { ISOLATED, serve } from './server.mjs';

const LIMIT = 1e-4;
const here = new URL('.', import.meta.url).pathname;
const root = new URL('../..', import.meta.url).pathname;

/* NAME..., "on" DEVICE..., --option VALUE. */
function read(words) {
  const asked = { names: [], devices: [], seconds: 3600, json: undefined };
  let list = asked.names;
  for (let i = 0; i < words.length; i++) {
    if (words[i] === '--seconds') asked.seconds = Number(words[++i]);
    else if (words[i] === '--json') asked.json = words[++i];
    else if (words[i] === 'on') list = asked.devices;
    else list.push(words[i]);
  }
  return { folder: path.resolve(asked.names.shift() ?? ''), ...asked };
}

/* The small ones first. */
function networks(folder, names) {
  const all = existsSync(folder) ? readdirSync(folder).filter((f) => f.endsWith('.npz') && existsSync(path.join(folder, f.replace(/npz$/, 'onnx')))).map((f) => f.slice(0, -4)) : [];
  const bytes = (name) => statSync(path.join(folder, `${name}.onnx`)).size;
  return all.filter((name) => !names.length || names.includes(name)).sort((a, b) => bytes(a) - bytes(b));
}

/* In a browser of its own, so that one that hangs takes no other along. */
async function runOne(servers, device, name, seconds) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`${(device.isolated ? servers.isolated : servers.plain).url}/empty.html`);
    const work = page.evaluate(async (options) => (await import('/reference.mjs')).run(options), { kind: device.kind, threads: device.threads, name });
    const late = new Promise((resolve) => setTimeout(() => resolve({ why: `not done within ${seconds} s`, late: true }), seconds * 1000).unref());
    const crash = new Promise((resolve) => page.on('crash', () => resolve({ why: 'the page crashed' })));
    return await Promise.race([work, late, crash]);
  } catch (error) {
    return { why: error.message.split('\n')[0] };
  } finally {
    await browser.close().catch(() => undefined);
  }
}

function keep(file, label, found) {
  const table = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  writeFileSync(file, JSON.stringify({ ...table, [label]: found }, null, 1));
}

function report(label, found, total) {
  const outcome = found.late ? 'skipped' : found.norm <= LIMIT ? 'passed' : 'failed';
  total[outcome]++;
  const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
  const said = found.why ?? `${found.norm.toExponential(2)}, largest ${found.largest.toExponential(1)}, mean ${found.mean.toExponential(1)}`;
  const times = found.why ? '' : ` (opened in ${seconds(found.openMs)}, ran in ${seconds(found.runMs)}, ${found.hostNodes} nodes on the host)`;
  console.log(`${{ passed: 'ok     ', failed: 'FAILED ', skipped: 'skipped:' }[outcome]} ${label}: ${said}${times}`);
}

async function main(words) {
  if (!executable) {
    console.log('skipped: all, there is no Chromium (tools/setup.sh browser)\n0 passed, 0 failed, 1 skipped');
    return 0;
  }
  const { folder, names, devices, seconds, json } = read(words), wanted = networks(folder, names);
  if (!wanted.length) throw new Error(`no networks in ${folder}: tests/reference_models.py makes them`);
  const mounts = [['/pkg/', `${root}web/dist/`], ['/reference/', `${folder}/`], ['/', `${here}pages/`]];
  const servers = { plain: await serve(mounts), isolated: await serve(mounts, { headers: ISOLATED }) };
  const total = { passed: 0, failed: 0, skipped: 0 };
  await Promise.all(COLUMNS.map(async (column) => {
    for (const device of column.filter((d) => !devices.length || devices.includes(d.name)))
      for (const name of wanted) {
        const found = await runOne(servers, device, name, seconds);
        report(`${name} on ${device.name}`, found, total);
        if (json) keep(json, `${name} on ${device.name}`, found);
      }
  }));
  servers.plain.close();
  servers.isolated.close();
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
