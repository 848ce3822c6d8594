/* Kernels made at run time: the library writes a small module, the browser compiles it, and its function goes into the library's own table. */

/** What the module imports for it. `exports`: its own, as they are: a function of vectors cannot be called from JavaScript, only linked. */
export function codeImports(exports: () => WebAssembly.Exports): Record<string, (...args: number[]) => number> {
  const free: number[] = [];
  const table = () => exports()['__indirect_function_table'] as WebAssembly.Table;

  /** The place in the table; 0 where this page may not compile, as under a strict Content-Security-Policy. */
  function compile(at: number, n: number, slot: number): number {
    const x = exports(), memory = x['memory'] as WebAssembly.Memory;
    try {
      const module = new WebAssembly.Module(new Uint8Array(memory.buffer).slice(at >>> 0, (at >>> 0) + n));
      const made = new WebAssembly.Instance(module, {
        env: { memory, __stack_pointer: x['__stack_pointer']! },
        math: x as WebAssembly.ModuleImports,
      });
      const place = slot || (free.pop() ?? table().grow(1));
      if (place >= table().length) table().grow(place + 1 - table().length);
      table().set(place, made.exports['qk_run']);
      return place;
    } catch {
      return 0;
    }
  }

  function forget(slot: number): number {
    table().set(slot, null);
    free.push(slot);
    return 0;
  }
  return { compile: compile as (...args: number[]) => number, forget: forget as (...args: number[]) => number };
}
