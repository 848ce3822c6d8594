/* Names for pictures: a classifying model with its preprocessing, or the embedded one. */
import type { DType } from './abi.js';
import { Device } from './device.js';
import { ownFile } from './engine.js';
import { called, QuernError, wants } from './error.js';
import { readPixels, type Picture, type Pixels } from './picture.js';
import { Session, type RunOptions } from './session.js';
import type { ModelSource } from './source.js';

export interface Class {
  index: number;
  probability: number;
  /** null: the model has no name for it */
  label: string | null;
}

/** How a picture becomes a model's input: what 0 and 255 become, then (x - mean) / std, and how it is made to fit. */
export interface Preparation {
  /** 0: as the picture */
  width: number;
  height: number;
  /** crop: the shorter side is resized to `resizeShorter` (0: just large enough), or all to resizeWidth x resizeHeight, and the middle cut out. */
  fit: 'crop' | 'squash' | 'letterbox';
  /** What letterbox leaves over: grey, 0 to 255. */
  pad: number;
  resizeShorter: number;
  resizeWidth: number;
  resizeHeight: number;
  filter: 'bilinear' | 'bicubic' | 'nearest' | 'box' | 'lanczos';
  /** What the values 0 and 255 become. */
  range: [low: number, high: number];
  /** After the range, by channel of the model. */
  mean: [number, number, number];
  std: [number, number, number];
  bgr: boolean;
  nhwc: boolean;
  /** 3, or 1 for grey */
  channels: number;
  dtype: DType;
}

export interface ClassifyOptions {
  /** The text of the model's preprocessor_config.json. Default: what its input tells, values from 0 to 1, red first. */
  config?: string;
  /** What is known better than by that file. */
  preparation?: Partial<Preparation>;
  /** Answers wanted. Default 5. */
  top?: number;
  /** The text of a file of names: one a line, "index,name" lines, or JSON. Default: the model's own. */
  labels?: string;
}

export interface Classification {
  /** Best first. */
  top: Class[];
  /** The model gave scores, and the probabilities are their softmax. */
  softmaxed: boolean;
}

type GlyphsOptions = Pick<ClassifyOptions, 'top'> & { model?: ModelSource; signal?: AbortSignal };

export class Classifier {
  #handle: number;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly device: Device,
    handle: number,
    /** How it prepares pictures; undefined for the package's own model. */
    readonly preparation: Preparation | undefined,
    private readonly session: Session,
    private readonly owned = false,
  ) {
    this.#handle = handle;
    device.own(this);
  }

  /** Over an open session, which stays the caller's. */
  static open(session: Session, options: ClassifyOptions = {}): Classifier {
    wants(session instanceof Session, 'Classifier.open wants a Session');
    const { engine } = session.device;
    const wanted = options.preparation ? JSON.stringify(options.preparation) : '';
    const preparation = { ...Classifier.guess(session, options.config), ...options.preparation };
    return new Classifier(session.device, engine.withTexts([options.labels ?? '', options.config ?? '', wanted], (labels, config, prep) =>
      engine.need(engine.x.qw_classify_open(session.handle, options.top ?? 5, labels!, config!, prep!))), preparation, session);
  }

  /** What a model seems to want of a picture, from its input and the text of its preprocessor_config.json. */
  static guess(session: Session, config = ''): Preparation {
    wants(session instanceof Session, 'Classifier.guess wants a Session');
    const { engine } = session.device;
    return engine.withTexts([config], (text) => engine.json<Preparation>(engine.x.qw_prep_guess(session.handle, text!)));
  }

  /** The package's own small model: one hand-drawn digit or simple shape (docs/glyphs.md). model: where glyphs.onnx is, when not beside the script. */
  static glyphs(device: Device, options: GlyphsOptions = {}): Promise<Classifier> {
    return called('Classifier.glyphs', options, () => Classifier.#glyphs(device, options));
  }

  static async #glyphs(device: Device, options: GlyphsOptions): Promise<Classifier> {
    wants(device instanceof Device, 'Classifier.glyphs wants a Device');
    const { engine } = device;
    const model = options.model ?? ownFile(new URL('glyphs.onnx', import.meta.url));
    const session = await Session.open(model, { device, signal: options.signal, cache: 'none' });
    try {
      return new Classifier(device, engine.need(engine.x.qw_glyphs_open(session.handle, options.top ?? 5)), undefined, session, true);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** What is in the picture. */
  classify(picture: Picture | Pixels, options: RunOptions = {}): Promise<Classification> {
    return called('classify', options, async () => {
      const { signal } = options;
      signal?.throwIfAborted();
      const pixels = await readPixels(picture);
      const mine = this.#queue.then(() => this.#classify(pixels, signal));
      this.#queue = mine.catch(() => undefined);
      return this.device.watched(mine, signal);
    });
  }

  async #classify(pixels: Pixels, signal: AbortSignal | undefined): Promise<Classification> {
    signal?.throwIfAborted();
    const { engine } = this.device;
    const handle = (): number => {
      if (!this.#handle) throw new QuernError('usage', 'this classifier is closed');
      return this.#handle;
    };
    const at = engine.put(pixels.rgba as Uint8Array);
    try {
      if (!engine.x.qw_classify_start(handle(), pixels.width, pixels.height, at)) throw engine.failure();
    } finally {
      engine.x.qw_free(at);
    }
    await this.device.settled(() => engine.x.qw_classify_step(handle()), () => engine.x.qw_session_busy(this.session.handle));
    return engine.json<Classification>(engine.x.qw_classify_top(handle()));
  }

  close(): void {
    if (!this.#handle) return;
    this.device.disown(this);
    if (!this.device.engine.broken) this.device.engine.x.qw_classify_close(this.#handle);
    this.#handle = 0;
    if (this.owned) this.session.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
