/**
 * HMAC-SHA-256 (RFC 2104) out of the one-shot hash. `createHmac` makes a key object for each call, which takes longer
 * than hashing a short text (Node 24.21: 15 µs against 2.4 µs in all), and a pair may have hundreds of stand-ins.
 */
import { hash } from "node:crypto";

/** Bytes that SHA-256 works on at a time. */
const BLOCK_BYTES = 64;

/** In hex. `key`: at most 64 bytes. */
export function keyedHash(key: Buffer): (content: string | Uint8Array) => string {
  if (key.length > BLOCK_BYTES) throw new RangeError(`a key has at most ${BLOCK_BYTES} bytes, not ${key.length}`);
  const padded = Buffer.concat([key, Buffer.alloc(BLOCK_BYTES - key.length)]);
  const inner = padded.map((byte) => byte ^ 0x36);
  const outer = padded.map((byte) => byte ^ 0x5c);
  return (content) => {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const digest = hash("sha256", Buffer.concat([inner, bytes]), "buffer");
    return hash("sha256", Buffer.concat([outer, digest]), "hex");
  };
}
