import type { Device } from './device.js';
import { called, isSize, QuernError, wants } from './error.js';

/** Memory of a device. Zeroed when made. */
export class Buffer {
  /** The GPUBuffer under it, on a webgpu device: the page's own, or the package's, which closing destroys. */
  readonly gpuBuffer?: GPUBuffer | undefined;

  /** @internal */
  constructor(
    readonly device: Device,
    private handle: number,
    readonly bytes: number,
  ) {
    const { engine } = device;
    this.gpuBuffer = engine.webgpu.buffer(engine.x.qw_buffer_number(handle));
    device.own(this);
  }

  /** The caller's GPUBuffer (usage STORAGE, COPY_SRC and COPY_DST) as memory of a webgpu device over the same GPUDevice. It stays the caller's. */
  static of(device: Device, gpuBuffer: GPUBuffer): Buffer {
    device.alive();
    const { engine } = device;
    const number = engine.webgpu.addBuffer(gpuBuffer);
    const handle = engine.x.qw_buffer_adopt(device.handle, number, gpuBuffer.size);
    if (handle) return new Buffer(device, handle, gpuBuffer.size);
    engine.webgpu.forgetBuffer(number);
    throw engine.failure();
  }

  /** @internal */
  get at(): number {
    if (!this.handle) throw new QuernError('usage', 'this buffer is closed');
    return this.handle;
  }

  /** Queues a write; the data may change when this returns. `at` in bytes. */
  write(data: ArrayBufferView | ArrayBuffer, at = 0): void {
    wants((data instanceof ArrayBuffer || ArrayBuffer.isView(data)) && isSize(at), 'write wants a typed array or an ArrayBuffer, and a place in bytes');
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const { engine } = this.device;
    const from = engine.put(bytes);
    try {
      if (!engine.x.qw_buffer_write(this.at, at, from, bytes.byteLength)) throw engine.failure();
      this.queued = true;
    } finally {
      engine.x.qw_free(from);
    }
  }

  /** The bytes after all work queued so far. */
  read(at = 0, bytes = this.bytes - at, options: { signal?: AbortSignal } = {}): Promise<ArrayBuffer> {
    return called('read', options, () => this.#read(at, bytes, options.signal));
  }

  async #read(at: number, bytes: number, signal: AbortSignal | undefined): Promise<ArrayBuffer> {
    wants(isSize(at) && isSize(bytes) && at + bytes <= this.bytes, `a buffer of ${this.bytes} bytes has no ${bytes} from ${at} on`);
    const from = this.at;
    const { engine } = this.device;
    const to = engine.need(engine.x.qw_alloc(Math.max(bytes, 1)));
    let pending: Promise<void> | undefined;
    try {
      const ticket = engine.x.qw_buffer_read(from, at, to, bytes);
      if (!ticket) throw engine.failure();
      this.queued = false;
      pending = this.device.settled(() => engine.x.qw_device_poll(this.device.handle, ticket));
      await this.device.watched(pending, signal);
      return engine.heap.u8.slice(to, to + bytes).buffer as ArrayBuffer;
    } finally { // an aborted read is still under way: its memory goes when it is done
      void (pending ?? Promise.resolve()).catch(() => undefined).then(() => engine.broken || engine.x.qw_free(to));
    }
  }

  /** @internal Writes or launches with it are queued, perhaps not yet on their way: a kernel may still be compiled. */
  queued = false;

  /** @internal Done when these are. */
  async settled(signal: AbortSignal | undefined): Promise<void> {
    if (this.queued) await this.read(0, 0, { signal });
  }

  close(): void {
    if (!this.handle) return;
    this.device.disown(this);
    if (!this.device.engine.broken) this.device.engine.x.qw_buffer_free(this.handle);
    this.handle = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
