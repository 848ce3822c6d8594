/* The parameters of a kernel, read from its source: enough to offer a control for each. kc itself checks everything. */

export interface Parameter {
  name: string;
  type: string;
  role: 'in' | 'out' | 'inout' | 'scalar';
}

export interface Signature {
  name: string;
  form: 'map' | 'kernel';
  /** of a MAP */
  result: string;
  parameters: Parameter[];
}

function parameter(text: string): Parameter | undefined {
  const buffer = /^(IN|OUT|INOUT)\s*\(\s*(\w+)\s*\)\s*(\w+)$/.exec(text);
  if (buffer) return { name: buffer[3]!, type: buffer[2]!, role: buffer[1]!.toLowerCase() as Parameter['role'] };
  const scalar = /^(?:CONST\s*\(\s*(\w+)\s*\)|(\w+))\s+(\w+)$/.exec(text);
  return scalar ? { name: scalar[3]!, type: (scalar[1] ?? scalar[2])!, role: 'scalar' } : undefined;
}

export function signatureOf(source: string): Signature | undefined {
  const plain = source.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/\/\/.*$/gm, ' ');
  const head = [...plain.matchAll(/\b(?:MAP\s*\(\s*(\w+)\s*\)|KERNEL)\s+(\w+)\s*\(((?:[^()]|\([^()]*\))*)\)/g)].at(-1);
  if (!head) return undefined;
  const parts = head[3]!.split(/,(?![^(]*\))/).map((p) => p.trim().replace(/\s+/g, ' '));
  const parameters = parts.slice(1).map(parameter).filter((p) => p !== undefined);
  return { name: head[2]!, form: head[1] ? 'map' : 'kernel', result: head[1] ?? '', parameters };
}
