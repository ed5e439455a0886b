import { hash, timingSafeEqual } from "node:crypto";
import { makeUlid } from "../identity.ts";

/** Header that says that a request is a copy made by Crossfade; only a mark with a valid signature counts. */
export const SHADOW_MARK_HEADER = "x-crossfade-shadow";

const VERSION = "v1";
/** Half of a SHA-256: what is left out keeps a mark from being extended to another one's. */
const SIGNATURE_BYTES = 16;

/** One-shot hashing of key and id, for a message of our own making. */
function sign(key: Buffer, id: string): Buffer {
  const message = Buffer.concat([key, Buffer.from(id)]);
  return hash("sha256", message, "buffer").subarray(0, SIGNATURE_BYTES);
}

/** `v1.<ULID>.<128-bit keyed hash, hex>` */
function makeShadowMark(key: Buffer): string {
  const id = makeUlid(Date.now());
  return `${VERSION}.${id}.${sign(key, id).toString("hex")}`;
}

const marks = new WeakMap<Buffer, string>();

/**
 * The mark of this process's copies. One for all of them: whoever has seen a mark can send it again whatever it is bound
 * to, and signing each copy would cost more than building its request. Which exchange a copy is of, another header says.
 */
export function shadowMark(key: Buffer): string {
  let mark = marks.get(key);
  if (mark === undefined) marks.set(key, (mark = makeShadowMark(key)));
  return mark;
}

/** True for a mark that this installation signed: the request is one of our own copies coming back (a loop). */
export function isOurShadowMark(key: Buffer, mark: string): boolean {
  const parts = mark.split(".");
  if (parts.length !== 3 || parts[0] !== VERSION) return false;
  const given = Buffer.from(parts[2] as string, "hex");
  const expected = sign(key, parts[1] as string);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
