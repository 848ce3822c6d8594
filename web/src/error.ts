import type { ErrorCode } from './abi.js';

/** A place in a kernel's source. Lines and columns count from 1. */
export interface Diagnostic {
  file: string;
  line: number;
  column: number;
  message: string;
}

/** Every failure of the library: `code` for programs, `message` is one sentence that says where and what would help. */
export class QuernError extends Error {
  override readonly name = 'QuernError';

  constructor(readonly code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }

  /** For code 'kernel': where in the source; empty when the sentence names no place. */
  get diagnostics(): Diagnostic[] {
    const found: Diagnostic[] = [];
    for (const m of this.message.matchAll(/^(?:.*?: )?([\w.\-/]+):(\d+):(\d+): (.*)$/gm)) {
      found.push({ file: m[1]!, line: Number(m[2]), column: Number(m[3]), message: m[4]!.replace(/^error: /, '') });
    }
    return found;
  }
}
