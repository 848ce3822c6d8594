/* A picture -> a model's input, as the library prepares it (src/media/prep.c): on a webgpu device without a byte through the CPU, on others by the library itself. */
import { Device } from './device.js';
import { called, wants } from './error.js';
import { readPixels, type Picture, type Pixels } from './picture.js';
import { pictureOnGPU } from './picture_webgpu.js';
import { Tensor } from './tensor.js';
import { valueAt } from './value.js';

export interface PictureOptions {
  width: number;
  height: number;
  /** 3: colours (default); 1: luma */
  channels?: 1 | 3;
  /** Default 'nchw'. */
  layout?: 'nchw' | 'nhwc';
  /** 'crop': the shorter side fits, the middle is cut (default). 'squash': both sides fit. 'letterbox': the longer side fits, the rest gets `pad`. */
  fit?: 'crop' | 'squash' | 'letterbox';
  /** Grey, 0 to 255. Default 0. */
  pad?: number;
  /** What 0 and 255 become. Default [0, 1]. */
  range?: readonly [low: number, high: number];
  /** After the range: (value - mean) / std. A number for all channels, or one for each, in the tensor's order. */
  mean?: number | readonly number[];
  std?: number | readonly number[];
  bgr?: boolean;
  signal?: AbortSignal;
}

/** The same as the library takes it, all said. @internal */
export interface Prep {
  width: number;
  height: number;
  channels: number;
  fit: string;
  pad: number;
  range: readonly [number, number];
  mean: readonly number[];
  std: readonly number[];
  bgr: boolean;
  nhwc: boolean;
}

const MOST_SIDE = 65535;
const isWhole = (n: unknown, least: number, most: number): n is number => Number.isInteger(n) && (n as number) >= least && (n as number) <= most;
const isNumber = (n: unknown): n is number => Number.isFinite(n);

function oneOf<T extends string | number>(name: string, value: T, known: readonly T[]): T {
  wants(known.includes(value), `pictureTensor: ${name} is one of ${known.map((k) => (typeof k === 'string' ? `'${k}'` : k)).join(', ')}, not ${JSON.stringify(value)}`);
  return value;
}

/* By channel; the library takes three. */
function perChannel(name: string, value: number | readonly number[], channels: number): readonly number[] {
  const list = typeof value === 'number' ? Array<number>(channels).fill(value) : value;
  wants(Array.isArray(list) && list.length === channels && list.every(isNumber), `pictureTensor: ${name} is a number${channels === 1 ? ', or a list of one' : `, or ${channels} of them, one for each channel`}`);
  return channels === 1 ? [list[0]!, list[0]!, list[0]!] : list;
}

function prepOf(o: PictureOptions): Prep {
  wants(typeof o === 'object' && o !== null, 'pictureTensor wants options: { width, height } of the tensor at least');
  const { width, height, pad = 0, range = [0, 1], bgr = false } = o;
  wants(isWhole(width, 1, MOST_SIDE) && isWhole(height, 1, MOST_SIDE), `pictureTensor: width and height are whole numbers from 1 to ${MOST_SIDE}`);
  wants(isWhole(pad, 0, 255), 'pictureTensor: pad is a whole number from 0 to 255');
  wants(Array.isArray(range) && range.length === 2 && range.every(isNumber) && range[0] !== range[1], 'pictureTensor: range is two different numbers, what 0 and 255 become');
  wants(typeof bgr === 'boolean', 'pictureTensor: bgr is true or false');
  const channels = oneOf('channels', o.channels ?? 3, [1, 3]), std = perChannel('std', o.std ?? 1, channels);
  wants(!std.includes(0), 'pictureTensor: std is not 0');
  return {
    width, height, channels, pad, range, bgr, std, fit: oneOf('fit', o.fit ?? 'crop', ['crop', 'squash', 'letterbox']), mean: perChannel('mean', o.mean ?? 0, channels),
    nhwc: oneOf('layout', o.layout ?? 'nchw', ['nchw', 'nhwc']) === 'nhwc',
  };
}

/* For devices that share no memory with pictures. */
async function byLibrary(device: Device, picture: Picture | Pixels, prep: Prep): Promise<Tensor> {
  const { engine } = device, { width, height, rgba } = await readPixels(picture);
  device.alive();
  const pixels = engine.put(new Uint8Array(rgba.buffer, rgba.byteOffset, rgba.byteLength));
  let made = 0;
  try {
    made = engine.withTexts([JSON.stringify(prep)], (text) => engine.need(engine.x.qw_picture(width, height, pixels, text!)));
    return valueAt(engine, made) as Tensor;
  } finally {
    if (!engine.broken) {
      engine.x.qw_free(pixels);
      engine.x.qw_picture_free(made);
    }
  }
}

/** A picture as a model's f32 input, resized by an antialiased bilinear filter; on all devices the same to within 1/255 of its range, or a little more where grey.
 * On a webgpu device it never leaves the GPU: textures, canvases, video frames and bitmaps are read where they are. Close the tensor when it is
 * not needed any more. */
export function pictureTensor(device: Device, picture: Picture | Pixels | GPUTexture, options: PictureOptions): Promise<Tensor> {
  return called('pictureTensor', options, async () => {
    wants(device instanceof Device, 'pictureTensor wants a Device, a picture and { width, height }');
    const prep = prepOf(options), { signal } = options;
    signal?.throwIfAborted();
    device.alive();
    if (device.gpuDevice) return pictureOnGPU(device, picture, prep, signal);
    wants(typeof GPUTexture === 'undefined' || !(picture instanceof GPUTexture), 'a GPUTexture needs a webgpu device over the same GPUDevice');
    const tensor = await byLibrary(device, picture as Picture, prep);
    signal?.throwIfAborted();
    return tensor;
  });
}
