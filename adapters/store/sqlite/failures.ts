/** SQLite's result codes in words, and what they mean to the store. */
import { CrossfadeError, type ErrorCode } from "../../../proxy/errors.ts";
import type { Failure } from "./messages.ts";

interface Meaning {
  /** Prefix of the code: extended codes follow their primary one. */
  readonly prefix: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly words: string;
}

const MEANINGS: readonly Meaning[] = [
  // Space comes back when someone makes room.
  { prefix: "SQLITE_FULL", code: "store-unavailable", retryable: true, words: "the disk is full: make room" },
  // EIO, but also EFBIG and EDQUOT: SQLite tells only ENOSPC apart.
  {
    prefix: "SQLITE_IOERR",
    code: "store-unavailable",
    retryable: true,
    words: "it cannot be read or written (a failing disk, a quota or a limit on file size)",
  },
  // With an exclusive lock held for life, "busy" can only be another process.
  {
    prefix: "SQLITE_BUSY",
    code: "store-locked",
    retryable: true,
    words: "another process has it open: stop that one, or give this one a file of its own with --store sqlite:FILE",
  },
  { prefix: "SQLITE_READONLY", code: "store-unavailable", retryable: true, words: "it is read-only: allow writing" },
  { prefix: "SQLITE_CANTOPEN", code: "store-unavailable", retryable: true, words: "it cannot be opened" },
  { prefix: "SQLITE_PERM", code: "store-unavailable", retryable: true, words: "access is not permitted" },
  { prefix: "SQLITE_NOMEM", code: "store-unavailable", retryable: true, words: "there is no memory left for it" },
  { prefix: "SQLITE_CORRUPT", code: "store-corrupt", retryable: false, words: "it is corrupt" },
  { prefix: "SQLITE_NOTADB", code: "store-corrupt", retryable: false, words: "it is not a database" },
];

function sqliteCode(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : "";
}

export function isCorrupt(thrown: unknown): boolean {
  const code = sqliteCode(thrown);
  return code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
}

/** Anything thrown in the store's thread, made fit to travel. */
export function asFailure(thrown: unknown, file: string): Failure {
  if (thrown instanceof CrossfadeError) {
    return { code: thrown.code, message: thrown.message, retryable: thrown.retryable };
  }
  const code = sqliteCode(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const meaning = MEANINGS.find(({ prefix }) => code.startsWith(prefix));
  if (meaning === undefined)
    return { code: "store-unavailable", message: `store ${file}: ${message}`, retryable: false };
  return {
    code: meaning.code,
    message: `store ${file}: ${meaning.words} (${code}: ${message})`,
    retryable: meaning.retryable,
  };
}

export function asError(failure: Failure): CrossfadeError {
  const source = failure.code === "api-refused" ? "client" : "store";
  return new CrossfadeError(failure.code, failure.message, { source, retryable: failure.retryable });
}
