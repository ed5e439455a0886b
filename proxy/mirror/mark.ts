import { createHmac, timingSafeEqual } from "node:crypto";

/** Header that says that a request is a copy made by Crossfade; only a mark with a valid signature counts. */
export const SHADOW_MARK_HEADER = "x-crossfade-shadow";

const VERSION = "v1";

function sign(key: Buffer, exchangeId: string): Buffer {
  return createHmac("sha256", key).update(exchangeId).digest().subarray(0, 16);
}

/** `v1.<exchange id>.<128-bit keyed hash, hex>` */
export function makeShadowMark(key: Buffer, exchangeId: string): string {
  return `${VERSION}.${exchangeId}.${sign(key, exchangeId).toString("hex")}`;
}

/** True for a mark that this installation signed: the request is one of our own copies coming back (a loop). */
export function isOurShadowMark(key: Buffer, mark: string): boolean {
  const parts = mark.split(".");
  if (parts.length !== 3 || parts[0] !== VERSION) return false;
  const given = Buffer.from(parts[2] as string, "hex");
  const expected = sign(key, parts[1] as string);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
