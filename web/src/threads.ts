/* The workers of the module with shared memory. They are made when a wasm device is opened, and sleep while there is nothing to do; a worker that
 * cannot be made, or that may not compile kernels there, is one thread fewer and no error. docs/web-module.md says what a worker does. */

/** What a worker is told first. */
export interface WorkerStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
}

/** What it is told after: run the thread of this block, on this stack, with these thread-locals. */
export interface WorkerRun {
  block: number;
  stack: number;
  tls: number;
}

const MOST = 32, FIRST_PAGES = 256, MOST_PAGES = 65535;

/** Whether this page may share memory with workers, which a browser allows when it is cross-origin isolated. */
export function mayShareMemory(): boolean {
  return globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === 'function' && typeof Worker === 'function';
}

function cores(): number {
  return globalThis.navigator?.hardwareConcurrency || 1;
}

export class Threads {
  readonly memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES, shared: true });
  #all: Worker[] = [];
  #idle: Worker[] = [];
  #of = new Map<number, Worker>(); // a block stays with its worker
  #making: Promise<void> = Promise.resolve();

  constructor(readonly module: WebAssembly.Module) {}

  /** Whether a module is one that this is for. */
  static wants(module: WebAssembly.Module): boolean {
    return WebAssembly.Module.imports(module).some(({ kind }) => kind === 'memory');
  }

  /** Makes the workers of so many threads, this one among them; 0: one for each core. */
  prepare(threads: number): Promise<void> {
    const wanted = Math.min(threads || cores(), MOST) - 1;
    return (this.#making = this.#making.then(() => this.#make(wanted - this.#all.length)));
  }

  async #make(n: number): Promise<void> {
    const made = await Promise.all(Array.from({ length: Math.max(n, 0) }, () => this.#one()));
    for (const worker of made) {
      if (!worker) continue;
      this.#all.push(worker);
      this.#idle.push(worker);
    }
  }

  async #one(): Promise<Worker | undefined> {
    let worker: Worker | undefined;
    try {
      const made = (worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'quern' }));
      const ready = new Promise<boolean>((resolve) => {
        made.onmessage = ({ data }: MessageEvent<boolean>) => resolve(data);
        made.onerror = (event) => {
          event.preventDefault();
          resolve(false);
        };
      });
      made.postMessage({ module: this.module, memory: this.memory } satisfies WorkerStart);
      if (await ready) return made;
    } catch {
      /* a page whose policy allows no workers */
    }
    worker?.terminate();
    return undefined;
  }

  imports(): Record<string, (...args: number[]) => number> {
    return {
      threads: () => this.#all.length + 1,
      spawn: (block, stack, tls) => {
        const worker = this.#of.get(block!) ?? this.#idle.pop();
        if (!worker) return 0;
        this.#of.set(block!, worker);
        worker.postMessage({ block: block!, stack: stack!, tls: tls! } satisfies WorkerRun);
        return 1;
      },
    };
  }

  /** Ends the workers, after a fault of the module. */
  stop(): void {
    for (const worker of this.#all) worker.terminate();
    this.#all = [];
    this.#idle = [];
    this.#of.clear();
  }
}
