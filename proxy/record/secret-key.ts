/** The secret that redaction and the encryption of delivery data derive their keys from. Lives beside the store. */
import { hkdfSync, randomBytes } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../config/settings.ts";
import { CrossfadeError } from "../errors.ts";

export const SECRET_KEY_BYTES = 32;

/** For a store that lives no longer than the process. */
export function randomSecretKey(): Buffer {
  return randomBytes(SECRET_KEY_BYTES);
}

/**
 * Reads the key, or makes one (mode 0600) where there is no such file. Stand-ins stay comparable as long as it stays.
 * @throws CrossfadeError `store-unavailable` that names the file and the way out.
 */
export function loadSecretKey(file: string): Buffer {
  const made = makeKeyFile(file);
  if (made !== null) return made;
  let key: Buffer;
  try {
    key = readFileSync(file);
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
  } catch (thrown) {
    throw unusable(file, `cannot be read (${wordsOf(thrown)}); let this user own it`, thrown);
  }
  if (key.length === SECRET_KEY_BYTES) return key;
  const way =
    "restore it from a backup, or delete it: a new one is made, and older stand-ins in evidence no longer compare";
  throw unusable(file, `holds ${key.length} bytes where a key has ${SECRET_KEY_BYTES}; ${way}`);
}

/** null: there is a file of that name already. */
function makeKeyFile(file: string): Buffer | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx", 0o600);
  } catch (thrown) {
    if (wordsOf(thrown) === "EEXIST") return null;
    throw unusable(file, `cannot be created (${wordsOf(thrown)}); its folder must exist and be writable`, thrown);
  }
  try {
    const key = randomSecretKey();
    const written = writeSync(descriptor, key);
    if (written !== key.length) throw unusable(file, "could not be written whole; make room and delete it");
    fsyncSync(descriptor);
    return key;
  } catch (thrown) {
    if (thrown instanceof CrossfadeError) throw thrown;
    throw unusable(file, `could not be written (${wordsOf(thrown)}); make room and delete it`, thrown);
  } finally {
    closeSync(descriptor);
  }
}

/** A key for one purpose: what leaks from one use says nothing about another (RFC 5869). */
export function deriveKey(secret: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `crossfade ${purpose}`, SECRET_KEY_BYTES));
}

/** What delivery data is encrypted with: a key of its own where one is configured, else one from the file beside the store. */
export function deliveryKey({ store, journal, member }: Pick<Settings, "store" | "journal" | "member">): Buffer {
  if (journal.key !== null) return deriveKey(Buffer.from(journal.key), "delivery data");
  if (store.kind === "memory") return randomSecretKey();
  const file = store.kind === "sqlite" ? `${store.file}.key` : join(member.folder, "key");
  return deriveKey(loadSecretKey(file), "delivery data");
}

function unusable(file: string, words: string, cause?: unknown): CrossfadeError {
  return new CrossfadeError("store-unavailable", `key file ${file} ${words}`, { source: "store", cause });
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : String(thrown);
}
