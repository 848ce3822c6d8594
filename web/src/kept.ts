/* What the library asks to keep: which kernels are right on the devices here, and how fast these are. Small entries, in memory for all devices
 * of a page, and as files in the origin private file system where there is one (quern/kept/NAME). A page is not told the version of a driver,
 * so what is older than a month is found out anew, and all of it by another version of the browser. */
import { writeFile } from './download.js';

const MOST_AGE_MS = 30 * 24 * 3_600_000;
const entries = new Map<string, Uint8Array>();
let loading: Promise<void> | undefined;
let writing: Promise<unknown> = Promise.resolve();

async function folder(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  const all = await root.getDirectoryHandle('quern', { create: true });
  return all.getDirectoryHandle('kept', { create: true });
}

const BROWSER = 'browser'; // whose entries these are

async function read(handle: FileSystemFileHandle): Promise<Uint8Array | undefined> {
  const file = await handle.getFile();
  return Date.now() - file.lastModified < MOST_AGE_MS ? new Uint8Array(await file.arrayBuffer()) : undefined;
}

async function load(): Promise<void> {
  for await (const [name, handle] of (await folder()).entries()) {
    const bytes = await read(handle as FileSystemFileHandle).catch(() => undefined); // one that another page is writing is found out anew
    if (bytes?.length) entries.set(name, bytes);
  }
  const now = navigator.userAgent, was = entries.get(BROWSER);
  if (was && new TextDecoder().decode(was) === now) return;
  entries.clear();
  keep(BROWSER, new TextEncoder().encode(now) as Uint8Array<ArrayBuffer>);
}

/** What earlier visits left is in memory when this is done; where nothing can be kept, it is empty. */
export function keptLoaded(): Promise<void> {
  return (loading ??= load().catch(() => undefined));
}

export function kept(name: string): Uint8Array | undefined {
  return entries.get(name);
}

export function keep(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  entries.set(name, bytes);
  writing = writing.then(async () => writeFile(await folder(), name, bytes)).catch(() => undefined); // it stays in memory
}
