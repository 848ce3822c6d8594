/* Which device does 'auto' take? The one that runs the library's probe, a small network, in the least time: each kind that opens here is measured, one
 * after the other, between the page's tasks. The library keeps what was measured, by adapter, browser and build; the choice is kept here for a day,
 * so that later pages open the chosen kind alone. */
import { QuernError } from './error.js';
import { keep, kept, keptLoaded } from './kept.js';
import type { DeviceInfo, DeviceKind } from './device.js';

/** What 'auto' found of one kind of device. */
export interface Measured {
  kind: DeviceKind;
  name?: string;
  /** Of the probe: four products of f32 matrices, 256 x 512 by 512 x 512, from the page and back to it. */
  ms?: number;
  /** Why there is no time: it cannot be opened here, or measuring it failed. */
  why?: string;
}

interface Candidate {
  readonly kind: DeviceKind;
  readonly info: DeviceInfo;
  readonly build: string;
  probe(patienceMs: number, signal: AbortSignal | undefined): Promise<number>;
  close(): void;
}

export interface Choice<D> {
  device: D;
  measured: Measured[];
}

interface KeptChoice {
  at: number;
  build: string;
  kind: DeviceKind;
  name: string;
  driver: string;
  measured: Measured[];
}

const KINDS: readonly DeviceKind[] = ['webgpu', 'webgl', 'wasm'];
const ENTRY = 'auto';
const DAY_MS = 24 * 3_600_000;
const PATIENCE_MS = 4000; // one that has not even finished the probe by then is not what a page wants to wait for

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function readChoice(): KeptChoice | undefined {
  try {
    const choice = JSON.parse(new TextDecoder().decode(kept(ENTRY))) as KeptChoice;
    const age = Date.now() - choice.at;
    return KINDS.includes(choice.kind) && Array.isArray(choice.measured) && age >= 0 && age < DAY_MS ? choice : undefined;
  } catch {
    return undefined;
  }
}

/* The device of the kept choice, when it is still the same one. */
async function openKept<D extends Candidate>(open: (kind: DeviceKind) => Promise<D>): Promise<Choice<D> | undefined> {
  const choice = readChoice();
  const device = choice && (await open(choice.kind).catch(() => undefined));
  if (!choice || !device) return undefined;
  if (device.build === choice.build && device.info.name === choice.name && device.info.driver === choice.driver) return { device, measured: choice.measured };
  device.close();
  return undefined;
}

function keepChoice({ device: { kind, build, info }, measured }: Choice<Candidate>): void {
  const choice: KeptChoice = { at: Date.now(), build, kind, name: info.name, driver: info.driver, measured };
  keep(ENTRY, new TextEncoder().encode(JSON.stringify(choice)) as Uint8Array<ArrayBuffer>);
}

async function openAll<D extends Candidate>(open: (kind: DeviceKind) => Promise<D>, all: Map<Measured, D | undefined>): Promise<void> {
  for (const kind of KINDS) {
    const row: Measured = { kind };
    all.set(row, undefined);
    try {
      const device = await open(kind);
      row.name = device.info.name;
      all.set(row, device);
    } catch (error) {
      row.why = sentence(error);
    }
  }
}

async function measure(row: Measured, device: Candidate, signal: AbortSignal | undefined): Promise<void> {
  try {
    row.ms = await device.probe(PATIENCE_MS, signal);
  } catch (error) {
    row.why = sentence(error);
  }
}

async function chooseAmong<D extends Candidate>(all: Map<Measured, D | undefined>, signal: AbortSignal | undefined): Promise<Choice<D>> {
  const open = [...all].filter((entry): entry is [Measured, D] => entry[1] !== undefined);
  if (open.length > 1) {
    for (const [row, device] of open) {
      signal?.throwIfAborted();
      await measure(row, device, signal);
    }
  }
  signal?.throwIfAborted();
  const inOrder = open.sort(([a], [b]) => (a.ms ?? Infinity) - (b.ms ?? Infinity) || KINDS.indexOf(b.kind) - KINDS.indexOf(a.kind)); // unmeasured: the least demanding
  if (!inOrder.length) throw new QuernError('no_device', `no device can be opened here: ${[...all.keys()].map((row) => `${row.kind}: ${row.why}`).join('; ')}`);
  return { device: inOrder[0]![1], measured: [...all.keys()] };
}

/** Opens the fastest. `plain`: as anybody would open it, so that an earlier choice serves, and this one will. */
export async function openFastest<D extends Candidate>(open: (kind: DeviceKind) => Promise<D>, plain: boolean, signal: AbortSignal | undefined): Promise<Choice<D>> {
  await keptLoaded();
  const known = plain ? await openKept(open) : undefined;
  if (known) return known;
  const all = new Map<Measured, D | undefined>();
  let taken: D | undefined;
  try {
    await openAll(open, all);
    const choice = await chooseAmong(all, signal);
    taken = choice.device;
    if (plain) keepChoice(choice);
    return choice;
  } finally {
    for (const device of all.values()) if (device !== taken) device?.close();
  }
}
