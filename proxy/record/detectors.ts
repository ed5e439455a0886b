/**
 * Personal data that is told by its looks, where a route asks for it (`redactDetect`). Each detector is linear in the text:
 * a client can send 16 KiB of anything as its path.
 */
import type { Detector } from "../config/settings.ts";
import type { Mask } from "./secret-texts.ts";

/** As it is, or with everything but letters and digits percent-encoded. Begins where its run of characters does. */
const EMAIL =
  /(?<![\p{L}\p{N}._+'~%-])(?:[\p{L}\p{N}._+'~-]|%(?!40)[0-9a-f]{2})+(?:@|%40)[\p{L}\p{N}][\p{L}\p{N}.-]*/giu;

/** Digits in groups, with one separator between two of them. */
const DIGIT_RUN = /(?<!\d)\d(?:(?:[ +-]|%20)?\d){12,}/g;
const CARD_MIN_DIGITS = 13;
const CARD_MAX_DIGITS = 19;

export function maskDetected(text: string, detectors: readonly Detector[], mask: Mask): string {
  let shown = text;
  for (const detector of detectors) {
    switch (detector) {
      case "email":
        if (/@|%40/.test(shown)) shown = shown.replace(EMAIL, (found) => mask(decoded(found)));
        break;
      case "card":
        shown = shown.replace(DIGIT_RUN, (run) => maskCards(run, mask));
        break;
      case "jwt":
        // Always redacted, asked for or not (secret-texts.ts).
        break;
      default: {
        const never: never = detector;
        throw new TypeError(`no such detector: ${String(never)}`);
      }
    }
  }
  return shown;
}

interface Group {
  readonly digits: string;
  /** What stands before it. */
  readonly separator: string;
}

/** Card numbers among the digits of a run, each made of whole groups. */
function maskCards(run: string, mask: Mask): string {
  const groups: Group[] = [...run.matchAll(/([ +-]|%20)?(\d+)/g)].map(([, separator = "", digits = ""]) => ({
    digits,
    separator,
  }));
  let shown = "";
  for (let from = 0; from < groups.length;) {
    const { separator, digits } = groups[from] as Group;
    const card = cardFrom(groups, from);
    shown += separator + (card === null ? digits : mask(card.digits));
    from = card === null ? from + 1 : card.end;
  }
  return shown;
}

/** The longest one that begins with the group `from`. */
function cardFrom(groups: readonly Group[], from: number): { readonly digits: string; readonly end: number } | null {
  let digits = "";
  let found: { digits: string; end: number } | null = null;
  for (let end = from; end < groups.length && digits.length <= CARD_MAX_DIGITS; end++) {
    digits += (groups[end] as Group).digits;
    if (isCardNumber(digits)) found = { digits, end: end + 1 };
  }
  return found;
}

/** By length, first digit (ISO/IEC 7812: 2 to 6 are banks, travel and cards) and check digit (Luhn). */
function isCardNumber(digits: string): boolean {
  if (digits.length < CARD_MIN_DIGITS || digits.length > CARD_MAX_DIGITS || !/^[2-6]/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const twice = digit * 2;
    sum += i % 2 === 0 ? digit : twice > 9 ? twice - 9 : twice;
  }
  return sum % 10 === 0;
}

/** One address has one stand-in, however it is spelled. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
