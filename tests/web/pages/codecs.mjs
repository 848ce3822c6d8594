/* Decoders of TIFF and JPEG 2000 for Session.open, from packages of npm, for pages (../codecs.mjs) and Node. */
import openjpeg from '@cornerstonejs/codec-openjpeg/decodewasmjs';
import { decode } from 'tiff';

/* In Node it finds its module itself. */
const options = { print() {}, printErr() {}, ...(globalThis.location && { locateFile: (name) => new URL(`/openjpeg/${name}`, location.href).href }) };
let opened;

function tiff(file) {
  const [{ width, height, data, palette }] = decode(file, { pages: [0] });
  return { width, height, data: palette ? Uint8Array.from([...data].flatMap((i) => palette[i].map((v) => v >> 8))) : data };
}

const START = [0xff, 0x4f, 0xff, 0x51];

/* Of a stream's SIZ marker; undefined: there is none. */
function componentsOf(file) {
  const at = file.findIndex((byte, i) => byte === START[0] && START.every((b, k) => file[i + k] === b));
  return at < 0 ? undefined : file[at + 40] * 256 + file[at + 41];
}

async function jpeg2000(file) {
  const components = componentsOf(file);
  if (components !== 1 && components !== 3 && components !== undefined) throw new DOMException(`this build of OpenJPEG takes 1 or 3 components, not ${components}`, 'NotSupportedError');
  const { J2KDecoder } = await (opened ??= openjpeg(options));
  const decoder = new J2KDecoder();
  try {
    decoder.getEncodedBuffer(file.length).set(file);
    decoder.decode();
    const { width, height } = decoder.getFrameInfo();
    return width ? { width, height, data: decoder.getDecodedBuffer().slice() } : null; // slice: it lies in the decoder's memory
  } finally {
    decoder.delete();
  }
}

export const decoders = { 'image/tiff': tiff, 'image/jp2': jpeg2000 };
