import { drawable } from './draw';
import { bench, stopBench } from './lab';
import type { ModelSpec } from './lab_worker';
import { onPreparation, showPreparation, type Chosen } from './preparation';
import { byId, copyButton, el, KINDS, KIND_NAMES, median, message, milliseconds, type Kind } from './shell';

const SAMPLES = import.meta.glob<string>('../../../models/samples/*.{png,jpg}', { query: '?url', import: 'default', eager: true });
const RUNS = 8;

/* ---- what the page knows */

let kind: Kind = 'wasm';
let model: ModelSpec = { kind: 'glyphs' };
let modelName = 'Digits and shapes (built in)';
let picture: ImageData | undefined;
let labels: string | undefined, config: string | undefined;
let chosen: Chosen | undefined; // how the visitor wants pictures prepared; undefined: as guessed
let turn = 0; // the newest request; older answers are dropped
const loaded = new Map<Kind, { spec: ModelSpec; chosen: Chosen | undefined; loadMs: number; size: string; firstMs?: number; warm: number[] }>();

/* ---- showing */

function status(text: string, bad = false): void {
  const at = byId('status');
  at.hidden = !text;
  at.textContent = text;
  at.classList.toggle('bad', bad);
}

const percent = (p: number): string => (p > 0 && p < 0.001 ? '< 0.1 %' : `${(p * 100).toFixed(1)} %`);

function showBars(top: { label: string; probability: number }[]): void {
  byId('bars').replaceChildren(...top.map((c, i) => {
    const fill = el('div', { class: 'fill' });
    requestAnimationFrame(() => (fill.style.width = `${c.probability * 100}%`));
    return el('div', { class: `bar${i ? '' : ' first'}` }, el('span', { class: 'name', title: c.label }, c.label), el('span', { class: 'value' }, percent(c.probability)),
      el('div', { class: 'track' }, fill));
  }));
  byId('bars').dataset['kind'] = kind;
}

function showTimes(k: Kind): void {
  const l = loaded.get(k);
  const at = byId('times');
  at.hidden = !l?.firstMs;
  if (!l?.firstMs) return;
  const cell = (name: string, text: string): HTMLElement => el('div', {}, el('span', {}, name), el('b', {}, text));
  at.replaceChildren(cell('load', milliseconds(l.loadMs)), cell('first run', milliseconds(l.firstMs)), cell('warm run', l.warm.length ? milliseconds(median(l.warm)) : '-'));
}

/* ---- classifying */

async function ready(k: Kind): Promise<void> {
  const { lab, opened } = bench(k);
  await opened;
  if (loaded.get(k)?.spec === model) return prepared(k);
  const spec = model, bar = byId<HTMLProgressElement>('progress');
  const result = await lab.ask('load', [spec], ((p: { stage: string; part: number }) => {
    bar.hidden = false;
    if (Number.isNaN(p.part)) bar.removeAttribute('value');
    else bar.value = p.stage === 'download' ? p.part * 0.6 : 0.6 + p.part * 0.4;
  }) as never).finally(() => (bar.hidden = true));
  loaded.set(k, { spec, chosen: undefined, loadMs: result.loadMs, size: result.size, warm: [] });
  byId('model-size').textContent = result.size;
  if (!chosen) showPreparation(result.preparation, result.fromConfig);
  return prepared(k);
}

/* Tells the open model how pictures are to be prepared, where that has changed. */
async function prepared(k: Kind): Promise<void> {
  const l = loaded.get(k)!;
  if (l.chosen === chosen) return;
  l.chosen = chosen;
  await bench(k).lab.ask('prepare', [chosen ?? {}]);
}

async function classify(): Promise<void> {
  if (!picture) return;
  const mine = ++turn, k = kind, what = picture;
  document.documentElement.dataset['state'] = 'busy';
  try {
    await ready(k);
    const { top, ms } = await bench(k).lab.ask('classify', [what]);
    const l = loaded.get(k)!;
    if (l.firstMs === undefined) l.firstMs = ms;
    else l.warm.push(ms);
    if (mine !== turn) return;
    if (!l.warm.length) l.warm.push((await bench(k).lab.ask('classify', [what])).ms);
    if (mine !== turn) return;
    showBars(top);
    showTimes(k);
    status('');
    document.documentElement.dataset['state'] = 'done';
  } catch (error) {
    if (mine !== turn) return;
    status(message(error), true);
    document.documentElement.dataset['state'] = 'failed';
    if ((error as { code?: string }).code === 'lost') {
      stopBench(k, 'reopening');
      loaded.delete(k);
    }
  }
}

/* ---- drawing */

const draw = byId<HTMLCanvasElement>('draw');
let pending = false;
const sheet = drawable(draw, byId('pen'), () => {
  byId('hint').hidden = true;
  if (pending) return;
  pending = true;
  setTimeout(() => {
    pending = false;
    picture = sheet.pixels();
    void classify();
  }, 60);
});

function clearDrawing(): void {
  sheet.clear();
  byId('hint').hidden = false;
  byId('bars').replaceChildren(el('p', { class: 'soft' }, 'The answer comes while you draw.'));
  byId('times').hidden = true;
  picture = undefined;
}

/* ---- pictures */

function mode(name: 'draw' | 'picture'): void {
  byId('mode-draw').setAttribute('aria-pressed', String(name === 'draw'));
  byId('mode-picture').setAttribute('aria-pressed', String(name === 'picture'));
  draw.hidden = name !== 'draw';
  byId('picture-box').hidden = name === 'draw';
  byId('hint').hidden = name !== 'draw' || Boolean(picture);
}

async function usePicture(file: Blob): Promise<void> {
  mode('picture');
  try {
    const bitmap = await createImageBitmap(file);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d')!;
    context.drawImage(bitmap, 0, 0);
    picture = context.getImageData(0, 0, bitmap.width, bitmap.height);
    bitmap.close();
    const shown = byId<HTMLImageElement>('picture');
    URL.revokeObjectURL(shown.src);
    shown.src = URL.createObjectURL(file);
    shown.hidden = false;
    byId('invite').hidden = true;
    await classify();
  } catch {
    status(`This browser cannot show that file (${file.type || 'unknown type'}): it is damaged or no picture.`, true);
    document.documentElement.dataset['state'] = 'failed';
  }
}

function forget(): void {
  byId('picture').hidden = true;
  byId('invite').hidden = false;
  clearDrawing();
  status('');
}

byId('mode-draw').addEventListener('click', () => mode('draw'));
byId('mode-picture').addEventListener('click', () => mode('picture'));
byId('clear').addEventListener('click', forget);
byId('pick').addEventListener('click', () => byId('file').click());
byId<HTMLInputElement>('file').addEventListener('change', (event) => {
  const file = (event.target as HTMLInputElement).files?.[0];
  if (file) void usePicture(file);
});

const drop = byId('drop');
for (const name of ['dragenter', 'dragover'] as const) {
  addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
}
addEventListener('dragleave', (event) => event.relatedTarget || drop.classList.remove('over'));
addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  const file = event.dataTransfer?.files[0];
  if (!file) return;
  if (/\.onnx$/i.test(file.name)) useModelFile(file);
  else void usePicture(file);
});
addEventListener('paste', (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((f) => f.type.startsWith('image/'));
  if (file) void usePicture(file);
});

for (const [path, url] of Object.entries(SAMPLES)) {
  const name = path.split('/').pop()!.replace(/\.\w+$/, '');
  byId('samples').append(el('button', { type: 'button', title: `Sample: ${name}`, 'aria-label': `Sample picture: ${name}`,
    onclick: async () => usePicture(await (await fetch(url)).blob()) }, el('img', { src: url, alt: '', loading: 'lazy' })));
}

/* ---- models */

function useModel(spec: ModelSpec, name: string): void {
  model = spec;
  modelName = name;
  chosen = undefined;
  if (spec.kind === 'glyphs') showPreparation(undefined, false);
  byId('model-name').textContent = name;
  byId('model-size').textContent = '';
  byId('lanes').replaceChildren();
  byId('race-copy').replaceChildren();
  byId('bars').replaceChildren();
  byId('times').hidden = true;
  status(picture ? 'Opening the model...' : '');
  if (picture) void classify();
  else void ready(kind).then(() => status('The model is open. Now a picture.'), (error: unknown) => status(message(error), true));
}

const extras = (): { labels?: string; config?: string } => ({ ...(labels && { labels }), ...(config && { config }) });

function useModelFile(file: File): void {
  useModel({ kind: 'file', file, ...extras() }, file.name);
}

/* A file of labels or a config, for the model that is open and those to come. */
function onExtra(id: string, take: (text: string) => void): void {
  byId<HTMLInputElement>(id).addEventListener('change', async (event) => {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (!file) return;
    take(await file.text());
    const names = ['labels-file', 'config-file'].map((i) => byId<HTMLInputElement>(i).files?.[0]?.name);
    byId('extras').textContent = `Labels: ${names[0] ?? 'the model\'s own'}. Config: ${names[1] ?? 'a preprocessor_config.json beside the model, where there is one'}.`;
    if (model.kind !== 'glyphs') useModel({ ...model, ...extras() }, modelName);
  });
}
onExtra('labels-file', (text) => (labels = text));
onExtra('config-file', (text) => (config = text));
byId<HTMLInputElement>('model-file').addEventListener('change', (event) => {
  const file = (event.target as HTMLInputElement).files?.[0];
  if (file) useModelFile(file);
});
byId('model-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const url = byId<HTMLInputElement>('model-url').value.trim();
  if (url) useModel({ kind: 'url', url: new URL(url, location.href).href, ...extras() }, url.split('/').pop() || url);
  else status('Give the address of an .onnx file, or choose one.', true);
});
onPreparation((next) => {
  chosen = next;
  byId('lanes').replaceChildren();
  if (picture) void classify();
});
byId('model-reset').addEventListener('click', () => useModel({ kind: 'glyphs' }, 'Digits and shapes (built in)'));

/* ---- devices */

function choose(k: Kind): void {
  kind = k;
  for (const b of byId('kinds').children) b.setAttribute('aria-pressed', String((b as HTMLElement).dataset['kind'] === k));
  if (picture) void classify();
}
for (const k of KINDS) byId('kinds').append(el('button', { type: 'button', 'data-kind': k, 'aria-pressed': String(k === kind), onclick: () => choose(k) }, KIND_NAMES[k]));

/* ---- race */

interface Finish {
  kind: Kind;
  loadMs: number;
  firstMs: number;
  warm: number;
  top: { label: string; probability: number }[];
}

function samplePicture(): Promise<ImageData> {
  return fetch(Object.values(SAMPLES)[0]!).then((r) => r.blob()).then(async (blob) => {
    await usePicture(blob);
    return picture!;
  });
}

async function lane(k: Kind, what: ImageData, finished: Finish[]): Promise<void> {
  const medal = el('span', { class: 'medal', 'aria-hidden': 'true' }), fill = el('div', { class: 'fill' }), figure = el('span', { class: 'figure' }), detail = el('span', { class: 'detail' }, 'opening');
  byId('lanes').append(el('div', { class: 'lane', 'data-kind': k, 'data-lane': k }, medal, el('span', { class: 'who' }, el('span', { class: 'dot' }), KIND_NAMES[k]), el('div', { class: 'track' }, fill), figure, detail));
  try {
    await ready(k);
    detail.textContent = 'first run';
    const result = await bench(k).lab.ask('race', [what, RUNS], ((p: { done: number; ms: number }) => {
      fill.style.width = `${((p.done + 1) / (RUNS + 1)) * 100}%`;
      figure.textContent = milliseconds(p.ms);
    }) as never);
    const warm = median(result.warmMs);
    finished.push({ kind: k, loadMs: loaded.get(k)!.loadMs, firstMs: result.firstMs, warm, top: result.top });
    figure.textContent = milliseconds(warm);
    detail.textContent = `load ${milliseconds(loaded.get(k)!.loadMs)}, first ${milliseconds(result.firstMs)}, warm ${milliseconds(Math.min(...result.warmMs))} to ${milliseconds(Math.max(...result.warmMs))}`;
  } catch (error) {
    detail.textContent = message(error);
    figure.textContent = 'out';
  }
}

function agreement(a: Finish, b: Finish): string {
  if (a === b) return 'the measure of the others';
  const other = new Map(b.top.map((c) => [c.label, c.probability]));
  const off = Math.max(...a.top.filter((c) => other.has(c.label)).map((c) => Math.abs(c.probability - other.get(c.label)!)));
  return a.top[0]?.label === b.top[0]?.label ? `agrees: ${a.top[0]?.label}, probabilities within ${off < 1e-9 ? '0' : off.toExponential(1)}` : `differs: ${a.top[0]?.label}, not ${b.top[0]?.label}`;
}

function medal(place: number): string {
  return `<svg viewBox="0 0 34 40"><path class="ribbon" d="M7 0h8l5 14h-7zM27 0h-8l-5 14h7z"/><circle class="disc" cx="17" cy="25" r="13"/><circle class="shine" cx="17" cy="25" r="10"/><text x="17" y="29.700">${place}</text></svg>`;
}

function judge(finished: Finish[]): void {
  const ranked = [...finished].sort((a, b) => a.warm - b.warm);
  const measure = finished.find((f) => f.kind === 'wasm') ?? ranked[0];
  ranked.forEach((f, place) => {
    const at = document.querySelector<HTMLElement>(`[data-lane='${f.kind}']`)!;
    at.querySelector('.medal')!.innerHTML = medal(place + 1);
    at.querySelector('.detail')!.append(`; ${agreement(f, measure!)}`);
    at.style.order = String(place);
    at.dataset['place'] = String(place + 1);
  });
  const rows = ranked.map((f, i) => `| ${i + 1} | ${KIND_NAMES[f.kind]} | ${milliseconds(f.loadMs)} | ${milliseconds(f.firstMs)} | ${milliseconds(f.warm)} | ${agreement(f, measure!)} |`);
  const text = [`${modelName}, ${navigator.userAgent}`, '', '| place | device | load | first run | warm run | agreement |', '|---|---|---|---|---|---|', ...rows].join('\n');
  byId('race-copy').replaceChildren(copyButton('Copy results', () => text));
}

byId('race').addEventListener('click', async () => {
  const button = byId<HTMLButtonElement>('race');
  button.disabled = true;
  delete document.documentElement.dataset['race'];
  byId('lanes').replaceChildren();
  byId('race-copy').replaceChildren();
  try {
    const what = picture ?? (await samplePicture()), finished: Finish[] = [];
    await Promise.all(KINDS.map((k) => lane(k, what, finished)));
    judge(finished);
  } finally {
    button.disabled = false;
    button.textContent = 'Race again';
    document.documentElement.dataset['race'] = 'done';
  }
});

clearDrawing();
void ready(kind).catch((error: unknown) => status(message(error), true));
