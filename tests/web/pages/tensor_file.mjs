/* Values from files, as the tests hold them: ONNX's TensorProto, SequenceProto, OptionalProto and MapProto (.pb) and NumPy's .npy; and whether two agree. As
 * the package has them: sequences are arrays, maps are Maps, an optional is what it holds or null. For pages and for Node. */

const TYPES = { 1: ['f32', Float32Array], 2: ['u8', Uint8Array], 3: ['i8', Int8Array], 4: ['u16', Uint16Array], 5: ['i16', Int16Array], 6: ['i32', Int32Array],
  7: ['i64', BigInt64Array], 9: ['bool', Uint8Array], 10: ['f16', Uint16Array], 11: ['f64', Float64Array], 12: ['u32', Uint32Array], 13: ['u64', BigUint64Array],
  8: ['string', Array], 14: ['c64', Float32Array], 15: ['c128', Float64Array], 16: ['bf16', Uint16Array], 17: ['f8e4m3fn', Uint8Array], 18: ['f8e4m3fnuz', Uint8Array], 19: ['f8e5m2', Uint8Array], 20: ['f8e5m2fnuz', Uint8Array],
  21: ['u4', Uint8Array, 4], 22: ['i4', Int8Array, 4], 23: ['f4e2m1', Uint8Array, 4], 24: ['f8e8m0', Uint8Array], 25: ['u2', Uint8Array, 2], 26: ['i2', Int8Array, 2] };

function varint(b, at) {
  let v = 0n, shift = 0n;
  for (;; shift += 7n) {
    const byte = b[at++];
    v |= BigInt(byte & 0x7f) << shift;
    if (byte < 128) return [BigInt.asIntN(64, v), at];
  }
}

function varints(b) {
  const all = [];
  for (let at = 0, v; at < b.length; all.push(v)) [v, at] = varint(b, at);
  return all;
}

/* field, wire type and value of each entry of a message: a bigint or bytes. */
function* entries(b) {
  for (let at = 0; at < b.length;) {
    let key, v;
    [key, at] = varint(b, at);
    const wire = Number(key & 7n), field = Number(key >> 3n);
    if (wire === 0) [v, at] = varint(b, at);
    else if (wire === 2) {
      [v, at] = varint(b, at);
      at += Number(v);
      v = b.subarray(at - Number(v), at);
    } else if (wire === 5 || wire === 1) at += (v = b.subarray(at, at + (wire === 5 ? 4 : 8))).length;
    else throw new Error(`protobuf: wire type ${wire}`);
    yield [field, wire, v];
  }
}

const bytesOf = (parts) => Uint8Array.from(parts.flatMap((p) => [...p]));
const FLOATS = 4, INTS = 5, TEXTS = 6, LONGS = 7, NAME = 8, RAW = 9, DOUBLES = 10, ULONGS = 11;

/* Elements of so many bits, packed from the low ones of each byte on. */
function unpacked(bytes, bits, Maker, count) {
  const signed = Maker === Int8Array, spare = 32 - bits;
  const code = (i) => (bytes[Math.floor((i * bits) / 8)] >> ((i * bits) % 8)) << spare;
  return Maker.from({ length: count }, (_, i) => (signed ? code(i) >> spare : code(i) >>> spare));
}

/** {name, dtype, dims, data: typed array (f16 and bf16 as bits) or texts: strings}; undefined for another type than these. */
export function readPb(b) {
  const dims = [], values = [], parts = [], texts = [];
  let type = 0, name = '', raw;
  for (const [field, wire, v] of entries(b)) {
    if (field === 1) dims.push(...(wire === 2 ? varints(v) : [v]).map(Number));
    else if (field === 2) type = Number(v);
    else if (field === NAME) name = new TextDecoder().decode(v);
    else if (field === TEXTS) texts.push(new TextDecoder().decode(v));
    else if (field === RAW) raw = Uint8Array.from(v);
    else if (field === FLOATS || field === DOUBLES) parts.push(v);
    else if (field === INTS || field === LONGS || field === ULONGS) values.push(...(wire === 2 ? varints(v) : [v]));
  }
  if (!TYPES[type]) return undefined;
  const [dtype, Maker, bits] = TYPES[type], count = dims.reduce((a, c) => a * c, 1);
  if (dtype === 'string') return texts.length === count ? { name, dtype, dims, texts } : undefined;
  if (bits) return { name, dtype, dims, data: unpacked(raw ?? Uint8Array.from(values, Number), bits, Maker, count) };
  const big = Maker === BigInt64Array || Maker === BigUint64Array;
  const data = raw || parts.length ? new Maker((raw ?? bytesOf(parts)).buffer) : Maker.from(values, big ? undefined : Number);
  return data.length === count * (dtype[0] === 'c' ? 2 : 1) ? { name, dtype, dims, data } : undefined;
}

/* Keys as bigints or texts, and values that are tensors of one element, in a sequence. */
function readMap(b) {
  const keys = [], values = [];
  for (const [field, wire, v] of entries(b)) {
    if (field === 3) keys.push(...(wire === 2 ? varints(v) : [v]));
    else if (field === 4) keys.push(new TextDecoder().decode(v));
    else if (field === 5) values.push(...readValue(v, { dtype: 'sequence', of: {} }));
  }
  return new Map(keys.map((k, i) => [k, (values[i].texts ?? values[i].data)[0]]));
}

/** What a .pb holds: a tensor, or what `info` declares. The element's message stands in the field of its kind. */
export function readValue(b, info) {
  if (info.dtype === 'map') return readMap(b);
  if (!info.of) return readPb(b);
  const kind = info.of.dtype, field = kind === 'optional' ? 7 : kind === 'map' ? 6 : kind === 'sequence' ? 5 : 3, items = [];
  for (const [at, wire, v] of entries(b)) if (wire === 2 && at === field) items.push(readValue(v, info.of));
  return info.dtype === 'sequence' ? items : (items[0] ?? null);
}

/** A value as a run of the package takes it, whose Tensor is handed in: pages and Node import it from elsewhere. */
export function given(value, Tensor) {
  if (value === null || value instanceof Map) return value;
  if (Array.isArray(value)) return value.map((v) => given(v, Tensor));
  return value.texts ? Tensor.ofTexts(value.texts, value.dims) : Tensor.from(value.data, value.dims, value.dtype);
}

const NPY = { f4: 1, u1: 2, i1: 3, u2: 4, i2: 5, i4: 6, i8: 7, b1: 9, f2: 10, f8: 11, u4: 12, u8: 13, c8: 14, c16: 15 };

/** The same from a .npy of version 1 in C order. */
export function readNpy(b) {
  const header = 10 + (b[8] | (b[9] << 8)), text = new TextDecoder().decode(b.slice(10, header));
  const kind = /'descr': '[<|]([a-z]\d+)'/.exec(text)?.[1], shape = /'shape': \(([^)]*)\)/.exec(text)?.[1];
  if (!TYPES[NPY[kind]] || shape === undefined || /'fortran_order': True/.test(text)) throw new Error(`a .npy of another kind: ${text}`);
  const [dtype, Maker] = TYPES[NPY[kind]];
  return { name: '', dtype, dims: shape.split(',').filter((d) => d.trim()).map(Number), data: new Maker(b.slice(header).buffer) };
}

/** The arrays of a .npz as NumPy's savez writes it, not compressed: { name: what readNpy gives }. */
export function readNpz(b) {
  const view = new DataView(b.buffer, b.byteOffset, b.length), arrays = {};
  let end = b.length - 22; // of the list of files, which stands last
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error('not a .npz');
  for (let at = view.getUint32(end + 16, true), left = view.getUint16(end + 10, true); left > 0; left--) {
    const method = view.getUint16(at + 10, true), bytes = view.getUint32(at + 24, true), [named, more, comment] = [28, 30, 32].map((o) => view.getUint16(at + o, true));
    if (method !== 0) throw new Error('a .npz that is compressed');
    const name = new TextDecoder().decode(b.subarray(at + 46, at + 46 + named)), local = view.getUint32(at + 42, true);
    const from = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    arrays[name.replace(/\.npy$/, '')] = readNpy(b.subarray(from, from + bytes));
    at += 46 + named + more + comment;
  }
  return arrays;
}

/* ---- numbers */

const word = new DataView(new ArrayBuffer(4));
function half(bits) {
  const e = (bits >> 10) & 31, m = bits & 1023, sign = bits & 0x8000 ? -1 : 1;
  return sign * (e === 31 ? (m ? NaN : Infinity) : e ? 2 ** (e - 25) * (1024 + m) : 2 ** -24 * m);
}
function brain(bits) {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** Element i as a number. The package gives f16 as a Float16Array where there is one. */
export function numberAt(t, i) {
  if (t.data instanceof Uint16Array && t.dtype === 'f16') return half(t.data[i]);
  if (t.dtype === 'bf16') return brain(t.data[i]);
  return Number(t.data[i]);
}

const TOLERANCES = { f32: [1e-3, 1e-5], f64: [1e-3, 1e-5], f16: [1 / 512, 1e-5], bf16: [1 / 64, 1e-5], c64: [1e-3, 1e-5], c128: [1e-3, 1e-5] }; // as cli/compare.c

function sameFloat(got, want, [relative, absolute]) {
  if (Number.isNaN(want) || Number.isNaN(got)) return Number.isNaN(want) && Number.isNaN(got);
  if (!Number.isFinite(want) || !Number.isFinite(got)) return got === want;
  return Math.abs(got - want) <= absolute + relative * Math.abs(want);
}

/* Why two sequences do not agree: the first element that does not. */
function listsDiffer(got, want, shapeOnly, wider) {
  if (got.length !== want.length) return `${got.length} elements, not ${want.length}`;
  for (const [i, item] of want.entries()) {
    const why = differs(got[i], item, shapeOnly, wider);
    if (why) return `element ${i}: ${why}`;
  }
  return undefined;
}

function mapsDiffer(got, want) {
  if (got.size !== want.size) return `${got.size} entries, not ${want.size}`;
  for (const [key, value] of want) {
    const same = typeof value === 'number' ? sameFloat(got.get(key) ?? NaN, value, TOLERANCES.f32) : got.get(key) === value;
    if (!same) return `under ${key}: ${got.get(key)}, not ${value}`;
  }
  return undefined;
}

/** Why two values do not agree, or undefined: floats within their type's tolerance, all others exactly, types and shapes always. wider: [relative,
 * absolute] of a test whose answers are less sure. */
export function differs(got, want, shapeOnly = false, wider = undefined) {
  const kind = (v) => (v === null ? 'nothing' : Array.isArray(v) ? 'a sequence' : v instanceof Map ? 'a map' : 'a tensor');
  if (kind(got) !== kind(want)) return `${kind(got)}, not ${kind(want)}`;
  if (want === null) return undefined;
  if (Array.isArray(want)) return listsDiffer(got, want, shapeOnly, wider);
  if (want instanceof Map) return mapsDiffer(got, want);
  if (got.dtype !== want.dtype || String(got.dims) !== String(want.dims)) return `${got.dtype}[${got.dims}], not ${want.dtype}[${want.dims}]`;
  if (want.texts) return shapeOnly || JSON.stringify(got.texts) === JSON.stringify(want.texts) ? undefined : `${JSON.stringify(got.texts)}, not ${JSON.stringify(want.texts)}`;
  const own = TOLERANCES[want.dtype], tolerance = wider ? wider.map((v, k) => Math.max(v, own?.[k] ?? 0)) : own;
  for (let i = 0; !shapeOnly && i < want.data.length; i++) {
    const same = tolerance ? sameFloat(numberAt(got, i), numberAt(want, i), tolerance) : got.data[i] === want.data[i];
    if (!same) return `element ${i} is ${numberAt(got, i)}, not ${numberAt(want, i)}`;
  }
  return undefined;
}

/** Do a session's answers hang on the numbers that it drew? Not a Dropout's whose ratio, the second of the values fed, is 0. As cli/judge.c has it. */
export function hasDrawn(session, fed) {
  const { stats, ops } = session.report();
  const dropsNone = ops.length === 1 && ops[0].op === 'Dropout' && ops[0].count === 1 && fed.length > 1 && numberAt(fed[1], 0) === 0;
  return stats.random_launches > 0 && !dropsNone;
}

/** norm(got - want) / norm(want); Infinity where shapes differ or one is not finite. */
export function relativeError(got, want) {
  if (String(got.dims) !== String(want.dims)) return Infinity;
  let off = 0, norm = 0;
  for (let i = 0; i < want.data.length; i++) {
    const g = numberAt(got, i), w = numberAt(want, i);
    off += (g - w) ** 2;
    norm += w ** 2;
  }
  return Number.isFinite(off) ? Math.sqrt(off / (norm || 1)) : Infinity;
}
