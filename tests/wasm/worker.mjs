// A thread of the module: waits for {block, stack, tls} and runs it.
import { parentPort, workerData } from "node:worker_threads";
import { compiler, imports } from "./module.mjs";

const { module, memory } = workerData;
const absent = Object.fromEntries(WebAssembly.Module.imports(module).map((i) => [i.name, i.name === "now" ? () => performance.now() : () => 0]));
let x;
x = new WebAssembly.Instance(module, imports(memory, { ...absent, ...compiler(() => x, memory) })).exports;
parentPort.on("message", ({ block, stack, tls }) => {
  x.__stack_pointer.value = stack;
  x.__wasm_init_tls(tls);
  x.qw_thread_run(block);
  x.qw_thread_end(block);
});
parentPort.postMessage("ready");
