/* Picture files that a model decodes itself (ImageDecoder), by the browser. The module asks with the bytes in its memory, again and again, and takes the
 * pixels when they are there: as stored, without regard to orientation and colour profile, straight alpha. */
import { DAMAGED, NO_DECODER, ON_ITS_WAY, THERE } from './abi.js';
import type { Heap } from './heap.js';
import type { Pixels } from './picture.js';

const MOST = 8; // asked for and never taken, because a run was given up

interface Asked {
  file: Uint8Array<ArrayBuffer>;
  state: number;
  why: string;
  pixels?: Pixels;
}

const EXIF = [0x45, 0x78, 0x69, 0x66], WEBP = [0x57, 0x45, 0x42, 0x50], WEBP_EXIF = [0x45, 0x58, 0x49, 0x46];
const MARKER = 0xff, APP1 = 0xe1, SCAN = 0xda; // of JPEG

function has(file: Uint8Array, at: number, bytes: number[]): boolean {
  return bytes.every((byte, k) => file[at + k] === byte);
}

/* The same file, in which nobody finds how the camera was held. */
function withoutOrientation(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const made = file.slice(), view = new DataView(made.buffer), n = made.length;
  if (has(made, 0, [MARKER, 0xd8])) {
    for (let at = 2; at + 8 <= n && made[at] === MARKER && made[at + 1] !== SCAN; at += 2 + view.getUint16(at + 2)) if (made[at + 1] === APP1 && has(made, at + 4, EXIF)) made[at + 4] = 0;
  } else if (has(made, 8, WEBP)) {
    for (let at = 12; at + 8 <= n; at += 8 + Math.ceil(view.getUint32(at + 4, true) / 2) * 2) if (has(made, at, WEBP_EXIF)) made[at] = 0x58;
  }
  return made;
}

/* A 2d canvas multiplies colours by alpha, and loses some: WebGL does not. */
function straight(bitmap: ImageBitmap): Uint8Array {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl) throw new DOMException('a picture with alpha needs WebGL 2 to be read exactly', 'NotSupportedError');
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, gl.getParameter(gl.TEXTURE_BINDING_2D) as WebGLTexture, 0);
  const rgba = new Uint8Array(width * height * 4);
  const known = gl.checkFramebufferStatus(gl.FRAMEBUFFER) === gl.FRAMEBUFFER_COMPLETE;
  if (known) gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
  const failed = !known || gl.getError() !== gl.NO_ERROR;
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  if (failed) throw new DOMException('a picture with alpha is too large for WebGL 2', 'NotSupportedError');
  return rgba;
}

function isOpaque(rgba: Pixels['rgba']): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}

async function decode(file: Uint8Array<ArrayBuffer>): Promise<Pixels> {
  const bitmap = await createImageBitmap(new Blob([withoutOrientation(file)]), { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  let rgba: Pixels['rgba'] = context.getImageData(0, 0, width, height).data;
  if (!isOpaque(rgba)) rgba = straight(bitmap);
  bitmap.close();
  return { width, height, rgba };
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export class Decoder {
  #asked = new Map<number, Asked>(); // by the place of the file's bytes

  constructor(private readonly heap: Heap) {}

  #ask(from: number, file: Uint8Array<ArrayBuffer>): Asked {
    const asked: Asked = { file, state: ON_ITS_WAY, why: '' };
    this.#asked.delete(from);
    if (this.#asked.size >= MOST) this.#asked.delete(this.#asked.keys().next().value!);
    this.#asked.set(from, asked);
    const failed = (state: number, why: string): void => void Object.assign(asked, { state, why });
    if (typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function') failed(NO_DECODER, 'a browser is needed; give the pixels to what follows');
    else decode(file).then((pixels) => Object.assign(asked, { state: THERE, pixels }), (e: DOMException) => failed(e.name === 'NotSupportedError' ? NO_DECODER : DAMAGED, e.message));
    return asked;
  }

  imports(): Record<string, (...args: number[]) => number> {
    const { heap } = this;
    return {
      picture: (from, n, sizes, why, room) => {
        const file = heap.bytes(from! >>> 0, n! >>> 0), had = this.#asked.get(from!);
        const asked = had && same(had.file, file) ? had : this.#ask(from!, file.slice() as Uint8Array<ArrayBuffer>);
        if (asked.pixels) heap.words(sizes! >>> 0, 2).set([asked.pixels.width, asked.pixels.height]);
        else if (asked.state !== ON_ITS_WAY) {
          heap.putText(asked.why, why! >>> 0, room!);
          this.#asked.delete(from!);
        }
        return asked.state;
      },
      pixels: (from, to) => {
        if (to) heap.u8.set(this.#asked.get(from!)!.pixels!.rgba, to >>> 0);
        this.#asked.delete(from!);
        return 0;
      },
    };
  }
}
