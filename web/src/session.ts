/* A model, opened on a device. */
import { dtypeNames, dtypeNumbers, QW_NO_OPTIMIZE, QW_PROFILE, type DType } from './abi.js';
import { Buffer } from './buffer.js';
import type { Device } from './device.js';
import { download, drain, refusePage, type DownloadOptions, type DownloadProgress } from './download.js';
import { QuernError } from './error.js';
import { arrayOf, bytesOf, elements, Tensor, type TypedArray } from './tensor.js';
import { nextTask } from './wait.js';

export type ModelSource = string | URL | ArrayBuffer | Uint8Array | Blob | ReadableStream<Uint8Array>;

export interface SessionOptions extends DownloadOptions {
  device: Device;
  /** Keep the graph as the file has it. */
  noOptimize?: boolean;
  /** Time each launch, for profile(), on a wasm device: no other can be waited for in a browser. Runs get slower. */
  profile?: boolean;
}

/** An input or output as the model declares it. A dimension is a size, the name of a dynamic one, or null. */
export interface ValueInfo {
  name: string;
  dtype: DType;
  /** null: not even the rank is known */
  dims: (number | string | null)[] | null;
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
}

export type Inputs = Record<string, Tensor | TypedArray>;

export interface RunOptions {
  signal?: AbortSignal;
  /** Outputs that stay on the device: their tensors have a buffer and no data, and are closed by the caller. */
  keep?: readonly string[];
}

export class Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  #handle: number;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(readonly device: Device, handle: number) {
    this.#handle = handle;
    const { engine } = device;
    this.inputs = engine.json<ValueInfo[]>(engine.x.qw_session_inputs(handle));
    this.outputs = engine.json<ValueInfo[]>(engine.x.qw_session_outputs(handle));
    device.own(this);
  }

  /** Opens a model from an address, bytes, a File or a stream. */
  static async open(source: ModelSource, options: SessionOptions): Promise<Session> {
    const { device, signal } = options;
    signal?.throwIfAborted();
    const bytes = await contents(source, options);
    signal?.throwIfAborted();
    device.alive();
    if (options.onProgress) await nextTask(); // so that the page can show that the download is done
    const { engine } = device;
    refusePage('the model', bytes);
    const told = (stage: string, part: number): boolean => {
      options.onProgress?.({ stage, part, loadedBytes: bytes.length, totalBytes: bytes.length, fromCache: false } satisfies DownloadProgress);
      return !signal?.aborted;
    };
    const flags = (options.noOptimize ? QW_NO_OPTIMIZE : 0) | (options.profile ? QW_PROFILE : 0);
    const at = engine.put(bytes); // the session takes it, also when it fails
    const handle = engine.withProgress(told, (tag) => engine.x.qw_session_open(device.handle, at, bytes.length, flags, tag));
    signal?.throwIfAborted();
    return new Session(device, engine.need(handle));
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

  /** Runs the model. Runs of one session queue up; an aborted one is given up, and the next waits until the device is through with it. */
  run(inputs: Inputs, options: RunOptions = {}): Promise<Record<string, Tensor>> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    return this.device.watched(this.inTurn(() => this.#run(inputs, options)), signal);
  }

  async #run(inputs: Inputs, { signal, keep = [] }: RunOptions): Promise<Record<string, Tensor>> {
    signal?.throwIfAborted();
    const { engine } = this.device;
    for (const [name, value] of Object.entries(inputs)) await this.#feed(name, value);
    const kept = new Map<number, Tensor>();
    try {
      for (const name of keep) this.#keep(name, kept);
      const ticket = engine.need(engine.x.qw_run(this.handle));
      await this.device.settled(() => engine.x.qw_poll(this.handle, ticket));
      return Object.fromEntries(this.outputs.map((o, i) => [o.name, kept.get(i) ?? this.#output(i)]));
    } catch (error) {
      for (const tensor of kept.values()) tensor.close();
      throw error;
    } finally {
      if (this.#handle && !engine.broken) for (const i of kept.keys()) engine.x.qw_keep(this.#handle, i, 0);
    }
  }

  #keep(name: string, kept: Map<number, Tensor>): void {
    const index = this.outputs.findIndex((o) => o.name === name);
    if (index < 0) throw new QuernError('name', `the model has no output '${name}'`);
    const { dtype, dims } = this.outputs[index]!;
    const sizes = dims?.map((d) => (typeof d === 'number' ? d : 1)); // a named size is one batch here
    if (!sizes) throw new QuernError('shape', `output '${name}' has no known shape, so it cannot stay on the device`);
    const bytes = elements(sizes) * bytesOf(dtype);
    const buffer = this.device.gpuDevice ? Buffer.onGPU(this.device, bytes) : this.device.buffer(bytes);
    kept.set(index, Tensor.onDevice(buffer, dtype, sizes));
    const { engine } = this.device;
    if (!engine.x.qw_keep(this.handle, index, buffer.at)) throw engine.failure();
  }

  /* A bare array takes the model's own shape. */
  #tensor(info: ValueInfo, value: Tensor | TypedArray): Tensor {
    if (value instanceof Tensor) return value;
    const dims = info.dims?.map((d) => (typeof d === 'number' ? d : 1));
    const known = dims && info.dims?.every((d) => typeof d === 'number');
    if (!dims) throw new QuernError('shape', `input '${info.name}' has no declared shape; give a Tensor`);
    if (!known && dims.reduce((a, b) => a * b, 1) !== value.length) {
      throw new QuernError('shape', `input '${info.name}' is ${info.dtype}[${info.dims!.map((d) => d ?? '?').join(', ')}]; give a Tensor, which says its shape`);
    }
    return Tensor.from(value, dims, info.dtype === 'bool' || info.dtype === 'f16' || info.dtype === 'bf16' ? info.dtype : undefined);
  }

  async #feed(name: string, value: Tensor | TypedArray): Promise<void> {
    const { engine } = this.device;
    const index = this.inputs.findIndex((i) => i.name === name);
    if (index < 0) throw new QuernError('name', `the model has no input '${name}'; it has ${this.inputs.map((i) => `'${i.name}'`).join(', ')}`);
    const tensor = this.#tensor(this.inputs[index]!, value);
    const here = tensor.buffer?.device === this.device ? tensor.buffer : undefined;
    const data = here ? undefined : await tensor.read();
    const dims = engine.put(new Uint8Array(new Uint32Array(tensor.dims).buffer));
    try {
      if (here) {
        if (!engine.x.qw_feed_buffer(this.handle, index, dtypeNumbers[tensor.dtype], tensor.dims.length, dims, here.at)) throw engine.failure();
        return;
      }
      if (!data) return;
      const to = engine.need(engine.x.qw_feed(this.handle, index, dtypeNumbers[tensor.dtype], tensor.dims.length, dims));
      engine.heap.u8.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to);
    } finally {
      engine.x.qw_free(dims);
    }
  }

  #output(index: number): Tensor {
    const { x, heap, need } = { x: this.device.engine.x, heap: this.device.engine.heap, need: (a: number) => this.device.engine.need(a) };
    const t = need(x.qw_output(this.handle, index));
    const dtype = dtypeNames[x.qw_tensor_dtype(t)];
    if (!dtype || dtype === 'string') throw new QuernError('unsupported', `output '${this.outputs[index]!.name}' is text, which the page cannot take yet`);
    const dims = Array.from({ length: x.qw_tensor_rank(t) }, (_, axis) => x.qw_tensor_dim(t, axis));
    const bytes = x.qw_tensor_bytes(t), at = x.qw_tensor_data(t);
    return Tensor.from(arrayOf(dtype, heap.u8.slice(at, at + bytes).buffer as ArrayBuffer), dims, dtype);
  }

  /** The launches of the last run, in order; needs { profile: true }. */
  profile(): ProfileRow[] {
    const { engine } = this.device;
    interface Row extends Omit<ProfileRow, 'startMs' | 'ms'> { start_ns: number; ns: number }
    return engine.json<Row[]>(engine.x.qw_session_profile(this.handle)).map(({ start_ns, ns, ...row }) => ({ ...row, startMs: start_ns / 1e6, ms: ns / 1e6 }));
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
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

async function contents(source: ModelSource, options: DownloadOptions): Promise<Uint8Array> {
  if (typeof source === 'string' || source instanceof URL) return download(source, options);
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof ReadableStream) return drain(source, options);
  if (source instanceof Blob) return drain(source.stream(), options);
  throw new QuernError('usage', 'a model is an address, bytes, a File or a ReadableStream');
}
