/** How a body, or a part of one, that cannot be read is told: by length and digest, never by its content. */
import { hash } from "node:crypto";

/** Digits of a digest that are shown; where digests are compared they are whole. */
const SHOWN_DIGITS = 16;
const GUESSED_MAX_BYTES = 32;

export function countOf(bytes: number): string {
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
}

/** `sha256 2cf24dba5fb0a30e…` */
export function shownDigest(sha256: string): string {
  return `sha256 ${sha256.slice(0, SHOWN_DIGITS)}…`;
}

/** `, sha256 2cf24dba5fb0a30e…`, or nothing: whoever guesses a short content could check the guess by its digest. */
export function digestWords(bytes: Uint8Array): string {
  return bytes.length < GUESSED_MAX_BYTES ? "" : `, ${shownDigest(sha256Of(bytes))}`;
}

export function sha256Of(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

/** Stands for these bytes in a JSON value: equal for equal bytes and for no others. `why` they were not read, if told. */
export function standInFor(bytes: Uint8Array, why: string | null): string {
  return `${countOf(bytes.length)}${why === null ? "" : `, ${why}`}, sha256 ${sha256Of(bytes)}`;
}
