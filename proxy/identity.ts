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

function fourPairs(at: number): string {
  return pairAt(at) + pairAt(at + 2) + pairAt(at + 4) + pairAt(at + 6);
}

function pairAt(at: number): string {
  return PAIRS[((pool[at] as number) << 2) | ((pool[at + 1] as number) & 3)] as string;
}

function randomHex(bytes: number): string {
  const at = randomAt(bytes);
  return pool.toString("hex", at, at + bytes);
}

/** W3C trace context: the parts of a `traceparent` header. */
export interface TraceParent {
  readonly traceId: string;
  readonly parentId: string;
  readonly flags: string;
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** null where the header is absent or not valid (W3C Trace Context, 3.2.2): then a new trace begins. */
export function parseTraceParent(header: string | null): TraceParent | null {
  if (header === null) return null;
  const found = TRACEPARENT.exec(header);
  if (found === null) return null;
  const [, traceId, parentId, flags] = found as unknown as [string, string, string, string];
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return null;
  return { traceId, parentId, flags };
}

export function makeTraceId(): string {
  return randomHex(16);
}

/** A child of `traceId` with a span id of its own. */
export function makeTraceParent(traceId: string, flags: string): string {
  return `00-${traceId}-${randomHex(8)}-${flags}`;
}
