/* Where a model's bytes come from: a file that is read piece by piece, wherever it lies, and the files beside it. */
import { downloadBlob, drain, type DownloadOptions } from './download.js';
import { QuernError } from './error.js';

export type ModelSource = string | URL | ArrayBuffer | Uint8Array | Blob | ReadableStream<Uint8Array>;
export type ModelFile = ArrayBuffer | Uint8Array | Blob;

export interface Bytes {
  readonly bytes: number;
  read(at: number, n: number): Promise<Uint8Array>;
}

function ofBytes(data: Uint8Array): Bytes {
  return { bytes: data.length, read: async (at, n) => data.subarray(at, at + n) };
}

function ofBlob(blob: Blob): Bytes {
  const read = async (at: number, n: number): Promise<Uint8Array> => {
    const buffer = await blob.slice(at, at + n).arrayBuffer().catch((cause: unknown) => {
      throw new QuernError('io', 'the model\'s file cannot be read any more: it was changed or removed; open it again', { cause });
    });
    return new Uint8Array(buffer);
  };
  return { bytes: blob.size, read };
}

function ofFile(file: ModelFile): Bytes {
  if (file instanceof Blob) return ofBlob(file);
  return ofBytes(file instanceof Uint8Array ? file : new Uint8Array(file));
}

export async function bytesOf(source: ModelSource, options: DownloadOptions): Promise<Bytes> {
  if (typeof source === 'string' || source instanceof URL) return ofBlob(await downloadBlob(source, options));
  if (source instanceof Uint8Array || source instanceof ArrayBuffer || source instanceof Blob) return ofFile(source);
  if (source instanceof ReadableStream) return ofBlob(await drain(source, options));
  throw new QuernError('usage', 'a model is an address, bytes, a File or a ReadableStream');
}

/* A name that a model gives must not lead out of its folder. */
function isBeside(name: string): boolean {
  return !/^[/\\]|[:?#]|(^|[/\\])\.\.([/\\]|$)/.test(name);
}

/** The files beside a model, by name: those given, else those at its address. */
export class Beside {
  #open = new Map<string, Promise<Bytes>>();

  constructor(private readonly source: ModelSource, private readonly files: Record<string, ModelFile> = {}, private readonly options: DownloadOptions = {}) {}

  get(name: string): Promise<Bytes> {
    let found = this.#open.get(name);
    if (!found) this.#open.set(name, (found = this.#find(name)));
    return found;
  }

  async #find(name: string): Promise<Bytes> {
    const given = this.files[name];
    if (given) return ofFile(given);
    const isAddress = typeof this.source === 'string' || this.source instanceof URL;
    if (!isAddress || !isBeside(name)) throw new QuernError('io', `the model's weights are in '${name}': give it as files: { '${name}': file }`);
    return ofBlob(await downloadBlob(new URL(name, new URL(this.source as string, globalThis.location?.href)), this.options));
  }
}
