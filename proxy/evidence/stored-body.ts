/** A body that lies encrypted in a file of the spool, as another thread of this process can read it. */
import { createDecipheriv } from "node:crypto";
import { readSync } from "node:fs";

/** Read only while whoever gave it keeps the file open. */
export interface StoredBody {
  readonly kind: "stored";
  readonly length: number;
  /** Open in this process, whichever thread asks. */
  readonly fd: number;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

export const SPOOL_CIPHER = "aes-256-ctr";

const BLOCK_BYTES = 256 * 1024;

/** All of it, in memory of its own. Blocks the thread. @throws what reading throws, and where the file is shorter */
export function readStored({ length, fd, key, iv }: StoredBody): Uint8Array {
  const decipher = createDecipheriv(SPOOL_CIPHER, key, iv);
  const bytes = new Uint8Array(length);
  const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, length));
  for (let at = 0; at < length;) {
    const read = readSync(fd, block, 0, Math.min(block.length, length - at), at);
    if (read === 0) throw new Error("a spooled body is shorter than it was");
    bytes.set(decipher.update(block.subarray(0, read)), at);
    at += read;
  }
  return bytes;
}
