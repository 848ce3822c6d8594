/* A device of this browser: WebGPU, WebGL 2, or the CPU through Wasm. */
import { openFastest, type Measured } from './auto.js';
import { Buffer } from './buffer.js';
import { engineFor, type Engine, type ModuleName, type WasmSource } from './engine.js';
import { called, isSize, QuernError, wants } from './error.js';
import { keptLoaded } from './kept.js';
import { Kernel, kernelTexts, type KernelOptions } from './kernel.js';
import { WebGPUHost } from './device_webgpu.js';
import { abortable, atMost, isHidden, nextTask, sleep } from './wait.js';

export type DeviceKind = 'webgpu' | 'webgl' | 'wasm';

export interface DeviceOptions {
  /** Default 'auto': of those that can be opened here the one that is measured to be the fastest, or the one that is lent. */
  kind?: DeviceKind | 'auto';
  /** The page's own device, which is lent: closing never destroys it. */
  gpuDevice?: GPUDevice;
  /** The page's own context, which is lent; its state is put back after every call. */
  gl?: WebGL2RenderingContext;
  /** 'full': all operators, from quern-full.wasm, which is fetched then. Default 'core', which has what nearly all models need. */
  module?: ModuleName;
  /** Where the module is, when it is not beside the script. */
  wasm?: WasmSource;
  /** Threads of a wasm device, at most. Default: one for each core in Node and on pages that are cross-origin isolated; other pages have one. */
  threads?: number;
  powerPreference?: GPUPowerPreference;
  /** Kernels are not tried out before they are used. */
  trust?: boolean;
  signal?: AbortSignal;
}

/** What a device can do, as the planner sees it: qn_caps of the C library. */
export interface DeviceInfo {
  kind: string;
  name: string;
  driver: string;
  caps: Record<string, number | boolean>;
}

/** Kernels that were tried out on a device, in this page or an earlier one: by their operators' sessions, when these were opened. */
export interface DeviceReport {
  /** unjudged: it takes too long to tell, or made-up data tells nothing; refused: it does not compile or run */
  tried: Record<'right' | 'unjudged' | 'wrong' | 'refused', number>;
  /** A sentence for each kernel that is not used here. */
  notes: string[];
  /** What 'auto' took this device by; absent when it was asked for by its kind, or lent. */
  measured?: Measured[];
}

interface Closable {
  close(): void;
}

/* How a kind is opened and waited for. */
interface Opened {
  spec: string;
  gpu?: GPUDevice;
  gl?: WebGL2RenderingContext;
  /** Resolves when it is worth asking again. */
  pause(turn: number): Promise<void>;
  /** Starts to time each launch by the device's own clock, where it has one; the result ends that and gives nanoseconds. */
  time?(): (() => Promise<number[]>) | undefined;
  /** Takes back what was given to the module, when the C device could not be opened. */
  undo(): void;
}

async function openWebGPU(engine: Engine, options: DeviceOptions): Promise<Opened> {
  let gpu = options.gpuDevice;
  if (!gpu) {
    const api = (globalThis.navigator as Navigator | undefined)?.gpu;
    if (!api) throw new QuernError('no_device', 'there is no WebGPU here: it needs a newer browser and a page from https or localhost');
    const adapter = await api.requestAdapter({ powerPreference: options.powerPreference ?? 'high-performance' });
    if (!adapter) throw new QuernError('no_device', 'this browser has WebGPU, but offers no adapter: the graphics driver is missing or blocked');
    gpu = await WebGPUHost.request(adapter).catch((cause: unknown) => {
      throw new QuernError('no_device', `the adapter gave no device: ${String(cause)}`, { cause });
    });
  }
  const id = engine.webgpu.add(gpu, gpu === options.gpuDevice);
  return {
    spec: `webgpu:${id}`, gpu,
    pause: () => atMost(engine.webgpu.next(id), 250),
    time: () => engine.webgpu.timePasses(id),
    undo: () => engine.webgpu.forget(id),
  };
}

function makeContext(powerPreference: GPUPowerPreference | undefined): WebGL2RenderingContext {
  const canvas = typeof OffscreenCanvas !== 'undefined' ? new OffscreenCanvas(1, 1) : globalThis.document?.createElement('canvas');
  const gl = canvas?.getContext('webgl2', { alpha: false, antialias: false, depth: false, stencil: false, powerPreference: powerPreference ?? 'high-performance' });
  if (!gl) throw new QuernError('no_device', 'there is no WebGL 2 context here: the graphics driver is missing or blocked, or too many contexts are open');
  return gl as WebGL2RenderingContext;
}

/* A fence gets done between tasks. The first turns ask at every task, later ones by a timer; in a hidden tab, whose timers run once a
 * second, the commands are finished instead. */
async function pauseWebGL(gl: WebGL2RenderingContext, turn: number): Promise<void> {
  if (turn < 3) return nextTask();
  if (!isHidden()) return sleep(Math.min(turn - 2, 8));
  gl.finish();
  return nextTask();
}

async function openWebGL(engine: Engine, options: DeviceOptions): Promise<Opened> {
  const gl = options.gl ?? makeContext(options.powerPreference);
  const id = engine.webgl.add(gl, gl === options.gl);
  return { spec: `webgl:${id}`, gl, pause: (turn) => pauseWebGL(gl, turn), undo: () => engine.webgl.forget(id) };
}

async function openWasm(engine: Engine, options: DeviceOptions): Promise<Opened> {
  await engine.threads?.prepare(options.threads ?? 0);
  return { spec: 'cpu', pause: nextTask, undo: () => undefined };
}

const openers: Record<DeviceKind, (engine: Engine, options: DeviceOptions) => Promise<Opened>> = {
  webgpu: openWebGPU, webgl: openWebGL, wasm: openWasm,
};

export class Device {
  readonly info: DeviceInfo;
  #owned = new Set<Closable>();
  #closed = false;
  #measured: Measured[] | undefined;

  private constructor(
    readonly kind: DeviceKind,
    /** @internal */ readonly engine: Engine,
    /** @internal */ readonly handle: number,
    private readonly opened: Opened,
  ) {
    const { spec: _, ...info } = engine.json<DeviceInfo & { spec: string }>(engine.x.qw_device_info(handle));
    this.info = info;
  }

  /** Opens a device. Rejects with code 'no_device' and the reason when there is none. */
  static open(options: DeviceOptions = {}): Promise<Device> {
    return called('Device.open', options, () => Device.#open(options));
  }

  static async #open(options: DeviceOptions): Promise<Device> {
    const { signal } = options;
    signal?.throwIfAborted();
    const kind = options.kind ?? (options.gpuDevice ? 'webgpu' : options.gl ? 'webgl' : 'auto');
    if (kind !== 'auto') return Device.#openKind(kind, options);
    if (options.gpuDevice || options.gl) return Device.#openKind(options.gpuDevice ? 'webgpu' : 'webgl', options);
    const plain = !options.threads && !options.powerPreference;
    const { device, measured } = await openFastest((candidate) => Device.#openKind(candidate, options), plain, signal);
    device.#measured = measured;
    return device;
  }

  static async #openKind(kind: DeviceKind, options: DeviceOptions): Promise<Device> {
    const opener = Object.hasOwn(openers, kind) && openers[kind];
    if (!opener) throw new QuernError('usage', `no kind of device is called '${String(kind)}'; known are auto, webgpu, webgl, wasm`);
    const engine = await abortable(engineFor({ ...options, threaded: kind === 'wasm' && options.threads !== 1 }), options.signal);
    if (kind !== 'wasm') await keptLoaded();
    const opened = await opener(engine, options);
    if (options.signal?.aborted) {
      opened.undo();
      throw options.signal.reason;
    }
    try {
      const handle = engine.withTexts([opened.spec], (spec) => engine.need(engine.x.qw_device_open(spec!, options.threads ?? 0, Number(options.trust ?? false))));
      return new Device(kind, engine, handle, opened);
    } catch (error) {
      opened.undo();
      throw error;
    }
  }

  /** The GPUDevice of a webgpu device: the library's, or the one that was lent. */
  get gpuDevice(): GPUDevice | undefined {
    return this.opened.gpu;
  }

  /** What is known of the library's kernels on this device. */
  report(): DeviceReport {
    this.alive();
    const report = this.engine.json<DeviceReport>(this.engine.x.qw_device_report(this.handle));
    return this.#measured ? { ...report, measured: this.#measured } : report;
  }

  /** @internal Of the library: what is kept of a device holds for one build. */
  get build(): string {
    return this.engine.heap.cText(this.engine.x.qw_build());
  }

  /** @internal The milliseconds of the library's probe, measured now or earlier. */
  async probe(patienceMs: number, signal: AbortSignal | undefined): Promise<number> {
    const { engine } = this, until = performance.now() + patienceMs;
    const probe = engine.need(engine.x.qw_probe_begin(this.handle, 0));
    try {
      await this.settled(() => {
        signal?.throwIfAborted();
        if (performance.now() > until) throw new QuernError('unsupported', `not measured within ${patienceMs / 1000} s`);
        return engine.x.qw_probe_step(probe);
      });
      return engine.x.qw_probe_ms(probe);
    } finally {
      if (!engine.broken) engine.x.qw_probe_end(probe);
    }
  }

  /** Compiles a kernel. Rejects with code 'kernel' and `diagnostics` when it does not compile. */
  kernel(source: string, options: KernelOptions = {}): Promise<Kernel> {
    return called('kernel', options, async () => {
      const { engine } = this;
      options.signal?.throwIfAborted();
      this.alive();
      return engine.withTexts(kernelTexts(source, options), (s, f, e, d) => new Kernel(this, engine.need(engine.x.qw_kernel_make(this.handle, s!, f!, e!, d!))));
    });
  }

  /** Memory of the device: of so many bytes, or with these contents. */
  buffer(contents: number | ArrayBufferView): Buffer {
    this.alive();
    wants(isSize(contents) || ArrayBuffer.isView(contents), 'a buffer is made of so many bytes, or from a typed array');
    const bytes = typeof contents === 'number' ? contents : contents.byteLength;
    const made = new Buffer(this, this.engine.need(this.engine.x.qw_buffer_make(this.handle, bytes)), bytes);
    if (typeof contents !== 'number') made.write(contents);
    return made;
  }

  /** @internal Asks until done; rejects with the library's sentence when it failed. Between two turns it waits for what is on its way, if anything is. */
  async settled(poll: () => number, busy?: () => number, onItsWay?: () => Promise<void> | undefined): Promise<void> {
    for (let turn = 0; ; turn++) {
      this.alive();
      const state = poll();
      if (state === 1) return;
      if (state !== 0) throw this.engine.failure();
      await (onItsWay?.() ?? (busy?.() ? nextTask() : this.pause(turn)));
    }
  }

  /** @internal Until it is worth asking again. */
  pause(turn: number): Promise<void> {
    return this.opened.pause(turn);
  }

  /** @internal */
  time(): (() => Promise<number[]>) | undefined {
    return this.opened.time?.();
  }

  /** @internal */
  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes of the module's memory, which all devices of a page share; it never shrinks. */
  get heapBytes(): number {
    return this.engine.heap.memory.buffer.byteLength;
  }

  /** @internal A wait that the caller may give up. */
  watched<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return abortable(promise, signal);
  }

  /** @internal */
  own(thing: Closable): void {
    this.#owned.add(thing);
  }

  /** @internal */
  disown(thing: Closable): void {
    this.#owned.delete(thing);
  }

  /** @internal */
  alive(): void {
    if (this.#closed) throw new QuernError('usage', 'this device is closed');
  }

  /** Closes the device and all that was opened on it. What the caller lent stays as it is. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const thing of [...this.#owned].reverse()) thing.close();
    if (!this.engine.broken) this.engine.x.qw_device_close(this.handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
