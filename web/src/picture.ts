/* Pictures of the page -> rows of RGBA on the page. */
import { called, QuernError } from './error.js';

export type Picture = ImageBitmap | ImageData | HTMLImageElement | HTMLCanvasElement | HTMLVideoElement | OffscreenCanvas | VideoFrame | Blob;

export interface Pixels {
  width: number;
  height: number;
  rgba: Uint8ClampedArray | Uint8Array;
}

/** @internal */
export function sizeOf(source: Exclude<Picture, Blob | ImageData>): [number, number] {
  if ('displayWidth' in source) return [source.displayWidth, source.displayHeight];
  if ('videoWidth' in source) return [source.videoWidth, source.videoHeight];
  if ('naturalWidth' in source) return [source.naturalWidth, source.naturalHeight];
  return [source.width, source.height];
}

/** The pixels of a picture, upright, straight alpha. */
export function pixelsOf(source: Picture): Promise<Pixels> {
  return called('pixelsOf', undefined, () => readPixels(source));
}

async function readPixels(source: Picture): Promise<Pixels> {
  if (typeof ImageData !== 'undefined' && source instanceof ImageData) return { width: source.width, height: source.height, rgba: source.data };
  let drawn = source as Exclude<Picture, ImageData | Blob>;
  if (source instanceof Blob) {
    drawn = await createImageBitmap(source).catch((cause: unknown) => {
      throw new QuernError('format', `this browser cannot show the picture (${source.type || 'unknown type'}, ${source.size} bytes): it is damaged or of a format it does not know`, { cause });
    });
  }
  const [width, height] = sizeOf(drawn);
  if (!width || !height) throw new QuernError('usage', 'the picture has no pixels yet: wait until it is loaded');
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(drawn as CanvasImageSource, 0, 0, width, height);
  if (source instanceof Blob) (drawn as ImageBitmap).close();
  return { width, height, rgba: context.getImageData(0, 0, width, height).data };
}
