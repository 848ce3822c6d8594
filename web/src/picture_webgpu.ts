/* A picture on the GPU -> a model's input on the GPU, without a byte through the CPU.
 *
 * One pass: each item of the output gathers the source pixels under it with a triangle as wide as a source pixel or, when shrinking, as an
 * output pixel, which is the antialiased bilinear filter that the library uses on the CPU; where the picture comes to lie the library says. */
import type { Device } from './device.js';
import { bitmapOf, kindOf, refused, sizeOf, wantsPicture, type Picture, type Pixels } from './picture.js';
import type { Prep } from './picture_tensor.js';
import { perDevice, scoped } from './scoped_webgpu.js';
import { Tensor } from './tensor.js';

const wgsl = (source: string): string => /* wgsl */ `
struct Settings {
  size: vec2u, channels: u32, nhwc: u32,
  placed: vec2f, corner: vec2f,    // the picture's size and place in the output
  scale: vec4f, shift: vec4f,      // value = colour * scale + shift
  bgr: u32, pad: f32,
}
@group(0) @binding(0) var picture: ${source};
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
@group(0) @binding(2) var<uniform> s: Settings;

fn pixel(at: vec2i, most: vec2i) -> vec3f {
  let p = clamp(at, vec2i(0), most);
  return ${source === 'texture_external' ? 'textureLoad(picture, p).rgb' : 'textureLoad(picture, p, 0).rgb'};
}

fn resized(at: vec2f) -> vec3f {
  let size = textureDimensions(picture);
  let most = vec2i(size) - 1;
  let step = vec2f(size) / s.placed;
  let reach = max(step, vec2f(1.0));
  let centre = at * step;
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
  return sum / max(weight, 1e-6);
}

@compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (any(id.xy >= s.size)) { return; }
  let at = vec2f(id.xy) + 0.5 - s.corner;
  var colour = vec3f(s.pad);
  if (all(at > vec2f(0.0)) && all(at < s.placed)) { colour = resized(at); }
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

const pipelineOf = perDevice((gpu, source) => gpu.createComputePipeline({ layout: 'auto', compute: { module: gpu.createShaderModule({ code: wgsl(source) }), entryPoint: 'main' } }));

interface Source {
  resource: GPUTextureView | GPUExternalTexture;
  type: 'texture_external' | 'texture_2d<f32>';
  /** Of a copy. */
  texture?: GPUTexture;
}

const VIDEOS = ['VideoFrame', 'HTMLVideoElement'];
type Shown = Exclude<Picture, Blob> | GPUTexture;

function imageOf({ width, height, rgba }: Pixels): ImageData {
  return new ImageData(new Uint8ClampedArray(rgba.buffer as ArrayBuffer, rgba.byteOffset, rgba.byteLength), width, height);
}

function sourceOf(gpu: GPUDevice, picture: Shown, width: number, height: number): Source {
  if (picture instanceof GPUTexture) return { resource: picture.createView({ dimension: '2d', baseMipLevel: 0, mipLevelCount: 1 }), type: 'texture_2d<f32>' };
  try {
    if (VIDEOS.includes(kindOf(picture))) return { resource: gpu.importExternalTexture({ source: picture as VideoFrame }), type: 'texture_external' };
    const texture = gpu.createTexture({ size: [width, height], format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT });
    gpu.queue.copyExternalImageToTexture({ source: picture as ImageBitmap }, { texture }, [width, height]);
    return { resource: texture.createView(), type: 'texture_2d<f32>', texture };
  } catch (cause) {
    return refused(cause);
  }
}

interface Placing {
  width: number;
  height: number;
  x: number;
  y: number;
}

/* Where the picture lies in the output, and what colours become. */
function settingsOf(p: Prep, placing: Placing): ArrayBuffer {
  const [low, high] = p.range, settings = new ArrayBuffer(80), u = new Uint32Array(settings), f = new Float32Array(settings);
  u.set([p.width, p.height, p.channels, Number(p.nhwc)]);
  f.set([placing.width, placing.height, placing.x, placing.y], 4);
  f.set(p.std.map((d) => (high - low) / d), 8);
  f.set(p.mean.map((m, c) => (low - m) / p.std[c]!), 12);
  u[16] = Number(p.bgr);
  f[17] = p.pad / 255;
  return settings;
}

function compute(device: Device, gpu: GPUDevice, picture: Shown, p: Prep): Tensor {
  const { engine } = device, [width, height] = sizeOf(picture as Exclude<Picture, Blob>);
  const placing = engine.withTexts([JSON.stringify(p)], (text) => engine.json<Placing>(engine.x.qw_picture_place(width, height, text!)));
  const source = sourceOf(gpu, picture, width, height), pipeline = pipelineOf(gpu, source.type);
  const buffer = device.buffer(p.width * p.height * p.channels * 4);
  const settings = gpu.createBuffer({ size: 80, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  gpu.queue.writeBuffer(settings, 0, settingsOf(p, placing));
  const encoder = gpu.createCommandEncoder(), pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: source.resource }, { binding: 1, resource: { buffer: buffer.gpuBuffer! } }, { binding: 2, resource: { buffer: settings } }],
  }));
  pass.dispatchWorkgroups(Math.ceil(p.width / 8), Math.ceil(p.height / 8));
  pass.end();
  gpu.queue.submit([encoder.finish()]);
  settings.destroy(); // after what is submitted
  source.texture?.destroy();
  return Tensor.onDevice(buffer, 'f32', p.nhwc ? [1, p.height, p.width, p.channels] : [1, p.channels, p.height, p.width]);
}

/** @internal */
export async function pictureOnGPU(device: Device, picture: Picture | Pixels | GPUTexture, prep: Prep, signal: AbortSignal | undefined): Promise<Tensor> {
  const isTexture = picture instanceof GPUTexture;
  if (!isTexture) wantsPicture(picture);
  const kind = kindOf(picture), bitmap = kind === 'Blob' || kind === 'File' ? await bitmapOf(picture as Blob) : undefined;
  try {
    signal?.throwIfAborted();
    device.alive();
    const shown = bitmap ?? (!isTexture && 'rgba' in picture ? imageOf(picture) : picture as Shown);
    const tensor = await scoped(device, 'the picture cannot be read on this device', (gpu) => compute(device, gpu, shown, prep), (made) => made.close());
    if (!signal?.aborted) return tensor;
    tensor.close();
    throw signal.reason;
  } finally {
    bitmap?.close();
  }
}
