/* Models from the net: told as they come, resumed where they stopped, kept in the origin private file system when there is room.
 *
 * In the cache a model is a folder of parts, each written once, so that a page closed in the middle loses at most one part:
 *     quern/<hash of the address>/about.json    { url, total, etag, modified }
 *     quern/<hash of the address>/0, 1, 2, ...   PART_BYTES each, the last shorter */
import { called, QuernError, wants } from './error.js';
import { abortable, sleep } from './wait.js';

const PART_BYTES = 4 << 20;
const TRIES = 5;

export interface DownloadProgress {
  /** 'download', then what the library does: 'reading', 'optimizing', 'planning', 'preparing the device', 'loading weights', 'ready'. */
  stage: string;
  /** 0 to 1; NaN while the size is unknown. */
  part: number;
  loadedBytes: number;
  /** 0: unknown */
  totalBytes: number;
  fromCache: boolean;
}

export interface DownloadOptions {
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
  /** 'opfs': keep the file for later visits, when the browser has room (default). 'none': only for this one. */
  cache?: 'opfs' | 'none';
  /** Given to fetch: headers for a private model, for example. */
  request?: RequestInit;
}

interface About {
  url: string;
  total: number; // 0: unknown
  etag: string;
  modified: string;
}

/* ---- the cache */

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, '0')).join('').slice(0, 40);
}

/** @internal */
export async function writeFile(folder: FileSystemDirectoryHandle, name: string, data: BlobPart): Promise<void> {
  const file = await folder.getFileHandle(name, { create: true });
  const out = await file.createWritable();
  try {
    await out.write(new Blob([data]));
    await out.close();
  } catch (error) {
    await out.abort().catch(() => undefined);
    throw error;
  }
}

/** The parts of one model. */
class Kept {
  about: About | undefined;
  parts = 0;

  private constructor(private readonly folder: FileSystemDirectoryHandle) {}

  /** undefined: this browser keeps no files here. */
  static async open(url: string): Promise<Kept | undefined> {
    try {
      const root = await navigator.storage.getDirectory();
      const all = await root.getDirectoryHandle('quern', { create: true });
      const kept = new Kept(await all.getDirectoryHandle(await sha256(url), { create: true }));
      await kept.#look();
      return kept;
    } catch {
      return undefined;
    }
  }

  async #look(): Promise<void> {
    try {
      const file = await (await this.folder.getFileHandle('about.json')).getFile();
      this.about = JSON.parse(await file.text()) as About;
      for (;;) {
        const size = (await this.#file(this.parts)).size;
        const last = this.about.total > 0 && this.parts * PART_BYTES + size === this.about.total;
        if (size !== PART_BYTES && !last) return;
        this.parts++;
      }
    } catch {
      // no further part
    }
  }

  async #file(part: number): Promise<File> {
    return (await this.folder.getFileHandle(String(part))).getFile();
  }

  /** Bytes that are there, from the start. */
  get bytes(): number {
    const whole = this.parts * PART_BYTES;
    return this.about?.total ? Math.min(whole, this.about.total) : whole;
  }

  get complete(): boolean {
    return Boolean(this.about?.total && this.bytes === this.about.total);
  }

  /** The parts, which are read only when somebody reads them. */
  async files(): Promise<File[]> {
    const files: File[] = [];
    for (let i = 0; i < this.parts; i++) files.push(await this.#file(i));
    return files;
  }

  /** Forgets what was there; from here on it is this file. False: the browser has no room for it. */
  async start(about: About): Promise<boolean> {
    const { quota = 0, usage = 0 } = await navigator.storage.estimate().catch(() => ({ quota: 0, usage: 0 }));
    await this.clear();
    if (about.total && quota - usage < about.total * 1.1 + PART_BYTES) return false;
    try {
      await writeFile(this.folder, 'about.json', JSON.stringify(about));
      this.about = about;
      return true;
    } catch {
      return false;
    }
  }

  async clear(): Promise<void> {
    for (let i = 0; i < this.parts; i++) await this.folder.removeEntry(String(i)).catch(() => undefined);
    await this.folder.removeEntry('about.json').catch(() => undefined);
    this.about = undefined;
    this.parts = 0;
  }

  /** The next part: PART_BYTES, but for the last. */
  async add(part: Uint8Array<ArrayBuffer>): Promise<void> {
    await writeFile(this.folder, String(this.parts), part);
    this.parts++;
  }

  async finish(total: number): Promise<void> {
    this.about!.total = total;
    await writeFile(this.folder, 'about.json', JSON.stringify(this.about));
  }
}

/** One download of an address at a time, in all tabs and workers: the others find what it kept. */
function alone<T>(url: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks;
  if (!locks) return work();
  return locks.request(`quern ${url}`, signal ? { signal } : {}, work) as Promise<T>;
}

/** Frees the space of all models kept by this origin. */
export function clearCache(): Promise<void> {
  return called('clearCache', undefined, async () => {
    const root = await navigator.storage.getDirectory();
    await root.removeEntry('quern', { recursive: true }).catch(() => undefined);
  });
}

/* ---- the net */

const short = (url: string): string => (url.startsWith('data:') || url.startsWith('blob:') ? `${url.slice(0, 40)}...` : url);
const megabytes = (n: number): string => (n < 1e5 ? `${n} bytes` : `${(n / 1e6).toFixed(1)} MB`);

async function ask(url: string, from: number, options: DownloadOptions): Promise<Response> {
  const headers = new Headers(options.request?.headers);
  if (from) headers.set('range', `bytes=${from}-`);
  return fetch(url, { ...options.request, headers, signal: options.signal ?? null });
}

function refuseStatus(url: string, response: Response): void {
  if (response.ok) return;
  throw new QuernError('io', `${short(url)}: the server answered ${response.status}${response.statusText ? ` ${response.statusText}` : ''}; check the address`);
}

function isPage(first: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(first.subarray(0, 256)).trimStart().toLowerCase();
  return text.startsWith('<!doctype html') || text.startsWith('<html') || text.startsWith('<head');
}

/** Refuses what a server sends in place of a model. @internal */
export function refusePage(what: string, first: Uint8Array): void {
  if (isPage(first)) throw new QuernError('format', `${what}: this is a web page, not a model; use the address of the file itself`);
}

/* The size of the whole file as the server tells it; 0: it does not, or sends it compressed. */
function totalOf(response: Response): number {
  const range = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  if (range) return Number(range[1]);
  return response.headers.get('content-encoding') ? 0 : Number(response.headers.get('content-length') ?? 0);
}

/* Is the copy still the file at this address? Without an answer it is taken as such: that is what a copy is for. */
async function stillThere(url: string, about: About, options: DownloadOptions): Promise<boolean> {
  try {
    const head = await fetch(url, { ...options.request, method: 'HEAD', signal: options.signal ?? null });
    if (!head.ok) return true;
    const etag = head.headers.get('etag') ?? '', modified = head.headers.get('last-modified') ?? '', size = totalOf(head);
    if (etag && about.etag) return etag === about.etag;
    if (size && about.total && size !== about.total) return false;
    return !modified || !about.modified || modified === about.modified;
  } catch (error) {
    options.signal?.throwIfAborted();
    return true;
  }
}

/* Where bytes land as they come: in the cache, part by part, or in blobs of the browser, when there is no cache or no more room in it. Nothing
 * is together in the page's memory. */
class Landing {
  kept: Kept | undefined;
  #blobs: Blob[] = [];
  #part = new Uint8Array(PART_BYTES);
  #filled = 0;
  bytes = 0;

  /** Goes on behind what is kept already. */
  goOn(kept: Kept): void {
    this.kept = kept;
    this.bytes = kept.bytes;
  }

  async push(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const n = Math.min(chunk.length - at, PART_BYTES - this.#filled);
      this.#part.set(chunk.subarray(at, at + n), this.#filled);
      this.#filled += n;
      at += n;
      if (this.#filled === PART_BYTES) await this.#flush();
    }
    this.bytes += chunk.length;
  }

  async #flush(): Promise<void> {
    const part = this.#part.slice(0, this.#filled);
    this.#filled = 0;
    await this.kept?.add(part).catch(() => this.#leaveCache()); // the quota was smaller than promised
    if (!this.kept) this.#blobs.push(new Blob([part]));
  }

  async #leaveCache(): Promise<void> {
    const kept = this.kept!;
    this.kept = undefined;
    for (const file of await kept.files()) this.#blobs.push(new Blob([await file.arrayBuffer()]));
    await kept.clear();
  }

  /** All of it; whole: nothing more will come. */
  async take(): Promise<Blob> {
    if (this.#filled) await this.#flush();
    await this.kept?.finish(this.bytes).catch(() => this.#leaveCache());
    if (this.kept) return new Blob(await this.kept.files());
    const whole = new Blob(this.#blobs);
    await whole.slice(0, 1).arrayBuffer().catch((cause: unknown) => { // a blob that a browser has no room for is made all the same, and cannot be read
      throw new QuernError('nomem', `the browser has no room for ${megabytes(this.bytes)} in memory; let them be kept on disk (cache: 'opfs')`, { cause });
    });
    return whole;
  }
}

/** All bytes of the file at an address, in memory. */
export function download(address: string | URL, options: DownloadOptions = {}): Promise<Uint8Array> {
  return called('download', options, async () => new Uint8Array(await (await downloadBlob(address, options)).arrayBuffer()));
}

/** The file at an address, on disk where the browser has room for it. @internal */
export async function downloadBlob(address: string | URL, options: DownloadOptions = {}): Promise<Blob> {
  const base = globalThis.location?.href;
  wants(URL.canParse(address, base), `'${address}' is no address${base ? '' : ' here, as there is no page that it could be beside; give a whole one, or bytes'}`);
  const url = new URL(address, base).href;
  if (options.cache === 'none' || !/^https?:/.test(url)) return fetchAll(url, undefined, options);
  return alone(url, options.signal, async () => fetchAll(url, await Kept.open(url), options));
}

async function fetchAll(url: string, kept: Kept | undefined, options: DownloadOptions): Promise<Blob> {
  const landing = new Landing();
  let total = 0, fromCache = false;
  const tell = (): void => options.onProgress?.({
    stage: 'download', part: total ? Math.min(landing.bytes / total, 1) : NaN, loadedBytes: landing.bytes, totalBytes: total, fromCache,
  });

  if (kept?.about && kept.bytes && (await stillThere(url, kept.about, options))) { // what an earlier visit left
    total = kept.about.total;
    fromCache = true;
    landing.goOn(kept);
    tell();
    if (kept.complete) return new Blob(await kept.files());
  }

  let failure: unknown;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    options.signal?.throwIfAborted();
    if (attempt) await abortable(sleep(200 * 2 ** attempt), options.signal);
    const before = landing.bytes;
    try {
      const response = await ask(url, before, options);
      if (before && response.status !== 206) { // it cannot resume: from the start
        await response.body?.cancel();
        if (total && response.status === 416) break;
        if (response.status >= 500 || response.status === 429) throw new Error(`the server answered ${response.status}`); // later: what is here stays
        refuseStatus(url, response);
        return await fetchAll(url, undefined, options);
      }
      refuseStatus(url, response);
      if (!before) {
        total = totalOf(response);
        const about = { url, total, etag: response.headers.get('etag') ?? '', modified: response.headers.get('last-modified') ?? '' };
        if (kept && !isHTML(response) && (await kept.start(about))) landing.kept = kept;
      }
      fromCache = false;
      await receive(url, response, landing, tell);
      if (!total || landing.bytes >= total) return await landing.take();
      failure = undefined;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof QuernError) {
        await kept?.clear();
        throw error;
      }
      failure = error;
    }
    if (landing.bytes > before) attempt = Math.min(attempt, 1); // it moves on: keep trying
  }
  if (!landing.bytes) throw new QuernError('io', `${short(url)}: cannot be fetched (${String((failure as Error)?.message ?? failure)}); check the address, the network, and that the server allows this page (CORS)`, { cause: failure });
  throw new QuernError('io', `${short(url)}: the download stopped at ${megabytes(landing.bytes)} of ${megabytes(total)}; try again, it goes on from there`, { cause: failure });
}

function isHTML(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/html') ?? false;
}

async function receive(url: string, response: Response, landing: Landing, tell: () => void): Promise<void> {
  if (!response.body) return;
  let first = true;
  for await (const chunk of chunksOf(response.body)) {
    if (first) refusePage(short(url), chunk);
    first = false;
    await landing.push(chunk);
    tell();
  }
}

/* Also a stream that says nothing more ends with the signal. */
async function* chunksOf(stream: ReadableStream<Uint8Array>, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader(); // Safari's streams are no async iterators
  try {
    for (;;) {
      const { done, value } = await abortable(reader.read(), signal);
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel(signal?.reason).catch(() => undefined);
  }
}

/** All bytes of a stream. @internal */
export async function drain(stream: ReadableStream<Uint8Array>, options: DownloadOptions): Promise<Blob> {
  const landing = new Landing();
  for await (const chunk of chunksOf(stream, options.signal)) {
    wants(chunk instanceof Uint8Array, 'a stream of bytes gives Uint8Arrays');
    await landing.push(chunk);
    options.onProgress?.({ stage: 'download', part: NaN, loadedBytes: landing.bytes, totalBytes: 0, fromCache: false });
  }
  return landing.take();
}
