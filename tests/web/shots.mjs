/* Screenshots of every page, to be looked at:  node shots.mjs FOLDER [page...]  writes PAGE-light.png, PAGE-dark.png, PAGE-phone.png. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from './browser.mjs';
import { serve } from './server.mjs';

const [folder = 'shots', ...wanted] = process.argv.slice(2);
const site = new URL('../../web/demo/dist', import.meta.url).pathname;
const LOOKS = { light: { colorScheme: 'light', width: 1280, height: 900 }, dark: { colorScheme: 'dark', width: 1280, height: 900 }, phone: { colorScheme: 'light', width: 390, height: 844 } };
const said = (page, name, ms = 30000) => page.waitForFunction((n) => document.documentElement.dataset[n], name, { timeout: ms }).catch(() => console.log(`${name} never came`));

/* What a visitor would have done before looking. */
const PAGES = {
  index: (page) => page.waitForFunction(() => !document.querySelector('.spin'), undefined, { timeout: 20000 }),
  classify: async (page) => {
    await page.click('[aria-label="Sample picture: star"]');
    await page.waitForFunction(() => document.documentElement.dataset.state === 'done', undefined, { timeout: 20000 });
    await page.click('#race');
    await said(page, 'race', 60000);
  },
  settings: async (page) => { // the classify page with a model that says nothing of its pixels
    await page.click('summary');
    await page.setInputFiles('#model-file', `${process.env.QUERN_MODELS}/classifier/SqueezeNet_fp16.onnx`);
    await page.setInputFiles('#file', `${process.env.QUERN_MODELS}/classifier/img/fish.png`);
    await page.waitForFunction(() => document.documentElement.dataset.state === 'done', undefined, { timeout: 30000 });
    await page.click('#prep-values [data-id=norm]');
  },
  kernels: (page) => said(page, 'ran', 40000),
  benchmark: async (page) => {
    await page.uncheck('#test-bandwidth');
    await page.click('#start');
    await said(page, 'measured', 200000);
  },
  devices: async (page) => {
    await page.waitForFunction(() => document.documentElement.dataset.auto, undefined, { timeout: 90000 });
  },
};

mkdirSync(folder, { recursive: true });
const server = await serve([['/quern/', site]]);
const browser = await launch();
for (const [name, act] of Object.entries(PAGES)) {
  if (wanted.length && !wanted.includes(name)) continue;
  if (name === 'settings' && !process.env.QUERN_MODELS) continue;
  for (const [look, { colorScheme, width, height }] of Object.entries(LOOKS)) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height }, deviceScaleFactor: look === 'phone' ? 2 : 1, serviceWorkers: 'block' });
    const page = await context.newPage();
    page.on('pageerror', (e) => console.log(`${name} ${look}: ${e.message}`));
    page.on('console', (m) => m.type() === 'error' && console.log(`${name} ${look}: ${m.text()}`));
    await page.goto(`${server.url}/quern/${name === 'settings' ? 'classify' : name}.html`);
    await Promise.resolve(act(page)).catch((e) => console.log(`${name} ${look}: ${e.message.split('\n')[0]}`));
    await page.waitForTimeout(500);
    await page.evaluate(() => scrollTo(0, 0));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) console.log(`${name} ${look}: ${wide} pixels too wide`);
    await page.screenshot({ path: join(folder, `${name}-${look}.png`), fullPage: true });
    await context.close();
  }
}
await browser.close();
server.close();
