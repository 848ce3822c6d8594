/* Writes src/abi.ts from the C sources, so that no list is kept twice: the exports of src/web/web.h, status codes and types of quern.h,
 * and the media types of src/media/image.c. */
import { readFileSync, writeFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const noComments = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '');

/** "WEB f64 qw_run(void *session);" -> "qw_run(session: number): number;" */
function exportLine([, result, name, parameters]) {
  const names = parameters === 'void' ? [] : parameters.split(',').map((p) => `${/(\w+)\s*$/.exec(p)[1]}: number`);
  return `  ${name}(${names.join(', ')}): ${result.trim() === 'void' ? 'void' : 'number'};`;
}

/** The numbers of an enum, in order: [["QN_OK", 0], ...] */
function enumOf(text, name) {
  const body = new RegExp(`enum ${name}\\s*\\{([^}]*)\\}`).exec(noComments(text))[1];
  let next = 0;
  return body.split(',').map((s) => s.trim()).filter(Boolean).map((entry) => {
    const [id, value] = entry.split('=').map((s) => s.trim());
    next = value === undefined ? next : Number(value);
    return [id, next++];
  });
}

const web = noComments(read('src/web/web.h'));
const quern = read('include/quern.h');
const exported = [...web.matchAll(/^WEB\s+([^(]+?)\b(qw_\w+)\(([^)]*)\);/gm)].map(exportLine);
const statuses = enumOf(quern, 'qn_status').map(([id, n]) => [id.replace(/^QN_(E_)?/, '').toLowerCase(), n]);
const dtypes = enumOf(quern, 'qn_dtype').map(([id, n]) => [id.replace(/^QN_/, '').toLowerCase(), n]).filter(([id]) => !/none|count/.test(id));
const pictures = [...new Set([...read('src/media/image.c').matchAll(/^ *\{ "[^"]+",\s*"(image\/[^"]+)"/gm)].map((m) => `'${m[1]}'`))];
const flags = [...web.matchAll(/\b(QW_\w+) = (\d+)/g)].map((m) => `export const ${m[1]} = ${m[2]};`);

writeFileSync(new URL('web/src/abi.ts', root), `/* Made by generate.mjs from src/web/web.h, include/quern.h and src/media/image.c. */

/** What the Wasm module exports. */
export interface Exports {
  memory: WebAssembly.Memory;
  _initialize?(): void;
${exported.join('\n')}
}

/** What went wrong, in a word: qn_status of the C library. */
export type ErrorCode = ${statuses.filter(([, n]) => n).map(([id]) => `'${id}'`).join(' | ')};
export const statusNames: Record<number, ErrorCode> = { ${statuses.filter(([, n]) => n).map(([id, n]) => `${n}: '${id}'`).join(', ')} };
export const statusNumbers: Record<ErrorCode, number> = { ${statuses.filter(([, n]) => n).map(([id, n]) => `${id}: ${n}`).join(', ')} };

export type DType = ${dtypes.map(([id]) => `'${id}'`).join(' | ')};
export const dtypeNumbers: Record<DType, number> = { ${dtypes.map(([id, n]) => `${id}: ${n}`).join(', ')} };
export const dtypeNames: Record<number, DType> = { ${dtypes.map(([id, n]) => `${n}: '${id}'`).join(', ')} };
${flags.join('\n')}

/** The pictures that the library knows by their bytes, whether or not it decodes them itself. */
export type PictureType = ${pictures.join(' | ')};
export const pictureTypes: readonly string[] = [${pictures.join(', ')}];
`);
