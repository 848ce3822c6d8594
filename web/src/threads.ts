/* The workers of the module with shared memory. They are made when a wasm device is opened, and sleep while there is nothing to do; a worker that
 * cannot be made, or that may not compile kernels there, is one thread fewer and no error. docs/web-module.md says what a worker does. */
import { cores, nodeThreads } from './node.js';

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

/** Whether memory may be shared with workers: in Node it may, and a browser allows it to pages that are cross-origin isolated. */
export function mayShareMemory(): boolean {
  const isolated = globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === 'function' && typeof Worker === 'function';
  return isolated || nodeThreads() !== undefined;
}

/** A worker, a browser's or Node's, as far as it is used here. */
interface Helper {
  postMessage(data: WorkerStart | WorkerRun): void;
  terminate(): unknown;
}

const NAME = 'quern';

/* Calls back with what the worker says of itself, or false where it fails. */
function browserWorker(ready: (is: boolean) => void): Helper {
  const made = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: NAME });
  made.onmessage = ({ data }: MessageEvent<boolean>) => ready(data);
  made.onerror = (event) => {
    event.preventDefault();
    ready(false);
  };
  return made;
}

function nodeWorker(threads: NonNullable<ReturnType<typeof nodeThreads>>, ready: (is: boolean) => void): Helper {
  const made = new threads.Worker(new URL('./worker.js', import.meta.url), { name: NAME });
  made.on('message', (data) => {
    made.unref(); // a process that has nothing else to do ends
    ready(data);
  });
  made.on('error', () => ready(false));
  return made;
}

export class Threads {
  readonly memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES, shared: true });
  #all: Helper[] = [];
  #idle: Helper[] = [];
  #of = new Map<number, Helper>(); // a block stays with its worker
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

  async #one(): Promise<Helper | undefined> {
    let helper: Helper | undefined;
    try {
      const threads = nodeThreads();
      const ready = new Promise<boolean>((resolve) => (helper = threads ? nodeWorker(threads, resolve) : browserWorker(resolve)));
      helper!.postMessage({ module: this.module, memory: this.memory });
      if (await ready) return helper;
    } catch {
      /* a page whose policy allows no workers */
    }
    helper?.terminate();
    return undefined;
  }

  imports(): Record<string, (...args: number[]) => number> {
    return {
      threads: () => this.#all.length + 1,
      spawn: (block, stack, tls) => {
        const worker = this.#of.get(block!) ?? this.#idle.pop();
        if (!worker) return 0;
        this.#of.set(block!, worker);
        worker.postMessage({ block: block!, stack: stack!, tls: tls! });
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
