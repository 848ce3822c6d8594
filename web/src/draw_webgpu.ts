/* A picture that lies in a buffer -> a texture of the same GPUDevice: one triangle over all of it, each pixel from its elements. */
import type { Device } from './device.js';
import { fitCanvas, sameSize, type DrawTarget, type Raster } from './draw_tensor.js';
import { kindOf } from './picture.js';
import { perDevice, scoped } from './scoped_webgpu.js';
import type { Tensor } from './tensor.js';

const WGSL = /* wgsl */ `
struct Raster { width: u32, channels: u32, first: u32, channel_step: u32, pixel_step: u32, bgr: u32, premultiply: u32, scale: f32, shift: f32 }
@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<uniform> r: Raster;

@vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

fn value(pixel: u32, channel: u32) -> f32 {
  return clamp(values[r.first + pixel * r.pixel_step + channel * r.channel_step] * r.scale + r.shift, 0.0, 1.0);
}

@fragment fn paint(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let pixel = u32(at.y) * r.width + u32(at.x);
  var colour = vec3f(value(pixel, 0u));
  if (r.channels > 1u) { colour = vec3f(colour.x, value(pixel, 1u), value(pixel, 2u)); }
  if (r.bgr == 1u) { colour = colour.bgr; }
  let alpha = select(1.0, value(pixel, min(3u, r.channels - 1u)), r.channels == 4u);
  return vec4f(select(colour, colour * alpha, r.premultiply == 1u), alpha);
}
`;

const pipelineOf = perDevice((gpu, format) => {
  const module = gpu.createShaderModule({ code: WGSL });
  return gpu.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment: { module, targets: [{ format: format as GPUTextureFormat }] } });
});

interface Sheet {
  texture: GPUTexture;
  premultiplied: boolean;
}

const ours = new WeakMap<GPUCanvasContext, GPUCanvasConfiguration>();

/* A context that the page has configured for this device stays so. */
function configured(context: GPUCanvasContext, gpu: GPUDevice, channels: number): GPUCanvasConfiguration {
  const known = context.getConfiguration?.() ?? ours.get(context);
  if (known?.device === gpu) return known as GPUCanvasConfiguration;
  const made: GPUCanvasConfiguration = { device: gpu, format: navigator.gpu.getPreferredCanvasFormat(), alphaMode: channels === 4 ? 'premultiplied' : 'opaque' };
  context.configure(made);
  ours.set(context, made);
  return made;
}

/* undefined: a canvas whose context is of another kind. */
function sheetOf(target: Exclude<DrawTarget, ImageData>, gpu: GPUDevice, r: Raster): Sheet | undefined {
  const kind = kindOf(target);
  if (kind === 'GPUTexture') {
    sameSize('GPUTexture', target as GPUTexture, r);
    return { texture: target as GPUTexture, premultiplied: false };
  }
  const context = kind === 'GPUCanvasContext' ? (target as GPUCanvasContext) : ((target as OffscreenCanvas).getContext('webgpu') as GPUCanvasContext | null);
  if (!context) return undefined;
  fitCanvas(context.canvas, r);
  const { alphaMode } = configured(context, gpu, r.channels);
  return { texture: context.getCurrentTexture(), premultiplied: alphaMode === 'premultiplied' };
}

function settingsOf(r: Raster, premultiplied: boolean): ArrayBuffer {
  const settings = new ArrayBuffer(48);
  new Uint32Array(settings).set([r.width, r.channels, r.first, r.channelStep, r.pixelStep, Number(r.bgr && r.channels > 1), Number(premultiplied)]);
  new Float32Array(settings).set([r.scale, r.shift], 7);
  return settings;
}

/** False: the target takes nothing from a GPU. @internal */
export async function drawOnGPU(device: Device, tensor: Tensor, target: Exclude<DrawTarget, ImageData>, r: Raster, signal: AbortSignal | undefined): Promise<boolean> {
  const buffer = tensor.buffer!;
  await buffer.settled(signal);
  return scoped(device, 'the tensor cannot be drawn there', (gpu) => {
    const sheet = sheetOf(target, gpu, r);
    if (!sheet) return false;
    const pipeline = pipelineOf(gpu, sheet.texture.format);
    const settings = gpu.createBuffer({ size: 48, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    gpu.queue.writeBuffer(settings, 0, settingsOf(r, sheet.premultiplied));
    const encoder = gpu.createCommandEncoder(), view = sheet.texture.createView({ dimension: '2d', baseMipLevel: 0, mipLevelCount: 1 });
    const pass = encoder.beginRenderPass({ colorAttachments: [{ view, loadOp: 'clear', storeOp: 'store' }] });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: buffer.gpuBuffer! } }, { binding: 1, resource: { buffer: settings } }] }));
    pass.draw(3);
    pass.end();
    gpu.queue.submit([encoder.finish()]);
    settings.destroy(); // after what is submitted
    return true;
  }, () => undefined);
}
