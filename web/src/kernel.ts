/* The user's own kernels: plain C (docs/kernel-language.md), compiled for the device at run time. */
import { Buffer } from './buffer.js';
import type { Device } from './device.js';
import { engineFor, type WasmSource } from './engine.js';
import { QuernError } from './error.js';
import { abortable } from './wait.js';

export interface KernelOptions {
  /** The MAP or KERNEL to run; needed when the file has several. */
  entry?: string;
  defines?: Record<string, string | number>;
  /** The name in messages. Default "kernel.c". */
  file?: string;
  signal?: AbortSignal;
}

/** @internal */
export function definesText(defines: Record<string, string | number> | undefined): string {
  return Object.entries(defines ?? {}).map(([name, value]) => `${name}=${value}`).join(' ');
}

/** What kc can print: "c", "opencl", "wgsl", ... */
export async function targets(options: { wasm?: WasmSource; signal?: AbortSignal } = {}): Promise<string[]> {
  const engine = await abortable(engineFor(options.wasm), options.signal);
  return engine.json(engine.x.qw_kernel_targets());
}

/** A kernel as a target's source. No device is needed. */
export async function translate(source: string, target: string, options: KernelOptions & { wasm?: WasmSource } = {}): Promise<string> {
  const engine = await abortable(engineFor(options.wasm), options.signal);
  return engine.withTexts([source, options.file ?? 'kernel.c', options.entry ?? '', definesText(options.defines), target], (...t) => {
    const at = engine.need(engine.x.qw_kernel_translate(t[0]!, t[1]!, t[2]!, t[3]!, t[4]!));
    try {
      return engine.heap.cText(at);
    } finally {
      engine.x.qw_text_free(at);
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

  /** Queues a launch. count: elements of a MAP, groups of a KERNEL. args: in the order of the parameters, a MAP's output last. */
  launch(count: number, args: readonly (Buffer | number | boolean)[]): void {
    const { x, failure } = { x: this.device.engine.x, failure: () => this.device.engine.failure() };
    args.forEach((arg, i) => {
      const set = arg instanceof Buffer ? x.qw_kernel_arg_buffer(this.#at, i, arg.at) : x.qw_kernel_arg_number(this.#at, i, Number(arg));
      if (!set) throw failure();
    });
    if (!x.qw_kernel_launch(this.#at, count, args.length)) throw failure();
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
