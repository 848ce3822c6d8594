/* The package and the demo pages in a real browser:  node tests/web/run.mjs [part of a name...]
 * Each case is a function of one file; the last line is "N passed, N failed, N skipped". */
import { existsSync, readFileSync } from 'node:fs';
import { executable, launch } from './browser.mjs';
import { codecMounts, codecRoutes } from './codecs.mjs';
import { ISOLATED, serve } from './server.mjs';
import { cases as autos } from './autos.mjs';
import { cases as bundles } from './bundles.mjs';
import { cases as decoder } from './decoder.mjs';
import { cases as devices } from './devices.mjs';
import { cases as downloads } from './downloads.mjs';
import { cases as drawn } from './drawn.mjs';
import { cases as hangs } from './hangs.mjs';
import { cases as hidden } from './hidden.mjs';
import { cases as kept } from './kept.mjs';
import { cases as keyboard } from './keyboard.mjs';
import { cases as lives } from './lives.mjs';
import { cases as modules } from './modules.mjs';
import { cases as pages } from './pages.mjs';
import { cases as pictures } from './pictures.mjs';
import { cases as pieces } from './pieces.mjs';
import { cases as shortage } from './shortage.mjs';
import { cases as threads } from './threads.mjs';
import { cases as trials } from './trials.mjs';
import { cases as values } from './values.mjs';

const here = new URL('.', import.meta.url).pathname;
const root = new URL('../..', import.meta.url).pathname;
const models = process.env.QUERN_MODELS && existsSync(process.env.QUERN_MODELS) ? process.env.QUERN_MODELS : undefined;
const LIMIT_MS = 180_000; // WebGPU is a processor here, and shared: it compiles 8 s for a small model

/* Left to QUERN_FULL=1: slow where a processor does WebGPU's work. */
const FULL = [/^classify: SqueezeNet.*, web/, /^worker: .*, webg/, /^leaks: .*, webg/, /^several devices/,
  /^kernels: each translation/, /^kernels: every example/, /^benchmark: /, /^lost: a destroyed/, /^classify: race/, /^devices: what auto/, /^keyboard: kernels/, /^keyboard: benchmark: tests/, /^a long Loop.*, webg/];
const isFull = Boolean(process.env.QUERN_FULL);

export class Skip extends Error {}

async function main(wanted) {
  if (!executable) {
    console.log('skipped: all, there is no Chromium (tools/setup.sh browser)\n0 passed, 0 failed, 1 skipped');
    return 0;
  }
  const mounts = [...codecMounts, ['/pkg/', `${root}web/dist/`], ['/site/', `${root}web/demo/dist/`], ['/samples/', `${root}models/samples/`], ['/', `${here}pages/`]];
  if (models) mounts.unshift(['/models/', `${models}/`]);
  const plain = await serve(mounts, { routes: codecRoutes }), isolated = await serve(mounts, { headers: ISOLATED });
  const browser = await launch();
  const counts = { passed: 0, failed: 0, skipped: 0 };

  for (const { name, run, needs } of [...pages, ...keyboard, ...devices, ...autos, ...downloads, ...pieces, ...lives, ...hangs, ...hidden, ...shortage, ...threads, ...trials, ...modules, ...values, ...kept, ...pictures, ...drawn, ...decoder, ...bundles]) {
    if (wanted.length && !wanted.some((w) => name.includes(w))) continue;
    const context = await browser.newContext({ serviceWorkers: name.includes('offline') ? 'allow' : 'block' });
    const complaints = [];
    const from = Date.now();
    const t = {
      url: plain.url, isolated: isolated.url, root, models, context, browser, complaints,
      page: async (address) => {
        const page = await context.newPage();
        page.on('pageerror', (e) => complaints.push(e.message));
        await page.goto(address);
        return page;
      },
      skip: (why) => { throw new Skip(why); },
      check: (truth, what) => { if (!truth) throw new Error(what); },
      same: (got, want, what) => { if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(want)}`); },
    };
    try {
      if (!isFull && !wanted.length && FULL.some((f) => f.test(name))) throw new Skip('slow without a graphics card; QUERN_FULL=1 runs it');
      if (needs === 'models' && !models) throw new Skip('no shared models (QUERN_MODELS)');
      await Promise.race([run(t), new Promise((_, no) => setTimeout(() => no(new Error(`not done within ${LIMIT_MS / 1000} s`)), LIMIT_MS).unref())]);
      if (complaints.length) throw new Error(`the page threw: ${complaints[0]}`);
      counts.passed++;
      console.log(`passed   ${name} (${Date.now() - from} ms)`);
    } catch (error) {
      if (error instanceof Skip) {
        counts.skipped++;
        console.log(`skipped: ${name}: ${error.message}`);
      } else {
        counts.failed++;
        console.log(`FAILED   ${name}: ${error.message}${complaints.length ? `\n         page: ${complaints.join('\n         ')}` : ''}`);
      }
    }
    await context.close().catch(() => undefined);
  }
  await browser.close();
  plain.close();
  isolated.close();
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
