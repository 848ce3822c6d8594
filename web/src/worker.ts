/* A thread of the module with shared memory: an instance of its own over the memory of all, which runs what it is sent. */
import { codeImports } from './code.js';
import { nodeThreads } from './node.js';
import type { WorkerRun, WorkerStart } from './threads.js';

interface ThreadExports {
  __stack_pointer: WebAssembly.Global;
  __wasm_init_tls(tls: number): void;
  qw_thread_run(block: number): void;
  qw_thread_end(block: number): void;
}

let x: ThreadExports & WebAssembly.Exports;

/* Throws where this worker may not compile: it could not run the kernels that the first thread made. */
function mayCompile(): void {
  new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
}

function start({ module, memory }: WorkerStart): void {
  mayCompile();
  const known: Record<string, unknown> = { now: () => performance.now(), ...codeImports(() => x) };
  const imports: Record<string, Record<string, unknown>> = { env: { memory } };
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind === 'function') (imports[from] ??= {})[name] = known[name] ?? (() => 0); // devices are the first thread's
  }
  const { exports } = new WebAssembly.Instance(module, imports as WebAssembly.Imports);
  x = { ...exports, memory } as unknown as typeof x;
}

function run({ block, stack, tls }: WorkerRun): void {
  x.__stack_pointer.value = stack;
  x.__wasm_init_tls(tls);
  x.qw_thread_run(block);
  x.qw_thread_end(block);
}

/* Whether the start worked is told; a run says nothing, those who wait look at the block. */
function heard(data: WorkerStart | WorkerRun, answer: (ready: boolean) => void): void {
  if ('block' in data) return run(data);
  let ready = true;
  try {
    start(data);
  } catch {
    ready = false;
  }
  answer(ready);
}

const port = nodeThreads()?.parentPort;
if (port) port.on('message', (data) => heard(data, (ready) => port.postMessage(ready)));
else globalThis.onmessage = ({ data }: MessageEvent<WorkerStart | WorkerRun>) => heard(data, (ready) => globalThis.postMessage(ready));
