/* An image tensor -> what shows it: from a webgpu device onto a texture or a canvas without a byte through the CPU, elsewhere by way of the page. */
import { drawOnGPU } from './draw_webgpu.js';
import { called, isSize, QuernError, wants } from './error.js';
import { kindOf } from './picture.js';
import { Tensor, type TypedArray } from './tensor.js';

export type DrawTarget = HTMLCanvasElement | OffscreenCanvas | GPUCanvasContext | GPUTexture | ImageData;

export interface DrawOptions {
  /** 'nchw' (default): [channels, height, width], with a batch or without; 'nhwc': [height, width, channels]. */
  layout?: 'nchw' | 'nhwc';
  /** What becomes 0 and 255; what lies outside becomes the nearer of them. Default [0, 1]. */
  range?: readonly [low: number, high: number];
  bgr?: boolean;
  /** Which picture of a batch. Default 0. */
  index?: number;
  signal?: AbortSignal;
}

/** Where the elements of one picture lie in its tensor, and what they mean: value * scale + shift is 0 to 1. @internal */
export interface Raster {
  width: number;
  height: number;
  channels: number;
  first: number;
  channelStep: number;
  pixelStep: number;
  scale: number;
  shift: number;
  bgr: boolean;
}

function rasterOf({ dtype, dims }: Tensor, { layout = 'nchw', range = [0, 1], bgr = false, index = 0 }: DrawOptions): Raster {
  wants(layout === 'nchw' || layout === 'nhwc', `drawTensor: layout is one of 'nchw', 'nhwc', not ${JSON.stringify(layout)}`);
  wants(Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] !== range[1], 'drawTensor: range is two different numbers, what becomes 0 and 255');
  if (dtype !== 'f32') throw new QuernError('dtype', `drawTensor draws f32, and the tensor is ${dtype}`);
  const of = dims.length === 4 ? dims : [1, ...dims], [batch = 0, a = 0, b = 0, c = 0] = of;
  const [channels, height, width] = layout === 'nchw' ? [a, b, c] : [c, a, b];
  if (of.length !== 4 || ![1, 3, 4].includes(channels) || !width || !height) {
    throw new QuernError('shape', `drawTensor draws ${layout === 'nchw' ? '[channels, height, width]' : '[height, width, channels]'} of 1, 3 or 4 channels, with a batch or without, and the tensor is [${dims.join(', ')}]`);
  }
  wants(isSize(index) && index < batch, `drawTensor: there is no picture ${String(index)} in a batch of ${batch}`);
  const area = width * height, scale = 1 / (range[1] - range[0]);
  return {
    width, height, channels, first: index * channels * area, scale, shift: -range[0] * scale, bgr: Boolean(bgr),
    channelStep: layout === 'nchw' ? area : 1, pixelStep: layout === 'nchw' ? 1 : channels,
  };
}

/** Refuses a target of another size. @internal */
export function sameSize(what: string, { width, height }: { width: number; height: number }, r: Raster): void {
  if (width !== r.width || height !== r.height) throw new QuernError('shape', `drawTensor: the picture is ${r.width} x ${r.height}, and the ${what} ${width} x ${height}`);
}

/** A canvas takes the picture's size. @internal */
export function fitCanvas(canvas: HTMLCanvasElement | OffscreenCanvas, { width, height }: Raster): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

function paint(values: TypedArray, r: Raster, rgba: Uint8ClampedArray): void {
  const at = (p: number, c: number): number => 255 * ((values[r.first + p * r.pixelStep + c * r.channelStep] as number) * r.scale + r.shift);
  const order = r.channels === 1 ? [0, 0, 0] : r.bgr ? [2, 1, 0] : [0, 1, 2];
  for (let p = 0; p < r.width * r.height; p++) {
    for (let c = 0; c < 3; c++) rgba[4 * p + c] = at(p, order[c]!); // rounds, and keeps within 0 to 255
    rgba[4 * p + 3] = r.channels === 4 ? at(p, 3) : 255;
  }
}

async function drawOnPage(tensor: Tensor, target: DrawTarget, r: Raster, signal: AbortSignal | undefined): Promise<void> {
  const values = await tensor.read({ signal });
  if (kindOf(target) === 'ImageData') return paint(values, r, (target as ImageData).data);
  const canvas = target as HTMLCanvasElement | OffscreenCanvas, image = new ImageData(r.width, r.height);
  const context = canvas.getContext('2d') as CanvasRenderingContext2D | null;
  wants(context !== null, 'drawTensor: the canvas has a context of another kind already; a tensor on a webgpu device goes onto one with a webgpu context, any other onto one with a 2d context');
  paint(values, r, image.data);
  fitCanvas(canvas, r);
  context.putImageData(image, 0, 0);
}

/** Draws a tensor as a picture. One on a webgpu device goes straight onto a GPUTexture of that GPUDevice (usage RENDER_ATTACHMENT) or a canvas with a webgpu context, or with none yet; any
 * other, and what goes onto an ImageData or a canvas with a 2d context, is read first. Canvases take the picture's size, the others must have it. Alpha is straight in the tensor. */
export function drawTensor(tensor: Tensor, target: DrawTarget, options: DrawOptions = {}): Promise<void> {
  return called('drawTensor', options, async () => {
    wants(tensor instanceof Tensor && typeof options === 'object' && options !== null, 'drawTensor wants a Tensor, what to draw it on, and options');
    options.signal?.throwIfAborted();
    const raster = rasterOf(tensor, options), kind = kindOf(target), device = tensor.buffer?.device;
    const known = ['HTMLCanvasElement', 'OffscreenCanvas', 'GPUCanvasContext', 'GPUTexture', 'ImageData'];
    wants(known.includes(kind), `drawTensor draws on a canvas, a GPUCanvasContext, a GPUTexture or an ImageData, not on a ${kind}`);
    if (kind === 'ImageData') sameSize('ImageData', target as ImageData, raster);
    else if (device?.gpuDevice && (await drawOnGPU(device, tensor, target as Exclude<DrawTarget, ImageData>, raster, options.signal))) return;
    wants(!kind.startsWith('GPU'), `drawTensor: onto a ${kind} goes what lies on a webgpu device; keep it there (run with keep)`);
    await drawOnPage(tensor, target, raster, options.signal);
  });
}
