import { randomFillSync } from "node:crypto";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** Two digits of base 32 for each 10 bits: strings are put together from few parts, which is most of their cost. */
const PAIRS = Array.from(
  { length: 1024 },
  (_, bits) => (CROCKFORD[bits >> 5] as string) + (CROCKFORD[bits & 31] as string),
);

/** Random bytes are drawn in blocks: one call into the crypto library serves several hundred identities. */
const pool = Buffer.alloc(8192);
let poolAt = pool.length;

/** Where the next `count` unused random bytes begin in the pool. */
function randomAt(count: number): number {
  if (poolAt + count > pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const at = poolAt;
  poolAt += count;
  return at;
}

let lastMs = -1;
let lastTimePart = "";

/** A ULID: 48 bits of epoch ms, 80 random bits, in Crockford's base 32 (26 characters). */
export function makeUlid(epochMs: number): string {
  if (epochMs !== lastMs) {
    lastMs = epochMs;
    let rest = epochMs;
    let text = "";
    for (let i = 0; i < 10; i++) {
      text = (CROCKFORD[rest % 32] as string) + text;
      rest = Math.floor(rest / 32);
    }
    lastTimePart = text;
  }
  const at = randomAt(16);
  return lastTimePart + fourPairs(at) + fourPairs(at + 8);
}

/** When it was made: epoch ms; null: it is none. */
export function ulidTime(ulid: string): number | null {
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(ulid)) return null;
  let time = 0;
  for (let i = 0; i < 10; i++) time = time * 32 + CROCKFORD.indexOf(ulid[i] as string);
  return time;
}

function fourPairs(at: number): string {
  return pairAt(at) + pairAt(at + 2) + pairAt(at + 4) + pairAt(at + 6);
}

function pairAt(at: number): string {
  return PAIRS[((pool[at] as number) << 2) | ((pool[at + 1] as number) & 3)] as string;
}

/** Two digits a byte. */
export function randomHex(bytes: number): string {
  const at = randomAt(bytes);
  return pool.toString("hex", at, at + bytes);
}

export function makeTraceId(): string {
  return randomHex(16);
}
