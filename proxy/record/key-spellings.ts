/**
 * Tells whether a key that evidence shows is a given plain one. Which parts of a key were redacted depends on the route's
 * rules at that time and on the secrets of that one exchange, so it cannot be spelled again: it is read instead, by what
 * stands around its stand-ins and by their hashes.
 */
import type { Mask } from "./secret-texts.ts";

const STAND_IN = /\[redacted [0-9a-f]{8}\]/g;
/** Characters hashed for one shown key: it has a stand-in or two, and one that takes more was written to cost that. */
const HASHED_MAX = 64 * 1024;
/** Hashes that are remembered from one shown key to the next. */
const REMEMBERED_MAX = 1_000;

/**
 * `mask` as evidence was redacted with. Where a shown key has more readings than can be tried, it is taken for the plain
 * one: erasing the record of a client that plays tricks is better than keeping the one that has to go.
 */
export function keySpelling(plain: string, mask: Mask): (shown: string) => boolean {
  const remembered = new Map<string, boolean>();

  function isMaskOf(standIn: string, from: number, to: number): boolean {
    const name = `${from} ${to} ${standIn}`;
    let known = remembered.get(name);
    if (known === undefined) {
      const part = plain.slice(from, to);
      known = mask(part) === standIn || (part.includes("%") && mask(unescaped(part)) === standIn);
      if (remembered.size < REMEMBERED_MAX) remembered.set(name, known);
    }
    return known;
  }

  return (shown) => {
    if (shown === plain) return true;
    const standIns = shown.match(STAND_IN) ?? [];
    if (standIns.length === 0) return false;
    const between = shown.split(STAND_IN);
    const first = between[0] as string;
    const last = between.at(-1) as string;
    if (first.length + last.length > plain.length) return false;
    if (!plain.startsWith(first) || !plain.endsWith(last)) return false;

    // Where the stand-ins read so far may end in the plain key: no recursion, and each place is looked at once.
    let budget = Math.max(HASHED_MAX, 4 * plain.length);
    let ends: readonly number[] = [first.length];
    for (const [i, standIn] of standIns.entries()) {
      const literal = between[i + 1] as string;
      const isLast = i === standIns.length - 1;
      const reached = new Set<number>();
      for (const from of ends) {
        for (const to of isLast ? [plain.length - last.length] : occurrences(plain, literal, from)) {
          if (to < from || reached.has(to + literal.length)) continue;
          budget -= to - from + 64;
          if (budget < 0) return true;
          if (isMaskOf(standIn, from, to)) reached.add(to + literal.length);
        }
      }
      if (reached.size === 0) return false;
      ends = [...reached];
    }
    return true;
  };
}

function* occurrences(text: string, part: string, from: number): Generator<number> {
  // Nothing is between two stand-ins: the first of them may end anywhere.
  if (part === "") {
    for (let at = from; at <= text.length; at++) yield at;
    return;
  }
  for (let at = text.indexOf(part, from); at !== -1; at = text.indexOf(part, at + 1)) yield at;
}

function unescaped(text: string): string {
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
