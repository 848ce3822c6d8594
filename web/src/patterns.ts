/* Regular expressions for the library, which writes them in words that RegExp and its other engine have alike. */

const MOST = 16;
const compiled = new Map<string, RegExp | undefined>();
const exact = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function regExpOf(pattern: string): RegExp | undefined {
  if (compiled.has(pattern)) return compiled.get(pattern);
  if (compiled.size === MOST) compiled.clear();
  let found: RegExp | undefined;
  try {
    found = new RegExp(`^(?:${pattern})$`, 'u');
  } catch {
    // older browsers have no (?i:)
  }
  compiled.set(pattern, found);
  return found;
}

/** 1 where all of the text matches, 0 where not (what is no UTF-8 never does), 2 where this browser does not take the pattern. */
export function matches(pattern: string, text: Uint8Array): number {
  const regExp = regExpOf(pattern);
  if (!regExp) return 2;
  try {
    return Number(regExp.test(exact.decode(text)));
  } catch {
    return 0;
  }
}
