/* The package as bundlers see it, and in Node. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from './server.mjs';

const APP = `import { Classifier, Device } from 'quern';
const star = await (await fetch('/samples/star.jpg')).blob();
const device = await Device.open({ kind: 'wasm' });
globalThis.label = (await (await Classifier.glyphs(device)).classify(star)).top[0].label;
device.close();
document.title = globalThis.label;
`;

/* A project with the package in node_modules, as npm would put it there. */
function project(t) {
  const folder = mkdtempSync(join(tmpdir(), 'quern-app-'));
  mkdirSync(join(folder, 'node_modules/quern'), { recursive: true });
  cpSync(`${t.root}web/dist`, join(folder, 'node_modules/quern/dist'), { recursive: true });
  cpSync(`${t.root}web/package.json`, join(folder, 'node_modules/quern/package.json'));
  writeFileSync(join(folder, 'app.js'), APP);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title></title><script type="module" src="./app.js"></script>');
  return folder;
}

async function labelOf(t, folder) {
  const server = await serve([['/samples/', `${t.root}models/samples/`], ['/sub/', `${folder}/`]]);
  try {
    const page = await t.page(`${server.url}/sub/`);
    await page.waitForFunction(() => globalThis.label, undefined, { timeout: 15000 });
    return await page.evaluate(() => globalThis.label);
  } finally {
    server.close();
  }
}

const bundled = (name, build) => ({
  name: `bundle: ${name}`,
  async run(t) {
    const folder = project(t);
    try {
      t.same(await labelOf(t, build(t, folder)), 'star', 'label');
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
});

const node = (t, args, options = {}) => execFileSync(`${t.root}tools/node`, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });

export const cases = [
  bundled('Vite, under a path', (t, folder) => {
    node(t, [`${t.root}web/node_modules/vite/bin/vite.js`, 'build', folder, '--base', './', '--logLevel', 'error', '--target', 'es2022'], { cwd: folder });
    return join(folder, 'dist');
  }),
  bundled('esbuild, with the module copied beside', (t, folder) => {
    const out = join(folder, 'out');
    node(t, [`${t.root}web/node_modules/esbuild/bin/esbuild`, 'app.js', '--bundle', '--format=esm', `--outfile=${out}/app.js`, '--log-level=error'], { cwd: folder });
    for (const f of ['quern.wasm', 'glyphs.onnx']) cpSync(join(folder, 'node_modules/quern/dist', f), join(out, f));
    cpSync(join(folder, 'index.html'), join(out, 'index.html'));
    return out;
  }),
  {
    name: 'bundle: Node runs it',
    async run(t) {
      const folder = project(t);
      writeFileSync(join(folder, 'main.mjs'), `import { Device, Classifier, Session } from 'quern';
const device = await Device.open();
const rgba = new Uint8Array(64 * 64 * 4).fill(255);
for (let y = 8; y < 56; y++) for (let x = 29; x < 35; x++) rgba.set([0, 0, 0, 255], (y * 64 + x) * 4);
const said = await Session.open('model.onnx', { device }).catch((e) => e.code + (e.message.includes("'model.onnx' is no address here") ? ' beside nothing' : e.message));
console.log(said, device.kind, (await (await Classifier.glyphs(device)).classify({ width: 64, height: 64, rgba })).top[0].label);
device.close();`);
      try {
        t.same(node(t, ['main.mjs'], { cwd: folder }).trim(), 'usage beside nothing wasm 1', 'output');
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  },
  {
    name: 'bundle: no eval, no Function, no blob worker in the script',
    async run(t) {
      const { readFileSync } = await import('node:fs');
      const text = readFileSync(`${t.root}web/dist/quern.js`, 'utf8');
      for (const bad of [/\beval\s*\(/, /new Function\b/, /createObjectURL/, /document\.write/]) t.check(!bad.test(text), `${bad} is there`);
    },
  },
];
