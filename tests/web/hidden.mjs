/* A tab that is really behind another: no frames, a timer a second. Playwright keeps every page of its own in front, so this browser is spoken to
 * by its own protocol, through a pipe. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { executable, FLAGS } from './browser.mjs';

/* A browser with send(method, params, session) and close(). */
function start() {
  const folder = mkdtempSync(path.join(tmpdir(), 'quern-tab-'));
  const child = spawn(executable, ['--headless=new', ...FLAGS, `--user-data-dir=${folder}`, '--remote-debugging-pipe', 'about:blank'], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const waiting = new Map(), [, , , to, from] = child.stdio;
  let said = '', last = 0;
  from.on('data', (text) => {
    said += text;
    for (let end; (end = said.indexOf('\0')) >= 0; said = said.slice(end + 1)) {
      const { id, result, error } = JSON.parse(said.slice(0, end)), settle = waiting.get(id);
      waiting.delete(id);
      settle?.(error ? Promise.reject(new Error(error.message)) : result);
    }
  });
  to.on('error', () => undefined);
  return {
    send: (method, params = {}, sessionId = undefined) => new Promise((resolve) => {
      waiting.set(++last, resolve);
      to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
    }),
    close: () => new Promise((done) => {
      child.once('exit', () => {
        try { // those that left its group may still write there for a moment
          rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
        } catch (error) {
          console.log(`${folder} stays behind: ${error.message}`);
        }
        done();
      });
      process.kill(-child.pid, 'SIGKILL'); // with the processes that it started
    }),
  };
}

async function open(browser, url) {
  const { targetId } = await browser.send('Target.createTarget', { url });
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
  const evaluate = async (work, ...args) => {
    const expression = `(${work})(${args.map((a) => JSON.stringify(a)).join()})`;
    const { result, exceptionDetails } = await browser.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  return { evaluate, show: () => browser.send('Target.activateTarget', { targetId }) };
}

async function classify(kind) {
  let frames = 0;
  const frame = () => requestAnimationFrame(() => (frames++, frame()));
  frame();
  const device = await quern.Device.open({ kind }), classifier = await quern.Classifier.glyphs(device);
  const picture = await (await fetch('/samples/star.jpg')).blob();
  const labels = [];
  for (let i = 0; i < 3; i++) labels.push((await classifier.classify(picture)).top[0].label);
  device.close();
  return { labels, frames, seen: document.visibilityState };
}

export const cases = ['webgpu', 'webgl', 'wasm'].map((kind) => ({
  name: `hidden: a tab behind another opens a model and runs it, ${kind}`,
  async run(t) {
    const browser = start();
    try {
      const page = await open(browser, `${t.url}/index.html`), other = await open(browser, 'about:blank');
      while (!(await page.evaluate(() => Boolean(globalThis.quern)).catch(() => false))) await new Promise((next) => setTimeout(next, 50)); // it is on its way there
      await other.show();
      await page.evaluate(async () => { while (document.visibilityState !== 'hidden') await new Promise((next) => setTimeout(next, 20)); });
      t.same(await page.evaluate(classify, kind), { labels: ['star', 'star', 'star'], frames: 0, seen: 'hidden' }, 'answers, frames');
    } finally {
      await browser.close();
    }
  },
}));
