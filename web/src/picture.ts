/* Pictures of the page -> rows of RGBA on the page. */
import { called, isSize, QuernError, wants } from './error.js';

export type Picture = ImageBitmap | ImageData | HTMLImageElement | HTMLCanvasElement | HTMLVideoElement | OffscreenCanvas | VideoFrame | Blob;

export interface Pixels {
  width: number;
  height: number;
  rgba: Uint8ClampedArray | Uint8Array;
}

const KINDS = ['ImageBitmap', 'ImageData', 'HTMLImageElement', 'HTMLCanvasElement', 'HTMLVideoElement', 'OffscreenCanvas', 'VideoFrame', 'Blob', 'File'];

/** Of which class it is, also when that is another window's. @internal */
export function kindOf(thing: unknown): string {
  return Object.prototype.toString.call(thing).slice(8, -1);
}

function isPixels(p: Picture | Pixels): p is Pixels {
  return typeof p === 'object' && p !== null && 'rgba' in p;
}

/** Refuses what is no picture, and one without pixels. @internal */
export function wantsPicture(picture: Picture | Pixels): void {
  if (isPixels(picture)) {
    const { width, height, rgba } = picture;
    return wants(isSize(width) && isSize(height) && ArrayBuffer.isView(rgba) && rgba.byteLength === width * height * 4, 'pixels are { width, height, rgba }, of four bytes a pixel');
  }
  const kind = kindOf(picture);
  wants(KINDS.includes(kind), `a picture is an image, a canvas, a video, an ImageBitmap, an ImageData, a VideoFrame, a Blob or { width, height, rgba }, not this (${kind})`);
}

/** @internal */
export function sizeOf(source: Exclude<Picture, Blob> | Pixels): [number, number] {
  const size = (): [number, number] => {
    if ('displayWidth' in source) return [source.displayWidth, source.displayHeight];
    if ('videoWidth' in source) return [source.videoWidth, source.videoHeight];
    if ('naturalWidth' in source) return [source.naturalWidth, source.naturalHeight];
    return [source.width, source.height];
  };
  const [width, height] = size();
  wants(width > 0 && height > 0, 'the picture has no pixels: it is not loaded yet, is empty, or was closed');
  return [width, height];
}

/** What the browser says when it does not give a picture's pixels away. @internal */
export function refused(cause: unknown): never {
  if (cause instanceof QuernError) throw cause;
  throw new QuernError('usage', `the picture cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

/** @internal */
export async function bitmapOf(file: Blob): Promise<ImageBitmap> {
  wants(typeof createImageBitmap === 'function', 'only a browser decodes pictures; give { width, height, rgba }');
  return createImageBitmap(file).catch((cause: unknown) => {
    throw new QuernError('format', `this browser cannot show the picture (${file.type || 'unknown type'}, ${file.size} bytes): it is damaged or of a format it does not know`, { cause });
  });
}

/** The pixels of a picture, upright, straight alpha. */
export function pixelsOf(source: Picture): Promise<Pixels> {
  return called('pixelsOf', undefined, () => readPixels(source));
}

/** @internal */
export async function readPixels(source: Picture | Pixels): Promise<Pixels> {
  wantsPicture(source);
  if (isPixels(source)) return source;
  const kind = kindOf(source);
  if (kind === 'ImageData') return { width: (source as ImageData).width, height: (source as ImageData).height, rgba: (source as ImageData).data };
  if (kind !== 'Blob' && kind !== 'File') return drawn(source as Exclude<Picture, Blob | ImageData>);
  const bitmap = await bitmapOf(source as Blob);
  try {
    return drawn(bitmap);
  } finally {
    bitmap.close();
  }
}

function drawn(source: Exclude<Picture, Blob | ImageData>): Pixels {
  const [width, height] = sizeOf(source);
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  try {
    context.drawImage(source as CanvasImageSource, 0, 0, width, height);
    return { width, height, rgba: context.getImageData(0, 0, width, height).data };
  } catch (cause) {
    return refused(cause);
  }
}
