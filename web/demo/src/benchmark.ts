import { bench } from './lab';
import type { Measured, ModelSpec, Opened } from './lab_worker';
import type { Plugin } from 'chart.js';
import { Chart } from './plot';
import { byId, colour, el, KINDS, KIND_NAMES, median, message, milliseconds, onTheme, saveText, type Kind } from './shell';

interface Test {
  id: string;
  name: string;
  /** for the chart */
  short: string;
  on: boolean;
  run(kind: Kind, tell: (part: number) => void): Promise<Measured & { speed: string }>;
}

type Told = { part: number };
const progress = (tell: (part: number) => void): never => ((p: Told) => tell(p.part ?? 0)) as never;

const perSecond = (n: number): string => n.toFixed(n < 10 ? 1 : 0);

const matmul = (n: number, on: boolean): Test => ({
  id: `matmul-${n}`, name: `Matrix product, ${n} × ${n}`, short: `Matrix ${n}`, on,
  run: async (kind, tell) => {
    const r = await bench(kind).lab.ask('matmul', [n, 8, 7], progress(tell));
    return { ...r, speed: `${r.gflops.toFixed(r.gflops < 10 ? 2 : 0)} GFLOP/s` };
  },
});

const TESTS: Test[] = [
  matmul(128, true), matmul(256, false), matmul(1024, false),
  {
    id: 'bandwidth', name: 'Memory, 16 MiB copied by a kernel', short: 'Memory', on: true,
    run: async (kind, tell) => {
      const r = await bench(kind).lab.ask('bandwidth', [16, 4, 7], progress(tell));
      return { ...r, speed: `${r.gbps.toFixed(r.gbps < 10 ? 2 : 0)} GB/s` };
    },
  },
  {
    id: 'glyphs', name: 'Model: digits and shapes', short: 'Model', on: true,
    run: async (kind, tell) => {
      const r = await bench(kind).lab.ask('model', [{ kind: 'glyphs' }, 9], progress(tell));
      return { ...r, speed: `${perSecond(1000 / median(r.warmMs))} pictures/s` };
    },
  },
];

/* A visitor's own: each is one more test. */
const modelTest = (spec: ModelSpec, name: string): Test => ({
  id: `model-${TESTS.length}`, name: `Model: ${name}`, short: name.length > 18 ? `${name.slice(0, 17)}…` : name, on: true,
  run: async (kind, tell) => {
    const r = await bench(kind).lab.ask('model', [spec, 9], progress(tell));
    return { ...r, speed: `${perSecond(1000 / median(r.warmMs))} runs/s` };
  },
});

interface Row extends Measured {
  test: string;
  name: string;
  kind: Kind;
  device: string;
  driver: string;
  speed: string;
  error?: string;
}
let rows: Row[] = [];

function spread(values: readonly number[]): string {
  return values.length ? `${milliseconds(Math.min(...values))} to ${milliseconds(Math.max(...values))}` : '-';
}

const said = (r: Row): string[] => [`${KIND_NAMES[r.kind]}: ${milliseconds(median(r.warmMs))} warm, ${spread(r.warmMs)}; ${milliseconds(r.coldMs)} cold`, r.device, r.driver];

const lineOf = (test: string, kind: Kind): HTMLElement => byId(`row-${test}-${kind}`);

function deviceCell(kind: Kind, name: string, driver = ''): HTMLElement {
  const more = driver && driver !== name ? driver : '';
  return el('th', { scope: 'row', class: 'device' }, el('span', { class: 'dot' }), el('span', { class: 'device-name' }, KIND_NAMES[kind], el('small', {}, name), more && el('small', { class: 'driver' }, more)));
}

/* All rows at once, so that nothing moves when the figures come. */
function layOut(tests: readonly Test[], kinds: readonly Kind[]): void {
  for (const old of document.querySelectorAll('#table tbody')) old.remove();
  for (const t of tests) {
    byId('table').append(el('tbody', {}, el('tr', { class: 'test' }, el('th', { colSpan: 5, scope: 'rowgroup' }, t.name, el('small', { id: `given-${t.id}`, class: 'given' }))),
      kinds.map((k) => el('tr', { id: `row-${t.id}-${k}`, 'data-kind': k }, deviceCell(k, ' '), el('td', { colSpan: 4, class: 'soft num wait' }, 'waiting')))));
  }
}

function figure(label: string, text: string, strong = false): HTMLElement {
  return el('td', { class: 'num', 'data-label': label }, strong ? el('b', {}, text) : text);
}

function showRow(r: Row): void {
  if (r.inputs) byId(`given-${r.test}`).textContent = r.inputs;
  lineOf(r.test, r.kind).replaceChildren(deviceCell(r.kind, r.device, r.driver),
    ...(r.error ? [el('td', { colSpan: 4, class: 'soft' }, r.error)]
      : [figure('median', milliseconds(median(r.warmMs)), true), figure('spread', spread(r.warmMs)), figure('cold', milliseconds(r.coldMs)), figure('speed', r.speed)]));
}

function measuring(test: string, kind: Kind): void {
  lineOf(test, kind).querySelector('.wait')?.replaceChildren(el('span', { class: 'spin' }));
}

/* From the fastest to the slowest warm run, over each bar. */
const whiskers = (ranges: ([number, number] | null)[][]): Plugin<'bar'> => ({
  id: 'whiskers',
  afterDatasetsDraw(drawn) {
    const { ctx, scales } = drawn;
    Object.assign(ctx, { strokeStyle: colour('ink'), lineWidth: 1.5 });
    ranges.forEach((one, d) => one.forEach((range, i) => {
      const bar = drawn.getDatasetMeta(d).data[i];
      if (!range || !bar) return;
      const [from, to] = range.map((ms) => scales['x']!.getPixelForValue(ms)) as [number, number];
      ctx.beginPath();
      ctx.moveTo(from, bar.y);
      ctx.lineTo(to, bar.y);
      for (const x of [from, to]) ctx.moveTo(x, bar.y - 4), ctx.lineTo(x, bar.y + 4);
      ctx.stroke();
    }));
  },
});

let chart: Chart | undefined;
function showChart(): void {
  const good = rows.filter((r) => !r.error);
  byId('chart-card').hidden = !good.length;
  if (!good.length) return;
  const tests = TESTS.filter((t) => good.some((r) => r.test === t.id));
  chart?.destroy();
  const ink = colour('soft'), line = colour('line');
  const of = (kind: Kind): (Row | undefined)[] => tests.map((t) => good.find((r) => r.test === t.id && r.kind === kind));
  chart = new Chart(byId<HTMLCanvasElement>('chart'), {
    type: 'bar',
    plugins: [whiskers(KINDS.map((kind) => of(kind).map((r) => (r ? [Math.min(...r.warmMs), Math.max(...r.warmMs)] : null))))],
    data: {
      labels: tests.map((t) => t.short),
      datasets: KINDS.map((kind) => ({
        label: KIND_NAMES[kind], backgroundColor: colour(kind), borderRadius: 4, maxBarThickness: 22,
        data: of(kind).map((r) => (r ? median(r.warmMs) : null)),
      })),
    },
    options: {
      maintainAspectRatio: false, indexAxis: 'y',
      plugins: { legend: { align: 'start', labels: { color: ink, boxWidth: 10, boxHeight: 10, useBorderRadius: true, borderRadius: 5 } }, tooltip: { callbacks: { label: (c) => said(of(KINDS[c.datasetIndex]!)[c.dataIndex]!) } } },
      scales: {
        x: { type: 'logarithmic', suggestedMin: Math.max(0.05, Math.min(...good.flatMap((r) => r.warmMs))), suggestedMax: Math.max(...good.flatMap((r) => r.warmMs)), title: { display: true, text: 'milliseconds, logarithmic', color: ink }, ticks: { color: ink, maxTicksLimit: 6, maxRotation: 0 }, grid: { color: line } },
        y: { ticks: { color: ink }, grid: { display: false } },
      },
    },
  });
}

async function measureOne(test: Test, kind: Kind, tell: (part: number) => void): Promise<Row> {
  const row = { test: test.id, name: test.name, kind, device: 'absent', driver: '' };
  try {
    const { name, driver }: Opened = await bench(kind).opened;
    Object.assign(row, { device: name, driver });
    return { ...row, ...(await test.run(kind, tell)) };
  } catch (error) {
    return { ...row, coldMs: NaN, warmMs: [], speed: '', error: message(error) };
  }
}

const ticked = (id: string): boolean => byId<HTMLInputElement>(id).checked;

async function measure(): Promise<void> {
  const tests = TESTS.filter((t) => ticked(`test-${t.id}`)), kinds = KINDS.filter((k) => ticked(`kind-${k}`));
  const bar = byId<HTMLProgressElement>('progress'), total = tests.length * kinds.length;
  if (!total) {
    byId('doing').textContent = 'Choose a test and a device.';
    return;
  }
  rows = [];
  delete document.documentElement.dataset['measured'];
  layOut(tests, kinds);
  bar.classList.remove('idle');
  for (const test of tests) {
    for (const kind of kinds) {
      byId('doing').textContent = `${test.name} on ${KIND_NAMES[kind]}`;
      measuring(test.id, kind);
      const row = await measureOne(test, kind, (part) => (bar.value = (rows.length + part) / total));
      rows.push(row);
      bar.value = rows.length / total;
      showRow(row);
    }
  }
  bar.classList.add('idle');
  byId('doing').textContent = `${rows.filter((r) => !r.error).length} of ${total} measured.`;
  byId<HTMLButtonElement>('export').disabled = false;
  showChart();
  document.documentElement.dataset['measured'] = String(rows.length);
}

function offer(t: Test): void {
  byId('tests').append(el('label', { class: 'check' }, el('input', { type: 'checkbox', id: `test-${t.id}`, checked: t.on }), t.name));
}

function addModel(spec: ModelSpec, name: string): void {
  const test = modelTest(spec, name);
  TESTS.push(test);
  offer(test);
  byId('doing').textContent = `${name} is one of the tests now.`;
}

TESTS.forEach(offer);
byId<HTMLInputElement>('model-file').addEventListener('change', (event) => {
  const at = event.target as HTMLInputElement, file = at.files?.[0];
  if (file) addModel({ kind: 'file', file }, file.name);
  at.value = ''; // so that the same file may come again, changed
});
byId('model-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const at = byId<HTMLInputElement>('model-url'), url = at.value.trim();
  if (url) addModel({ kind: 'url', url: new URL(url, location.href).href }, url.split('/').pop() || url);
  else byId('doing').textContent = 'Give the address of an .onnx file, or choose one.';
});
for (const k of KINDS) byId('kinds').append(el('label', { class: 'check', 'data-kind': k }, el('input', { type: 'checkbox', id: `kind-${k}`, checked: true }), el('span', { class: 'dot' }), KIND_NAMES[k]));
byId('start').addEventListener('click', () => {
  const button = byId<HTMLButtonElement>('start');
  button.disabled = true;
  void measure().finally(() => (button.disabled = false));
});
byId('export').addEventListener('click', () => saveText('quern-benchmark.json', JSON.stringify({
  when: new Date().toISOString(), browser: navigator.userAgent, isolated: crossOriginIsolated, threads: navigator.hardwareConcurrency,
  results: rows.map((r) => ({ ...r, medianMs: r.warmMs.length ? median(r.warmMs) : null })),
}, null, 2)));
onTheme(showChart);
