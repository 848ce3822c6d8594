import { bench, Lab, stopBench } from './lab';
import type { Auto, Opened, SelfTest, Tried } from './lab_worker';
import { byId, bytesText, copyButton, el, KINDS, KIND_NAMES, message, milliseconds, type Kind } from './shell';

const CAP_NAMES: Record<string, string> = {
  memory_bytes: 'memory', max_buffer_bytes: 'largest buffer', max_buffers: 'buffers in one launch', max_group: 'items in a group', group_memory_bytes: 'group memory',
  best_group: 'group that suits it', width: 'lanes of f32w', subgroup: 'items in step', workers: 'groups at once', f16: 'f16 arithmetic', f64: 'f64', i64: 'i64 in kernels',
  i8_buffers: 'byte buffers', atomics: 'atomics', dot4: '8-bit dot product', max_turns: 'turns of a loop', mma: 'matrix units', host_memory: 'shares memory with the page',
};

function capText(name: string, value: number | boolean): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (name.endsWith('_bytes')) return value ? bytesText(value) : 'not told';
  if (name === 'max_turns' && !value) return 'no limit';
  return value ? value.toLocaleString('en') : 'none';
}

/* What a kind lacks, and what that means. */
function missing(caps: Record<string, number | boolean>): string[] {
  const lacks: [boolean, string][] = [
    [!caps['max_group'], 'No groups (compute shaders): every operator runs through its MAP kernels, which need none.'],
    [!caps['f16'], 'No f16 arithmetic: f16 models compute in f32 here; their weights stay f16.'],
    [!caps['i64'], 'No 64-bit integers in kernels: nodes with i64 data run on the host, or in 32 bits where that is exact.'],
    [!caps['atomics'], 'No atomics: kernels of your own that use them are refused by name.'],
    [!caps['f64'], 'No f64 arithmetic: nodes that compute in f64 run on the host.'],
  ];
  return lacks.filter(([lacking]) => lacking).map(([, text]) => text);
}

/* What opening models has found out about the library's own kernels. */
function triedText({ tried }: Tried): string {
  const found = [[tried.right, 'right'], [tried.unjudged, 'not judged'], [tried.wrong, 'wrong'], [tried.refused, 'not compiled']].filter(([n]) => n);
  return found.length ? `${found.map(([n, what]) => `${n} ${what}`).join(', ')}.` : 'None: nothing compiles kernels between the library and this device.';
}

const facts = (rows: [string, string][]): HTMLElement => el('dl', { class: 'facts' }, rows.map(([k, v]) => el('div', {}, el('dt', {}, k), el('dd', {}, v))));
const everything: Record<string, unknown> = {};

function show(card: HTMLElement, kind: Kind, opened: Opened, tests: HTMLElement): void {
  const lacks = missing(opened.caps);
  const limits = Object.entries(opened.limits).sort(([a], [b]) => a.localeCompare(b));
  card.replaceChildren(
    el('div', { class: 'report-head' }, el('h2', {}, el('span', { class: 'dot' }), KIND_NAMES[kind]), el('span', {}, opened.name),
      el('span', { class: 'soft small' }, `${opened.driver}; opened in ${milliseconds(opened.openMs)}`)),
    facts(Object.entries(opened.caps).map(([k, v]) => [CAP_NAMES[k] ?? k, capText(k, v)])),
    el('div', { class: 'stack' }, el('h3', {}, 'Self-test'), tests));
  if (lacks.length) card.append(el('div', { class: 'stack' }, el('h3', {}, 'Missing, and what that means'), el('ul', { class: 'small', style: 'margin:0;padding-left:1.2rem' }, lacks.map((t) => el('li', {}, t)))));
  if (limits.length) {
    card.append(el('details', {}, el('summary', {}, `All ${limits.length} WebGPU limits, ${opened.features.length} features`),
      facts(limits.map(([k, v]) => [k, v.toLocaleString('en')])), el('p', { class: 'small soft', style: 'margin-top:0.8rem' }, opened.features.join(', '))));
  }
}

async function report(kind: Kind): Promise<void> {
  const card = el('section', { class: 'card report', 'data-kind': kind, 'aria-label': KIND_NAMES[kind] },
    el('div', { class: 'row' }, el('span', { class: 'spin' }), `${KIND_NAMES[kind]}: opening`));
  byId('reports').append(card);
  const { lab, opened } = bench(kind);
  try {
    const device = await opened;
    const list = el('ul', { class: 'tests' });
    show(card, kind, device, list);
    const line = (t: SelfTest): void => {
      const left = t.detail.startsWith('left out');
      list.append(el('li', {}, el('span', { class: `tag ${!t.passed ? 'bad' : left ? '' : 'good'}` }, !t.passed ? 'failed' : left ? 'left out' : 'passed'),
        el('span', {}, t.name, el('span', { class: 'soft small' }, t.detail.replace(/^left out: /, '')))));
    };
    const tests = await lab.ask('selfTest', [undefined], line as never);
    const tried = await lab.ask('tried', []);
    card.append(el('div', { class: 'stack' }, el('h3', {}, 'Kernels tried out'), el('p', { class: 'small' }, triedText(tried)),
      el('ul', { class: 'small', style: 'margin:0;padding-left:1.2rem' }, tried.notes.map((n) => el('li', {}, n)))));
    everything[kind] = { ...device, selfTest: tests, kernels: tried };
  } catch (error) {
    card.replaceChildren(el('div', { class: 'report-head' }, el('h2', {}, el('span', { class: 'dot' }), KIND_NAMES[kind]), el('span', { class: 'tag bad' }, 'absent')), el('p', {}, message(error)));
    everything[kind] = { absent: message(error) };
  }
  document.documentElement.dataset['reported'] = String(Object.keys(everything).length);
}

/* After the reports, so that nothing else keeps the devices busy; they are given back first. */
async function reportAuto(): Promise<void> {
  const at = byId('auto'), lab = new Lab();
  for (const kind of KINDS) stopBench(kind, 'the report is done');
  at.replaceChildren(el('p', { class: 'row' }, el('span', { class: 'spin' }), 'measuring each device, one after the other'));
  try {
    const auto = await lab.ask('auto', []);
    showAuto(at, auto);
    everything['auto'] = auto;
  } catch (error) {
    at.replaceChildren(el('p', {}, message(error)));
  }
  lab.stop();
  document.documentElement.dataset['auto'] = 'done';
}

function showAuto(at: HTMLElement, { kind, measured }: Auto): void {
  const longest = Math.max(...measured.map((m) => m.ms ?? 0));
  const inOrder = [...measured].sort((a, b) => (a.ms ?? Infinity) - (b.ms ?? Infinity));
  at.replaceChildren(...inOrder.map((m) => el('div', { class: `bar${m.kind === kind ? ' first' : ''}`, 'data-kind': m.kind },
    el('span', { class: 'name' }, `${KIND_NAMES[m.kind]} `, m.kind === kind && el('span', { class: 'tag good' }, 'taken'), el('span', { class: 'soft small' }, ` ${m.ms === undefined ? '' : (m.name ?? '')}`)),
    el('span', { class: 'value' }, m.ms === undefined ? 'no time' : milliseconds(m.ms)),
    m.ms === undefined ? el('p', { class: 'small soft why' }, m.why ?? 'it was not measured') : el('div', { class: 'track' }, el('div', { class: 'fill', style: `width:${Math.max((m.ms / longest) * 100, 1)}%` })))));
}

function pageFacts(): [string, string][] {
  const cores = navigator.hardwareConcurrency;
  return [
    ['Cross-origin isolated', crossOriginIsolated ? 'yes: Wasm may use several threads' : 'no: Wasm has one thread. The server would have to send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp. WebGPU and WebGL need neither.'],
    ['Processor threads', cores ? String(cores) : 'not told'],
    ['Secure context', isSecureContext ? 'yes' : 'no: WebGPU and the file cache need https or localhost'],
    ['Wasm SIMD', WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11])) ? 'yes' : 'no: the module needs it'],
    ['Browser', navigator.userAgent],
  ];
}

byId('page').append(...pageFacts().map(([k, v]) => el('tr', {}, el('th', {}, k), el('td', {}, v))));
byId('copy').append(copyButton('Copy as JSON', () => JSON.stringify({ page: Object.fromEntries(pageFacts()), devices: everything }, null, 2)));
void Promise.all(KINDS.map(report)).then(reportAuto);
