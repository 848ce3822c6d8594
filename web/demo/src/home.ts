import { bench } from './lab';
import { byId, el, KINDS, KIND_NAMES, message, milliseconds, median, type Kind } from './shell';

const SOURCE = 'MAP(f32) saxpy(u32 i, IN(f32) x,\n               IN(f32) y, f32 a)\n{\n    return a * x[i] + y[i];\n}';
const ELEMS = 65536;

function coloured(text: string): string {
  return text.replace(/\b(MAP|IN|return)\b/g, '<span class="k">$1</span>').replace(/\b(f32|u32)\b/g, '<span class="t">$1</span>');
}

function row(kind: Kind): HTMLElement {
  return el('div', { class: 'found', 'data-kind': kind }, el('span', { class: 'dot' }),
    el('div', { class: 'what' }, el('b', {}, KIND_NAMES[kind]), el('span', {}, 'looking...')), el('div', { class: 'took soft' }, el('span', { class: 'spin' })));
}

async function fill(kind: Kind, at: HTMLElement): Promise<void> {
  const text = at.querySelector('.what span')!, took = at.querySelector('.took')!;
  const { lab, opened } = bench(kind);
  try {
    const device = await opened;
    text.textContent = device.name;
    at.title = `${device.name}\n${device.driver}`;
    const x = Float32Array.from({ length: ELEMS }, (_, i) => i % 100), y = Float32Array.from({ length: ELEMS }, (_, i) => i % 7);
    const { outputs, warmMs, firstMs } = await lab.ask('kernel', [{
      source: `#include "quern_kernel.h"\n${SOURCE}`, options: {}, count: ELEMS, runs: 5,
      args: [{ buffer: x }, { buffer: y }, { value: 2 }, { out: ELEMS * 4 }],
    }]);
    const got = new Float32Array(outputs[0]!);
    const right = got.every((v, i) => v === 2 * x[i]! + y[i]!);
    took.replaceChildren(el('b', {}, milliseconds(median(warmMs.length ? warmMs : [firstMs]))), ' ', el('span', { class: `tag ${right ? 'good' : 'bad'}` }, right ? 'exact' : 'wrong'));
  } catch (error) {
    at.classList.add('absent');
    text.textContent = message(error);
    took.textContent = 'absent';
  }
}

byId('source').innerHTML = coloured(SOURCE);
for (const kind of KINDS) {
  const at = row(kind);
  byId('devices').append(at);
  void fill(kind, at);
}
