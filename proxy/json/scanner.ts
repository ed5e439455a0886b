import { escapeBytes } from "./escape.ts";
import { JsonNumber } from "./value.ts";

export const SPACE = 0x20;
export const QUOTE = 0x22;
const PLUS = 0x2b;
export const MINUS = 0x2d;
const DOT = 0x2e;
export const ZERO = 0x30;
export const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** What reading answers where the text is wrong; `why` then says how. */
export const BROKEN = Symbol("broken");

/**
 * The tokens of a JSON text. It walks the UTF-8 bytes (reading a typed array costs a fraction of charCodeAt) and cuts names
 * and strings out of the decoded text, which holds the same characters some places earlier.
 */
export class Scanner {
  /** Ends in one NUL that is not part of it: reading past the end of an array makes V8 give up its fast access. */
  protected readonly bytes: Uint8Array;
  protected readonly end: number;
  readonly #text: string;
  /** Where reading stands, in bytes; where it broke off, of the fault. */
  at: number;
  /** Bytes before `at` less UTF-16 units before it. */
  protected shift: number;
  why = "";

  /** `bytes`: those of the text and one NUL. */
  protected constructor(bytes: Uint8Array, text: string) {
    this.bytes = bytes;
    this.end = bytes.length - 1;
    this.#text = text;
    const hasBom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    this.at = hasBom ? 3 : 0;
    this.shift = hasBom ? 2 : 0;
  }

  /** `at` in UTF-16 units of the text. */
  get textAt(): number {
    return this.at - this.shift;
  }

  protected fail(why: string): typeof BROKEN {
    this.why = why;
    return BROKEN;
  }

  #failAt(at: number, why: string): typeof BROKEN {
    this.at = at;
    return this.fail(why);
  }

  protected skipSpace(at: number): number {
    const bytes = this.bytes;
    for (;;) {
      const byte = bytes[at] as number;
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return at;
      at += 1;
    }
  }

  protected isWord(word: string): boolean {
    for (let i = 1; i < word.length; i += 1) if (this.bytes[this.at + i] !== word.charCodeAt(i)) return false;
    return true;
  }

  /** A member's name and its colon. */
  protected name(): string | typeof BROKEN {
    if (this.bytes[this.at] !== QUOTE) return this.fail("a member's name should stand here");
    const name = this.string(this.at + 1);
    if (name === BROKEN) return BROKEN;
    const at = this.skipSpace(this.at);
    if (this.bytes[at] !== COLON) return this.#failAt(at, "a colon should stand here");
    this.at = at + 1;
    return name;
  }

  /** From behind the opening quote. */
  protected string(start: number): string | typeof BROKEN {
    const bytes = this.bytes;
    let at = start;
    let byte = bytes[at] as number;
    while (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH && byte < 0x80) byte = bytes[++at] as number;
    if (byte === QUOTE) {
      this.at = at + 1;
      return this.#text.slice(start - this.shift, at - this.shift);
    }
    return this.#longString(start, at);
  }

  /** The rest of a string whose first escape, character beyond ASCII or fault is at `at`. */
  #longString(start: number, at: number): string | typeof BROKEN {
    const bytes = this.bytes;
    const text = this.#text;
    let shift = this.shift;
    const from = start - shift;
    let isEscaped = false;
    for (;;) {
      let byte = bytes[at] as number;
      while (byte >= SPACE && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH) byte = bytes[++at] as number;
      if (byte === QUOTE) {
        this.at = at + 1;
        this.shift = shift;
        // Escapes are undone at once: piece by piece, a string of nothing else would take many times its memory.
        return isEscaped ? (JSON.parse(text.slice(from - 1, at - shift + 1)) as string) : text.slice(from, at - shift);
      }
      if (byte === BACKSLASH) {
        const length = escapeBytes(bytes, at);
        if (length === 0) {
          this.shift = shift;
          return this.#failAt(at, "no such escape");
        }
        at += length;
        isEscaped = true;
      } else if (byte >= 0x80) {
        // The bytes are UTF-8: of n bytes one character comes that is one UTF-16 unit, of four one that is two.
        if (byte < 0xe0) {
          at += 2;
          shift += 1;
        } else if (byte < 0xf0) {
          at += 3;
          shift += 2;
        } else {
          at += 4;
          shift += 2;
        }
      } else {
        this.shift = shift;
        return this.#failAt(
          at,
          at === this.end ? "the text ends inside a string" : "a control character inside a string",
        );
      }
    }
  }

  protected number(start: number, first: number): JsonNumber | typeof BROKEN {
    const bytes = this.bytes;
    let at = start;
    let byte = first;
    if (byte === MINUS) byte = bytes[++at] as number;
    if (byte === ZERO) {
      byte = bytes[++at] as number;
    } else {
      const digits = at;
      while (byte >= ZERO && byte <= NINE) byte = bytes[++at] as number;
      if (at === digits) return this.#failAt(at, "a digit should stand here");
    }
    if (byte === DOT) {
      const digits = ++at;
      byte = bytes[at] as number;
      while (byte >= ZERO && byte <= NINE) byte = bytes[++at] as number;
      if (at === digits) return this.#failAt(at, "a digit should follow the point");
    }
    if (byte === 0x65 || byte === 0x45) {
      byte = bytes[++at] as number;
      if (byte === PLUS || byte === MINUS) byte = bytes[++at] as number;
      const digits = at;
      while (byte >= ZERO && byte <= NINE) byte = bytes[++at] as number;
      if (at === digits) return this.#failAt(at, "a digit should stand in the exponent");
    }
    this.at = at;
    return new JsonNumber(this.#text, start - this.shift, at - this.shift);
  }
}
