/* A model, opened on a device. */
import { dtypeNumbers, QW_NO_OPTIMIZE, QW_PROFILE } from './abi.js';
import { Buffer } from './buffer.js';
import { Pictures, type Decoders } from './decode.js';
import { Device } from './device.js';
import { refusePage, type DownloadOptions, type DownloadProgress } from './download.js';
import type { Engine } from './engine.js';
import { called, QuernError, wants } from './error.js';
import { Tensor } from './tensor.js';
import { Beside, bytesOf as fileOf, type Bytes, type ModelFile, type ModelSource } from './source.js';
import { feed, onPage, tensorOf, typeAt, valueAt, withWords, type Given, type Value, type ValueInfo } from './value.js';
import { abortable, nextTask } from './wait.js';

export interface SessionOptions extends DownloadOptions {
  device: Device;
  /** Keep the graph as the file has it. */
  noOptimize?: boolean;
  /** Files beside the model, by the names that it has for them, when they are not at its address: external data. */
  files?: Record<string, ModelFile>;
  /** Weights go to the device piece by piece and are never together in the module's memory. Default: for files over 32 MiB. */
  stream?: boolean;
  /** What decodes pictures for the model's ImageDecoder, by media type: before the browser and the library do. */
  decoders?: Decoders;
  /** Of random operators that have none of their own, 1 to 2^32 - 1: the same seed, model and device give the same numbers again. Default: another one for
   * each session. */
  seed?: number;
  /** Time each launch, for profile(): each runs alone and is waited for, so runs get slower. */
  profile?: boolean;
}

export interface ProfileRow {
  node: string;
  op: string;
  kernel: string;
  where: string;
  startMs: number;
  ms: number;
  bytes: number;
  flops: number;
  /** 'device': `ms` is what the GPU itself took, by its timestamps, which a browser may round. 'page': from the submit until the page hears of its end. */
  clock: 'device' | 'page';
}

export type Inputs = Record<string, Given>;

export interface RunOptions {
  signal?: AbortSignal;
  /** Outputs that stay on the device, of any size: their tensors have a buffer and no data, and are closed by the caller. */
  keep?: readonly string[];
}

export class Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  #handle: number;
  #queue: Promise<unknown> = Promise.resolve();
  #deviceNs: number[] = []; // of each launch of the last run, when profiling

  private constructor(readonly device: Device, handle: number, private readonly pictures: Pictures, private readonly profiling = false) {
    this.#handle = handle;
    const { engine } = device;
    this.inputs = engine.json<ValueInfo[]>(engine.x.qw_session_inputs(handle));
    this.outputs = engine.json<ValueInfo[]>(engine.x.qw_session_outputs(handle));
    device.own(this);
  }

  /** Opens a model from an address, bytes, a File or a stream. */
  static open(source: ModelSource, options: SessionOptions): Promise<Session> {
    return called('Session.open', options, () => Session.#open(source, options));
  }

  static async #open(source: ModelSource, options: SessionOptions): Promise<Session> {
    wants(options?.device instanceof Device, 'Session.open wants { device }, which Device.open gives');
    const { device, signal } = options, pictures = new Pictures(options.decoders);
    signal?.throwIfAborted();
    const file = await fileOf(source, options);
    refusePage('the model', await file.read(0, 256));
    signal?.throwIfAborted();
    device.alive();
    if (options.onProgress) await nextTask(); // so that the page can show that the download is done
    const opening: Opening = { file, beside: new Beside(source, options.files, options), pictures, options };
    if (!(options.stream ?? file.bytes > WHOLE_BYTES)) return Session.#whole(opening);
    return Session.#inPieces(opening).catch((error: unknown) => {
      const mayBeWhole = error instanceof QuernError && error.code === 'unsupported' && options.stream === undefined && file.bytes <= MOST_WHOLE_BYTES;
      if (mayBeWhole) return Session.#whole(opening); // planned for the values of its inputs, which needs all of it
      throw error;
    });
  }

  static async #whole(opening: Opening): Promise<Session> {
    const { file, options } = opening, { device, signal } = options, { engine } = device;
    const bytes = await file.read(0, file.bytes);
    signal?.throwIfAborted();
    device.alive();
    const at = engine.put(bytes); // the session takes it, also when it fails
    return Session.#opened(opening, (tag) => engine.x.qw_session_open(device.handle, at, bytes.length, flagsOf(options), tag, seedOf(options))).catch((error: unknown) => {
      if (error instanceof QuernError && error.code === 'io') return Session.#inPieces(opening); // external data, which is not in the file
      throw error;
    });
  }

  static #inPieces(opening: Opening): Promise<Session> {
    const { file, options } = opening, { engine, handle } = options.device;
    return Session.#opened(opening, (tag) => engine.x.qw_session_begin(handle, file.bytes, flagsOf(options), tag, seedOf(options)));
  }

  /* The library asks for one piece after the other, or to be asked again, as while kernels are tried out; weights go straight on to the device. */
  static async #opened({ file, beside, pictures, options }: Opening, begin: (tag: number) => number): Promise<Session> {
    const { device, signal } = options, { engine } = device;
    const tag = engine.tellProgress(told(file, options));
    let handle = 0;
    const half = { close: () => { // also when the device closes meanwhile
      if (!engine.broken) engine.x.qw_session_close(handle);
      handle = 0;
    } };
    device.own(half);
    try {
      handle = engine.need(begin(tag));
      for (let turn = 0; ;) {
        const want = engine.json<{ open: boolean; file: string | null; at: number; bytes: number }>(engine.x.qw_session_want(handle));
        if (want.open) return new Session(device, handle, pictures, options.profile);
        if (want.bytes) {
          const from = want.file === null ? file : await abortable(beside.get(want.file), signal);
          const piece = await from.read(want.at, want.bytes);
          device.alive();
          if (piece.length !== want.bytes) throw new QuernError('format', `${want.file ?? 'the model'} ends at byte ${from.bytes}, before ${want.at + want.bytes}: it may be cut short`);
          give(engine, handle, piece);
          turn = 0;
        } else await (engine.x.qw_session_busy(handle) ? nextTask() : abortable(device.pause(turn++), signal));
        signal?.throwIfAborted();
        device.alive();
      }
    } catch (error) {
      half.close();
      signal?.throwIfAborted(); // what the library calls cancelled
      throw error;
    } finally {
      device.disown(half);
      engine.endProgress(tag);
    }
  }

  /** @internal */
  get handle(): number {
    if (!this.#handle) throw new QuernError('usage', 'this session is closed');
    return this.#handle;
  }

  /** @internal One piece of work after the other; a failed one does not stop the next. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#queue.then(work);
    this.#queue = mine.catch(() => undefined);
    return mine;
  }

  /** Runs the model. Runs of one session queue up; an aborted one is given up, and the next waits until the device is through with it.
   * Of a model whose outputs are sequences or optionals, run<Value> says the type. */
  run<T extends Value = Tensor>(inputs: Inputs, options: RunOptions = {}): Promise<Record<string, T>> {
    return called('run', options, () => {
      options.signal?.throwIfAborted();
      return this.device.watched(this.inTurn(() => this.pictures.during(options.signal, () => this.#run(inputs, options))), options.signal) as Promise<Record<string, T>>;
    });
  }

  async #run(inputs: Inputs, { signal, keep = [] }: RunOptions): Promise<Record<string, Value>> {
    signal?.throwIfAborted();
    const { engine } = this.device;
    void this.handle; // it is open
    wants(typeof inputs === 'object' && inputs !== null, 'run wants { name: tensor } for each input');
    const missing = this.inputs.find((i) => !Object.hasOwn(inputs, i.name));
    if (missing) throw new QuernError('name', `input '${missing.name}' is missing`);
    for (const [name, value] of Object.entries(inputs)) await this.#feed(name, value, signal);
    this.#keep(keep);
    const times = this.profiling ? this.device.time() : undefined;
    try {
      const { pictures } = this;
      const ticket = engine.need(engine.decoding(pictures, () => engine.x.qw_run(this.handle)));
      await this.device.settled(() => engine.decoding(pictures, () => engine.x.qw_poll(this.handle, ticket)), () => engine.x.qw_session_busy(this.handle), () => pictures.onItsWay());
      signal?.throwIfAborted(); // nobody would close what it kept
      return Object.fromEntries(this.outputs.map(({ name }, i) => [name, keep.includes(name) ? this.#take(i) : valueAt(engine, engine.need(engine.x.qw_output(this.handle, i)))]));
    } finally {
      this.#deviceNs = (await times?.()) ?? [];
    }
  }

  #keep(names: readonly string[]): void {
    const { engine } = this.device;
    wants(Array.isArray(names), 'keep wants a list of names of outputs');
    const unknown = names.find((name) => !this.outputs.some((o) => o.name === name));
    if (unknown !== undefined) throw new QuernError('name', `the model has no output '${unknown}'; it has ${this.outputs.map((o) => `'${o.name}'`).join(', ')}`);
    this.outputs.forEach(({ name }, i) => {
      if (!engine.x.qw_keep(this.handle, i, Number(names.includes(name)))) throw engine.failure();
    });
  }

  /* An output that the last run kept, with the size that it had there. */
  #take(index: number): Tensor {
    const { engine } = this.device, at = engine.need(engine.x.qw_output(this.handle, index));
    const { dtype, dims, bytes } = typeAt(engine, at);
    return Tensor.onDevice(new Buffer(this.device, engine.need(engine.x.qw_take(this.handle, index)), bytes), dtype, dims);
  }

  async #feed(name: string, value: Given, signal: AbortSignal | undefined): Promise<void> {
    const { engine } = this.device;
    const index = this.inputs.findIndex((i) => i.name === name);
    if (index < 0) throw new QuernError('name', `the model has no input '${name}'; it has ${this.inputs.map((i) => `'${i.name}'`).join(', ')}`);
    const info = this.inputs[index]!, tensor = info.of ? undefined : tensorOf(info, value), buffer = tensor?.buffer;
    if (!tensor || buffer?.device !== this.device) {
      const ready = await onPage(tensor ?? value, signal);
      return feed(engine, engine.need(engine.x.qw_input(this.handle, index)), info, ready);
    }
    const fed = withWords(engine, tensor.dims, (dims) => engine.x.qw_feed_buffer(this.handle, index, dtypeNumbers[tensor.dtype], tensor.dims.length, dims, buffer.at));
    if (!fed) throw engine.failure();
  }

  /** The launches of the last run, in order; needs { profile: true }. */
  profile(): ProfileRow[] {
    const { engine } = this.device;
    interface Row extends Omit<ProfileRow, 'startMs' | 'ms' | 'clock'> { start_ns: number; ns: number }
    const rows = engine.json<Row[]>(engine.x.qw_session_profile(this.handle)), own = this.#deviceNs;
    const clock = own.length === rows.length && own.every((ns) => ns >= 0) ? 'device' : 'page';
    return rows.map(({ start_ns, ns, ...row }, i) => ({ ...row, startMs: start_ns / 1e6, ms: (clock === 'device' ? own[i]! : ns) / 1e6, clock }));
  }

  /** What the library knows of the model: counts and sizes, ops, passes, weights. */
  report(): Record<string, unknown> {
    const { engine } = this.device;
    return engine.json(engine.x.qw_session_report(this.handle));
  }

  /** An entry of the file's metadata. */
  metadata(key: string): string | undefined {
    const { engine } = this.device;
    const at = engine.withTexts([key], (k) => engine.x.qw_session_metadata(this.handle, k!));
    return at ? engine.heap.cText(at) : undefined;
  }

  /** Makes room for sizes to come: no run up to this size lays out its memory again. */
  reserve(dimension: string, size: number): void {
    const { engine } = this.device;
    if (!engine.withTexts([dimension], (name) => engine.x.qw_session_reserve(this.handle, name!, size))) throw engine.failure();
  }

  close(): void {
    if (!this.#handle) return;
    this.device.disown(this);
    if (!this.device.engine.broken) this.device.engine.x.qw_session_close(this.#handle);
    this.#handle = 0;
    this.pictures.drop();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const WHOLE_BYTES = 32 << 20; // a larger file comes in pieces
const MOST_WHOLE_BYTES = 2 ** 30;

interface Opening {
  file: Bytes;
  beside: Beside;
  pictures: Pictures;
  options: SessionOptions;
}

function flagsOf(options: SessionOptions): number {
  return (options.noOptimize ? QW_NO_OPTIMIZE : 0) | (options.profile ? QW_PROFILE : 0);
}

/* A page's clock begins anew with the page, so the library is told what it could not think of. */
function seedOf({ seed }: SessionOptions): number {
  wants(seed === undefined || (Number.isInteger(seed) && seed > 0 && seed < 2 ** 32), 'seed is a whole number from 1 to 4294967295');
  return seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/* What the library says while it opens a model, for the page; false: give up. */
function told(file: Bytes, { onProgress, signal }: SessionOptions): (stage: string, part: number) => boolean {
  return (stage, part) => {
    onProgress?.({ stage, part, loadedBytes: file.bytes, totalBytes: file.bytes, fromCache: false } satisfies DownloadProgress);
    return !signal?.aborted;
  };
}

function give(engine: Engine, handle: number, piece: Uint8Array): void {
  const at = engine.put(piece);
  try {
    if (!engine.x.qw_session_give(handle, at)) throw engine.failure();
  } finally {
    if (!engine.broken) engine.x.qw_free(at);
  }
}
