/* WebGL 2 for Wasm: what src/device/webgl_api.h asks of a page, answered by WebGL2RenderingContexts.
 *
 * A context is the library's own (an OffscreenCanvas that nobody sees) or lent by the caller. A lent one finds its state as it left it:
 * the first `enter` of a call saves what the library will change, and settle(), after the call, puts it back. */
import type { Heap } from './heap.js';
import { Numbers } from './numbers.js';

type GL = WebGL2RenderingContext;
const UNITS = 16;
const GL_CONTEXT_LOST = 0x0507;
const NO_CONTEXT = 0, READY = 1, LOST = 2;
const PENDING = 0, DONE = 1, FAILED = 2;

const OFF = ['BLEND', 'CULL_FACE', 'DEPTH_TEST', 'DITHER', 'RASTERIZER_DISCARD', 'SCISSOR_TEST', 'STENCIL_TEST',
  'SAMPLE_ALPHA_TO_COVERAGE', 'SAMPLE_COVERAGE'] as const;
const PIXEL_STORE = [
  ['PACK_ALIGNMENT', 4], ['PACK_ROW_LENGTH', 0], ['PACK_SKIP_PIXELS', 0], ['PACK_SKIP_ROWS', 0],
  ['UNPACK_ALIGNMENT', 4], ['UNPACK_ROW_LENGTH', 0], ['UNPACK_SKIP_PIXELS', 0], ['UNPACK_SKIP_ROWS', 0],
  ['UNPACK_IMAGE_HEIGHT', 0], ['UNPACK_SKIP_IMAGES', 0], ['UNPACK_PREMULTIPLY_ALPHA_WEBGL', 0], ['UNPACK_FLIP_Y_WEBGL', 0],
] as const;

/* What the library changes in a context, as its owner had it. */
interface Saved {
  enabled: boolean[];
  store: number[];
  conversion: number;
  mask: boolean[];
  unit: number;
  textures: (WebGLTexture | null)[];
  samplers: (WebGLSampler | null)[];
  draw: WebGLFramebuffer | null;
  read: WebGLFramebuffer | null;
  viewport: Int32Array;
  program: WebGLProgram | null;
  pack: WebGLBuffer | null;
  unpack: WebGLBuffer | null;
  array: WebGLVertexArrayObject | null;
  pausedFeedback: boolean;
}

function save(gl: GL): Saved {
  const unit = gl.getParameter(gl.ACTIVE_TEXTURE) as number;
  const textures: (WebGLTexture | null)[] = [], samplers: (WebGLSampler | null)[] = [];
  for (let i = 0; i < UNITS; i++) {
    gl.activeTexture(gl.TEXTURE0 + i);
    textures.push(gl.getParameter(gl.TEXTURE_BINDING_2D));
    samplers.push(gl.getParameter(gl.SAMPLER_BINDING));
  }
  const feedback = Boolean(gl.getParameter(gl.TRANSFORM_FEEDBACK_ACTIVE)) && !gl.getParameter(gl.TRANSFORM_FEEDBACK_PAUSED);
  if (feedback) gl.pauseTransformFeedback();
  return {
    enabled: OFF.map((name) => gl.isEnabled(gl[name])),
    store: PIXEL_STORE.map(([name]) => Number(gl.getParameter(gl[name]))),
    conversion: gl.getParameter(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL),
    mask: gl.getParameter(gl.COLOR_WRITEMASK),
    unit, textures, samplers,
    draw: gl.getParameter(gl.DRAW_FRAMEBUFFER_BINDING),
    read: gl.getParameter(gl.READ_FRAMEBUFFER_BINDING),
    viewport: gl.getParameter(gl.VIEWPORT),
    program: gl.getParameter(gl.CURRENT_PROGRAM),
    pack: gl.getParameter(gl.PIXEL_PACK_BUFFER_BINDING),
    unpack: gl.getParameter(gl.PIXEL_UNPACK_BUFFER_BINDING),
    array: gl.getParameter(gl.VERTEX_ARRAY_BINDING),
    pausedFeedback: feedback,
  };
}

function restore(gl: GL, s: Saved): void {
  OFF.forEach((name, i) => (s.enabled[i] ? gl.enable(gl[name]) : gl.disable(gl[name])));
  PIXEL_STORE.forEach(([name], i) => gl.pixelStorei(gl[name], s.store[i]!));
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, s.conversion);
  gl.colorMask(s.mask[0]!, s.mask[1]!, s.mask[2]!, s.mask[3]!);
  for (let i = 0; i < UNITS; i++) {
    gl.activeTexture(gl.TEXTURE0 + i);
    gl.bindTexture(gl.TEXTURE_2D, s.textures[i]!);
    gl.bindSampler(i, s.samplers[i]!);
  }
  gl.activeTexture(s.unit);
  gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, s.draw);
  gl.bindFramebuffer(gl.READ_FRAMEBUFFER, s.read);
  gl.viewport(s.viewport[0]!, s.viewport[1]!, s.viewport[2]!, s.viewport[3]!);
  gl.useProgram(s.program);
  gl.bindBuffer(gl.PIXEL_PACK_BUFFER, s.pack);
  gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, s.unpack);
  gl.bindVertexArray(s.array);
  if (s.pausedFeedback) gl.resumeTransformFeedback();
}

/* The state that `enter` promises. */
function prepare(gl: GL): void {
  for (const name of OFF) gl.disable(gl[name]);
  for (const [name, value] of PIXEL_STORE) gl.pixelStorei(gl[name], value);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.colorMask(true, true, true, true);
  for (let i = 0; i < UNITS; i++) gl.bindSampler(i, null);
  gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, null);
  gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
  gl.bindVertexArray(null);
  while (gl.getError() !== gl.NO_ERROR && !gl.isContextLost());
}

interface Context {
  gl: GL;
  lent: boolean;
  taken: number; // devices on it: one, and for a moment another that lists what there is
  prepared: boolean; // in the state of `prepare`: an own context stays so
  saved: Saved | undefined;
  textures: Numbers<WebGLTexture>;
  framebuffers: Numbers<WebGLFramebuffer>;
  buffers: Numbers<WebGLBuffer>;
  arrays: Numbers<WebGLVertexArrayObject>;
  shaders: Numbers<WebGLShader>;
  programs: Numbers<WebGLProgram>;
  syncs: Numbers<WebGLSync>;
  locations: Map<WebGLProgram, WebGLUniformLocation[]>;
  program: WebGLProgram | undefined; // in use
  why: string; // what the browser said when it was lost
  lost: AbortController; // ends our listening on a canvas that may be the page's
}

function contextOf(gl: GL, lent: boolean): Context {
  return {
    gl, lent, taken: 0, prepared: false, saved: undefined, program: undefined, why: '', lost: new AbortController(),
    textures: new Numbers(), framebuffers: new Numbers(), buffers: new Numbers(), arrays: new Numbers(),
    shaders: new Numbers(), programs: new Numbers(), syncs: new Numbers(), locations: new Map(),
  };
}

export class WebGLHost {
  #contexts: (Context | undefined)[] = [];
  #now!: Context;

  constructor(readonly heap: Heap) {}

  /** Makes a context known to Wasm; the device is then "webgl:" and the number. */
  add(gl: GL, lent: boolean): number {
    let id = this.#contexts.findIndex((c) => !c);
    if (id < 0) id = this.#contexts.length;
    const c = contextOf(gl, lent);
    this.#contexts[id] = c;
    gl.canvas.addEventListener('webglcontextlost', (e) => { c.why = (e as WebGLContextEvent).statusMessage; }, { once: true, signal: c.lost.signal });
    return id;
  }

  /** Takes a context away that no device was opened on. */
  forget(id: number): void {
    this.#contexts[id]?.lost.abort();
    this.#contexts[id] = undefined;
  }

  /** After every call into Wasm: what was lent is as it was. */
  settle(): void {
    for (const c of this.#contexts) {
      if (!c?.saved) continue;
      if (!c.gl.isContextLost()) restore(c.gl, c.saved);
      c.saved = undefined;
      c.prepared = false;
    }
  }

  #take(id: number): number {
    const c = this.#contexts[id];
    if (!c) return NO_CONTEXT;
    if (c.gl.isContextLost()) return LOST;
    c.taken++;
    return READY;
  }

  #enter(id: number): number {
    const c = this.#contexts[id];
    if (!c || c.gl.isContextLost()) return LOST;
    if (c.lent && !c.saved) c.saved = save(c.gl);
    if (!c.prepared) prepare(c.gl);
    c.prepared = true;
    this.#now = c;
    return READY;
  }

  #release(id: number): void {
    const c = this.#contexts[id];
    if (!c || --c.taken > 0) return;
    this.settle();
    this.forget(id);
    if (!c.lent) c.gl.getExtension('WEBGL_lose_context')?.loseContext(); // gives its memory back now, not at some collection
  }

  #text(what: number): string {
    const { gl } = this.#now;
    const debug = gl.getExtension('WEBGL_debug_renderer_info');
    if (what === gl.RENDERER && debug) what = debug.UNMASKED_RENDERER_WEBGL;
    if (what === gl.VENDOR && debug) what = debug.UNMASKED_VENDOR_WEBGL;
    return String(gl.getParameter(what) ?? '');
  }

  #syncDone(id: number): number {
    const { gl, syncs } = this.#now;
    const sync = syncs.get(id);
    if (!sync || gl.isContextLost()) return FAILED;
    switch (gl.clientWaitSync(sync, 0, 0)) {
      case gl.ALREADY_SIGNALED: case gl.CONDITION_SATISFIED: return DONE;
      case gl.TIMEOUT_EXPIRED: return PENDING;
      default: return FAILED;
    }
  }

  /* n makers, their numbers written at `out` */
  #generate<T>(n: number, out: number, numbers: Numbers<T>, make: () => T | null): void {
    for (let i = 0; i < n; i++) {
      const made = make();
      this.heap.setU32(out + 4 * i, made ? numbers.add(made) : 0);
    }
  }

  #delete<T>(n: number, ids: number, numbers: Numbers<T>, drop: (item: T) => void): void {
    for (let i = 0; i < n; i++) {
      const item = numbers.take(this.heap.u32(ids + 4 * i));
      if (item) drop(item);
    }
  }

  #location(at: number): WebGLUniformLocation | null {
    const { program, locations } = this.#now;
    return (program && at >= 0 && locations.get(program)?.[at]) || null;
  }

  /** The functions of module "quern" that begin with gl and webgl_. */
  imports(): Record<string, (...args: never[]) => unknown> {
    const heap = this.heap;
    const host = this;
    const c = (): Context => host.#now;
    return {
      webgl_take: (id: number) => this.#take(id >>> 0),
      webgl_enter: (id: number) => this.#enter(id >>> 0),
      webgl_leave: () => undefined,
      webgl_past: () => this.#contexts.length,
      webgl_release: (id: number) => this.#release(id >>> 0),
      webgl_lost: () => Number(c().gl.isContextLost()),
      webgl_why: (id: number, out: number, room: number) => heap.putText(this.#contexts[id >>> 0]?.why ?? '', out, room),
      webgl_text: (what: number, out: number, room: number) => heap.putText(this.#text(what), out, room),
      webgl_read_buffer: (at: number, out: number, bytes: number) =>
        c().gl.getBufferSubData(c().gl.PIXEL_PACK_BUFFER, at >>> 0, heap.bytes(out >>> 0, bytes >>> 0)),
      webgl_sync_make: () => {
        const { gl, syncs } = c();
        const sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
        gl.flush();
        return sync ? syncs.add(sync) : 0;
      },
      webgl_sync_free: (id: number) => c().gl.deleteSync(c().syncs.take(id) ?? null),
      webgl_sync_done: (id: number) => this.#syncDone(id),
      webgl_sync_wait: (id: number) => this.#syncDone(id),

      glGetError: () => {
        const error = c().gl.getError();
        return error === c().gl.CONTEXT_LOST_WEBGL ? GL_CONTEXT_LOST : error;
      },
      glGetIntegerv: (what: number, out: number) => heap.setU32(out, Number(c().gl.getParameter(what) ?? 0)),
      glGenTextures: (n: number, out: number) => this.#generate(n, out, c().textures, () => c().gl.createTexture()),
      glDeleteTextures: (n: number, ids: number) => this.#delete(n, ids, c().textures, (t) => c().gl.deleteTexture(t)),
      glActiveTexture: (unit: number) => c().gl.activeTexture(unit),
      glBindTexture: (target: number, id: number) => c().gl.bindTexture(target, c().textures.get(id) ?? null),
      glTexParameteri: (target: number, what: number, value: number) => c().gl.texParameteri(target, what, value),
      glTexStorage2D: (target: number, levels: number, format: number, w: number, h: number) =>
        c().gl.texStorage2D(target, levels, format, w, h),
      glTexSubImage2D: (target: number, level: number, x: number, y: number, w: number, h: number, format: number, type: number, from: number) =>
        c().gl.texSubImage2D(target, level, x, y, w, h, format, type, heap.words(from >>> 0, w * h * 4)),
      glGenFramebuffers: (n: number, out: number) => this.#generate(n, out, c().framebuffers, () => c().gl.createFramebuffer()),
      glDeleteFramebuffers: (n: number, ids: number) => this.#delete(n, ids, c().framebuffers, (f) => c().gl.deleteFramebuffer(f)),
      glBindFramebuffer: (target: number, id: number) => c().gl.bindFramebuffer(target, c().framebuffers.get(id) ?? null),
      glFramebufferTexture2D: (target: number, at: number, textureTarget: number, id: number, level: number) =>
        c().gl.framebufferTexture2D(target, at, textureTarget, c().textures.get(id) ?? null, level),
      glCheckFramebufferStatus: (target: number) => c().gl.checkFramebufferStatus(target),
      glClearBufferuiv: (buffer: number, index: number, value: number) =>
        c().gl.clearBufferuiv(buffer, index, heap.words(value >>> 0, 4).slice()),
      glReadPixels: (x: number, y: number, w: number, h: number, format: number, type: number, at: number) =>
        c().gl.readPixels(x, y, w, h, format, type, at >>> 0),
      glGenBuffers: (n: number, out: number) => this.#generate(n, out, c().buffers, () => c().gl.createBuffer()),
      glDeleteBuffers: (n: number, ids: number) => this.#delete(n, ids, c().buffers, (b) => c().gl.deleteBuffer(b)),
      glBindBuffer: (target: number, id: number) => c().gl.bindBuffer(target, c().buffers.get(id) ?? null),
      glBufferData: (target: number, bytes: number, _from: number, usage: number) => c().gl.bufferData(target, bytes >>> 0, usage),
      glGenVertexArrays: (n: number, out: number) => this.#generate(n, out, c().arrays, () => c().gl.createVertexArray()),
      glDeleteVertexArrays: (n: number, ids: number) => this.#delete(n, ids, c().arrays, (a) => c().gl.deleteVertexArray(a)),
      glBindVertexArray: (id: number) => c().gl.bindVertexArray(c().arrays.get(id) ?? null),
      glCreateShader: (kind: number) => {
        const shader = c().gl.createShader(kind);
        return shader ? c().shaders.add(shader) : 0;
      },
      glDeleteShader: (id: number) => c().gl.deleteShader(c().shaders.take(id) ?? null),
      glShaderSource: (id: number, n: number, texts: number, lengths: number) => {
        let text = '';
        for (let i = 0; i < n; i++) text += heap.text(heap.u32(texts + 4 * i), heap.u32(lengths + 4 * i));
        const shader = c().shaders.get(id);
        if (shader) c().gl.shaderSource(shader, text);
      },
      glCompileShader: (id: number) => {
        const shader = c().shaders.get(id);
        if (shader) c().gl.compileShader(shader);
      },
      glGetShaderiv: (id: number, what: number, out: number) => {
        const shader = c().shaders.get(id);
        heap.setU32(out, Number(Boolean(shader && c().gl.getShaderParameter(shader, what))));
      },
      glGetShaderInfoLog: (id: number, room: number, n: number, out: number) => {
        const shader = c().shaders.get(id);
        heap.setU32(n, heap.putText((shader && c().gl.getShaderInfoLog(shader)) ?? '', out, room));
      },
      glCreateProgram: () => {
        const program = c().gl.createProgram();
        return program ? c().programs.add(program) : 0;
      },
      glDeleteProgram: (id: number) => {
        const program = c().programs.take(id);
        if (!program) return;
        c().locations.delete(program);
        c().gl.deleteProgram(program);
      },
      glAttachShader: (id: number, shaderId: number) => {
        const program = c().programs.get(id), shader = c().shaders.get(shaderId);
        if (program && shader) c().gl.attachShader(program, shader);
      },
      glLinkProgram: (id: number) => {
        const program = c().programs.get(id);
        if (program) c().gl.linkProgram(program);
      },
      glGetProgramiv: (id: number, what: number, out: number) => {
        const program = c().programs.get(id);
        heap.setU32(out, Number(Boolean(program && c().gl.getProgramParameter(program, what))));
      },
      glGetProgramInfoLog: (id: number, room: number, n: number, out: number) => {
        const program = c().programs.get(id);
        heap.setU32(n, heap.putText((program && c().gl.getProgramInfoLog(program)) ?? '', out, room));
      },
      glUseProgram: (id: number) => {
        c().program = c().programs.get(id);
        c().gl.useProgram(c().program ?? null);
      },
      glGetUniformLocation: (id: number, name: number) => {
        const program = c().programs.get(id);
        const location = program && c().gl.getUniformLocation(program, heap.cText(name));
        if (!program || !location) return -1;
        const known = c().locations.get(program) ?? [];
        c().locations.set(program, known);
        return known.push(location) - 1;
      },
      glUniform1i: (at: number, value: number) => c().gl.uniform1i(this.#location(at), value),
      glUniform4uiv: (at: number, n: number, values: number) => c().gl.uniform4uiv(this.#location(at), heap.words(values >>> 0, 4 * n)),
      glViewport: (x: number, y: number, w: number, h: number) => c().gl.viewport(x, y, w, h),
      glDrawArrays: (mode: number, first: number, n: number) => c().gl.drawArrays(mode, first, n),
      glFlush: () => c().gl.flush(),
    };
  }
}
