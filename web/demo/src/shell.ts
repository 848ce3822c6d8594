/* The frame of every page: the bar, the footer, the theme, the service worker; and the few helpers that pages build their parts with. */
import './style.css';

type Child = Node | string | number | null | undefined | false;
type Props = Record<string, unknown>;

/** el('button', { class: 'btn', onclick: f, 'aria-label': 'x' }, 'text') */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: (Child | Child[])[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value as EventListener);
    else if (name in made && !name.includes('-') && !['list', 'form'].includes(name)) (made as unknown as Props)[name] = value;
    else made.setAttribute(name === 'class' ? 'class' : name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) made.append(child as Node | string);
  return made;
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

export const KIND_NAMES = { webgpu: 'WebGPU', webgl: 'WebGL 2', wasm: 'Wasm' } as const;
export type Kind = keyof typeof KIND_NAMES;
export const KINDS: Kind[] = ['webgpu', 'webgl', 'wasm'];

const STONE = '<svg viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="5" stroke-linecap="round" aria-hidden="true">'
  + '<circle cx="32" cy="32" r="28"/><circle cx="32" cy="32" r="6"/>'
  + '<path d="M32 16l-5-10.500M45.9 24l6.6-9.600M45.9 40l11.6-1.100M32 48l5 10.500M18.1 40l-6.6 9.600M18.1 24l-11.6 1.1"/></svg>';

const PAGES = [['index.html', 'Home'], ['classify.html', 'Classify'], ['kernels.html', 'Kernels'], ['benchmark.html', 'Benchmark'], ['devices.html', 'Devices']] as const;

/* ---- theme: the system's until somebody chooses */

const THEMES = ['system', 'light', 'dark'] as const;
const icon = (inside: string): string => `<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" aria-hidden="true">${inside}</svg>`;
const THEME_ICONS = {
  system: icon('<circle cx="10" cy="10" r="6.5"/><path d="M10 3.500a6.5 6.5 0 0 1 0 13z" fill="currentColor"/>'),
  light: icon('<circle cx="10" cy="10" r="3.6"/><path d="M10 1.800v1.700M10 16.500v1.700M1.8 10h1.700M16.5 10h1.700M4.2 4.200l1.2 1.200M14.6 14.600l1.2 1.200M15.8 4.200l-1.2 1.200M5.4 14.600l-1.2 1.2"/>'),
  dark: icon('<path d="M16.5 11.800A7 7 0 0 1 8.2 3.500a7 7 0 1 0 8.3 8.300z"/>'),
};

function theme(): (typeof THEMES)[number] {
  const kept = localStorage.getItem('theme');
  return THEMES.find((t) => t === kept) ?? 'system';
}

function applyTheme(): void {
  const t = theme();
  if (t === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = t;
}

function themeButton(): HTMLButtonElement {
  const button = el('button', { class: 'btn quiet theme', type: 'button' });
  const show = (): void => {
    button.innerHTML = THEME_ICONS[theme()];
    button.setAttribute('aria-label', `Theme: ${theme()}. Change`);
    button.title = `Theme: ${theme()}`;
  };
  button.addEventListener('click', () => {
    localStorage.setItem('theme', THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]!);
    applyTheme();
    show();
    dispatchEvent(new Event('themechange'));
  });
  show();
  return button;
}

/** Calls when the colours change. */
export function onTheme(call: () => void): void {
  addEventListener('themechange', call);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', call);
}

/** A colour of the stylesheet, as the theme has it now. */
export function colour(name: string): string {
  const probe = el('span', { style: `color: var(--${name})` });
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function frame(): void {
  const here = location.pathname.split('/').pop() || 'index.html';
  const brand = el('a', { class: 'brand', href: './index.html' });
  brand.innerHTML = `${STONE}<span>Quern</span>`;
  const nav = el('nav', { class: 'nav', 'aria-label': 'Pages' },
    PAGES.map(([href, name]) => el('a', { href: `./${href}`, 'aria-current': href === here ? 'page' : undefined }, name)));
  document.body.prepend(
    el('a', { class: 'skip', href: '#main' }, 'Skip to content'),
    el('header', { class: 'top' }, el('div', { class: 'top-in' }, brand, nav, themeButton())));
  document.body.append(el('footer', { class: 'foot' }, el('div', { class: 'foot-in' },
    el('span', {}, 'Everything here runs in this browser. No picture, model or kernel leaves it.'),
    el('span', {}, 'MIT licence'))));
  nav.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
}

export function milliseconds(ms: number): string {
  if (!Number.isFinite(ms)) return '-';
  if (ms >= 10000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 100 ? `${ms.toFixed(0)} ms` : ms >= 1 ? `${ms.toFixed(1)} ms` : `${(ms * 1000).toFixed(0)} µs`;
}

export function bytesText(n: number): string {
  if (n >= 2 ** 30) return `${(n / 2 ** 30).toFixed(1).replace(/\.0$/, '')} GiB`;
  if (n >= 2 ** 20) return `${(n / 2 ** 20).toFixed(1).replace(/\.0$/, '')} MiB`;
  return n >= 1024 ? `${(n / 1024).toFixed(1).replace(/\.0$/, '')} KiB` : `${n} B`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A button that copies text and says so. */
export function copyButton(label: string, text: () => string): HTMLButtonElement {
  const button = el('button', { class: 'btn', type: 'button' }, label);
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(text()).then(() => (button.textContent = 'Copied'), () => (button.textContent = 'The browser did not allow it'));
    setTimeout(() => (button.textContent = label), 1600);
  });
  return button;
}

export function saveText(name: string, text: string, type = 'application/json'): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

applyTheme();
frame();
if ('serviceWorker' in navigator && import.meta.env.PROD) void navigator.serviceWorker.register('./sw.js');
