/* Names for pictures: a classifying model with its preprocessing, or the embedded one. */
import type { Device } from './device.js';
import { ownFile } from './engine.js';
import { QuernError } from './error.js';
import { pixelsOf, type Picture, type Pixels } from './picture.js';
import { Session, type ModelSource, type RunOptions } from './session.js';

export interface Class {
  index: number;
  probability: number;
  /** null: the model has no name for it */
  label: string | null;
}

export interface ClassifyOptions {
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

export class Classifier {
  #handle: number;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(readonly device: Device, handle: number, private readonly owned?: Session) {
    this.#handle = handle;
    device.own(this);
  }

  /** Over an open session, which stays the caller's. */
  static open(session: Session, options: ClassifyOptions = {}): Classifier {
    const { engine } = session.device;
    return new Classifier(session.device, engine.withTexts([options.labels ?? ''], (labels) =>
      engine.need(engine.x.qw_classify_open(session.handle, options.top ?? 5, labels!))));
  }

  /** The package's own small model: one hand-drawn digit or simple shape (docs/glyphs.md). model: where glyphs.onnx is, when not beside the script. */
  static async glyphs(device: Device, options: Pick<ClassifyOptions, 'top'> & { model?: ModelSource; signal?: AbortSignal } = {}): Promise<Classifier> {
    const { engine } = device;
    const model = options.model ?? ownFile(new URL('glyphs.onnx', import.meta.url));
    const session = await Session.open(model, { device, signal: options.signal, cache: 'none' });
    try {
      return new Classifier(device, engine.need(engine.x.qw_glyphs_open(session.handle, options.top ?? 5)), session);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** What is in the picture. */
  async classify(picture: Picture | Pixels, options: RunOptions = {}): Promise<Classification> {
    const { signal } = options;
    signal?.throwIfAborted();
    const pixels = 'rgba' in picture ? picture : await pixelsOf(picture);
    const mine = this.#queue.then(() => this.#classify(pixels, signal));
    this.#queue = mine.catch(() => undefined);
    return this.device.watched(mine, signal);
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
    await this.device.settled(() => engine.x.qw_classify_step(handle()));
    return engine.json<Classification>(engine.x.qw_classify_top(handle()));
  }

  close(): void {
    if (!this.#handle) return;
    this.device.disown(this);
    if (!this.device.engine.broken) this.device.engine.x.qw_classify_close(this.#handle);
    this.#handle = 0;
    this.owned?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
