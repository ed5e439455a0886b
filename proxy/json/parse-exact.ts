import { isUtf8 } from "node:buffer";
import { NEVER, Reader } from "./reader.ts";
import type { JsonValue } from "./value.ts";

export type ReadResult =
  | { readonly ok: true; readonly value: JsonValue }
  /** `offset` counts bytes where bytes were read, else UTF-16 units; `why` names no content. */
  | { readonly ok: false; readonly offset: number; readonly why: string };

/**
 * Reads one JSON text by the letter of RFC 8259; a BOM at its head is tolerated and dropped (section 8.1). Bytes that are
 * not UTF-8 are not JSON: decoding them would make different bytes alike. Never throws; depth costs memory, not stack.
 */
export function parseExact(input: Uint8Array | string): ReadResult {
  const isText = typeof input === "string";
  if (!isText && !isUtf8(input)) return { ok: false, offset: 0, why: "the bytes are not UTF-8" };
  const reader = isText ? Reader.ofText(input) : Reader.ofBytes(input);
  const value = reader.run(NEVER, NEVER);
  if (typeof value !== "symbol") return { ok: true, value };
  return { ok: false, offset: isText ? reader.textAt : reader.at, why: reader.why };
}
