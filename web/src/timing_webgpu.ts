/* How long the GPU itself worked at each submit: timestamps at the begin and end of its compute pass, read when all is done. While a session
 * is profiled each launch is a submit of its own (src/exec/advance.c). Browsers may round timestamps, Chromium to 0.1 ms. */
const BYTES = 16, RESOLVED_BYTES = 256;

export class PassTimes {
  #set: GPUQuerySet;
  #resolved: GPUBuffer;
  #passes: Promise<number>[] = [];
  #fresh: GPUBuffer | undefined; // of the encoder at hand

  private constructor(private readonly gpu: GPUDevice) {
    this.#set = gpu.createQuerySet({ type: 'timestamp', count: 2 });
    this.#resolved = gpu.createBuffer({ size: RESOLVED_BYTES, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
  }

  /** undefined: the device has no timestamps. */
  static of(gpu: GPUDevice): PassTimes | undefined {
    return gpu.features.has('timestamp-query') ? new PassTimes(gpu) : undefined;
  }

  get writes(): GPUComputePassTimestampWrites {
    return { querySet: this.#set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
  }

  /** At the end of an encoder with a pass. */
  close(encoder: GPUCommandEncoder): void {
    this.#fresh = this.gpu.createBuffer({ size: BYTES, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    encoder.resolveQuerySet(this.#set, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#fresh, 0, BYTES);
  }

  /** After its submit. */
  submitted(): void {
    const buffer = this.#fresh;
    this.#fresh = undefined;
    if (!buffer) return;
    this.#passes.push(buffer.mapAsync(GPUMapMode.READ).then(() => {
      const [from, to] = new BigUint64Array(buffer.getMappedRange());
      return Number(to! - from!);
    }).catch(() => NaN).finally(() => buffer.destroy()));
  }

  /** Nanoseconds of each pass so far, in order. */
  async take(): Promise<number[]> {
    const all = await Promise.all(this.#passes);
    this.#passes = [];
    this.#set.destroy();
    this.#resolved.destroy();
    return all;
  }
}
