/* The demo pages without a mouse: Tab reaches every control in the order of the page and each shows that it has the focus; keys act as they say; a picture
 * is pasted. */
import { readFileSync } from 'node:fs';

const PAGES = {
  index: (page) => page.waitForFunction(() => document.querySelectorAll('.found').length === 3),
  classify: (page) => page.waitForFunction(() => document.querySelectorAll('#kinds button').length === 3),
  kernels: (page) => page.waitForFunction(() => document.querySelectorAll('#targets button').length > 3 && document.documentElement.dataset.ran, undefined, { timeout: 90000 }), // a run's button rests while it runs
  benchmark: (page) => page.waitForFunction(() => document.querySelectorAll('#kinds input').length === 3),
  devices: (page) => page.waitForFunction(() => document.querySelectorAll('.report').length === 3),
};

/* In the page: every control that somebody may want to reach, in its order, by a number that it is given. */
function markControls() {
  const wanted = 'a[href], button, input, select, textarea, summary, canvas[tabindex], [contenteditable=true]';
  const shown = (e) => e.checkVisibility() && !e.disabled && !e.closest('[inert]');
  const controls = [...document.querySelectorAll(wanted)].filter((e) => shown(e) && e.getAttribute('tabindex') !== '-1');
  controls.forEach((e, i) => (e.dataset.stop = String(i)));
  return controls.map((e) => `${e.localName} ${e.getAttribute('aria-label') ?? e.textContent.trim().slice(0, 30)}`);
}

/* In the page: which control has the focus, and whether one sees it: an outline of its own or of what stands for it. */
function focused() {
  const e = document.activeElement;
  const seen = [e, e.closest('label'), e.closest('.cm-editor')].some((at) => at && getComputedStyle(at).outlineStyle !== 'none' && parseFloat(getComputedStyle(at).outlineWidth) >= 2);
  const box = e.getBoundingClientRect();
  return { stop: e.dataset.stop === undefined ? undefined : Number(e.dataset.stop), seen, inView: box.bottom > 0 && box.top < innerHeight, inEditor: Boolean(e.closest('.cm-editor')) };
}

const order = Object.entries(PAGES).map(([name, ready]) => ({
  name: `keyboard: ${name}: Tab reaches every control in order, and each shows its focus`,
  async run(t) {
    const page = await t.page(`${t.url}/site/${name}.html`);
    await ready(page);
    const controls = await page.evaluate(markControls), stops = [];
    for (let i = 0; i < controls.length + 5; i++) {
      await page.keyboard.press('Tab');
      let at = await page.evaluate(focused);
      for (let wait = 0; !at.seen && wait < 10; wait++) { // an editor says a moment later that it has the focus
        await page.waitForTimeout(50);
        at = await page.evaluate(focused);
      }
      if (at.stop === undefined || at.stop <= (stops.at(-1) ?? -1)) break; // past the end: the browser's own, or the start
      t.check(at.seen && at.inView, `${controls[at.stop]}: ${at.seen ? 'it has the focus out of sight' : 'nothing shows that it has the focus'}`);
      stops.push(at.stop);
      if (at.inEditor) await page.keyboard.press('Escape'); // Tab would indent
    }
    t.same(controls.filter((_, i) => !stops.includes(i)), [], 'controls that Tab does not reach in order');
    t.check(stops.length >= 7, `only ${stops.length} stops`);
  },
}));

/* Focus by the keyboard, not by the script, so that the page knows it. */
async function tabTo(page, selector) {
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((s) => document.activeElement.matches(s), selector)) return;
    if (await page.evaluate(() => Boolean(document.activeElement.closest('.cm-editor')))) await page.keyboard.press('Escape');
  }
  throw new Error(`Tab never came to ${selector}`);
}

const answer = async (page) => {
  await page.waitForFunction(() => document.documentElement.dataset.state === 'done', undefined, { timeout: 30000 });
  return page.textContent('.bar.first .name');
};

export const cases = [
  ...order,
  {
    name: 'keyboard: a page can be left for its text at once',
    async run(t) {
      const page = await t.page(`${t.url}/site/devices.html`);
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      t.same(await page.evaluate(() => document.activeElement.id), 'main', 'what has the focus after the first link');
    },
  },
  {
    name: 'keyboard: classify: a sample, a device, the theme and a digit drawn with the arrows',
    async run(t) {
      const page = await t.page(`${t.url}/site/classify.html`);
      await tabTo(page, 'button.theme');
      await page.keyboard.press('Space');
      t.same(await page.evaluate(() => document.documentElement.dataset.theme), 'light', 'theme');
      await tabTo(page, '#draw');
      for (let i = 0; i < 7; i++) await page.keyboard.press('ArrowUp');
      for (const key of ['Space', ...Array(20).fill('ArrowDown'), 'Space', 'ArrowRight']) await page.keyboard.press(key);
      t.same(await answer(page), '1', 'an upright stroke');
      await page.evaluate(() => delete document.documentElement.dataset.state);
      await tabTo(page, '[aria-label="Sample picture: star"]');
      await page.keyboard.press('Enter');
      t.same(await answer(page), 'star', 'a sample');
      await page.evaluate(() => delete document.documentElement.dataset.state);
      await tabTo(page, '#kinds [data-kind=webgl]');
      await page.keyboard.press('Space');
      t.same([await answer(page), await page.getAttribute('#kinds [data-kind=webgl]', 'aria-pressed')], ['star', 'true'], 'on another device');
      await tabTo(page, 'summary');
      await page.keyboard.press('Enter');
      await tabTo(page, '#model-url');
      await page.keyboard.type('no-such.onnx');
      t.check(await page.evaluate(() => document.activeElement.value === 'no-such.onnx'), 'an address typed');
    },
  },
  {
    name: 'keyboard: kernels: translations by the arrows, a run from within the editor',
    async run(t) {
      const page = await t.page(`${t.url}/site/kernels.html`);
      await page.waitForFunction(() => document.documentElement.dataset.ran, undefined, { timeout: 55000 });
      await tabTo(page, '#targets [aria-selected=true]');
      await page.keyboard.press('End');
      const last = () => page.evaluate(() => [document.activeElement.dataset.target, document.activeElement.getAttribute('aria-selected'), document.querySelectorAll('#targets [aria-selected=true]').length, document.querySelectorAll('#targets [tabindex="0"]').length]);
      const name = await page.$eval('#targets button:last-child', (b) => b.dataset.target);
      t.same(await last(), [name, 'true', 1, 1], 'the last one');
      await page.keyboard.press('ArrowRight');
      const first = await page.$eval('#targets button', (b) => b.dataset.target);
      t.same((await last())[0], first, 'round the end');
      await page.keyboard.press('Shift+Tab');
      while (!(await page.evaluate(() => Boolean(document.activeElement.closest('#editor'))))) await page.keyboard.press('Shift+Tab');
      await page.evaluate(() => delete document.documentElement.dataset.ran);
      await page.keyboard.press('Control+Enter');
      await page.waitForFunction(() => document.documentElement.dataset.ran, undefined, { timeout: 55000 });
    },
  },
  {
    name: 'keyboard: benchmark: tests chosen with Space, one device measured',
    async run(t) {
      const page = await t.page(`${t.url}/site/benchmark.html`);
      await PAGES.benchmark(page);
      for (const box of ['#test-matmul-128', '#test-bandwidth', '#kind-webgpu', '#kind-webgl']) {
        await tabTo(page, box);
        await page.keyboard.press('Space');
        t.check(!(await page.isChecked(box)), `${box} is still on`);
      }
      await tabTo(page, '#start');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.documentElement.dataset.measured === '1', undefined, { timeout: 30000 });
    },
  },
  {
    name: 'classify: a picture pasted, and what is pasted as text stays text',
    async run(t) {
      const page = await t.page(`${t.url}/site/classify.html`);
      const paste = (file, type) => page.evaluate(([bytes, mime]) => {
        const transfer = new DataTransfer();
        if (mime === 'text/plain') transfer.setData(mime, 'star');
        else transfer.items.add(new File([new Uint8Array(bytes)], 'image.png', { type: mime }));
        return document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
      }, [file ? [...readFileSync(`${t.root}models/samples/${file}`)] : [], type]);
      await paste(undefined, 'text/plain');
      t.same(await page.evaluate(() => document.documentElement.dataset.state), undefined, 'after a text');
      await paste('heart.png', 'image/png');
      t.same(await answer(page), 'heart', 'after a picture');
      t.same([await page.isVisible('#picture'), await page.getAttribute('#mode-picture', 'aria-pressed')], [true, 'true'], 'the picture is shown');
    },
  },
];
