/**
 * Large bodies of writes that the journal has, in files that outlive the process: one a body, sealed, with a tag behind it that
 * says that it is whole.
 *
 *   file:  sealed(length) tag(32)
 *
 * AES-256-CTR under keys of the file's own (RFC 5869: the journal's key, its name as salt). The tag is an HMAC-SHA256 over digest and
 * length of the body: a file that was cut off, changed, or put in another one's place has none that fits.
 */
import { createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { read } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { SPOOL_CIPHER } from "../evidence/stored-body.ts";

export const TAG_BYTES = 32;
/** Random: a name is its keys' salt, and used once. */
export const NAME_BYTES = 16;
const NAME = /^([0-9a-f]{32})\.body$/;
const BLOCK_BYTES = 256 * 1024;

export interface BodyKeys {
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly tagKey: Buffer;
}

export function lastingFile(folder: string, name: string): string {
  return join(folder, `${name}.body`);
}

/** null: no such file's name. */
export function lastingName(file: string): string | null {
  return NAME.exec(file)?.[1] ?? null;
}

export function keysOf(key: Buffer, name: string): BodyKeys {
  const bytes = Buffer.from(hkdfSync("sha256", key, Buffer.from(name, "hex"), "crossfade spooled body", 80));
  return { key: bytes.subarray(0, 32), iv: bytes.subarray(32, 48), tagKey: bytes.subarray(48) };
}

/** `sha256`: of the body, in hex. */
export function tagOf(tagKey: Uint8Array, sha256: string, length: number): Buffer {
  return createHmac("sha256", tagKey).update(`${sha256} ${length}`).digest();
}

export function isTag(found: Buffer, wanted: Buffer): boolean {
  return found.length === wanted.length && timingSafeEqual(found, wanted);
}

const readFd = promisify(read);

/** The body as it was, in pieces. @throws what reading throws, and where the file is shorter */
export async function* readSealed(
  fd: number,
  length: number,
  { key, iv }: Pick<BodyKeys, "key" | "iv">,
): AsyncGenerator<Buffer> {
  const decipher = createDecipheriv(SPOOL_CIPHER, key, iv);
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let at = 0; at < length;) {
    const { bytesRead } = await readFd(fd, block, 0, Math.min(block.length, length - at), at);
    if (bytesRead === 0) throw new Error("a spooled body is shorter than it was");
    at += bytesRead;
    yield decipher.update(block.subarray(0, bytesRead));
  }
}
