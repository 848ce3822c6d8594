/* What Node has where a browser has something else. Nothing is imported, so that bundlers for pages see none of it. */

/** One of Node's own modules; elsewhere, and before Node 20.16, undefined. */
export function nodeModule<T>(name: string): T | undefined {
  return (globalThis as { process?: { getBuiltinModule?(name: string): T } }).process?.getBuiltinModule?.(`node:${name}`);
}

interface NodePort {
  on(event: 'message', heard: (data: never) => void): void;
  postMessage(data: unknown): void;
}

interface NodeWorker extends NodePort {
  on(event: 'message' | 'error', heard: (data: never) => void): void;
  unref(): void;
  terminate(): Promise<number>;
}

interface NodeThreads {
  Worker: new (file: URL, options: { name: string }) => NodeWorker;
  parentPort: NodePort | null;
}

/** Node's workers; undefined in a browser, and where workers are as there. */
export function nodeThreads(): NodeThreads | undefined {
  return typeof Worker === 'undefined' ? nodeModule<NodeThreads>('worker_threads') : undefined;
}

/** Of the processor, as far as Node or the browser tells. */
export function cores(): number {
  return nodeModule<{ availableParallelism(): number }>('os')?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}
