import { isUtf8 } from "node:buffer";
import { escapeLength, unescapeAt } from "./escape.ts";
import { JsonNumber, JsonObject, type JsonValue } from "./value.ts";

export type ReadResult =
  | { readonly ok: true; readonly value: JsonValue }
  /** `offset` counts bytes where bytes were read, else UTF-16 units; `why` names no content. */
  | { readonly ok: false; readonly offset: number; readonly why: string };

/**
 * Reads one JSON text by the letter of RFC 8259; a BOM at its head is tolerated and dropped (section 8.1). Bytes that are
 * not UTF-8 are not JSON: decoding them would make different bytes alike. Never throws; depth costs memory, not stack.
 */
export function parseExact(input: Uint8Array | string): ReadResult {
  if (typeof input === "string") return new Reader(input).read();
  if (!isUtf8(input)) return { ok: false, offset: 0, why: "the bytes are not UTF-8" };
  const text = Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString("utf8");
  const result = new Reader(text).read();
  if (result.ok) return result;
  return { ...result, offset: Buffer.byteLength(text.slice(0, result.offset), "utf8") };
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BOM = 0xfeff;

const EMPTY: readonly never[] = [];
const EMPTY_OBJECT = new JsonObject(EMPTY, EMPTY);

/** What `value` answers when the text is wrong; `this.why` then says how. */
const BROKEN = Symbol("broken");

class Reader {
  /** Ends in one NUL that is not part of it: reading past the end of a string makes V8 give up its fast charCodeAt. */
  readonly #text: string;
  readonly #end: number;
  #at = 0;
  #why = "";

  constructor(text: string) {
    this.#text = `${text}\0`;
    this.#end = text.length;
  }

  read(): ReadResult {
    if (this.#text.charCodeAt(0) === BOM) this.#at = 1;
    const value = this.#document();
    return value === BROKEN ? { ok: false, offset: this.#at, why: this.#why } : { ok: true, value };
  }

  /**
   * Members of the containers that are open lie side by side on two stacks and are cut off in one piece when their
   * container ends: no array ever grows by itself.
   */
  #document(): JsonValue | typeof BROKEN {
    const text = this.#text;
    const values: JsonValue[] = [];
    const names: string[] = [];
    let valuesTop = 0;
    let namesTop = 0;
    /** Per open container: where its values begin, and its names (-1: an array). */
    const valueStarts: number[] = [];
    const nameStarts: number[] = [];

    for (;;) {
      // A value begins here.
      this.#skipSpace();
      let value: JsonValue;
      const first = text.charCodeAt(this.#at);
      if (first === QUOTE) {
        const read = this.#string();
        if (read === BROKEN) return BROKEN;
        value = read;
      } else if (first === OPEN_OBJECT) {
        this.#at += 1;
        this.#skipSpace();
        if (text.charCodeAt(this.#at) !== CLOSE_OBJECT) {
          const name = this.#name();
          if (name === BROKEN) return BROKEN;
          valueStarts.push(valuesTop);
          nameStarts.push(namesTop);
          names[namesTop++] = name;
          continue;
        }
        this.#at += 1;
        value = EMPTY_OBJECT;
      } else if (first === OPEN_ARRAY) {
        this.#at += 1;
        this.#skipSpace();
        if (text.charCodeAt(this.#at) !== CLOSE_ARRAY) {
          valueStarts.push(valuesTop);
          nameStarts.push(-1);
          continue;
        }
        this.#at += 1;
        value = EMPTY;
      } else if (first === MINUS || (first >= ZERO && first <= NINE)) {
        const raw = this.#number();
        if (raw === BROKEN) return BROKEN;
        value = new JsonNumber(raw);
      } else if (text.startsWith("true", this.#at)) {
        this.#at += 4;
        value = true;
      } else if (text.startsWith("false", this.#at)) {
        this.#at += 5;
        value = false;
      } else if (text.startsWith("null", this.#at)) {
        this.#at += 4;
        value = null;
      } else {
        return this.#fail(this.#at === this.#end ? "the text ends where a value should begin" : "no value begins here");
      }

      // A value has ended; so may have containers that it was the last of.
      for (;;) {
        this.#skipSpace();
        const depth = valueStarts.length;
        if (depth === 0) return this.#at === this.#end ? value : this.#fail("something follows the value");
        values[valuesTop++] = value;
        const next = text.charCodeAt(this.#at);
        const nameStart = nameStarts[depth - 1] as number;
        if (next === COMMA) {
          this.#at += 1;
          if (nameStart >= 0) {
            this.#skipSpace();
            const name = this.#name();
            if (name === BROKEN) return BROKEN;
            names[namesTop++] = name;
          }
          break;
        }
        if (next !== (nameStart >= 0 ? CLOSE_OBJECT : CLOSE_ARRAY)) {
          return this.#fail(nameStart >= 0 ? "a comma or } should stand here" : "a comma or ] should stand here");
        }
        this.#at += 1;
        const valueStart = valueStarts.pop() as number;
        nameStarts.pop();
        const members = values.slice(valueStart, valuesTop);
        valuesTop = valueStart;
        if (nameStart >= 0) {
          value = new JsonObject(names.slice(nameStart, namesTop), members);
          namesTop = nameStart;
        } else {
          value = members;
        }
      }
    }
  }

  #fail(why: string): typeof BROKEN {
    this.#why = why;
    return BROKEN;
  }

  #skipSpace(): void {
    const text = this.#text;
    let at = this.#at;
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit > 0x20 || (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09)) break;
      at += 1;
    }
    this.#at = at;
  }

  /** A member's name and its colon. */
  #name(): string | typeof BROKEN {
    if (this.#text.charCodeAt(this.#at) !== QUOTE) return this.#fail("a member's name should stand here");
    const name = this.#string();
    if (name === BROKEN) return BROKEN;
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== COLON) return this.#fail("a colon should stand here");
    this.#at += 1;
    return name;
  }

  #string(): string | typeof BROKEN {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    let unit = text.charCodeAt(at);
    while (unit >= 0x20 && unit !== QUOTE && unit !== BACKSLASH) unit = text.charCodeAt(++at);
    if (unit === QUOTE) {
      this.#at = at + 1;
      return text.slice(start, at);
    }
    return this.#escapedString(start, at);
  }

  /** The rest of a string whose first escape (or fault) is at `at`. */
  #escapedString(start: number, at: number): string | typeof BROKEN {
    const text = this.#text;
    let decoded = "";
    let plainFrom = start;
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) {
        this.#at = at + 1;
        return decoded + text.slice(plainFrom, at);
      }
      if (unit === BACKSLASH) {
        decoded += text.slice(plainFrom, at);
        const decodedUnit = unescapeAt(text, at);
        if (decodedUnit < 0) return this.#failAt(at, "no such escape");
        decoded += String.fromCharCode(decodedUnit);
        at += escapeLength(text, at);
        plainFrom = at;
      } else if (unit >= 0x20) {
        at += 1;
      } else {
        return this.#failAt(
          at,
          at === this.#end ? "the text ends inside a string" : "a control character inside a string",
        );
      }
    }
  }

  #number(): string | typeof BROKEN {
    const text = this.#text;
    const start = this.#at;
    let at = start;
    let unit = text.charCodeAt(at);
    if (unit === MINUS) unit = text.charCodeAt(++at);
    if (unit === ZERO) {
      unit = text.charCodeAt(++at);
    } else {
      const digits = at;
      while (unit >= ZERO && unit <= NINE) unit = text.charCodeAt(++at);
      if (at === digits) return this.#failAt(at, "a digit should stand here");
    }
    if (unit === DOT) {
      const digits = ++at;
      unit = text.charCodeAt(at);
      while (unit >= ZERO && unit <= NINE) unit = text.charCodeAt(++at);
      if (at === digits) return this.#failAt(at, "a digit should follow the point");
    }
    if (unit === 0x65 || unit === 0x45) {
      unit = text.charCodeAt(++at);
      if (unit === PLUS || unit === MINUS) unit = text.charCodeAt(++at);
      const digits = at;
      while (unit >= ZERO && unit <= NINE) unit = text.charCodeAt(++at);
      if (at === digits) return this.#failAt(at, "a digit should stand in the exponent");
    }
    this.#at = at;
    return text.slice(start, at);
  }

  #failAt(at: number, why: string): typeof BROKEN {
    this.#at = at;
    return this.#fail(why);
  }
}
