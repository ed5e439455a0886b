import { isUtf8 } from "node:buffer";
import { parseExact, type ReadResult } from "./parse-exact.ts";
import { NEVER, PAUSED, Reader } from "./reader.ts";
import { BROKEN } from "./scanner.ts";

type Results = readonly [a: ReadResult, b: ReadResult];

/** Texts that have less in common than this are read one by one. */
const MIN_SHARED_BYTES = 64;
/** A byte order mark is read whole or not at all. */
const BOM_BYTES = 3;
/** How often two readers may meet within the common tail with other containers open before each reads it alone. */
const MAX_MEETINGS = 64;

/**
 * Reads two texts as `parseExact` reads each. What they have in common at head and tail is read once, and values that lie
 * within it are the same objects in both results: whoever compares need not look into them.
 */
export function parsePair(a: Uint8Array, b: Uint8Array): Results {
  const shorter = Math.min(a.length, b.length);
  const head = commonBytes(shorter, (from, to) => Buffer.compare(a.subarray(from, to), b.subarray(from, to)) === 0);
  const tail = commonBytes(shorter - head, (from, to) => {
    return Buffer.compare(a.subarray(a.length - to, a.length - from), b.subarray(b.length - to, b.length - from)) === 0;
  });
  const together = head + tail >= MIN_SHARED_BYTES && isUtf8(a) && isUtf8(b) ? readTogether(a, b, head, tail) : null;
  return together ?? [parseExact(a), parseExact(b)];
}

/** null where one is not JSON: then each must be read for itself to tell where it goes wrong. */
function readTogether(bytesA: Uint8Array, bytesB: Uint8Array, head: number, tail: number): Results | null {
  const a = Reader.ofBytes(bytesA);
  const isHeadShared = head > BOM_BYTES;
  if (isHeadShared && a.run(NEVER, head) !== PAUSED) return null;
  const b = isHeadShared ? a.forkFor(bytesB) : Reader.ofBytes(bytesB);

  let endA = a.run(bytesA.length - tail, NEVER);
  let endB = b.run(bytesB.length - tail, NEVER);
  for (let meetings = 0; endA === PAUSED && endB === PAUSED && meetings < MAX_MEETINGS; meetings += 1) {
    const ahead = b.bytesLeft - a.bytesLeft;
    if (ahead < 0) {
      endA = a.run(a.at - ahead, NEVER);
    } else if (ahead > 0) {
      endB = b.run(b.at + ahead, NEVER);
    } else if (a.adopt(b)) {
      endA = a.run(NEVER, NEVER);
      endB = endA === BROKEN ? BROKEN : a.twinValue;
    } else {
      endA = a.run(a.at + 1, NEVER);
      endB = b.run(b.at + 1, NEVER);
    }
  }
  if (endA === PAUSED) endA = a.run(NEVER, NEVER);
  if (endB === PAUSED) endB = b.run(NEVER, NEVER);
  if (typeof endA === "symbol" || typeof endB === "symbol") return null;
  return [
    { ok: true, value: endA },
    { ok: true, value: endB },
  ];
}

/** How many of the first `length` bytes are the same, by a native comparison of ranges that double and then halve. */
function commonBytes(length: number, areSame: (from: number, to: number) => boolean): number {
  let same = 0;
  let step = 64;
  while (same < length && areSame(same, Math.min(length, same + step))) {
    same = Math.min(length, same + step);
    step *= 2;
  }
  let end = Math.min(length, same + step);
  // What lies in [same, end) is not all the same.
  while (end - same > 1) {
    const middle = (same + end) >> 1;
    if (areSame(same, middle)) same = middle;
    else end = middle;
  }
  return same;
}
