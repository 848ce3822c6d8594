import { bench } from './lab';
import type { Measured, Opened } from './lab_worker';
import { Chart } from './plot';
import { byId, colour, el, KINDS, KIND_NAMES, median, message, milliseconds, onTheme, saveText, type Kind } from './shell';

interface Test {
  id: string;
  name: string;
  on: boolean;
  run(kind: Kind, tell: (part: number) => void): Promise<Measured & { speed: string }>;
}

type Told = { part: number };
const progress = (tell: (part: number) => void): never => ((p: Told) => tell(p.part ?? 0)) as never;

const matmul = (n: number, on: boolean): Test => ({
  id: `matmul-${n}`, name: `Matrix product, ${n} x ${n}, 8 in a row`, on,
  run: async (kind, tell) => {
    const r = await bench(kind).lab.ask('matmul', [n, 8, 7], progress(tell));
    return { ...r, speed: `${r.gflops.toFixed(r.gflops < 10 ? 2 : 0)} GFLOP/s` };
  },
});

const TESTS: Test[] = [
  matmul(128, true), matmul(256, false), matmul(1024, false),
  {
    id: 'bandwidth', name: 'Memory, 16 MiB copied by a kernel', on: true,
    run: async (kind, tell) => {
      const r = await bench(kind).lab.ask('bandwidth', [16, 4, 7], progress(tell));
      return { ...r, speed: `${r.gbps.toFixed(r.gbps < 10 ? 2 : 0)} GB/s` };
    },
  },
  {
    id: 'glyphs', name: 'Model: digits and shapes', on: true,
    run: async (kind, tell) => {
      const r = await bench(kind).lab.ask('model', [{ kind: 'glyphs' }, 9], progress(tell));
      return { ...r, speed: `${(1000 / median(r.warmMs)).toFixed(0)} pictures/s` };
    },
  },
];

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

function showRows(): void {
  byId('rows').replaceChildren(...rows.map((r) => el('tr', { 'data-kind': r.kind },
    el('td', {}, r.name), el('td', {}, el('span', { class: 'row', style: 'gap:.5rem;flex-wrap:nowrap' }, el('span', { class: 'dot' }), el('span', {}, KIND_NAMES[r.kind], el('br'), el('span', { class: 'soft small' }, r.device)))),
    ...(r.error ? [el('td', { colSpan: 4, class: 'soft' }, r.error)]
      : [el('td', { class: 'num' }, milliseconds(r.coldMs)), el('td', { class: 'num' }, el('b', {}, milliseconds(median(r.warmMs)))), el('td', { class: 'num' }, spread(r.warmMs)), el('td', { class: 'num' }, r.speed)]))));
}

let chart: Chart | undefined;
function showChart(): void {
  const good = rows.filter((r) => !r.error);
  byId('chart-card').hidden = !good.length;
  if (!good.length) return;
  const tests = [...new Set(good.map((r) => r.name))];
  chart?.destroy();
  const ink = colour('soft'), line = colour('line');
  chart = new Chart(byId<HTMLCanvasElement>('chart'), {
    type: 'bar',
    data: {
      labels: tests,
      datasets: KINDS.map((kind) => ({
        label: KIND_NAMES[kind], backgroundColor: colour(kind), borderRadius: 4,
        data: tests.map((t) => { const r = good.find((x) => x.name === t && x.kind === kind); return r ? median(r.warmMs) : null; }),
      })),
    },
    options: {
      maintainAspectRatio: false, indexAxis: 'y',
      plugins: { legend: { labels: { color: ink, boxWidth: 12 } }, tooltip: { callbacks: { label: (c) => `${c.dataset.label}: ${milliseconds(Number(c.raw))}` } } },
      scales: {
        x: { type: 'logarithmic', title: { display: true, text: 'milliseconds, logarithmic', color: ink }, ticks: { color: ink, maxTicksLimit: 7 }, grid: { color: line } },
        y: { ticks: { color: ink }, grid: { display: false } },
      },
    },
  });
}

async function measureOne(test: Test, kind: Kind, device: Opened, tell: (part: number) => void): Promise<void> {
  const row = { test: test.id, name: test.name, kind, device: device.name, driver: device.driver };
  try {
    rows.push({ ...row, ...(await test.run(kind, tell)) });
  } catch (error) {
    rows.push({ ...row, coldMs: NaN, warmMs: [], speed: '', error: message(error) });
  }
}

async function measure(): Promise<void> {
  const chosen = TESTS.filter((t) => byId<HTMLInputElement>(`test-${t.id}`).checked), kinds = KINDS.filter((k) => byId<HTMLInputElement>(`kind-${k}`).checked);
  const bar = byId<HTMLProgressElement>('progress'), total = chosen.length * kinds.length;
  rows = [];
  bar.hidden = false;
  let done = 0;
  for (const test of chosen) {
    for (const kind of kinds) {
      byId('doing').textContent = `${test.name} on ${KIND_NAMES[kind]}`;
      const device = await bench(kind).opened.catch((error: unknown) => message(error));
      if (typeof device === 'string') rows.push({ test: test.id, name: test.name, kind, device: 'absent', driver: '', coldMs: NaN, warmMs: [], speed: '', error: device });
      else await measureOne(test, kind, device, (part) => (bar.value = (done + part) / total));
      bar.value = ++done / total;
      showRows();
    }
  }
  bar.hidden = true;
  byId('doing').textContent = total ? `${rows.filter((r) => !r.error).length} of ${total} measured.` : 'Choose a test and a device.';
  byId<HTMLButtonElement>('export').disabled = !rows.length;
  showChart();
  document.documentElement.dataset['measured'] = String(rows.length);
}

for (const t of TESTS) byId('choices').append(el('label', { class: 'check' }, el('input', { type: 'checkbox', id: `test-${t.id}`, checked: t.on }), t.name));
for (const k of KINDS) byId('choices').append(el('label', { class: 'check', 'data-kind': k }, el('input', { type: 'checkbox', id: `kind-${k}`, checked: true }), el('span', { class: 'dot' }), KIND_NAMES[k]));
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
