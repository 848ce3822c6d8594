/* The user's own kernels: plain C (docs/kernel-language.md), compiled for the device at run time. */
import { Buffer } from './buffer.js';
import type { Device } from './device.js';
import { engineFor, type Wanted, type WasmSource } from './engine.js';
import { called, isSize, QuernError, wants } from './error.js';
import { abortable } from './wait.js';

export interface KernelOptions {
  /** The MAP or KERNEL to run; needed when the file has several. */
  entry?: string;
  defines?: Record<string, string | number>;
  /** The name in messages. Default "kernel.c". */
  file?: string;
  signal?: AbortSignal;
}

/** Source, file, entry and defines, as the library takes them. @internal */
export function kernelTexts(source: string, options: KernelOptions): string[] {
  wants(typeof source === 'string', 'a kernel is a text');
  const defines = Object.entries(options.defines ?? {}).map(([name, value]) => `${name}=${value}`).join(' ');
  return [source, options.file ?? 'kernel.c', options.entry ?? '', defines];
}

/** What kc can print: "c", "opencl", "wgsl", ... */
export function targets(options: { wasm?: WasmSource; signal?: AbortSignal } = {}): Promise<string[]> {
  return called('targets', options, async () => {
    const { wasm, signal } = options, engine = await abortable(engineFor({ wasm }), signal);
    return engine.json(engine.x.qw_kernel_targets());
  });
}

async function translated(texts: string[], wanted: Wanted, signal: AbortSignal | undefined): Promise<string> {
  const engine = await abortable(engineFor(wanted), signal);
  return engine.withTexts(texts, (...t) => {
    const at = engine.need(engine.x.qw_kernel_translate(t[0]!, t[1]!, t[2]!, t[3]!, t[4]!));
    try {
      return engine.heap.cText(at);
    } finally {
      engine.x.qw_text_free(at);
    }
  });
}

/** A kernel as a target's source. No device is needed. Targets that no browser's device takes ("c", "opencl", "ptx") are quern-full.wasm's, which is
 * fetched then. */
export function translate(source: string, target: string, options: KernelOptions & { wasm?: WasmSource } = {}): Promise<string> {
  return called('translate', options, async () => {
    const { wasm, signal } = options, texts = [...kernelTexts(source, options), target];
    try {
      return await translated(texts, { wasm }, signal);
    } catch (error) {
      if (wasm || !(error instanceof QuernError && error.module)) throw error;
      return translated(texts, { module: error.module }, signal);
    }
  });
}

export class Kernel {
  /** @internal */
  constructor(readonly device: Device, private handle: number) {
    device.own(this);
  }

  /** How it runs: "compiled in", "interpreter", "webgpu", ... */
  get how(): string {
    const { engine } = this.device;
    return engine.heap.cText(engine.x.qw_kernel_how(this.#at));
  }

  get #at(): number {
    if (!this.handle) throw new QuernError('usage', 'this kernel is closed');
    return this.handle;
  }

  /** Queues a launch; on a wasm device it runs inside this call, which returns when it is done. count: elements of a MAP, groups of a KERNEL. args: in the order of the parameters, a MAP's output last. */
  launch(count: number, args: readonly (Buffer | number | boolean)[]): void {
    const { x, failure } = { x: this.device.engine.x, failure: () => this.device.engine.failure() };
    wants(isSize(count) && Array.isArray(args), 'launch wants a count and a list of arguments');
    args.forEach((arg, i) => {
      wants(arg instanceof Buffer || typeof arg === 'number' || typeof arg === 'boolean', `argument ${i} is no Buffer, number or boolean`);
      const set = arg instanceof Buffer ? x.qw_kernel_arg_buffer(this.#at, i, arg.at) : x.qw_kernel_arg_number(this.#at, i, Number(arg));
      if (!set) throw failure();
    });
    if (!x.qw_kernel_launch(this.#at, count, args.length)) throw failure();
    for (const arg of args) if (arg instanceof Buffer) arg.queued = true;
  }

  close(): void {
    if (!this.handle) return;
    this.device.disown(this);
    if (!this.device.engine.broken) this.device.engine.x.qw_kernel_free(this.handle);
    this.handle = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
