/* The controls for how a model wants its pixels: what was guessed is shown, what is chosen is told. */
import type { Preparation } from 'quern';
import { byId, el } from './shell';

export type Chosen = Partial<Preparation>;
type Triple = [number, number, number];

const PLAIN: Triple = [0, 0, 0], ONE: Triple = [1, 1, 1];
const IMAGENET_MEAN: Triple = [0.485, 0.456, 0.406], IMAGENET_STD: Triple = [0.229, 0.224, 0.225];
const VALUES: { id: string; text: string; set: Chosen }[] = [
  { id: 'unit', text: '0 to 1', set: { range: [0, 1], mean: PLAIN, std: ONE } },
  { id: 'bytes', text: '0 to 255', set: { range: [0, 255], mean: PLAIN, std: ONE } },
  { id: 'signed', text: '−1 to 1', set: { range: [-1, 1], mean: PLAIN, std: ONE } },
  { id: 'norm', text: 'mean, std', set: { range: [0, 1], mean: IMAGENET_MEAN, std: IMAGENET_STD } },
];
const ORDERS: { id: string; text: string; set: Chosen }[] = [
  { id: 'rgb', text: 'RGB', set: { bgr: false } },
  { id: 'bgr', text: 'BGR', set: { bgr: true } },
];
const FITS: { id: string; text: string; set: Chosen }[] = [
  { id: 'crop', text: 'Crop', set: { fit: 'crop' } },
  { id: 'squash', text: 'Stretch', set: { fit: 'squash', resizeShorter: 0, resizeWidth: 0, resizeHeight: 0 } },
  { id: 'letterbox', text: 'Letterbox', set: { fit: 'letterbox', resizeShorter: 0, resizeWidth: 0, resizeHeight: 0 } },
];

const same = (a: readonly number[], b: readonly number[]): boolean => a.every((v, i) => Math.abs(v - b[i]!) < 1e-6);
const isPlain = (p: Preparation): boolean => same(p.mean, PLAIN) && same(p.std, ONE);

function valuesOf(p: Preparation): string {
  if (!isPlain(p)) return 'norm';
  return VALUES.find((v) => v.set.range && same(v.set.range, p.range))?.id ?? 'norm';
}

const numbers = (v: readonly number[]): string => (v.every((x) => x === v[0]) ? [v[0]!] : [...v]).map((x) => String(Number(x.toPrecision(6)))).join(', ');

function triple(text: string): Triple | undefined {
  const parts = text.split(/[,\s]+/).filter(Boolean).map(Number);
  if (parts.some((n) => !Number.isFinite(n))) return undefined;
  if (parts.length === 1) return [parts[0]!, parts[0]!, parts[0]!];
  return parts.length === 3 ? (parts as Triple) : undefined;
}

function sentence(p: Preparation): string {
  const size = p.width && p.height ? `${p.width} × ${p.height} pixels` : 'the picture\'s own size';
  const from = p.fit !== 'crop' ? '' : p.resizeShorter ? ` from a shorter side of ${p.resizeShorter}` : p.resizeWidth ? ` from ${p.resizeWidth} × ${p.resizeHeight}` : '';
  const how = { crop: 'the middle cut out', squash: 'stretched', letterbox: 'whole, with bars' }[p.fit];
  return `${size}, ${how}${from}, ${p.filter}; ${numbers(p.range).replace(', ', ' to ')}${isPlain(p) ? '' : `, less ${numbers(p.mean)}, by ${numbers(p.std)}`}; ${p.channels === 1 ? 'grey' : p.bgr ? 'BGR' : 'RGB'}, ${p.nhwc ? 'channels last' : 'channels first'}, ${p.dtype}.`;
}

let now: Preparation | undefined;
let tell: (chosen: Chosen) => void = () => undefined;

function choose(set: Chosen): void {
  if (!now) return;
  now = { ...now, ...set };
  show();
  byId('prep-from').textContent = 'yours';
  tell({ range: now.range, mean: now.mean, std: now.std, bgr: now.bgr, fit: now.fit, resizeShorter: now.resizeShorter, resizeWidth: now.resizeWidth, resizeHeight: now.resizeHeight });
}

function segment(at: string, options: typeof VALUES): void {
  byId(at).replaceChildren(...options.map(({ id, text, set }) => el('button', { type: 'button', 'data-id': id, 'aria-pressed': 'false', onclick: () => choose(set) }, text)));
}

function press(at: string, id: string): void {
  for (const b of byId(at).children) b.setAttribute('aria-pressed', String((b as HTMLElement).dataset['id'] === id));
}

function show(): void {
  if (!now) return;
  const values = valuesOf(now);
  press('prep-values', values);
  press('prep-order', now.bgr ? 'bgr' : 'rgb');
  press('prep-fit', now.fit);
  byId('prep-norm').hidden = values !== 'norm';
  byId<HTMLInputElement>('prep-mean').value = numbers(now.mean);
  byId<HTMLInputElement>('prep-std').value = numbers(now.std);
  byId('prep-says').textContent = sentence(now);
}

function typed(id: string, key: 'mean' | 'std'): void {
  const input = byId<HTMLInputElement>(id);
  input.addEventListener('change', () => {
    const v = triple(input.value), good = v && (key === 'mean' || v.every((x) => x !== 0));
    input.setCustomValidity(good ? '' : key === 'mean' ? 'One number, or three' : 'One number, or three, and none of them 0');
    input.reportValidity();
    if (good) choose({ [key]: v });
  });
}

/** Shows what a model wants; undefined: it prepares pictures by itself. */
export function showPreparation(p: Preparation | undefined, fromConfig: boolean): void {
  now = p;
  byId('prep').hidden = !p;
  byId('prep-from').textContent = fromConfig ? 'from its config' : 'guessed from its input';
  show();
}

/** Calls with the settings that a visitor chose. */
export function onPreparation(call: (chosen: Chosen) => void): void {
  tell = call;
  segment('prep-values', VALUES);
  segment('prep-order', ORDERS);
  segment('prep-fit', FITS);
  typed('prep-mean', 'mean');
  typed('prep-std', 'std');
}
