/** Short texts that are delivery data, encrypted at rest: exact, and readable with the key file beside the store alone. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

export interface Sealer {
  seal(text: string): string;
  /** null: made with another key, or damaged. */
  open(sealed: string): string | null;
}

const CIPHER = "aes-256-gcm";
/** NIST SP 800-38D: 96 bits, drawn at random, for fewer than 2^32 texts of one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** `key`: 32 bytes for this purpose alone. */
export function createSealer(key: Buffer): Sealer {
  return {
    seal(text) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce);
      const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
    },
    open(text) {
      const bytes = Buffer.from(text, "base64url");
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES));
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      try {
        const sealed = bytes.subarray(NONCE_BYTES + TAG_BYTES);
        return Buffer.concat([decipher.update(sealed), decipher.final()]).toString("utf8");
      } catch {
        return null;
      }
    },
  };
}
