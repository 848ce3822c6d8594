import { engineFor, type WasmSource } from './engine.js';
import { abortable } from './wait.js';

/** The version of the library in the module: "0.1.0". */
export async function version(options: { wasm?: WasmSource; signal?: AbortSignal } = {}): Promise<string> {
  const { wasm, signal } = options, engine = await abortable(engineFor({ wasm }), signal);
  return engine.heap.cText(engine.x.qw_version());
}
