/* Work on a GPUDevice that may be the page's: what is made for it lives as long, and what goes wrong is heard here, by none of the page's scopes and
 * listeners. */
import type { Device } from './device.js';
import { QuernError } from './error.js';

/** Something that is made once for each GPUDevice and key, for as long as the device lives. @internal */
export function perDevice<T>(make: (gpu: GPUDevice, key: string) => T): (gpu: GPUDevice, key: string) => T {
  const made = new WeakMap<GPUDevice, Map<string, T>>();
  return (gpu, key) => {
    const known = made.get(gpu) ?? new Map<string, T>(), had = known.get(key) ?? make(gpu, key);
    known.set(key, had);
    made.set(gpu, known);
    return had;
  };
}

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
  throw noRoom ? new QuernError('nomem', `${what}: the device has no room for it`) : new QuernError('device', `${what}: ${invalid!.message.split('\n', 1)[0]}`);
}
