/* Builds the package into dist/: types from the C headers, one ES module, its declarations, the Wasm module beside it. Prints the sizes,
 * and fails when the core outgrows its budget. */
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';
import './generate.mjs';

const BUDGET = 500_000; // bytes after brotli: script and module together
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
copyFileSync(path('../build/web/quern.wasm'), path('dist/quern.wasm'));
copyFileSync(path('../build/web/quern-threads.wasm'), path('dist/quern-threads.wasm'));
copyFileSync(path('../models/glyphs.onnx'), path('dist/glyphs.onnx'));
copyFileSync(path('../LICENSE'), path('dist/LICENSE'));

const brotli = (bytes) => brotliCompressSync(bytes, {
  params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
}).length;
let core = 0;
for (const name of ['quern.js', 'quern.wasm', 'quern-threads.wasm', 'worker.js']) {
  const bytes = readFileSync(path(`dist/${name}`));
  const packed = brotli(bytes);
  if (name === 'quern.js' || name === 'quern.wasm') core += packed; // what a page without threads loads
  console.log(`${name.padEnd(20)} ${String(bytes.length).padStart(9)} bytes, ${String(packed).padStart(7)} after brotli`);
}
console.log(`${'core'.padEnd(20)} ${String(core).padStart(26)} after brotli; the budget is ${BUDGET}`);
if (core > BUDGET) {
  console.error('the core is over its budget');
  process.exitCode = 1;
}
