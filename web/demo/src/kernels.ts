import { editor, viewer } from './code';
import { EXAMPLES, type Example, type Fill, type View } from './examples';
import { bench, Lab, LabError, stopBench } from './lab';
import type { KernelJob, KernelResult } from './lab_worker';
import { show, type Numbers } from './plot';
import { byId, copyButton, el, KINDS, KIND_NAMES, median, message, milliseconds, onTheme, type Kind } from './shell';
import { signatureOf, type Parameter, type Signature } from './signature';

const TARGET_NAMES: Record<string, string> = { wgsl: 'WGSL', glsl: 'GLSL ES', ptx: 'PTX', opencl: 'OpenCL C', wasm: 'Wasm', c: 'C' };
const LIMIT_MS = 20_000;
const VIEWS: [View, string][] = [['chart', 'Chart'], ['picture', 'Picture'], ['numbers', 'Numbers']];

const translator = new Lab();
let target = 'wgsl';
let view: View = 'chart';
let example: Example = EXAMPLES[0]!;
let signature: Signature | undefined;
let outputs: Numbers | undefined, input: Numbers | undefined;
let newest = 0;

/* ---- translating, while the kernel is written */

const translation = viewer(byId('translation'));
let timer = 0;
const code = editor(byId('editor'), 'Kernel source', () => {
  clearTimeout(timer);
  timer = window.setTimeout(() => void look(), 160);
}, () => void run());

function verdict(text: string, good: boolean): void {
  const at = byId('verdict');
  at.textContent = text;
  at.className = `tag ${good ? 'good' : 'bad'}`;
}

function diagnostic(text: string, jump?: () => void): void {
  const at = byId('diagnostic');
  at.hidden = !text;
  at.textContent = text;
  at.onclick = jump ?? null;
  at.style.cursor = jump ? 'pointer' : '';
}

function showError(error: unknown): void {
  const found = error instanceof LabError ? error.diagnostics : [];
  code.mark(found);
  if (found.length) verdict(`line ${found[0]!.line}`, false);
  else verdict('refused', false);
  diagnostic(message(error), found.length ? () => code.go(found[0]!.line, found[0]!.column) : undefined);
}

/* Rejects where it is none. What Wasm cannot express may still be one for others; Wasm is asked because the core has it. */
async function isKernel(source: string, options: { entry?: string }): Promise<void> {
  await translator.ask('translate', [source, 'wasm', options]).catch((error: unknown) => {
    if (!(error instanceof LabError && error.code === 'unsupported')) throw error;
  });
}

async function look(): Promise<void> {
  const mine = ++newest, source = code.text();
  const sig = signatureOf(source);
  if (JSON.stringify(sig) !== JSON.stringify(signature)) {
    signature = sig;
    showArguments();
  }
  const options = sig ? { entry: sig.name } : {};
  try {
    await isKernel(source, options);
    if (mine !== newest) return;
    code.mark([]);
    diagnostic('');
    verdict('compiles', true);
  } catch (error) {
    if (mine !== newest) return;
    showError(error);
    translation.set('');
    byId('lines').textContent = '';
    return;
  }
  try {
    const text = await translator.ask('translate', [source, target, options]);
    if (mine !== newest) return;
    translation.set(text);
    byId('lines').textContent = `${text.trimEnd().split('\n').length} lines`;
  } catch (error) {
    if (mine !== newest) return;
    translation.set(`/* ${TARGET_NAMES[target] ?? target} cannot express this kernel:\n * ${message(error).replaceAll('\n', '\n * ')}\n */\n`);
    byId('lines').textContent = 'refused';
  }
}

async function showTargets(): Promise<void> {
  const known = await translator.ask('targets', []);
  const order = Object.keys(TARGET_NAMES);
  const all = [...known].sort((a, b) => order.indexOf(a) - order.indexOf(b));
  if (!all.includes(target)) target = all[0]!;
  const show = (name: string): void => {
    target = name;
    for (const b of byId('targets').children as HTMLCollectionOf<HTMLElement>) {
      const on = b.dataset['target'] === name;
      b.setAttribute('aria-selected', String(on));
      b.tabIndex = on ? 0 : -1; // Tab goes to the chosen one, the arrows to the others
    }
  };
  byId('targets').replaceChildren(...all.map((name) => el('button', {
    type: 'button', role: 'tab', 'aria-controls': 'translation', 'data-target': name, onclick: () => (show(name), void look()),
  }, TARGET_NAMES[name] ?? name)));
  byId('targets').addEventListener('keydown', (event) => {
    const places: Record<string, number> = { ArrowLeft: all.indexOf(target) - 1, ArrowRight: all.indexOf(target) + 1, Home: 0, End: all.length - 1 };
    const place = places[event.key];
    if (place === undefined) return;
    event.preventDefault();
    const next = byId('targets').children[(place + all.length) % all.length] as HTMLElement;
    next.focus();
    next.click();
  });
  show(target);
}

/* ---- arguments */

const FILLS: Fill[] = ['wave', 'ramp', 'random', 'ones', 'picture', 'zeros'];

function filled(fill: Fill, n: number, type: string): Numbers {
  const side = Math.max(1, Math.round(Math.sqrt(n)));
  let seed = 12345;
  const makers: Record<Fill, (i: number) => number> = {
    wave: (i) => 2 * Math.sin(i * 0.05) + Math.sin(i * 0.31),
    ramp: (i) => i / n,
    random: () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32 + ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32)) / 2,
    ones: () => 1,
    zeros: () => 0,
    picture: (i) => {
      const x = (i % side) / side - 0.5, y = Math.floor(i / side) / side - 0.5, r = Math.hypot(x, y);
      return r < 0.08 ? 1 : r < 0.42 ? 0.55 + 0.45 * Math.sign(Math.sin(Math.atan2(y, x) * 9 + r * 14)) : 0.08;
    },
  };
  const values = new (type === 'u32' ? Uint32Array : type === 'i32' ? Int32Array : Float32Array)(n);
  const scale = type === 'f32' ? 1 : 100;
  for (let i = 0; i < n; i++) values[i] = makers[fill](i) * scale;
  return values;
}

const control = (id: string): HTMLInputElement => byId<HTMLInputElement>(id);

function showArguments(): void {
  const at = byId('arguments');
  if (!signature) return at.replaceChildren(el('span', { class: 'soft' }, 'There is no MAP or KERNEL yet.'));
  const fields: HTMLElement[] = signature.parameters.flatMap((p) => {
    const preset = example.args[p.name];
    if (p.role === 'scalar') {
      const value = typeof preset === 'number' ? preset : 1;
      return [el('label', { class: 'field' }, `${p.name}: ${p.type}`, el('input', { type: 'number', id: `arg-${p.name}`, value: String(value), step: p.type.startsWith('f') ? 'any' : '1' }))];
    }
    const { fill, n } = typeof preset === 'object' ? preset : { fill: (p.role === 'in' ? 'wave' : 'zeros') as Fill, n: 1024 };
    const size = el('label', { class: 'field' }, `${p.name}: elements`, el('input', { type: 'number', id: `size-${p.name}`, value: String(n), min: '1', max: '4194304' }));
    if (p.role !== 'in') return [size];
    return [el('label', { class: 'field' }, `${p.name}: ${p.type}`, el('select', { id: `fill-${p.name}` }, FILLS.map((f) => el('option', { value: f, selected: f === fill }, f)))), size];
  });
  fields.push(el('label', { class: 'field' }, signature.form === 'map' ? 'elements' : 'groups', el('input', { type: 'number', id: 'count', value: String(example.count), min: '1', max: '4194304' })));
  at.replaceChildren(...fields);
}

function whole(id: string): number {
  const n = Number(control(id).value);
  if (!Number.isInteger(n) || n < 1 || n > 4194304) throw new Error(`"${control(id).value}" is no size from 1 to 4,194,304.`);
  return n;
}

interface Prepared {
  job: Omit<KernelJob, 'runs'>;
  result: string; // element type of the output
  input: Numbers | undefined;
  inputName: string;
}

function prepare(): Prepared {
  if (!signature) throw new Error('There is no MAP or KERNEL to run.');
  const args: KernelJob['args'] = [];
  const first: { value?: Numbers; name: string } = { name: '' };
  let result = signature.result;
  const count = whole('count');
  const narrow = (p: Parameter): void => {
    if (!['f32', 'u32', 'i32'].includes(p.type)) throw new Error(`${p.name}: this page fills buffers of f32, u32 and i32; ${p.type} is for programs.`);
  };
  for (const p of signature.parameters) {
    if (p.role === 'scalar') args.push({ value: Number(control(`arg-${p.name}`).value) });
    else if (p.role === 'in') {
      narrow(p);
      const values = filled(control(`fill-${p.name}`).value as Fill, whole(`size-${p.name}`), p.type);
      if (!first.value) Object.assign(first, { value: values, name: p.name });
      args.push({ buffer: values });
    } else {
      narrow(p);
      result = p.type;
      args.push({ out: whole(`size-${p.name}`) * 4 });
    }
  }
  if (signature.form === 'map') args.push({ out: count * 4 });
  if (!['f32', 'u32', 'i32'].includes(result)) throw new Error(`The output is ${result}; this page shows f32, u32 and i32.`);
  return { job: { source: code.text(), options: { entry: signature.name }, args, count }, result, input: first.value, inputName: first.name };
}

/* ---- running */

function numbersOf(bytes: ArrayBuffer, type: string): Numbers {
  return type === 'u32' ? new Uint32Array(bytes) : type === 'i32' ? new Int32Array(bytes) : new Float32Array(bytes);
}

/* Rounding may differ; where a kernel branches on it (a fractal's edge), few elements differ by much. So both are told. */
function difference(a: Numbers, b: Numbers): string {
  let worst = 0, exact = 0, far = 0;
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) {
      exact++;
      continue;
    }
    const off = Math.abs(a[i]! - b[i]!) / Math.max(1, Math.abs(b[i]!));
    if (!(off <= 1e-5)) far++;
    worst = Math.max(worst, off);
  }
  if (exact === a.length) return 'the same, bit for bit';
  if (!far) return `agrees, largest difference ${worst.toExponential(1)}`;
  return `${((100 * (a.length - far)) / a.length).toFixed(far * 1000 < a.length ? 2 : 1)} % of the elements agree within 1e-5`;
}

async function runOn(kind: Kind, job: Omit<KernelJob, 'runs'>): Promise<KernelResult> {
  const { lab, opened } = bench(kind);
  await opened;
  const guard = setTimeout(() => stopBench(kind, `It did not end within ${LIMIT_MS / 1000} s and was stopped.`), LIMIT_MS);
  return lab.ask('kernel', [{ ...job, runs: 9 }]).finally(() => clearTimeout(guard));
}

async function run(): Promise<void> {
  const button = byId<HTMLButtonElement>('run');
  if (button.disabled) return;
  delete document.documentElement.dataset['ran'];
  let ready: Prepared;
  try {
    ready = prepare();
  } catch (error) {
    byId('results').replaceChildren(el('p', { class: 'note bad' }, message(error)));
    return;
  }
  button.disabled = true;
  input = ready.input;
  byId('input-name').textContent = ready.input ? `${ready.inputName}, ${ready.input.length} elements` : 'none: it is computed from the index';
  const cards = KINDS.map((kind) => el('div', { class: 'result', 'data-kind': kind, 'data-result': kind }, el('div', { class: 'row' }, el('span', { class: 'dot' }), el('b', {}, KIND_NAMES[kind])), el('span', { class: 'spin' })));
  byId('results').replaceChildren(...cards);
  const done: { kind: Kind; values: Numbers; card: HTMLElement }[] = [];
  await Promise.all(KINDS.map(async (kind, i) => {
    const card = cards[i]!, spin = card.querySelector('.spin')!;
    try {
      const r = await runOn(kind, ready.job);
      const values = numbersOf(r.outputs[0]!, ready.result);
      spin.replaceWith(el('span', { class: 'big' }, milliseconds(r.warmMs.length ? median(r.warmMs) : r.firstMs)),
        el('span', { class: 'small soft' }, `compiled in ${milliseconds(r.compileMs)}, first run ${milliseconds(r.firstMs)}; ${r.how}`));
      done.push({ kind, values, card });
      if (kind === 'wasm' || !outputs || done.length === 1) (outputs = values), showViews();
    } catch (error) {
      spin.replaceWith(el('span', { class: 'small', style: 'white-space:pre-wrap;overflow-wrap:anywhere' }, message(error)));
    }
  }));
  const measure = done.find((d) => d.kind === 'wasm') ?? done[0];
  for (const d of done) d.card.append(el('span', { class: 'small', 'data-agreement': '' }, d === measure ? 'the others are compared with this' : difference(d.values, measure!.values)));
  outputs = measure?.values;
  showViews();
  button.disabled = false;
  document.documentElement.dataset['ran'] = String(done.length);
}

function showViews(): void {
  (byId('input-view').parentElement!).hidden = !input;
  for (const b of byId('view-kind').children) b.setAttribute('aria-pressed', String((b as HTMLElement).dataset['view'] === view));
  show(byId('output-view'), outputs, view);
  show(byId('input-view'), input, view);
}

/* ---- start */

function use(next: Example): void {
  example = next;
  view = next.view;
  signature = undefined;
  outputs = input = undefined;
  code.set(next.source);
  byId('results').replaceChildren();
  byId('input-name').textContent = '';
  showViews();
}

for (const e of EXAMPLES) byId('example').append(el('option', {}, e.name));
byId<HTMLSelectElement>('example').addEventListener('change', (event) => {
  use(EXAMPLES[(event.target as HTMLSelectElement).selectedIndex]!);
  setTimeout(() => void run(), 400);
});
for (const [name, label] of VIEWS) byId('view-kind').append(el('button', { type: 'button', 'data-view': name, 'aria-pressed': 'false', onclick: () => ((view = name), showViews()) }, label));
byId('copy').append(copyButton('Copy', () => translation.text()));
byId('run').addEventListener('click', () => void run());
onTheme(showViews);
void showTargets().then(() => {
  use(example);
  return look();
}).then(() => run());
