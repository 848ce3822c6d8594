/* Tensors of the page: dense and row-major, in an array of the page or in a buffer of the device. */
import type { DType } from './abi.js';
import { Buffer } from './buffer.js';
import { called, isSize, QuernError, wants } from './error.js';

export type TypedArray = Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array | Uint8Array | Uint8ClampedArray
  | Uint16Array | Uint32Array | BigUint64Array;
type ArrayMaker = new (buffer: ArrayBuffer) => TypedArray;

const HalfArray = (globalThis as { Float16Array?: ArrayMaker }).Float16Array ?? Uint16Array;

/** The array that holds elements of a type. bf16, and f16 where there is no Float16Array, come as their bits; a complex number is two of its elements. */
const arrays: Record<DType, [maker: ArrayMaker, bytes: number]> = {
  f32: [Float32Array, 4], f16: [HalfArray, 2], bf16: [Uint16Array, 2], f64: [Float64Array, 8],
  i8: [Int8Array, 1], i16: [Int16Array, 2], i32: [Int32Array, 4], i64: [BigInt64Array, 8],
  u8: [Uint8Array, 1], u16: [Uint16Array, 2], u32: [Uint32Array, 4], u64: [BigUint64Array, 8],
  bool: [Uint8Array, 1], string: [Uint8Array, 0], sequence: [Uint8Array, 0], optional: [Uint8Array, 0], map: [Uint8Array, 0], c64: [Float32Array, 8], c128: [Float64Array, 16],
  f8e4m3fn: [Uint8Array, 1], f8e4m3fnuz: [Uint8Array, 1], f8e5m2: [Uint8Array, 1], f8e5m2fnuz: [Uint8Array, 1], f8e8m0: [Uint8Array, 1],
  f4e2m1: [Uint8Array, 1], i4: [Int8Array, 1], u4: [Uint8Array, 1], i2: [Int8Array, 1], u2: [Uint8Array, 1],
};

export function bytesOf(dtype: DType): number {
  return arrays[dtype][1];
}

export function arrayOf(dtype: DType, bytes: ArrayBuffer): TypedArray {
  return new arrays[dtype][0](bytes);
}

/** The type that an array holds by itself. */
export function dtypeOf(array: ArrayBufferView): DType {
  switch (array.constructor.name) {
    case 'Float32Array': return 'f32';
    case 'Float16Array': return 'f16';
    case 'Float64Array': return 'f64';
    case 'Int8Array': return 'i8';
    case 'Int16Array': return 'i16';
    case 'Int32Array': return 'i32';
    case 'BigInt64Array': return 'i64';
    case 'Uint8Array': case 'Uint8ClampedArray': return 'u8';
    case 'Uint16Array': return 'u16';
    case 'Uint32Array': return 'u32';
    case 'BigUint64Array': return 'u64';
    default: throw new QuernError('dtype', `a ${array.constructor.name} is no tensor; give a typed array`);
  }
}

/* What a caller gave is what TypeScript would have it be. */
function checkShape(dims: readonly number[], dtype: DType): void {
  wants(Array.isArray(dims) && dims.every(isSize), `the dims ${JSON.stringify(dims)} are no list of sizes`);
  if (!Object.hasOwn(arrays, dtype)) throw new QuernError('dtype', `no type of elements is called '${String(dtype)}'`);
}

export function elements(dims: readonly number[]): number {
  return dims.reduce((n, d) => n * d, 1);
}

export class Tensor {
  private constructor(
    readonly dtype: DType,
    readonly dims: readonly number[],
    /** The elements; undefined while they are on the device only. */
    readonly data: TypedArray | undefined,
    /** The buffer on the device; undefined when they are on the page. */
    readonly buffer: Buffer | undefined,
    /** The elements of a tensor of texts, which has no data. */
    readonly texts?: readonly string[],
  ) {}

  /** A tensor of texts. dims: default one dimension. */
  static ofTexts(texts: readonly string[], dims: readonly number[] = [texts.length]): Tensor {
    wants(Array.isArray(texts) && texts.every((t) => typeof t === 'string'), 'Tensor.ofTexts wants a list of strings');
    checkShape(dims, 'string');
    if (elements(dims) !== texts.length) throw new QuernError('shape', `${texts.length} texts are no string[${dims.join(', ')}]`);
    return new Tensor('string', [...dims], undefined, undefined, [...texts]);
  }

  /** A tensor over an array, which is not copied. dims: default one dimension; dtype: default what the array holds. */
  static from(data: TypedArray | readonly number[], dims?: readonly number[], dtype?: DType): Tensor {
    if (dtype === 'string') throw new QuernError('dtype', 'numbers are no texts; use Tensor.ofTexts');
    wants(Array.isArray(data) || (ArrayBuffer.isView(data) && !(data instanceof DataView)), 'a tensor is made from a typed array, or from a list of numbers');
    const array = Array.isArray(data) ? Float32Array.from(data as number[]) : (data as TypedArray);
    const type = dtype ?? dtypeOf(array);
    const sizes = dims ?? [array.length];
    checkShape(sizes, type);
    const want = elements(sizes) * bytesOf(type);
    if (want !== array.byteLength) {
      throw new QuernError('shape', `${array.byteLength} bytes are no ${type}[${sizes.join(', ')}], which has ${want}`);
    }
    return new Tensor(type, [...sizes], array, undefined);
  }

  /** A tensor in a buffer of the device. The buffer stays the caller's. */
  static onDevice(buffer: Buffer, dtype: DType, dims: readonly number[]): Tensor {
    wants(buffer instanceof Buffer, 'Tensor.onDevice wants a Buffer');
    checkShape(dims, dtype);
    const want = elements(dims) * bytesOf(dtype);
    if (want > buffer.bytes) throw new QuernError('shape', `a buffer of ${buffer.bytes} bytes holds no ${dtype}[${dims.join(', ')}], which has ${want}`);
    return new Tensor(dtype, [...dims], undefined, buffer);
  }

  get elements(): number {
    return elements(this.dims);
  }

  get bytes(): number {
    return this.elements * bytesOf(this.dtype);
  }

  /** The elements on the page: at once, or read from the device. */
  read(options: { signal?: AbortSignal } = {}): Promise<TypedArray> {
    return called('read', options, async () => {
      if (this.data) return this.data;
      if (this.texts) throw new QuernError('dtype', 'a tensor of texts has no numbers; use its texts');
      return arrayOf(this.dtype, await this.buffer!.read(0, this.bytes, options));
    });
  }

  /** Frees the buffer of an output that was kept on the device. */
  close(): void {
    this.buffer?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
