/* The demo pages, driven as a visitor would. */
import { readFileSync } from 'node:fs';
import { onnxWriter } from './onnx.mjs';

const KINDS = ['webgpu', 'webgl', 'wasm'];
const state = (page, name, value, timeout = 30000) => page.waitForFunction(([n, v]) => document.documentElement.dataset[n] === v, [name, value], { timeout });

async function dropPicture(page, file, type, name) {
  const bytes = [...readFileSync(file)];
  await page.evaluate(([data, mime, label]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(data)], label, { type: mime }));
    delete document.documentElement.dataset.state;
    document.getElementById('drop').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, [bytes, type, name]);
}

async function answerOf(page, timeout) {
  await page.waitForFunction(() => ['done', 'failed'].includes(document.documentElement.dataset.state), undefined, { timeout });
  const failed = await page.evaluate(() => (document.documentElement.dataset.state === 'failed' ? document.getElementById('status').textContent : ''));
  if (failed) throw new Error(failed);
  return page.textContent('.bar.first .name');
}

const dropped = KINDS.map((kind) => ({
  name: `classify: a picture dropped, ${kind}`,
  async run(t) {
    const page = await t.page(`${t.url}/site/classify.html`);
    await page.click(`#kinds [data-kind=${kind}]`);
    for (const [file, type, label] of [['star.jpg', 'image/jpeg', 'star'], ['seven.png', 'image/png', '7'], ['heart.png', 'image/png', 'heart']]) {
      await dropPicture(page, `${t.root}models/samples/${file}`, type, file);
      t.same(await answerOf(page, 30000), label, file);
    }
  },
}));

const squeezenet = KINDS.map((kind) => ({
  name: `classify: SqueezeNet by address and a photo, ${kind}`,
  needs: 'models',
  async run(t) {
    const page = await t.page(`${t.url}/site/classify.html`);
    await page.click(`#kinds [data-kind=${kind}]`);
    await page.click('summary');
    await page.setInputFiles('#labels-file', `${t.models}/classifier/winml_imagenet_labels.txt`);
    await page.fill('#model-url', '/models/classifier/SqueezeNet_fp16.onnx');
    await page.evaluate(() => document.getElementById('model-form').noValidate = true);
    await page.click('#model-form button[type=submit]');
    await dropPicture(page, `${t.models}/classifier/img/fish.png`, 'image/png', 'fish.png');
    const guessed = await answerOf(page, 55000);
    t.check(/mosquito net/i.test(guessed), `as guessed, the fish is called "${guessed}"`); // as the tool says without flags
    t.same(await page.textContent('#prep-from'), 'guessed from its input', 'where the settings are from');
    for (const setting of ['#prep-values [data-id=bytes]', '#prep-order [data-id=bgr]']) {
      await page.evaluate(() => delete document.documentElement.dataset.state);
      await page.click(setting);
      await answerOf(page, 55000);
    }
    const label = await page.textContent('.bar.first .name');
    t.check(/tench/i.test(label), `with 0 to 255 and BGR the fish is called "${label}"`);
    t.check(/0 to 255; BGR/.test(await page.textContent('#prep-says')), await page.textContent('#prep-says'));
  },
}));

export const cases = [
  ...dropped,
  ...squeezenet,
  {
    name: 'classify: drawing gives an answer while one draws',
    async run(t) {
      const page = await t.page(`${t.url}/site/classify.html`);
      const box = await page.locator('#draw').boundingBox();
      const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
      await page.mouse.move(...at(0.5, 0.2));
      await page.mouse.down();
      await page.mouse.move(...at(0.5, 0.5), { steps: 6 });
      await page.mouse.move(...at(0.5, 0.8), { steps: 6 });
      await page.mouse.up();
      t.same(await answerOf(page, 20000), '1', 'an upright stroke');
    },
  },
  {
    name: 'classify: a file that is no picture gets one sentence',
    async run(t) {
      const page = await t.page(`${t.url}/site/classify.html`);
      await dropPicture(page, `${t.root}README.md`, 'text/plain', 'notes.txt');
      await state(page, 'state', 'failed');
      t.check((await page.textContent('#status')).includes('damaged or no picture'), 'the sentence');
    },
  },
  {
    name: 'classify: a preprocessor_config.json says how pictures are prepared',
    needs: 'models',
    async run(t) {
      const page = await t.page(`${t.url}/site/classify.html`);
      await page.click('#kinds [data-kind=wasm]');
      await page.click('summary');
      const config = { do_resize: true, size: { shortest_edge: 224 }, do_center_crop: true, crop_size: 224, resample: 2, do_rescale: true, rescale_factor: 1, do_normalize: false, do_flip_channel_order: true };
      await page.setInputFiles('#config-file', { name: 'preprocessor_config.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(config)) });
      await page.setInputFiles('#labels-file', `${t.models}/classifier/winml_imagenet_labels.txt`);
      await page.setInputFiles('#model-file', `${t.models}/classifier/SqueezeNet_fp16.onnx`);
      await dropPicture(page, `${t.models}/classifier/img/fish.png`, 'image/png', 'fish.png');
      const label = await answerOf(page, 55000);
      t.check(/tench/i.test(label), `the fish is called "${label}"`);
      t.same([await page.textContent('#prep-from'), await page.textContent('#prep-says')],
        ['from its config', '224 × 224 pixels, the middle cut out from a shorter side of 224, bilinear; 0 to 255; BGR, channels first, f16.'], 'what is shown');
    },
  },
  {
    name: 'classify: race mode fills',
    async run(t) {
      const page = await t.page(`${t.url}/site/classify.html`);
      await page.click('[aria-label="Sample picture: heart"]');
      await answerOf(page, 20000);
      await page.evaluate(() => {
        globalThis.widths = {};
        new MutationObserver(() => {
          for (const l of document.querySelectorAll('.lane')) (widths[l.dataset.lane] ??= new Set()).add(l.querySelector('.fill').style.width);
        }).observe(document.getElementById('lanes'), { subtree: true, childList: true, attributes: true });
      });
      await page.click('#race');
      await state(page, 'race', 'done', 55000);
      for (const [kind, widths] of Object.entries(await page.evaluate(() => Object.fromEntries(Object.entries(globalThis.widths).map(([k, w]) => [k, w.size])))))
        t.check(widths >= 5, `the bar of ${kind} was seen at ${widths} lengths`); // while it runs
      const lanes = await page.$$eval('.lane', (all) => all.map((l) => ({ kind: l.dataset.lane, place: l.dataset.place, detail: l.querySelector('.detail').textContent, width: l.querySelector('.fill').style.width })));
      t.same(lanes.map((l) => l.kind).sort(), ['wasm', 'webgl', 'webgpu'], 'lanes');
      for (const l of lanes) t.check(l.place && l.width === '100%' && /agrees: heart|the measure/.test(l.detail), `${l.kind}: ${JSON.stringify(l)}`);
      t.check(await page.isVisible('#race-copy button'), 'results can be copied');
    },
  },
  {
    name: 'kernels: an error shows its line, and goes when mended',
    async run(t) {
      const page = await t.page(`${t.url}/site/kernels.html`);
      await state(page, 'ran', '3', 55000);
      await page.selectOption('#example', 'saxpy');
      const edit = async (find, replace) => {
        await page.evaluate(() => document.querySelector('#editor .cm-content').focus());
        const text = (await page.$$eval('#editor .cm-line', (l) => l.map((x) => x.textContent).join('\n'))).replace(find, replace);
        await page.keyboard.press('Control+a');
        await page.keyboard.insertText(text);
      };
      await edit('a * x[i]', 'a * z[i]');
      await page.waitForFunction(() => document.getElementById('verdict').textContent === 'line 7');
      t.check((await page.textContent('#diagnostic')).includes("unknown name 'z'"), 'the sentence');
      t.check((await page.$$('#editor .cm-lint-marker-error')).length === 1, 'a mark in the margin');
      await edit('a * z[i]', 'a * x[i]');
      await page.waitForFunction(() => document.getElementById('verdict').textContent === 'compiles');
    },
  },
  {
    name: 'kernels: every example translates and runs on every device that can',
    async run(t) {
      const page = await t.page(`${t.url}/site/kernels.html`);
      await state(page, 'ran', '3', 55000);
      const names = await page.$$eval('#example option', (all) => all.map((o) => o.textContent));
      for (const name of names) {
        await page.evaluate(() => delete document.documentElement.dataset.ran);
        await page.selectOption('#example', name);
        await page.waitForFunction(() => document.documentElement.dataset.ran, undefined, { timeout: 40000 });
        const results = await page.$$eval('.result', (all) => all.map((r) => [r.dataset.result, r.querySelector('[data-agreement]')?.textContent ?? r.textContent]));
        for (const [kind, text] of results) {
          const fine = /others are compared|bit for bit|agrees|9\d\.\d+ %|100/.test(text) || (kind === 'webgl' && /group|MAP|KERNEL|atomic/i.test(text));
          t.check(fine, `${name} on ${kind}: ${text}`);
        }
      }
    },
  },
  {
    name: 'kernels: each translation can be seen',
    async run(t) {
      const page = await t.page(`${t.url}/site/kernels.html`);
      await state(page, 'ran', '3', 55000);
      const targets = await page.$$eval('#targets button', (all) => all.map((b) => b.dataset.target));
      for (const want of ['wgsl', 'glsl', 'opencl', 'c']) t.check(targets.includes(want), `no translation to ${want}`);
      for (const target of targets) {
        await page.click(`#targets [data-target=${target}]`);
        await page.waitForFunction((n) => document.querySelector('#translation .cm-content').textContent.length > 60 && document.querySelector(`#targets [data-target=${n}]`).getAttribute('aria-selected') === 'true', target);
        await page.waitForTimeout(250);
        t.check(/lines/.test(await page.textContent('#lines')), `${target}: ${await page.textContent('#translation .cm-content')}`);
      }
    },
  },
  {
    name: 'benchmark: every device is measured and exported',
    async run(t) {
      const page = await t.page(`${t.url}/site/benchmark.html`);
      await page.uncheck('#test-bandwidth');
      await page.click('#start');
      await page.waitForFunction(() => document.documentElement.dataset.measured === '6', undefined, { timeout: 55000 });
      const [file] = await Promise.all([page.waitForEvent('download'), page.click('#export')]);
      const json = JSON.parse(readFileSync(await file.path(), 'utf8'));
      for (const r of json.results) t.check(r.medianMs > 0 && r.coldMs > 0 && r.warmMs.length >= 7 && r.device && r.driver && !r.error, `${r.test} on ${r.kind}: ${JSON.stringify(r)}`);
      const shown = await page.$$eval('#table tr[data-kind]', (all) => all.map((r) => r.textContent));
      json.results.forEach((r, i) => t.check([r.device, r.driver, r.speed].every((text) => shown[i].includes(text)), `${shown[i]} lacks something of ${r.device}, ${r.driver}, ${r.speed}`));
      t.check(await page.isVisible('#chart'), 'the chart is shown');
    },
  },
  {
    name: 'benchmark: a model of the visitor, from a file and from an address, and one that it cannot make up inputs for',
    async run(t) {
      const page = await t.page(`${t.url}/site/benchmark.html`), { node, typed, tensorType, model, STRING } = onnxWriter();
      for (const box of ['#test-matmul-128', '#test-bandwidth', '#test-glyphs', '#kind-webgpu']) await page.uncheck(box);
      await page.click('summary');
      await page.setInputFiles('#model-file', { name: 'twice.onnx', mimeType: 'application/octet-stream',
        buffer: Buffer.concat(model([node('Add', ['x', 'x'], ['y']), typed(11, 'x', tensorType(['batch', 3, 'height', 'width'])), typed(12, 'y', tensorType(['batch', 3, 'height', 'width']))])) });
      await page.fill('#model-url', `${t.url}/pkg/glyphs.onnx`);
      await page.press('#model-url', 'Enter');
      await page.setInputFiles('#model-file', { name: 'texts.onnx', mimeType: 'application/octet-stream',
        buffer: Buffer.concat(model([node('Identity', ['x'], ['y']), typed(11, 'x', tensorType([2], STRING)), typed(12, 'y', tensorType([2], STRING))])) });
      await page.click('#start');
      await page.waitForFunction(() => document.documentElement.dataset.measured === '6', undefined, { timeout: 90000 });
      const [file] = await Promise.all([page.waitForEvent('download'), page.click('#export')]);
      const { results } = JSON.parse(readFileSync(await file.path(), 'utf8'));
      t.same(results.map((r) => [r.name, r.kind, r.inputs ?? r.error]), ['webgl', 'wasm'].map((k) => ['Model: twice.onnx', k, 'x: f32[1, 3, 224, 224]'])
        .concat(['webgl', 'wasm'].map((k) => ['Model: glyphs.onnx', k, 'image: f32[1, 1, 32, 32]']), ['webgl', 'wasm'].map((k) => ['Model: texts.onnx', k, "this page makes up numbers alone, and input 'x' is a string"])), 'results');
      for (const r of results.slice(0, 4)) t.check(r.medianMs > 0 && r.coldMs > 0 && /runs\/s$/.test(r.speed), JSON.stringify(r));
      t.check(/f32\[1, 3, 224, 224\]/.test(await page.textContent('#table')), 'the table says what the model was given');
    },
  },
  {
    name: 'devices: each passes its self-test',
    async run(t) {
      const page = await t.page(`${t.url}/site/devices.html`);
      await state(page, 'reported', '3', 55000);
      const tests = await page.$$eval('.report', (all) => all.map((r) => [r.dataset.kind, [...r.querySelectorAll('.tests li')].map((l) => l.textContent)]));
      t.same(tests.length, 3, 'reports');
      for (const [kind, lines] of tests) t.check(lines.length >= 6 && !lines.some((l) => l.startsWith('failed')), `${kind}: ${lines.join(' | ')}`);
    },
  },
  {
    name: 'devices: what auto takes, and what it measured of each kind',
    async run(t) {
      const page = await t.page(`${t.url}/site/devices.html`);
      await state(page, 'auto', 'done', 150000);
      const rows = await page.$$eval('#auto .bar', (all) => all.map((r) => ({ kind: r.dataset.kind, taken: Boolean(r.querySelector('.tag')), value: r.querySelector('.value').textContent, why: r.querySelector('.why')?.textContent })));
      t.same(rows.map((r) => r.kind).sort(), ['wasm', 'webgl', 'webgpu'], 'kinds');
      t.same(rows.map((r) => r.taken), [true, false, false], 'the fastest is taken, and stands first');
      for (const r of rows) t.check(/^[\d.]+ (µs|ms|s)$/.test(r.value) || (r.value === 'no time' && r.why), JSON.stringify(r));
    },
  },
  {
    name: 'offline: the site reloads and classifies without a network',
    async run(t) {
      const page = await t.page(`${t.url}/site/index.html`);
      await page.evaluate(() => navigator.serviceWorker.ready.then((r) => new Promise((done) => {
        const check = () => (r.active?.state === 'activated' ? done() : setTimeout(check, 50));
        check();
      })));
      const kept = await page.evaluate(async () => (await Promise.all((await caches.keys()).map(async (n) => (await (await caches.open(n)).keys()).map((r) => r.url)))).flat());
      t.check(kept.some((u) => /quern-[^/]*\.wasm$/.test(u)) && !kept.some((u) => /threads|full/.test(u) && u.endsWith('.wasm')), `kept: ${kept.filter((u) => u.endsWith('.wasm'))}`);
      await t.context.setOffline(true);
      await page.goto(`${t.url}/site/classify.html`);
      await page.reload();
      await page.click('[aria-label="Sample picture: star"]');
      t.same(await answerOf(page, 30000), 'star', 'offline');
    },
  },
];
