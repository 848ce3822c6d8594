/* WebGPU for Wasm: what src/device/webgpu_api.h asks of a page, answered by GPUDevices.
 *
 * A device is the library's own or lent by the caller. Every call that can go wrong stands between pushErrorScope and popErrorScope, so that
 * the library hears of its own errors and never of the caller's, and needs no listener on a device that it does not own. */
import type { Heap } from './heap.js';
import { Numbers } from './numbers.js';
import { atMost } from './wait.js';
import { PassTimes } from './timing_webgpu.js';

const BLOCK = 256, UNIFORM_BYTES = 512, WORD = 4, SPAN_WORDS = 3;
const STORAGE = 0, UNIFORM = 1;
const TEXT_NAME = 0, TEXT_DRIVER = 1;
export const FINE = 0, LOST = 1, NO_MEMORY = 2, BAD_CALL = 3;
const PENDING = 0, READY = 1, REFUSED = 2;
const MAP_PENDING = 0, MAP_READY = 1, MAP_FAILED = 2;

/** In the order of WEBGPU_LIMITS. */
const LIMITS = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage', 'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX', 'maxComputeWorkgroupStorageSize', 'maxComputeWorkgroupsPerDimension', 'minStorageBufferOffsetAlignment',
  'minUniformBufferOffsetAlignment'] as const;
const FEATURES = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

interface Buffer {
  gpu: GPUBuffer;
  lent: boolean;
  map: number; // MAP_PENDING ...
  mapped: number; // bytes of the last map
}

interface Pipeline {
  gpu: GPUComputePipeline | undefined;
  layout: GPUBindGroupLayout;
  state: number; // PENDING ...
  why: string; // it is refused
}

interface Trouble {
  kind: number;
  text: string;
}

interface Device {
  gpu: GPUDevice;
  lent: boolean;
  encoder: GPUCommandEncoder | undefined;
  pass: GPUComputePassEncoder | undefined;
  submits: number;
  done: number;
  lost: Trouble | undefined;
  troubles: Trouble[];
  epoch: number; // how often trouble was told
  told: string;
  waiting: (() => void)[]; // resolved at the next news
  times?: PassTimes | undefined; // while a session is profiled
  timed?: boolean; // the encoder has a pass with timestamps
  closed: boolean;
}

export class WebGPUHost {
  #devices: (Device | undefined)[] = [];
  #buffers = new Numbers<Buffer>();
  #pipelines = new Numbers<Pipeline>();
  #bindings = new Numbers<GPUBindGroup>();

  constructor(readonly heap: Heap) {}

  /** An adapter's device with all its limits and the features that help. */
  static async request(adapter: GPUAdapter): Promise<GPUDevice> {
    const requiredLimits: Record<string, number> = {};
    for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
    const requiredFeatures = FEATURES.filter((f) => adapter.features.has(f));
    return adapter.requestDevice({ requiredLimits, requiredFeatures });
  }

  /** Puts a GPUDevice under a number; the C device is then "webgpu:" and the number. */
  add(gpu: GPUDevice, lent: boolean): number {
    let id = this.#devices.findIndex((d) => !d);
    if (id < 0) id = this.#devices.length;
    const d: Device = {
      gpu, lent, encoder: undefined, pass: undefined, submits: 0, done: 0, lost: undefined, troubles: [], epoch: 0, told: '', waiting: [], closed: false,
    };
    this.#devices[id] = d;
    void gpu.lost.then((info) => {
      d.lost = { kind: LOST, text: `the WebGPU device is lost: ${info.message || info.reason || 'no reason given'}` };
      this.#news(d);
    });
    return id;
  }

  /** Takes a device away that no C device was opened on. */
  forget(id: number): void {
    this.#close(id);
  }

  gpu(id: number): GPUDevice | undefined {
    return this.#devices[id]?.gpu;
  }

  /** Resolves when something happened on the device: work done, a buffer mapped, an error, a loss. */
  next(id: number): Promise<void> {
    const d = this.#devices[id];
    if (!d || d.lost) return Promise.resolve();
    return new Promise((resolve) => d.waiting.push(resolve));
  }

  /** Times each pass from here on, where the device can; gives what ends that. */
  timePasses(id: number): (() => Promise<number[]>) | undefined {
    const d = this.#devices[id], times = d && !d.lost && !d.times ? PassTimes.of(d.gpu) : undefined;
    if (!d || !times) return undefined;
    d.times = times;
    return () => {
      d.times = undefined;
      return times.take();
    };
  }

  /** The caller's buffer under a number, until Wasm frees it. */
  addBuffer(gpu: GPUBuffer): number {
    return this.#buffers.add({ gpu, lent: true, map: MAP_PENDING, mapped: 0 });
  }

  /** The GPUBuffer under a number, the caller's or one made here. */
  buffer(id: number): GPUBuffer | undefined {
    return this.#buffers.get(id)?.gpu;
  }

  forgetBuffer(id: number): void {
    this.#buffers.take(id);
  }

  /** Buffers made here and not yet freed: for tests of leaks. */
  get bufferCount(): number {
    return this.#buffers.size;
  }

  /** The same of all that Wasm knows by number: buffers, pipelines, bindings. */
  get objectCount(): number {
    return this.#buffers.size + this.#pipelines.size + this.#bindings.size;
  }

  #news(d: Device): void {
    const waiting = d.waiting;
    d.waiting = [];
    for (const resolve of waiting) resolve();
  }

  /* What comes of a call from before the last trouble was told is told with it. */
  #report(d: Device, kind: number, text: string, epoch: number): void {
    if (d.closed || epoch !== d.epoch) return;
    d.troubles.push({ kind, text });
    this.#news(d);
  }

  /* Calls `make` with both kinds of error caught. */
  #scoped<T>(d: Device, kind: number, make: () => T): T {
    const { epoch } = d;
    d.gpu.pushErrorScope('out-of-memory');
    d.gpu.pushErrorScope('validation');
    const made = make();
    d.gpu.popErrorScope().then((error) => {
      if (error) this.#report(d, kind, error.message, epoch);
    }, () => undefined); // a lost device: told by `lost`
    d.gpu.popErrorScope().then((error) => {
      if (error) this.#report(d, NO_MEMORY, error.message || 'the device has no memory left', epoch);
    }, () => undefined);
    return made;
  }

  #limits(id: number, out: number): void {
    const { gpu } = this.#devices[id]!;
    const numbers: number[] = LIMITS.map((name) => Math.min(gpu.limits[name], 0xffffffff));
    const subgroups = (gpu.adapterInfo as GPUAdapterInfo | undefined)?.subgroupMinSize ?? 0;
    numbers.push(Number(gpu.features.has('shader-f16')), gpu.features.has('subgroups') ? subgroups : 0);
    numbers.forEach((n, i) => this.heap.setU32(out + WORD * i, n));
  }

  #text(id: number, what: number): string {
    const d = this.#devices[id];
    if (!d) return '';
    const info = d.gpu.adapterInfo as GPUAdapterInfo | undefined;
    const made = [info?.vendor, info?.architecture].filter(Boolean).join(' ');
    if (what === TEXT_NAME) return info?.description || info?.device || made || 'WebGPU device';
    if (what === TEXT_DRIVER) return `${made || 'unknown'}, WebGPU in ${browserName()}`;
    return d.told;
  }

  #close(id: number): void {
    const d = this.#devices[id];
    if (!d) return;
    d.closed = true;
    d.pass?.end();
    this.#devices[id] = undefined;
    if (!d.lent) d.gpu.destroy();
    this.#news(d);
  }

  #bufferMake(d: Device, kind: number, blocks: number): number {
    if (d.lost) return 0;
    const usage = kind === STORAGE ? GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
      : kind === UNIFORM ? GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST
        : GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    try {
      const gpu = this.#scoped(d, NO_MEMORY, () => d.gpu.createBuffer({ size: blocks * BLOCK, usage }));
      return this.#buffers.add({ gpu, lent: false, map: MAP_PENDING, mapped: 0 });
    } catch (e) { // a RangeError where the browser itself has no room
      d.told = String(e);
      return 0;
    }
  }

  #bufferFree(id: number): void {
    const b = this.#buffers.take(id);
    if (b && !b.lent) b.gpu.destroy();
  }

  /* All pipelines are made side by side; each tells for itself how it went. */
  #pipelineMake(d: Device, code: string, spans: number, reads: number): number {
    if (d.lost) return 0;
    d.gpu.pushErrorScope('validation'); // a bad module or layout is told by the pipeline
    const module = d.gpu.createShaderModule({ code });
    const entries: GPUBindGroupLayoutEntry[] = [];
    for (let i = 0; i < spans; i++) {
      entries.push({ binding: i, visibility: GPUShaderStage.COMPUTE, buffer: { type: (reads >>> i) & 1 ? 'read-only-storage' : 'storage' } });
    }
    entries.push({ binding: spans, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } });
    const bindings = d.gpu.createBindGroupLayout({ entries });
    const layout = d.gpu.createPipelineLayout({ bindGroupLayouts: [bindings] });
    const pipeline: Pipeline = { gpu: undefined, layout: bindings, state: PENDING, why: '' };
    const making = d.gpu.createComputePipelineAsync({ layout, compute: { module, entryPoint: 'qk_run' } });
    d.gpu.popErrorScope().catch(() => undefined);
    void this.#settle(d, pipeline, making, module, code);
    return this.#pipelines.add(pipeline);
  }

  async #settle(d: Device, pipeline: Pipeline, making: Promise<GPUComputePipeline>, module: GPUShaderModule, code: string): Promise<void> {
    try {
      pipeline.gpu = await making;
      pipeline.state = READY;
    } catch (error) {
      await lossIsTold(d);
      const info = await module.getCompilationInfo().catch(() => undefined);
      const first = info?.messages.find((m) => m.type === 'error');
      pipeline.why = first ? `${first.message} (line ${first.lineNum}: ${code.split('\n')[first.lineNum - 1]?.trim() ?? ''})` : String((error as Error).message ?? error);
      pipeline.state = REFUSED;
    }
    this.#news(d);
  }

  #bindingsMake(d: Device, pipelineId: number, spans: number, n: number, uniform: number): number {
    const pipeline = this.#pipelines.get(pipelineId), last = this.#buffers.get(uniform);
    if (d.lost || !pipeline || !last) return 0;
    const words = this.heap.words(spans, n * SPAN_WORDS).slice();
    const entries: GPUBindGroupEntry[] = [];
    for (let i = 0; i < n; i++) {
      const buffer = this.#buffers.get(words[i * SPAN_WORDS]!);
      if (!buffer) return 0;
      entries.push({
        binding: i,
        resource: { buffer: buffer.gpu, offset: words[i * SPAN_WORDS + 1]! * BLOCK, size: words[i * SPAN_WORDS + 2]! * WORD },
      });
    }
    entries.push({ binding: n, resource: { buffer: last.gpu, size: UNIFORM_BYTES } });
    return this.#bindings.add(this.#scoped(d, BAD_CALL, () => d.gpu.createBindGroup({ layout: pipeline.layout, entries })));
  }

  #dispatch(d: Device, pipelineId: number, bindings: number, at: number, x: number, y: number): void {
    const pipeline = this.#pipelines.get(pipelineId), group = this.#bindings.get(bindings);
    if (d.lost || !pipeline?.gpu || !group) return;
    d.encoder ??= d.gpu.createCommandEncoder();
    d.pass ??= d.encoder.beginComputePass(d.times && { timestampWrites: d.times.writes });
    d.timed = Boolean(d.times);
    d.pass.setPipeline(pipeline.gpu);
    d.pass.setBindGroup(0, group, [at]);
    d.pass.dispatchWorkgroups(x, y);
  }

  #write(d: Device, buffer: number, at: number, from: number, words: number): void {
    const b = this.#buffers.get(buffer);
    if (d.lost || !b) return;
    this.#scoped(d, BAD_CALL, () =>
      d.gpu.queue.writeBuffer(b.gpu, at * WORD, this.heap.memory.buffer as ArrayBuffer, from, words * WORD));
  }

  #copy(d: Device, to: number, toAt: number, from: number, fromAt: number, words: number): void {
    const b = this.#buffers.get(to), a = this.#buffers.get(from);
    if (d.lost || !a || !b) return;
    d.encoder ??= d.gpu.createCommandEncoder();
    d.pass?.end();
    d.pass = undefined;
    d.encoder.copyBufferToBuffer(a.gpu, fromAt * WORD, b.gpu, toAt * WORD, words * WORD);
  }

  #submit(d: Device): number {
    const { encoder } = d;
    if (encoder && !d.lost) {
      d.pass?.end();
      if (d.timed) d.times?.close(encoder);
      this.#scoped(d, BAD_CALL, () => d.gpu.queue.submit([encoder.finish()]));
      d.times?.submitted();
    }
    d.encoder = d.pass = undefined;
    d.timed = false;
    const number = ++d.submits;
    const finished = (): void => {
      d.done = Math.max(d.done, number);
      this.#news(d);
    };
    if (d.lost) finished();
    else d.gpu.queue.onSubmittedWorkDone().then(finished, finished);
    return number;
  }

  #map(d: Device, id: number, words: number): void {
    const b = this.#buffers.get(id);
    if (!b) return;
    b.map = d.lost ? MAP_FAILED : MAP_PENDING;
    b.mapped = words * WORD;
    if (d.lost) return;
    d.gpu.pushErrorScope('validation'); // of a buffer that there was no room for: told by the map itself
    const mapping = b.gpu.mapAsync(GPUMapMode.READ, 0, b.mapped);
    d.gpu.popErrorScope().catch(() => undefined);
    mapping.then(
      () => {
        b.map = MAP_READY;
        this.#news(d);
      },
      () => this.#mapFailed(d, b));
  }

  async #mapFailed(d: Device, b: Buffer): Promise<void> {
    b.map = MAP_PENDING;
    await lossIsTold(d);
    b.map = MAP_FAILED;
    this.#news(d);
  }

  #unmapRead(d: Device, id: number, at: number, out: number, bytes: number): number {
    const b = this.#buffers.get(id);
    if (!b) return 0;
    const wanted = b.map === MAP_READY && out !== 0;
    const data = wanted ? mappedRange(b) : undefined;
    if (data) this.heap.u8.set(new Uint8Array(data, at, bytes), out);
    b.gpu.unmap();
    b.map = MAP_FAILED; // until it is mapped again
    if (wanted && !data) void this.#mapFailed(d, b);
    return Number(data !== undefined);
  }

  #drop(d: Device): void {
    d.encoder = d.pass = undefined;
    d.timed = false;
  }

  #trouble(d: Device): number {
    const t = d.lost ?? d.troubles.find((one) => one.kind === NO_MEMORY) ?? d.troubles[0];
    if (!t) return FINE;
    d.troubles = [];
    d.epoch++;
    d.told = t.text.split('\n', 1)[0]!;
    return t.kind;
  }

  /** The functions of module "quern" that begin with webgpu_. */
  imports(): Record<string, (...args: never[]) => unknown> {
    const device = (id: number): Device => this.#devices[id >>> 0]!;
    return {
      webgpu_past: () => this.#devices.length,
      webgpu_open: (id: number) => (this.#devices[id >>> 0] && !device(id).lost ? (id >>> 0) + 1 : 0),
      webgpu_limits: (id: number, out: number) => this.#limits(id >>> 0, out >>> 0),
      webgpu_text: (id: number, what: number, out: number, room: number) => this.heap.putText(this.#text(id >>> 0, what), out >>> 0, room >>> 0),
      webgpu_close: (id: number) => this.#close(id >>> 0),
      webgpu_buffer_make: (id: number, kind: number, blocks: number) => this.#bufferMake(device(id), kind, blocks >>> 0),
      webgpu_buffer_free: (_id: number, buffer: number) => this.#bufferFree(buffer >>> 0),
      webgpu_pipeline_make: (id: number, text: number, n: number, spans: number, reads: number) =>
        this.#pipelineMake(device(id), this.heap.text(text >>> 0, n >>> 0), spans, reads >>> 0),
      webgpu_pipeline_state: (id: number, pipeline: number) => (device(id).lost ? REFUSED : this.#pipelines.get(pipeline >>> 0)?.state ?? REFUSED),
      webgpu_pipeline_why: (_id: number, pipeline: number, out: number, room: number) =>
        this.heap.putText(this.#pipelines.get(pipeline >>> 0)?.why ?? '', out >>> 0, room >>> 0),
      webgpu_pipeline_free: (_id: number, pipeline: number) => void this.#pipelines.take(pipeline >>> 0),
      webgpu_bindings_make: (id: number, pipeline: number, spans: number, n: number, uniform: number) =>
        this.#bindingsMake(device(id), pipeline >>> 0, spans >>> 0, n >>> 0, uniform >>> 0),
      webgpu_bindings_free: (_id: number, bindings: number) => void this.#bindings.take(bindings >>> 0),
      webgpu_dispatch: (id: number, pipeline: number, bindings: number, at: number, x: number, y: number) =>
        this.#dispatch(device(id), pipeline >>> 0, bindings >>> 0, at >>> 0, x >>> 0, y >>> 0),
      webgpu_write: (id: number, buffer: number, at: number, from: number, words: number) =>
        this.#write(device(id), buffer >>> 0, at >>> 0, from >>> 0, words >>> 0),
      webgpu_copy: (id: number, to: number, toAt: number, from: number, fromAt: number, words: number) =>
        this.#copy(device(id), to >>> 0, toAt >>> 0, from >>> 0, fromAt >>> 0, words >>> 0),
      webgpu_drop: (id: number) => this.#drop(device(id)),
      webgpu_submit: (id: number) => this.#submit(device(id)),
      webgpu_done: (id: number) => (device(id).lost ? device(id).submits : device(id).done),
      webgpu_map: (id: number, buffer: number, words: number) => this.#map(device(id), buffer >>> 0, words >>> 0),
      webgpu_map_state: (id: number, buffer: number) => (device(id).lost ? MAP_FAILED : this.#buffers.get(buffer >>> 0)?.map ?? MAP_FAILED),
      webgpu_unmap_read: (id: number, buffer: number, at: number, out: number, bytes: number) =>
        this.#unmapRead(device(id), buffer >>> 0, at >>> 0, out >>> 0, bytes >>> 0),
      webgpu_trouble: (id: number) => this.#trouble(device(id)),
      webgpu_tick: () => undefined,
      webgpu_wait: () => undefined,
    };
  }
}

/* undefined: it was unmapped behind our back, as the loss of a device does a little before it is told. */
function mappedRange(b: Buffer): ArrayBuffer | undefined {
  try {
    return b.gpu.getMappedRange(0, b.mapped);
  } catch {
    return undefined;
  }
}

/* What fails because the device is lost may do so a little before the loss is told. */
function lossIsTold(d: Device): Promise<void> {
  return atMost(d.gpu.lost.then(() => undefined), 100);
}

function browserName(): string {
  const agent = globalThis.navigator?.userAgent ?? '';
  return /(Firefox|Edg|Chrome|Version)\/[\d.]+/.exec(agent)?.[0].replace('Version', 'Safari') ?? 'this runtime';
}
