/** How two JSON numbers stand to each other: `precision` is what a reader using IEEE doubles could not tell apart. */
export type NumberRelation = "equal" | "precision" | "different";

/**
 * Compares by the value of the digits, exactly: 1 = 1.0 = 1e0, 0.1 ≠ 0.10000000000000001. Time is linear in the
 * spellings, whatever they claim (`1e999999999`, a megabyte of digits). Both must be JSON numbers (RFC 8259 section 6).
 */
export function compareNumbers(rawA: string, rawB: string): NumberRelation {
  if (rawA === rawB) return "equal";
  // Rounding gives equal values equal doubles, so different doubles settle it; the same double settles nothing.
  if (Number(rawA) !== Number(rawB)) return "different";
  // Left: other spellings, too many digits, 0 and -0, 1e400 and 1e401 (both Infinity).
  return canonicalNumber(rawA) === canonicalNumber(rawB) ? "equal" : "precision";
}

const DIGIT_ZERO = 0x30;

/**
 * The one spelling of a number's value: `digits e exponent` without a zero at either end of the digits, so that two
 * numbers are equal exactly when their canonical spellings are. Zero keeps its sign: `0`, `-0`.
 */
export function canonicalNumber(raw: string): string {
  const sign = raw.charCodeAt(0) === 0x2d ? "-" : "";
  const exponentMark = raw.search(/[eE]/);
  const mantissa = raw.slice(sign.length, exponentMark < 0 ? raw.length : exponentMark);
  const point = mantissa.indexOf(".");
  const fraction = point < 0 ? "" : mantissa.slice(point + 1);
  const digits = point < 0 ? mantissa : mantissa.slice(0, point) + fraction;

  let from = 0;
  while (from < digits.length && digits.charCodeAt(from) === DIGIT_ZERO) from += 1;
  if (from === digits.length) return `${sign}0`;
  let to = digits.length;
  while (digits.charCodeAt(to - 1) === DIGIT_ZERO) to -= 1;

  const exponent = exponentMark < 0 ? "0" : raw.slice(exponentMark + 1);
  return `${sign}${digits.slice(from, to)}e${addToInteger(exponent, digits.length - to - fraction.length)}`;
}

/** Up to this many digits an integer and its sum with a string's length are exact as doubles. */
const SAFE_DIGITS = 15;
const SAFE_POWER = 10 ** SAFE_DIGITS;

/** `spelled` (`+007`, `-3`, of any length) plus a small integer, without leading zeros; BigInt would not be linear. */
function addToInteger(spelled: string, small: number): string {
  const negative = spelled.charCodeAt(0) === 0x2d;
  let from = negative || spelled.charCodeAt(0) === 0x2b ? 1 : 0;
  while (from < spelled.length - 1 && spelled.charCodeAt(from) === DIGIT_ZERO) from += 1;
  const magnitude = spelled.slice(from);
  if (magnitude.length <= SAFE_DIGITS) return String((negative ? -Number(magnitude) : Number(magnitude)) + small);

  const cut = magnitude.length - SAFE_DIGITS;
  let head = magnitude.slice(0, cut);
  let tail = Number(magnitude.slice(cut)) + (negative ? -small : small);
  if (tail < 0) {
    tail += SAFE_POWER;
    head = stepInteger(head, -1);
  } else if (tail >= SAFE_POWER) {
    tail -= SAFE_POWER;
    head = stepInteger(head, 1);
  }
  const sum = head === "0" ? String(tail) : head + String(tail).padStart(SAFE_DIGITS, "0");
  return negative ? `-${sum}` : sum;
}

/** A positive integer of any length, plus or minus one, without leading zeros. */
function stepInteger(digits: string, step: 1 | -1): string {
  const carried = step === 1 ? 0x39 : DIGIT_ZERO;
  let at = digits.length - 1;
  while (at >= 0 && digits.charCodeAt(at) === carried) at -= 1;
  const rest = (step === 1 ? "0" : "9").repeat(digits.length - 1 - at);
  if (at < 0) return `1${rest}`;
  const stepped = `${digits.slice(0, at)}${Number(digits.charAt(at)) + step}${rest}`;
  return stepped.length > 1 && stepped.startsWith("0") ? stepped.slice(1) : stepped;
}
