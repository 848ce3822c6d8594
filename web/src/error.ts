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

  /** For code 'unsupported': 'full' where the core lacks what quern-full.wasm has (cmake/web.cmake words it). */
  get module(): 'full' | undefined {
    return this.message.includes("(module: 'full')") ? 'full' : undefined;
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

/** A call of the API, which rejects with a QuernError or with what its signal was aborted with: whatever else is thrown on the way comes from an argument
 * of a wrong kind, or from the browser. @internal */
export async function called<T>(name: string, options: { signal?: AbortSignal } | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof QuernError) throw error;
    if (options?.signal?.aborted) throw options.signal.reason;
    const wrongKind = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
    throw new QuernError(wrongKind ? 'usage' : 'bug', `${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** @internal */
export function wants(truth: boolean, what: string): asserts truth {
  if (!truth) throw new QuernError('usage', what);
}

/** A whole number that is not negative. @internal */
export function isSize(n: unknown): n is number {
  return Number.isSafeInteger(n) && (n as number) >= 0;
}
