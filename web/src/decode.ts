/* Picture files that a model decodes itself (ImageDecoder): by a decoder that the page lends, else by the browser. The module asks with the bytes in its
 * memory, again and again, and takes the pixels when they are there: as stored, without regard to orientation and colour profile, straight alpha. */
import { pictureTypes, statusNumbers, type PictureType } from './abi.js';
import { isSize, QuernError, wants } from './error.js';
import type { Heap } from './heap.js';
import { abortable } from './wait.js';

/** Rows from the top without gaps: a byte a pixel (grey), three (RGB) or four (RGBA, straight alpha). An ImageData is one. */
export interface DecodedPicture {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
}

/** Decodes one file, whose bytes are a copy. null: it is damaged, or not of its kind; ImageDecoder gives an empty picture then, as ONNX says. What it throws
 * fails the run, with code 'unsupported' where it is a NotSupportedError, else 'data'. `signal` is aborted when nobody wants the picture any more. */
export type PictureDecoder = (file: Uint8Array<ArrayBuffer>, options: { type: string; signal: AbortSignal }) => DecodedPicture | null | Promise<DecodedPicture | null>;

/** One for files that have these bytes (a character each, to \xff) at this place, by default the first. */
export interface MagicDecoder {
  magic: string;
  at?: number;
  decode: PictureDecoder;
}

/** Decoders by media type; for a type that the library does not know by its bytes, a MagicDecoder. */
export type Decoders = Readonly<Partial<Record<PictureType | (string & {}), PictureDecoder | MagicDecoder>>>;

const OK = 0;

/* ---- the browser's */

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

function isOpaque(rgba: DecodedPicture['data']): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}

async function decode(file: Uint8Array<ArrayBuffer>): Promise<DecodedPicture> {
  const bitmap = await createImageBitmap(new Blob([withoutOrientation(file)]), { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  try {
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, data: isOpaque(data) ? data : straight(bitmap) };
  } finally {
    bitmap.close();
  }
}

/* As a browser's own calls say it. */
function isNotSupported(error: unknown): boolean {
  return error instanceof Error && error.name === 'NotSupportedError';
}

function byTheBrowser(type: string): PictureDecoder | undefined {
  if (!/^image\/(jpeg|png|webp)$/.test(type) || typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function') return undefined;
  return (file) => decode(file).catch((cause: Error) => {
    throw new QuernError(isNotSupported(cause) ? 'unsupported' : 'format', `the browser does not decode this ${type}: ${cause.message}`, { cause });
  });
}

/* ---- the page's */

interface Lent {
  type: string;
  magic: number[];
  at: number;
  decode: PictureDecoder;
}

function lentBy(decoders: Decoders): Lent[] {
  wants(typeof decoders === 'object' && decoders !== null, "decoders are { 'image/tiff': (file) => ({ width, height, data }), ... }");
  return Object.entries(decoders).map(([type, given]) => {
    const { decode, magic = '', at = 0 }: Partial<MagicDecoder> = typeof given === 'function' ? { decode: given } : (given ?? {});
    wants(typeof decode === 'function' && typeof magic === 'string' && !/[^\0-\xff]/.test(magic) && isSize(at), `decoders: '${type}' must be a function, or { magic: 'bytes', at: place, decode: function }`);
    wants(magic !== '' || pictureTypes.includes(type), `decoders: the library does not know '${type}' by its bytes; give { magic, decode }, or one of ${pictureTypes.join(', ')}`);
    return { type, magic: Array.from(magic, (c) => c.charCodeAt(0)), at, decode: toldOf(type, decode) };
  });
}

function toldOf(type: string, decode: PictureDecoder): PictureDecoder {
  return async (file, options) => {
    try {
      return await decode(file, options);
    } catch (cause) {
      throw new QuernError(isNotSupported(cause) ? 'unsupported' : 'data', `the decoder of ${type} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  };
}

interface Checked extends DecodedPicture {
  each: number; // bytes a pixel
}

function checked(type: string, given: DecodedPicture | null): Checked {
  const { width, height, data } = given ?? ({} as Partial<DecodedPicture>);
  if (given === null || width === 0 || height === 0) throw new QuernError('format', `the decoder of ${type} says that this is no picture`);
  const isBytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  wants(isBytes && isSize(width) && isSize(height), `the decoder of ${type} must give { width, height, data }, a Uint8Array or Uint8ClampedArray, or null`);
  const each = data.length / (width * height);
  wants(each === 1 || each === 3 || each === 4, `the decoder of ${type} gave ${data.length} bytes for ${width} x ${height} pixels; a pixel has 1 (grey), 3 (RGB) or 4 (RGBA)`);
  return { width, height, data, each };
}

interface Asked {
  type: string;
  settled: Promise<void>;
  outcome?: { answer: DecodedPicture | null } | { failed: unknown };
  picture?: Checked;
}

/** The pictures of a session: what its run has asked for and not taken yet. */
export class Pictures {
  readonly #lent: readonly Lent[];
  #asked = new Map<number, Asked>(); // by the place of the file's bytes
  #run = new AbortController();
  #cause: unknown; // of the last failure

  constructor(decoders: Decoders = {}) {
    this.#lent = lentBy(decoders);
  }

  /** A run, which ends with all that it asked for. */
  async during<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const run = (this.#run = new AbortController()), abort = (): void => run.abort(signal!.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#cause = undefined;
    try {
      return await work();
    } catch (error) {
      if (error instanceof QuernError) error.cause ??= this.#cause;
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.drop();
    }
  }

  /** Nobody wants them any more. */
  drop(): void {
    if (this.#asked.size) this.#run.abort();
    this.#asked.clear();
  }

  /** Resolves when there is something to take; undefined: nothing is on its way. */
  onItsWay(): Promise<void> | undefined {
    return [...this.#asked.values()].find((asked) => !asked.outcome)?.settled;
  }

  #decoderOf(type: string, file: Uint8Array): [string, PictureDecoder] | undefined {
    const lent = this.#lent.find((l) => l.magic.length && has(file, l.at, l.magic)) ?? this.#lent.find((l) => l.type === type && !l.magic.length);
    if (lent) return [lent.type, lent.decode];
    const own = byTheBrowser(type);
    return own && [type, own];
  }

  /* Starts when the module is through: a decoder may call the library. */
  #ask(type: string, decoder: PictureDecoder, file: Uint8Array<ArrayBuffer>): Asked {
    const { signal } = this.#run;
    const decoding = Promise.resolve().then(() => (signal.aborted ? null : decoder(file, { type, signal })));
    const asked: Asked = {
      type,
      settled: abortable(decoding, signal).then((answer) => void (asked.outcome = { answer }), (failed: unknown) => void (asked.outcome = { failed })),
    };
    return asked;
  }

  #checked({ type, outcome }: Asked): Checked {
    if ('answer' in outcome!) return checked(type, outcome.answer);
    throw this.#run.signal.aborted ? new QuernError('usage', 'the run was given up') : outcome!.failed;
  }

  /* The imports, as src/media/image_wasm.c has them. What they throw would end the module. */

  picture(heap: Heap, typeAt: number, from: number, n: number, sizes: number, why: number, room: number): number {
    const had = this.#asked.get(from), file = heap.bytes(from, n);
    if (!had) {
      const found = this.#decoderOf(heap.cText(typeAt), file);
      if (!found) return statusNumbers.name;
      this.#asked.set(from, this.#ask(...found, file.slice() as Uint8Array<ArrayBuffer>));
    }
    if (!had?.outcome) return OK;
    try {
      const { width, height } = (had.picture = this.#checked(had));
      heap.words(sizes, 2).set([width, height].map((size) => Math.min(size, 0xffffffff)));
      return OK;
    } catch (failed) {
      const { code, message, cause } = failed instanceof QuernError ? failed : new QuernError('usage', String(failed), { cause: failed });
      this.#cause = cause;
      this.#asked.delete(from);
      heap.putText(message, why, room);
      return statusNumbers[code];
    }
  }

  /* Called at once after the sizes were given. `to` 0: there is no room. */
  pixels(heap: Heap, from: number, to: number): void {
    const { data, each } = this.#asked.get(from)!.picture!, out = heap.u8;
    this.#asked.delete(from);
    if (!to) return;
    if (each === 4) return out.set(data, to);
    for (let i = 0; i < data.length; i += each, to += 4) {
      out[to] = data[i]!;
      out[to + 1] = data[each === 3 ? i + 1 : i]!;
      out[to + 2] = data[each === 3 ? i + 2 : i]!;
      out[to + 3] = 255;
    }
  }
}
