/* Small ONNX files, written by hand: a protocol buffer is tags, lengths and bytes. Used in Node and, as text, in pages. */
export function onnxWriter() {
  const varint = (v) => {
    const bytes = [];
    for (; v >= 128; v = Math.floor(v / 128)) bytes.push((v % 128) | 128);
    return [...bytes, v];
  };
  const join = (parts) => {
    const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    parts.reduce((at, p) => (all.set(p, at), at + p.length), 0);
    return all;
  };
  const number = (field, v) => varint(field * 8).concat(varint(v));
  const head = (field, n) => varint(field * 8 + 2).concat(varint(n));
  const block = (field, body) => join([head(field, body.length), body]);
  const text = (field, s) => block(field, new TextEncoder().encode(s));
  const FLOAT = 1, UINT8 = 2, INT64 = 7, STRING = 8, BOOL = 9;
  /* TypeProtos */
  const tensorType = (dims, type = FLOAT) => block(1, join([number(1, type), block(2, join(dims.map((d) => block(1, typeof d === 'string' ? text(2, d) : join([number(1, d)])))))]));
  const unranked = (type = FLOAT) => block(1, join([number(1, type)]));
  const sequenceOf = (type) => block(4, block(1, type));
  const optionalOf = (type) => block(9, block(1, type));
  const mapOf = (key, type) => block(5, join([number(1, key), block(2, type)]));
  const typed = (field, name, type) => block(field, join([text(1, name), block(2, type)]));
  const value = (field, name, dims, type = FLOAT) => typed(field, name, tensorType(dims, type));
  /* attributes: what `body` gives. */
  const node = (op, ins, outs, attributes = []) => block(1, join([...ins.map((i) => text(1, i)), ...outs.map((o) => text(2, o)), text(4, op), ...attributes]));
  const int = (name, v) => block(5, join([text(1, name), number(3, v), number(20, 2)]));
  const body = (name, parts) => block(5, join([text(1, name), block(6, join(parts)), number(20, 5)]));
  /* Without its elements: what stands before raw_data of n bytes. */
  const tensorHead = (name, dims, n) => join([...dims.map((d) => number(1, d)), number(2, FLOAT), text(8, name), head(9, n)]);
  const external = (name, dims, file, offset, length) => {
    const entry = (k, v) => block(13, join([text(1, k), text(2, String(v))]));
    return block(5, join([...dims.map((d) => number(1, d)), number(2, FLOAT), text(8, name), entry('location', file), entry('offset', offset), entry('length', length), number(14, 1)]));
  };
  /* parts: pieces of the graph, bytes or { blob, bytes }. Gives what a Blob is made of. */
  const model = (parts, opset = 17) => {
    const size = parts.reduce((n, p) => n + (p.bytes ?? p.length), 0);
    return [join([number(1, 8), block(8, join([number(2, opset)])), head(7, size)]), ...parts.map((p) => p.blob ?? p)];
  };
  const weight = (name, dims, blob) => {
    const inner = tensorHead(name, dims, blob.size), outer = head(5, inner.length + blob.size);
    return [join([outer, inner]), { blob, bytes: blob.size }];
  };
  /* The same tensor in a Constant node. */
  const constant = (name, dims, blob) => {
    const around = (field, before, inner, after = []) => [join([before, head(field, inner[0].length + blob.size + inner[1].length), inner[0]]), join([inner[1], after])];
    const tensor = around(5, text(1, 'value'), [tensorHead('', dims, blob.size), []], number(20, 4));
    const [before, after] = around(1, [], around(5, join([text(2, name), text(4, 'Constant')]), tensor));
    return [before, { blob, bytes: blob.size }, after];
  };
  return { value, typed, tensorType, unranked, sequenceOf, optionalOf, mapOf, node, int, body, external, model, weight, constant, UINT8, INT64, STRING, BOOL };
}
