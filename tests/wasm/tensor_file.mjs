// ONNX's TensorProto, as much of it as the test data of small networks need.
import fs from "node:fs";

const types = { 1: ["f32", Float32Array], 2: ["u8", Uint8Array], 3: ["i8", Int8Array], 5: ["i16", Int16Array], 4: ["u16", Uint16Array],
                6: ["i32", Int32Array], 7: ["i64", BigInt64Array], 9: ["bool", Uint8Array], 10: ["f16", Uint16Array], 11: ["f64", Float64Array],
                12: ["u32", Uint32Array], 13: ["u64", BigUint64Array], 16: ["bf16", Uint16Array] };

function varint(b, at) {
  let v = 0n, shift = 0n;
  for (;; shift += 7n) {
    const byte = b[at++];
    v |= BigInt(byte & 0x7f) << shift;
    if (byte < 128) return [BigInt.asIntN(64, v), at];
  }
}

// {name, dtype, dims, data: typed array}; undefined where the data are not raw bytes of a type above.
export function readTensor(path) {
  const b = fs.readFileSync(path);
  const dims = [];
  let type = 0n, name = "", raw;
  for (let at = 0; at < b.length;) {
    let key, n;
    [key, at] = varint(b, at);
    const field = Number(key >> 3n), wire = Number(key & 7n);
    if (wire === 0) {
      [n, at] = varint(b, at);
      if (field === 1) dims.push(Number(n));
      if (field === 2) type = n;
    } else if (wire === 2) {
      [n, at] = varint(b, at);
      const end = at + Number(n), part = b.subarray(at, end);
      if (field === 1) for (let k = 0; k < part.length;) { let d; [d, k] = varint(part, k); dims.push(Number(d)); }
      if (field === 8) name = part.toString();
      if (field === 9) raw = Uint8Array.from(part);
      at = end;
    } else return undefined;
  }
  const known = types[Number(type)];
  const count = dims.reduce((a, c) => a * c, 1);
  if (!known || (!raw && count)) return undefined;
  return { name, dtype: known[0], dims, data: new known[1]((raw ?? new Uint8Array()).buffer) };
}
