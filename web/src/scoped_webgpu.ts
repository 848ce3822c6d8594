/* Work on a GPUDevice that may be the page's: what goes wrong in it is heard here, and by none of the page's scopes and listeners. */
import type { Device } from './device.js';
import { QuernError } from './error.js';

/** Calls `work`, which must not wait, between error scopes. `undo`: what it made goes when the device refused it. @internal */
export async function scoped<T>(device: Device, what: string, work: (gpu: GPUDevice) => T, undo: (made: T) => void): Promise<T> {
  const gpu = device.gpuDevice!;
  const pop = (): Promise<GPUError | null> => gpu.popErrorScope().catch(() => null); // of a lost device, which the next call tells
  let made: T, told: Promise<GPUError | null>[] = [];
  gpu.pushErrorScope('out-of-memory');
  gpu.pushErrorScope('validation');
  try {
    made = work(gpu);
  } finally {
    told = [pop(), pop()];
  }
  const [invalid, noRoom] = await Promise.all(told);
  if (!invalid && !noRoom) return made;
  undo(made);
  throw noRoom ? new QuernError('nomem', `${what}: the device has no room for it`) : new QuernError('device', `${what}: ${invalid!.message}`);
}
