/* Writes a small ONNX file: y = x w w w ..., with w[n][n] a constant. Protobuf by hand: a tag, a length, the bytes. */

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let v = value; ; v = Math.floor(v / 128)) {
    if (v < 128) return [...bytes, v];
    bytes.push((v % 128) | 128);
  }
}

type Part = Uint8Array | number[];

function join(parts: Part[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
}

const number = (field: number, value: number): Part => [...varint(field * 8), ...varint(value)];
const block = (field: number, body: Uint8Array): Part => join([[...varint(field * 8 + 2), ...varint(body.length)], body]);
const text = (field: number, value: string): Part => block(field, new TextEncoder().encode(value));

const FLOAT = 1;

function valueInfo(name: string, n: number): Uint8Array {
  const size = block(1, join([number(1, n)]));
  const shape = block(2, join([size, size]));
  return join([text(1, name), block(2, join([block(1, join([number(1, FLOAT), shape]))]))]);
}

export function chain(n: number, steps: number): Uint8Array {
  const w = new Float32Array(n * n);
  for (let i = 0; i < w.length; i++) w[i] = (((i * 7919) % 17) - 8) / (8 * n);
  const weight = join([number(1, n), number(1, n), number(2, FLOAT), text(8, 'w'), block(9, new Uint8Array(w.buffer))]);
  const nodes: Part[] = [];
  for (let i = 0; i < steps; i++) {
    const from = i ? `t${i}` : 'x', to = i + 1 < steps ? `t${i + 1}` : 'y';
    nodes.push(block(1, join([text(1, from), text(1, 'w'), text(2, to), text(4, 'MatMul')])));
  }
  const graph = join([...nodes, text(2, 'chain'), block(5, weight), block(11, valueInfo('x', n)), block(12, valueInfo('y', n))]);
  return join([number(1, 8), block(8, join([number(2, 17)])), block(7, graph)]);
}
