/* A picture on the GPU -> a model's input on the GPU, without a byte through the CPU.
 *
 * One pass: each item of the output gathers the source pixels under it with a triangle as wide as a source pixel or, when shrinking, as an
 * output pixel, which is the antialiased bilinear filter that the library uses on the CPU. */
import type { Device } from './device.js';
import { called, QuernError } from './error.js';
import { pixelsOf, sizeOf, type Picture } from './picture.js';
import { Tensor } from './tensor.js';

export interface PictureOptions {
  width: number;
  height: number;
  /** 3: colours (default); 1: luma */
  channels?: 1 | 3;
  /** Default 'nchw'. */
  layout?: 'nchw' | 'nhwc';
  /** 'crop': the shorter side fits, the middle is cut (default). 'squash': both sides fit. */
  fit?: 'crop' | 'squash';
  /** What 0 and 255 become. Default [0, 1]. */
  range?: [number, number];
  /** After the range: (value - mean) / std, for each colour. */
  mean?: [number, number, number];
  std?: [number, number, number];
  bgr?: boolean;
  signal?: AbortSignal;
}

const wgsl = (source: string): string => /* wgsl */ `
struct Settings {
  size: vec2u, channels: u32, nhwc: u32,
  origin: vec2f, step: vec2f,      // source = origin + (x + 0.5) * step
  scale: vec4f, shift: vec4f,      // value = colour * scale + shift
  bgr: u32,
}
@group(0) @binding(0) var picture: ${source};
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
@group(0) @binding(2) var<uniform> s: Settings;

fn pixel(at: vec2i, most: vec2i) -> vec3f {
  let p = clamp(at, vec2i(0), most);
  return ${source === 'texture_external' ? 'textureLoad(picture, p).rgb' : 'textureLoad(picture, p, 0).rgb'};
}

@compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (any(id.xy >= s.size)) { return; }
  let most = vec2i(textureDimensions(picture)) - 1;
  let reach = max(s.step, vec2f(1.0));
  let centre = s.origin + (vec2f(id.xy) + 0.5) * s.step;
  let low = vec2i(floor(centre - reach));
  let high = vec2i(ceil(centre + reach));
  var sum = vec3f(0.0);
  var weight = 0.0;
  for (var y = low.y; y < high.y; y++) {
    let wy = max(0.0, 1.0 - abs((f32(y) + 0.5 - centre.y) / reach.y));
    if (y < 0 || y > most.y || wy == 0.0) { continue; }
    for (var x = low.x; x < high.x; x++) {
      let w = wy * max(0.0, 1.0 - abs((f32(x) + 0.5 - centre.x) / reach.x));
      if (x < 0 || x > most.x) { continue; }
      sum += w * pixel(vec2i(x, y), most);
      weight += w;
    }
  }
  var colour = sum / max(weight, 1e-6);
  if (s.channels == 1u) { colour = vec3f(dot(colour, vec3f(0.299, 0.587, 0.114))); }
  if (s.bgr == 1u) { colour = colour.bgr; }
  let area = s.size.x * s.size.y;
  let place = id.y * s.size.x + id.x;
  for (var c = 0u; c < s.channels; c++) {
    let at = select(c * area + place, place * s.channels + c, s.nhwc == 1u);
    result[at] = colour[c] * s.scale[c] + s.shift[c];
  }
}
`;

const pipelines = new WeakMap<GPUDevice, Map<string, GPUComputePipeline>>();

function pipelineOf(gpu: GPUDevice, source: string): GPUComputePipeline {
  const known = pipelines.get(gpu) ?? new Map<string, GPUComputePipeline>();
  pipelines.set(gpu, known);
  let made = known.get(source);
  if (!made) known.set(source, (made = gpu.createComputePipeline({ layout: 'auto', compute: { module: gpu.createShaderModule({ code: wgsl(source) }), entryPoint: 'main' } })));
  return made;
}

interface Source {
  resource: GPUTextureView | GPUExternalTexture;
  type: 'texture_external' | 'texture_2d<f32>';
  width: number;
  height: number;
  done(): void;
}

function isVideo(p: object): p is VideoFrame | HTMLVideoElement {
  return (typeof VideoFrame !== 'undefined' && p instanceof VideoFrame) || (typeof HTMLVideoElement !== 'undefined' && p instanceof HTMLVideoElement);
}

async function sourceOf(gpu: GPUDevice, picture: Picture | GPUTexture): Promise<Source> {
  if (picture instanceof GPUTexture) {
    return { resource: picture.createView({ dimension: '2d', baseMipLevel: 0, mipLevelCount: 1 }), type: 'texture_2d<f32>', width: picture.width, height: picture.height, done: () => undefined };
  }
  if (isVideo(picture)) {
    const [width, height] = sizeOf(picture);
    return { resource: gpu.importExternalTexture({ source: picture }), type: 'texture_external', width, height, done: () => undefined };
  }
  const image = picture instanceof Blob ? await createImageBitmap(picture) : picture;
  const [width, height] = image instanceof ImageData ? [image.width, image.height] : sizeOf(image);
  if (!width || !height) throw new QuernError('usage', 'the picture has no pixels yet: wait until it is loaded');
  const texture = gpu.createTexture({ size: [width, height], format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT });
  gpu.queue.copyExternalImageToTexture({ source: image as ImageBitmap }, { texture }, [width, height]);
  return {
    resource: texture.createView(), type: 'texture_2d<f32>', width, height,
    done: () => {
      texture.destroy();
      if (picture instanceof Blob) (image as ImageBitmap).close();
    },
  };
}

/* Where the output's pixels lie in the source, and what colours become. */
function settingsOf(o: PictureOptions, width: number, height: number): ArrayBuffer {
  const shrink = o.fit === 'squash' ? [width / o.width, height / o.height] : Array<number>(2).fill(Math.min(width / o.width, height / o.height));
  const [sx, sy] = shrink as [number, number];
  const [low, high] = o.range ?? [0, 1], mean = o.mean ?? [0, 0, 0], std = o.std ?? [1, 1, 1];
  const settings = new ArrayBuffer(80), u = new Uint32Array(settings), f = new Float32Array(settings);
  u.set([o.width, o.height, o.channels ?? 3, o.layout === 'nhwc' ? 1 : 0]);
  f.set([(width - o.width * sx) / 2, (height - o.height * sy) / 2, sx, sy], 4);
  f.set(std.map((d) => (high - low) / d), 8);
  f.set(mean.map((m, c) => (low - m) / std[c]!), 12);
  u[16] = o.bgr ? 1 : 0;
  return settings;
}

/* The same on the CPU, for devices that share no memory with pictures. */
async function onPage(picture: Picture, o: PictureOptions): Promise<Tensor> {
  const { width, height } = await pixelsOf(picture);
  const settings = settingsOf(o, width, height), f = new Float32Array(settings);
  const canvas = new OffscreenCanvas(o.width, o.height), context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  const drawn = picture instanceof Blob || (typeof ImageData !== 'undefined' && picture instanceof ImageData) ? await createImageBitmap(picture) : picture;
  context.drawImage(drawn as CanvasImageSource, f[4]!, f[5]!, o.width * f[6]!, o.height * f[7]!, 0, 0, o.width, o.height);
  const { data } = context.getImageData(0, 0, o.width, o.height);
  const channels = o.channels ?? 3, area = o.width * o.height, values = new Float32Array(channels * area);
  for (let p = 0; p < area; p++) {
    const [r, g, b] = [data[4 * p]! / 255, data[4 * p + 1]! / 255, data[4 * p + 2]! / 255];
    const luma = 0.299 * r + 0.587 * g + 0.114 * b;
    const colours = channels === 1 ? [luma] : o.bgr ? [b, g, r] : [r, g, b];
    colours.forEach((v, c) => (values[o.layout === 'nhwc' ? p * channels + c : c * area + p] = v * f[8 + c]! + f[12 + c]!));
  }
  return Tensor.from(values, dimsOf(o));
}

function dimsOf(o: PictureOptions): number[] {
  const channels = o.channels ?? 3;
  return o.layout === 'nhwc' ? [1, o.height, o.width, channels] : [1, channels, o.height, o.width];
}

/** A picture as a model's f32 input. On a webgpu device it never leaves the GPU: textures, canvases, video frames and bitmaps are read where they
 * are. Close the tensor when it is not needed any more. */
export function pictureTensor(device: Device, picture: Picture | GPUTexture, options: PictureOptions): Promise<Tensor> {
  return called('pictureTensor', options, () => makeTensor(device, picture, options));
}

async function makeTensor(device: Device, picture: Picture | GPUTexture, options: PictureOptions): Promise<Tensor> {
  const gpu = device.gpuDevice;
  options.signal?.throwIfAborted();
  if (!gpu) {
    if (typeof GPUTexture !== 'undefined' && picture instanceof GPUTexture) throw new QuernError('usage', 'a GPUTexture needs a webgpu device over the same GPUDevice');
    return onPage(picture as Picture, options);
  }
  const source = await sourceOf(gpu, picture);
  gpu.pushErrorScope('validation');
  const pipeline = pipelineOf(gpu, source.type);
  const bytes = options.width * options.height * (options.channels ?? 3) * 4;
  const buffer = device.buffer(bytes);
  const settings = gpu.createBuffer({ size: 80, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  gpu.queue.writeBuffer(settings, 0, settingsOf(options, source.width, source.height));
  const encoder = gpu.createCommandEncoder(), pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: source.resource }, { binding: 1, resource: { buffer: buffer.gpuBuffer! } }, { binding: 2, resource: { buffer: settings } }],
  }));
  pass.dispatchWorkgroups(Math.ceil(options.width / 8), Math.ceil(options.height / 8));
  pass.end();
  gpu.queue.submit([encoder.finish()]);
  const error = await gpu.popErrorScope();
  settings.destroy();
  source.done();
  if (options.signal?.aborted) {
    buffer.close();
    throw options.signal.reason;
  }
  if (error) {
    buffer.close();
    throw new QuernError('device', `the picture cannot be read on this device: ${error.message}`);
  }
  return Tensor.onDevice(buffer, 'f32', dimsOf(options));
}
