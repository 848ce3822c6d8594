/* Builds the package into dist/: types from the C headers, one ES module, its declarations, the Wasm module beside it. Prints the sizes,
 * and fails when the core outgrows its budget. */
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';
import './generate.mjs';

const BUDGET = 500_000; // bytes after brotli: script and core module together
const here = new URL('.', import.meta.url);
const path = (name) => new URL(name, here).pathname;

function typescript(...args) {
  const run = spawnSync(process.execPath, [path('node_modules/typescript/bin/tsc'), ...args], { cwd: path('.'), stdio: 'inherit' });
  if (run.status) process.exit(run.status ?? 1);
}

rmSync(path('dist'), { recursive: true, force: true });
mkdirSync(path('dist'));
typescript('-p', '.');
for (const [from, to] of [['index', 'quern'], ['worker', 'worker']]) await build({
  entryPoints: [path(`src/${from}.ts`)],
  outfile: path(`dist/${to}.js`),
  bundle: true, format: 'esm', target: 'es2022', minifyWhitespace: true, minifySyntax: true, legalComments: 'none', // names stay: traces can be read
});
const modules = ['quern.wasm', 'quern-threads.wasm', 'quern-full.wasm', 'quern-full-threads.wasm'];
for (const name of modules) copyFileSync(path(`../build/web/${name}`), path(`dist/${name}`));
copyFileSync(path('../models/glyphs.onnx'), path('dist/glyphs.onnx'));
copyFileSync(path('../LICENSE'), path('dist/LICENSE'));

const brotli = (bytes) => brotliCompressSync(bytes, {
  params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
}).length;
const packed = new Map();
const say = (name, text) => console.log(`${name.padEnd(24)} ${text}`);
for (const name of ['quern.js', ...modules, 'worker.js']) {
  const bytes = readFileSync(path(`dist/${name}`));
  packed.set(name, brotli(bytes));
  say(name, `${String(bytes.length).padStart(9)} bytes, ${String(packed.get(name)).padStart(7)} after brotli`);
}
const withModule = (name) => packed.get('quern.js') + packed.get(name); // what a page without threads loads
const core = withModule('quern.wasm');
say('core', `${String(core).padStart(24)} after brotli; the budget is ${BUDGET}`);
say('full', `${String(withModule('quern-full.wasm')).padStart(24)} after brotli, for pages that ask for it`);
if (core > BUDGET) {
  console.error('the core is over its budget');
  process.exitCode = 1;
}
