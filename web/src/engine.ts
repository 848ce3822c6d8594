/* The Wasm modules, each loaded once for a page or worker and shared by the devices that are opened on it. */
import { statusNames, type Exports } from './abi.js';
import { codeImports } from './code.js';
import { Pictures } from './decode.js';
import { WebGLHost } from './device_webgl.js';
import { WebGPUHost } from './device_webgpu.js';
import { QuernError } from './error.js';
import { keep, kept } from './kept.js';
import { nodeModule } from './node.js';
import { Heap, utf8 } from './heap.js';
import { matches } from './patterns.js';
import { mayShareMemory, Threads } from './threads.js';

/** Where quern.wasm comes from. Default: beside this file. */
export type WasmSource = string | URL | WebAssembly.Module | ArrayBuffer | Uint8Array;

/** core: what nearly all models need (quern.wasm). full: every operator (quern-full.wasm). */
export type ModuleName = 'core' | 'full';

type Progress = (stage: string, part: number) => boolean;

export class Engine {
  readonly webgpu: WebGPUHost;
  readonly webgl: WebGLHost;
  /** Why the module cannot be used any more. */
  broken: unknown;
  /** Those of the session whose run this is. */
  #pictures = new Pictures();
  #openings = new Map<number, Progress>(); // sessions being opened, by tag
  #tag = 0;

  private constructor(readonly x: Exports, readonly heap: Heap, webgpu: WebGPUHost, webgl: WebGLHost, readonly threads: Threads | undefined) {
    this.webgpu = webgpu;
    this.webgl = webgl;
  }

  static async load(source: WasmSource): Promise<Engine> {
    const module = await compile(source);
    const threads = Threads.wants(module) ? new Threads(module) : undefined;
    let engine: Engine | undefined;
    let exports!: Exports;
    const memory = { get buffer() { return exports.memory.buffer; } } as WebAssembly.Memory;
    const heap = new Heap(memory);
    const webgpu = new WebGPUHost(heap), webgl = new WebGLHost(heap);
    const known: Record<string, unknown> = {
      now: () => performance.now(),
      progress: (tag: number, stage: number, part: number) => engine!.#progress(tag >>> 0, stage >>> 0, part),
      kept: (name: number, to: number, room: number) => {
        const bytes = kept(heap.cText(name >>> 0));
        if (bytes && bytes.length <= room >>> 0) heap.u8.set(bytes, to >>> 0);
        return bytes?.length ?? 0;
      },
      keep: (name: number, from: number, n: number) => keep(heap.cText(name >>> 0), heap.u8.slice(from >>> 0, (from >>> 0) + (n >>> 0)) as Uint8Array<ArrayBuffer>),
      matches: (pattern: number, n: number, text: number, m: number) => matches(heap.text(pattern >>> 0, n >>> 0), heap.u8.slice(text >>> 0, (text >>> 0) + (m >>> 0))),
      ...codeImports(() => exports as unknown as WebAssembly.Exports),
      ...webgpu.imports(),
      ...webgl.imports(),
      picture: (...[type, from, n, sizes, why, room]: number[]) => engine!.#pictures.picture(heap, type! >>> 0, from! >>> 0, n! >>> 0, sizes! >>> 0, why! >>> 0, room!),
      pixels: (from: number, to: number) => engine!.#pictures.pixels(heap, from >>> 0, to >>> 0),
      ...threads?.imports(),
    };
    const instance = await WebAssembly.instantiate(module, importsFor(module, known, threads?.memory));
    exports = { ...instance.exports, ...(threads && { memory: threads.memory }) } as unknown as Exports;
    exports._initialize?.();
    engine = new Engine(exports, heap, webgpu, webgl, threads);
    return Object.assign(engine, { x: engine.#guarded(exports) });
  }

  /* Every export, so that after a call what the page lent is as it was, and a trap is told once and for all. */
  #guarded(exports: Exports): Exports {
    const guarded: Record<string, unknown> = { memory: exports.memory };
    for (const [name, value] of Object.entries(exports)) {
      if (typeof value !== 'function') continue;
      const call = value as (...args: number[]) => number;
      guarded[name] = (...args: number[]): number => {
        if (this.broken) throw new QuernError('bug', 'the module stopped at an earlier fault; open the device again', { cause: this.broken });
        try {
          const result = call(...args);
          return typeof result === 'number' && Number.isInteger(result) && result < 0 ? result >>> 0 : result;
        } catch (error) {
          this.broken = error;
          this.threads?.stop();
          throw new QuernError('bug', `the module stopped: ${String(error)}; please report it`, { cause: error });
        } finally {
          this.webgl.settle();
        }
      };
    }
    return guarded as unknown as Exports;
  }

  #progress(tag: number, stage: number, part: number): number {
    const told = this.#openings.get(tag);
    return Number(told ? told(this.heap.cText(stage), part) : true);
  }

  /** Calls `told` for what is opened with this tag, until endProgress. */
  tellProgress(told: Progress): number {
    this.#openings.set(++this.#tag, told);
    return this.#tag;
  }

  endProgress(tag: number): void {
    this.#openings.delete(tag);
  }

  /** A call that runs a session, which asks these for what its model decodes. */
  decoding<T>(pictures: Pictures, call: () => T): T {
    const before = this.#pictures;
    this.#pictures = pictures;
    try {
      return call();
    } finally {
      this.#pictures = before;
    }
  }

  /** The last failure of the module, as an error. */
  failure(): QuernError {
    return new QuernError(statusNames[this.x.qw_status()] ?? 'bug', this.heap.cText(this.x.qw_error()));
  }

  /** The address if it is one. */
  need(address: number): number {
    if (!address) throw this.failure();
    return address;
  }

  /** What a describing call answered. */
  json<T>(at: number): T {
    return JSON.parse(this.heap.cText(this.need(at))) as T;
  }

  /** Calls with texts in memory, which are freed after. */
  withTexts<T>(texts: string[], call: (...at: number[]) => T): T {
    const places: number[] = [];
    try {
      for (const text of texts) places.push(this.put(utf8(`${text}\0`)));
      return call(...places);
    } finally {
      for (const at of places) this.x.qw_free(at);
    }
  }

  /** A copy of the bytes in the module's memory, to be freed by the caller. */
  put(bytes: Uint8Array): number {
    const at = this.need(this.x.qw_alloc(Math.max(bytes.byteLength, 1)));
    this.heap.u8.set(bytes, at);
    return at;
  }
}

/* An import of another system interface is one that the library never needs at run time: it answers "not supported". */
const ENOSYS = 52;

function importsFor(module: WebAssembly.Module, known: Record<string, unknown>, memory?: WebAssembly.Memory): WebAssembly.Imports {
  const imports: Record<string, Record<string, unknown>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const place = (imports[from] ??= {});
    if (from === 'quern' && known[name]) place[name] = known[name];
    else if (kind === 'memory') place[name] = memory;
    else if (kind === 'function' && from === 'wasi_snapshot_preview1') place[name] = name === 'proc_exit' ? stop : () => ENOSYS;
    else throw new QuernError('bug', `quern.wasm wants ${from}.${name}, which this version of the package does not have: use the .wasm of this version`);
  }
  return imports as WebAssembly.Imports;
}

function stop(code: number): never {
  throw new Error(`the module asked to exit with ${code}`);
}

function compile(source: WasmSource): Promise<WebAssembly.Module> {
  return compileFrom(source).catch((cause: unknown) => {
    throw cause instanceof QuernError || cause instanceof TypeError ? cause : new QuernError('format', `this is no Wasm module: ${String(cause)}`, { cause });
  });
}

async function compileFrom(source: WasmSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || source instanceof Uint8Array) return WebAssembly.compile(source as BufferSource);
  const url = new URL(source, globalThis.location?.href ?? import.meta.url);
  if (url.protocol === 'file:') return WebAssembly.compile(readFile(url));
  const response = await fetch(url, { credentials: 'same-origin' }).catch((cause: unknown) => {
    throw new QuernError('io', `${url.href}: the module cannot be fetched; pass { wasm: url } if it lies elsewhere`, { cause });
  });
  if (!response.ok) {
    throw new QuernError('io', `${url.href}: the server answered ${response.status} ${response.statusText}; pass { wasm: url } if the module lies elsewhere`);
  }
  if (response.headers.get('content-type')?.startsWith('application/wasm')) return WebAssembly.compileStreaming(response);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes[0] !== 0 || bytes[1] !== 0x61) throw new QuernError('io', `${url.href}: this is no Wasm module; pass { wasm: url } if it lies elsewhere`);
  return WebAssembly.compile(bytes);
}

interface NodeFs {
  readFileSync(url: URL): Uint8Array<ArrayBuffer>;
}

/** A file of this package: its address, or in Node, whose fetch knows no file: addresses, its bytes. @internal */
export function ownFile(url: URL): URL | Uint8Array {
  return url.protocol === 'file:' ? readFile(url) : url;
}

/* Node reads the file itself: its fetch knows no file: addresses. */
function readFile(url: URL): Uint8Array<ArrayBuffer> {
  const fs = nodeModule<NodeFs>('fs');
  if (!fs) throw new QuernError('io', `${url.href}: files can be read in Node 20.16 and newer only; pass { wasm: bytes }`);
  try {
    return fs.readFileSync(url);
  } catch (cause) {
    throw new QuernError('io', `${url.href}: ${String(cause)}`, { cause });
  }
}

/* The addresses stand here in full, for bundlers to see. */
const beside: Record<ModuleName, { plain: () => URL; threaded: () => URL }> = {
  core: { plain: () => new URL('quern.wasm', import.meta.url), threaded: () => new URL('quern-threads.wasm', import.meta.url) },
  full: { plain: () => new URL('quern-full.wasm', import.meta.url), threaded: () => new URL('quern-full-threads.wasm', import.meta.url) },
};
const defaults = new Map<ModuleName, WasmSource>();
const engines = new Map<WasmSource, Promise<Engine>>();

function placesOf(name: ModuleName): (typeof beside)[ModuleName] {
  if (!Object.hasOwn(beside, name)) throw new QuernError('usage', `no module is called '${String(name)}'; known are core, full`);
  return beside[name];
}

/** Sets where a module, by default quern.wasm, comes from for all that is opened after. */
export function setWasm(source: WasmSource, module: ModuleName = 'core'): void {
  placesOf(module);
  defaults.set(module, source);
}

export interface Wanted {
  /** The page's own file: `module` is of no matter then. */
  wasm?: WasmSource | undefined;
  module?: ModuleName | undefined;
  /** By default the module with threads, where the page may have it; a page from which that file was left out gets the other. */
  threaded?: boolean;
}

/** The engine of a source: loaded once, and again after a fault. */
export async function engineFor({ wasm, module = 'core', threaded = false }: Wanted = {}): Promise<Engine> {
  const places = placesOf(module), given = wasm ?? defaults.get(module);
  if (!given && threaded && mayShareMemory()) {
    const engine = await loaded(places.threaded()).catch(() => undefined);
    if (engine) return engine;
  }
  return loaded(given ?? places.plain());
}

async function loaded(from: WasmSource): Promise<Engine> {
  const key = from instanceof URL ? from.href : from;
  const had = engines.get(key);
  if (had) {
    const engine = await had.catch(() => undefined);
    if (engine && !engine.broken) return engine;
    if (engines.get(key) === had) engines.delete(key);
  }
  let made = engines.get(key);
  if (!made) engines.set(key, (made = Engine.load(from)));
  return made;
}
