/* Numbers as a chart, a picture or a list. */
import { Chart, BarController, BarElement, CategoryScale, Legend, LinearScale, LineController, LineElement, LogarithmicScale, PointElement, Tooltip } from 'chart.js';
import type { View } from './examples';
import { colour, el } from './shell';

Chart.register(BarController, BarElement, CategoryScale, Legend, LinearScale, LineController, LineElement, LogarithmicScale, PointElement, Tooltip);
Chart.defaults.font.family = "'Instrument Sans Variable', system-ui, sans-serif";
Chart.defaults.animation = false;
export { Chart };

export type Numbers = Float32Array | Uint32Array | Int32Array;
const charts = new WeakMap<HTMLElement, Chart>();
const MOST = 1200;

function chart(at: HTMLElement, values: Numbers): void {
  const step = Math.max(1, Math.ceil(values.length / MOST));
  const shown = Array.from(values).filter((_, i) => i % step === 0);
  const canvas = el('canvas', { role: 'img', 'aria-label': `A chart of ${values.length} numbers` });
  at.replaceChildren(el('div', { class: 'chart-box' }, canvas));
  const few = shown.length <= 64, ink = colour('soft'), line = colour('line'), accent = colour('accent');
  charts.set(at, new Chart(canvas, {
    type: few ? 'bar' : 'line',
    data: {
      labels: shown.map((_, i) => i * step),
      datasets: [{ data: shown, borderColor: accent, backgroundColor: accent, borderWidth: few ? 0 : 1.5, pointRadius: 0, borderRadius: 3 }],
    },
    options: {
      maintainAspectRatio: false,
      plugins: { legend: { display: false } },
      scales: {
        x: { ticks: { color: ink, maxTicksLimit: 8, maxRotation: 0 }, grid: { display: false } },
        y: { ticks: { color: ink, maxTicksLimit: 6 }, grid: { color: line } },
      },
    },
  }));
}

/* Dark to light through the page's warm colours. */
function shade(v: number): [number, number, number] {
  const stops = [[18, 14, 22], [92, 30, 62], [200, 84, 34], [246, 182, 84], [255, 248, 230]];
  const x = Math.min(Math.max(v, 0), 1) * (stops.length - 1), k = Math.min(Math.floor(x), stops.length - 2), f = x - k;
  return [0, 1, 2].map((c) => stops[k]![c]! * (1 - f) + stops[k + 1]![c]! * f) as [number, number, number];
}

function picture(at: HTMLElement, values: Numbers): void {
  const width = Math.max(1, Math.ceil(Math.sqrt(values.length))), height = Math.ceil(values.length / width);
  let low = Infinity, high = -Infinity;
  for (const v of values) if (Number.isFinite(v)) (low = Math.min(low, v)), (high = Math.max(high, v));
  const image = new ImageData(width, height);
  values.forEach((v, i) => image.data.set([...shade(high > low ? (v - low) / (high - low) : 0), 255], i * 4));
  const canvas = el('canvas', { class: 'pixels', width, height, role: 'img', 'aria-label': `${width} by ${height} pixels, from ${low} to ${high}` });
  canvas.getContext('2d')!.putImageData(image, 0, 0);
  at.replaceChildren(canvas);
}

function list(at: HTMLElement, values: Numbers): void {
  const whole = !(values instanceof Float32Array);
  const text = (v: number): string => (whole ? String(v) : Number.isFinite(v) ? String(Number(v.toPrecision(6))) : String(v));
  const shown = Array.from(values.subarray(0, 400), (v, i) => el('span', {}, el('i', {}, String(i)), text(v)));
  at.replaceChildren(el('div', { class: 'numbers' }, shown));
  if (values.length > shown.length) at.append(el('p', { class: 'small soft' }, `and ${values.length - shown.length} more`));
}

export function show(at: HTMLElement, values: Numbers | undefined, view: View): void {
  charts.get(at)?.destroy();
  charts.delete(at);
  if (!values) return at.replaceChildren(el('p', { class: 'soft small' }, 'Nothing yet.'));
  ({ chart, picture, numbers: list })[view](at, values);
}
