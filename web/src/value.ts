/* What goes into a model and comes out of it: tensors; sequences, as arrays of what they hold; optionals, as what they hold or null; maps. */
import { dtypeNames, dtypeNumbers, type DType } from './abi.js';
import type { Engine } from './engine.js';
import { QuernError, wants } from './error.js';
import { utf8 } from './heap.js';
import { arrayOf, bytesOf, elements, Tensor, type TypedArray } from './tensor.js';

/** A map: its keys are bigints (i64) or strings; its values what an array of their type holds. */
export type MapValue = ReadonlyMap<bigint | string, number | bigint | string>;
/** An output: a tensor, an array for a sequence, null for an optional that is empty, a Map for a map. */
export type Value = Tensor | null | MapValue | readonly Value[];
/** An input: the same, and a bare array for a tensor whose shape the model says. Keys of a map may be numbers, too. */
export type Given = Tensor | TypedArray | null | ReadonlyMap<number | bigint | string, number | bigint | string> | readonly Given[];

/** An input or output as the model declares it. A dimension is a size, the name of a dynamic one, or null. */
export interface ValueInfo {
  name: string;
  dtype: DType;
  /** null: not even the rank is known */
  dims: (number | string | null)[] | null;
  /** What a sequence or optional holds, or the values of a map are. */
  of?: ValueInfo;
  /** What the keys of a map are. */
  key?: 'i64' | 'string';
}

/* ---- in */

/** A bare array takes the model's own shape. @internal */
export function tensorOf(info: ValueInfo, value: Given): Tensor {
  if (value instanceof Tensor) return value;
  wants(ArrayBuffer.isView(value) || Array.isArray(value), `input '${info.name}' is no tensor; give a Tensor or a typed array`);
  const array = value as TypedArray, dims = info.dims?.map((d) => (typeof d === 'number' ? d : 1));
  const known = dims && info.dims?.every((d) => typeof d === 'number');
  if (!dims) throw new QuernError('shape', `input '${info.name}' has no declared shape; give a Tensor`);
  if (!known && elements(dims) !== array.length) {
    throw new QuernError('shape', `input '${info.name}' is ${info.dtype}[${info.dims!.map((d) => d ?? '?').join(', ')}]; give a Tensor, which says its shape`);
  }
  return Tensor.from(array, dims, info.dtype === 'bool' || info.dtype === 'f16' || info.dtype === 'bf16' ? info.dtype : undefined);
}

/* What an optional or a sequence holds, as an array. */
function itemsOf({ name, dtype }: ValueInfo, value: Given): readonly Given[] {
  if (dtype === 'optional') return value === null ? [] : [value];
  wants(Array.isArray(value), `input '${name}' is a sequence; give an array of tensors`);
  return value as readonly Given[];
}

/* Keys or values of a map as a tensor. */
function listOf({ name }: ValueInfo, dtype: DType, list: readonly unknown[]): Tensor {
  if (dtype === 'string') return Tensor.ofTexts(list as string[]);
  const array = arrayOf(dtype, new ArrayBuffer(list.length * bytesOf(dtype))), big = dtype === 'i64' || dtype === 'u64';
  list.forEach((v, i) => {
    wants(typeof v === 'bigint' || (typeof v === 'number' && (!big || Number.isSafeInteger(v))), `input '${name}' is a map to or from ${dtype}, which '${String(v)}' is not`);
    (array as { [i: number]: number | bigint })[i] = big ? BigInt(v as bigint) : Number(v);
  });
  return Tensor.from(array, [list.length], dtype);
}

function partsOf(info: ValueInfo, value: Given): Given[] {
  wants(value instanceof Map, `input '${info.name}' is a map; give a Map`);
  const map = value as ReadonlyMap<unknown, unknown>;
  return [listOf(info, info.key!, [...map.keys()]), listOf(info, info.of!.dtype, [...map.values()])];
}

const MOST_NESTING = 16;

/** The same with all its elements on the page, so that it can be fed without waiting. @internal */
export async function onPage(value: Given, signal: AbortSignal | undefined, depth = 0): Promise<Given> {
  wants(depth <= MOST_NESTING, 'an array among the inputs holds itself, or lies too deep in others');
  if (value instanceof Tensor) return value.buffer ? Tensor.from(await value.read(signal ? { signal } : {}), value.dims, value.dtype) : value;
  return Array.isArray(value) ? Promise.all(value.map((item: Given) => onPage(item, signal, depth + 1))) : value;
}

/** Puts a value, which is on the page, into a place of the module's memory. @internal */
export function feed(engine: Engine, place: number, info: ValueInfo, value: Given): void {
  const { name, dtype, of } = info;
  if (!of) return feedTensor(engine, place, tensorOf(info, value));
  const items = dtype === 'map' ? partsOf(info, value) : itemsOf(info, value);
  if (!engine.x.qw_feed_list(place, dtypeNumbers[dtype], items.length)) throw engine.failure();
  items.forEach((item, i) => feed(engine, engine.need(engine.x.qw_item(place, i)), { ...of, name }, item)); // a map's are tensors
}

function feedTensor(engine: Engine, place: number, tensor: Tensor): void {
  if (tensor.texts) return feedTexts(engine, place, tensor);
  const data = tensor.data!;
  if (data.byteLength !== tensor.bytes) {
    throw new QuernError('shape', `a tensor's array has ${data.byteLength} bytes now, and had ${tensor.bytes}: was it transferred?`);
  }
  const to = withWords(engine, tensor.dims, (dims) => engine.need(engine.x.qw_feed(place, dtypeNumbers[tensor.dtype], tensor.dims.length, dims)));
  engine.heap.u8.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to);
}

function feedTexts(engine: Engine, place: number, { texts, dims }: Tensor): void {
  const coded = texts!.map(utf8), all = new Uint8Array(coded.reduce((n, t) => n + t.length, 0));
  coded.reduce((at, text) => (all.set(text, at), at + text.length), 0);
  const at = engine.put(all);
  try {
    const fed = withWords(engine, dims, (sizes) => withWords(engine, coded.map((t) => t.length), (lengths) => engine.x.qw_feed_texts(place, dims.length, sizes, lengths, at)));
    if (!fed) throw engine.failure();
  } finally {
    if (!engine.broken) engine.x.qw_free(at);
  }
}

/** Calls with u32 numbers in memory, which are freed after. @internal */
export function withWords<T>(engine: Engine, numbers: readonly number[], call: (at: number) => T): T {
  const at = engine.put(new Uint8Array(Uint32Array.from(numbers).buffer));
  try {
    return call(at);
  } finally {
    if (!engine.broken) engine.x.qw_free(at);
  }
}

/* ---- out */

/** What the library says of a tensor that it lends. @internal */
export function typeAt({ x }: Engine, at: number): { dtype: DType; dims: number[]; bytes: number } {
  const dtype = dtypeNames[x.qw_tensor_dtype(at)];
  if (!dtype) throw new QuernError('bug', 'an output is of an unknown type');
  return { dtype, dims: Array.from({ length: x.qw_tensor_rank(at) }, (_, axis) => x.qw_tensor_dim(at, axis)), bytes: x.qw_tensor_bytes(at) };
}

/** A copy of what the library lends. @internal */
export function valueAt(engine: Engine, at: number): Value {
  const { x, heap } = engine, { dtype, dims, bytes } = typeAt(engine, at);
  if (dtype === 'sequence' || dtype === 'optional' || dtype === 'map') {
    const items = Array.from({ length: dims[0]! }, (_, i) => valueAt(engine, x.qw_tensor_item(at, i)));
    if (dtype === 'map') {
      const [keys, values] = items.map((t) => (t as Tensor).texts ?? (t as Tensor).data!);
      return new Map(Array.from(keys as ArrayLike<bigint | string>, (k, i) => [k, values![i]!]));
    }
    return dtype === 'sequence' ? items : (items[0] ?? null);
  }
  if (dtype === 'string') return Tensor.ofTexts(Array.from({ length: elements(dims) }, (_, i) => heap.text(x.qw_tensor_text(at, i), x.qw_tensor_text_bytes(at, i))), dims);
  const from = x.qw_tensor_data(at);
  return Tensor.from(arrayOf(dtype, heap.u8.slice(from, from + bytes).buffer as ArrayBuffer), dims, dtype);
}
