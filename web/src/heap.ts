/* The memory of the Wasm module, seen from TypeScript. A view is made anew whenever the memory has grown. */

export class Heap {
  #buffer: ArrayBufferLike | undefined;
  #u8!: Uint8Array;
  #view!: DataView;

  constructor(readonly memory: WebAssembly.Memory) {}

  #refresh(): void {
    const buffer = this.memory.buffer;
    if (buffer === this.#buffer && this.#u8.byteLength) return;
    this.#buffer = buffer;
    this.#u8 = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** All of it, as bytes. Valid until Wasm runs again. */
  get u8(): Uint8Array {
    this.#refresh();
    return this.#u8;
  }

  get view(): DataView {
    this.#refresh();
    return this.#view;
  }

  u32(at: number): number {
    return this.view.getUint32(at, true);
  }

  setU32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  bytes(at: number, n: number): Uint8Array {
    return this.u8.subarray(at, at + n);
  }

  /** A span of 32-bit words; `at` is a multiple of 4. */
  words(at: number, n: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, at, n);
  }

  text(at: number, n: number): string {
    return decoder.decode(this.u8.slice(at, at + n)); // a copy: a decoder takes no shared memory
  }

  /** A text that ends with a 0; address 0 is no text. */
  cText(at: number): string {
    if (!at) return '';
    return this.text(at, this.u8.indexOf(0, at) - at);
  }

  /** Writes at most room - 1 bytes and a 0; gives their number without the 0. */
  putText(text: string, at: number, room: number): number {
    if (!room) return 0;
    const bytes = encoder.encode(text).subarray(0, room - 1);
    this.u8.set(bytes, at);
    this.u8[at + bytes.length] = 0;
    return bytes.length;
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}
