/* The page's side of a workbench (lab_worker.ts). */
import type { Diagnostic } from 'quern';
import type { Jobs, Opened } from './lab_worker';
import type { Kind } from './shell';

export class LabError extends Error {
  constructor(message: string, readonly code: string, readonly diagnostics: Diagnostic[]) {
    super(message);
  }
}

interface Waiting {
  resolve(result: never): void;
  reject(error: unknown): void;
  tell: ((progress: never) => void) | undefined;
}

type WithoutTell<A extends unknown[]> = A extends [...infer Rest, (progress: unknown) => void] ? Rest : A;

export class Lab {
  #worker: Worker | undefined;
  #waiting = new Map<number, Waiting>();
  #next = 0;

  #start(): Worker {
    const worker = new Worker(new URL('./lab_worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => {
      const w = this.#waiting.get(data.id);
      if (!w) return;
      if ('progress' in data) return w.tell?.(data.progress as never);
      this.#waiting.delete(data.id);
      if ('error' in data) w.reject(new LabError(data.error, data.code, data.diagnostics));
      else w.resolve(data.result as never);
    };
    worker.onerror = (event) => this.#fail(new LabError(event.message || 'the worker could not be started', 'bug', []));
    return worker;
  }

  #fail(error: unknown): void {
    for (const w of this.#waiting.values()) w.reject(error);
    this.#waiting.clear();
  }

  ask<J extends keyof Jobs>(job: J, args: WithoutTell<Parameters<Jobs[J]>>, tell?: (progress: never) => void): ReturnType<Jobs[J]> {
    this.#worker ??= this.#start();
    const id = ++this.#next;
    const done = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, tell }));
    this.#worker.postMessage({ id, job, args: args.length ? args : [undefined] });
    return done as ReturnType<Jobs[J]>;
  }

  /** Ends all that runs there, at once. */
  stop(why = 'stopped'): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#fail(new LabError(why, 'usage', []));
  }
}

/** One workbench for each kind of device, opened when first asked for. */
const benches = new Map<Kind, { lab: Lab; opened: Promise<Opened> }>();

export function bench(kind: Kind): { lab: Lab; opened: Promise<Opened> } {
  let b = benches.get(kind);
  if (!b) {
    const lab = new Lab();
    b = { lab, opened: lab.ask('open', [kind]) };
    b.opened.catch(() => undefined);
    benches.set(kind, b);
  }
  return b;
}

/** The next bench() opens the device anew. */
export function stopBench(kind: Kind, why: string): void {
  benches.get(kind)?.lab.stop(why);
  benches.delete(kind);
}
