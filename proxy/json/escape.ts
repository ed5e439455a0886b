/** Escapes in JSON strings (RFC 8259, section 7). */
const ZERO = 0x30;
const NINE = 0x39;
const U = 0x75;
/** UTF-16 unit of each escape of one letter, by the letter's own; -1: no such escape. */
const SIMPLE_ESCAPES = new Int8Array(128).fill(-1);
SIMPLE_ESCAPES.set([0x22], 0x22);
SIMPLE_ESCAPES.set([0x2f], 0x2f);
SIMPLE_ESCAPES.set([0x5c], 0x5c);
SIMPLE_ESCAPES.set([0x08], 0x62);
SIMPLE_ESCAPES.set([0x0c], 0x66);
SIMPLE_ESCAPES.set([0x0a], 0x6e);
SIMPLE_ESCAPES.set([0x0d], 0x72);
SIMPLE_ESCAPES.set([0x09], 0x74);

/** The UTF-16 unit that the escape at `at` (its backslash) stands for, or -1 where it is none. */
export function unescapeAt(text: string, at: number): number {
  const letter = text.charCodeAt(at + 1);
  if (letter !== U) return letter < 128 ? (SIMPLE_ESCAPES[letter] as number) : -1;
  let unit = 0;
  for (let i = at + 2; i < at + 6; i += 1) {
    const digit = hexDigit(text.charCodeAt(i));
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

/** How many bytes the escape at `at` takes, or 0 where it is none. */
export function escapeBytes(bytes: Uint8Array, at: number): 0 | 2 | 6 {
  const letter = bytes[at + 1] as number;
  if (letter !== U) return letter < 128 && (SIMPLE_ESCAPES[letter] as number) >= 0 ? 2 : 0;
  // What lies past the end is no digit.
  for (let i = at + 2; i < at + 6; i += 1) if (hexDigit(bytes[i] ?? 0) < 0) return 0;
  return 6;
}

/** How many characters of the text a valid escape at `at` takes. */
export function escapeLength(text: string, at: number): 2 | 6 {
  return text.charCodeAt(at + 1) === U ? 6 : 2;
}

function hexDigit(unit: number): number {
  if (unit >= ZERO && unit <= NINE) return unit - ZERO;
  const letter = unit | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
