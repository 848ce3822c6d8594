import { engineFor, type WasmSource } from './engine.js';

/** The version of the library in the module: "0.1.0". */
export async function version(options: { wasm?: WasmSource } = {}): Promise<string> {
  const engine = await engineFor(options.wasm);
  return engine.heap.cText(engine.x.qw_version());
}
