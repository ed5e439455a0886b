/**
 * Finds the request of each entry of a HAR without reading the rest: most of such a file are the answers' bodies, and it
 * may be larger than a string can be. What stands outside the requests is read as far as brackets and strings go. Pure.
 */

/** Where one request stands in the file, in bytes. */
export interface RequestSpan {
  /** Counted from 1. */
  readonly entry: number;
  readonly start: number;
  readonly end: number;
}

/** What is wrong with the file, in words that follow its name. */
export class HarFault extends Error {
  override readonly name = "HarFault";
}

/** `entry 17 (log.entries[16], byte 4711)` */
export function spellEntry(entry: number, byte: number): string {
  return `entry ${entry} (log.entries[${entry - 1}], byte ${byte})`;
}

const DEPTH_MAX = 10_000;
const KEY_MAX_BYTES = 256;
const HOW_TO_EXPORT = "export it again as HAR 1.2";

/** How deep the parts that count are nested. */
const IN_ROOT = 1;
const IN_LOG = 2;
const IN_ENTRIES = 3;
const IN_ENTRY = 4;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const ARRAY = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const BLANKS: ReadonlySet<number> = new Set(Buffer.from(" \t\r\n"));
/** What numbers, true, false and null are written with. */
const SCALAR: ReadonlySet<number> = new Set(Buffer.from("0123456789+-.eEtrufalsn"));

/** Takes a file chunk by chunk. Memory does not grow with it. */
export class HarScanner {
  /** Bytes of the chunks before this one. */
  #base = 0;
  #depth = 0;
  readonly #open = new Uint8Array(DEPTH_MAX + 1);
  #inString = false;
  #escaped = false;
  /** Bytes of a member's name that may matter; null: this string does not. */
  #name: number[] | null = null;
  /** The last such name. */
  #key = "";
  #afterColon = false;
  #ended = false;
  /** Which containers are the ones they should be: a member of another name is nested as deep. */
  #isLog = false;
  #isEntries = false;
  #sawLog = false;
  #sawEntries = false;
  #entry = 0;
  #entryAt = 0;
  #requestAt = -1;
  #inRequest = false;
  #found: RequestSpan[] = [];

  get entries(): number {
    return this.#entry;
  }

  /**
   * The requests that end in this chunk.
   * @throws HarFault
   */
  push(chunk: Uint8Array): readonly RequestSpan[] {
    this.#found = [];
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (this.#inString) {
        if (this.#name === null && !this.#escaped && byte !== QUOTE && byte !== BACKSLASH) continue;
        this.#stringByte(byte);
      } else if (!BLANKS.has(byte)) this.#token(byte, this.#base + i);
    }
    this.#base += chunk.length;
    return this.#found;
  }

  /** @throws HarFault: the file is not whole, or it is no HAR */
  end(): void {
    if (this.#base === 0) throw new HarFault(`is empty; ${HOW_TO_EXPORT}`);
    if (!this.#ended) {
      const where = this.#entry === 0 ? "before its first entry" : `in or after ${this.#here()}`;
      throw new HarFault(`ends ${where}, at byte ${this.#base}: it is cut off; ${HOW_TO_EXPORT}`);
    }
    if (!this.#sawLog) throw new HarFault(`has no "log"; ${HOW_TO_EXPORT}`);
    if (!this.#sawEntries) throw new HarFault(`has no "entries" in its "log"; ${HOW_TO_EXPORT}`);
  }

  #stringByte(byte: number): void {
    if (this.#name !== null && this.#name.length <= KEY_MAX_BYTES) this.#name.push(byte);
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) {
      this.#inString = false;
      if (this.#name !== null) this.#key = textOf(this.#name);
      this.#name = null;
    }
  }

  #token(byte: number, at: number): void {
    if (at < 3 && byte === BYTE_ORDER_MARK[at]) return;
    if (this.#ended) throw new HarFault(`goes on at byte ${at}, after its end; ${HOW_TO_EXPORT}`);
    if (byte === COLON) this.#afterColon = true;
    else if (byte === COMMA) this.#afterColon = false;
    else if (byte === OBJECT_END || byte === ARRAY_END) this.#close(byte, at);
    else if (byte === QUOTE && this.#isName()) {
      this.#inString = true;
      this.#name = this.#depth <= IN_ENTRY ? [] : null;
    } else {
      this.#begin(byte, at);
      if (byte === QUOTE) this.#inString = true;
      else if (byte === OBJECT || byte === ARRAY) this.#openAt(byte, at);
      else if (!SCALAR.has(byte))
        throw new HarFault(`is not JSON at byte ${at}${this.#whichEntry()}; ${HOW_TO_EXPORT}`);
    }
  }

  #isName(): boolean {
    return this.#open[this.#depth] === OBJECT && !this.#afterColon;
  }

  /** A value, or a part of one, begins: where it must be of a certain kind, it is. */
  #begin(byte: number, at: number): void {
    switch (this.#depth) {
      case 0:
        if (byte !== OBJECT) throw new HarFault(whyNoObject(byte));
        break;
      case IN_ROOT:
        if (this.#key !== "log" || !this.#afterColon) break;
        if (byte !== OBJECT) throw new HarFault(`has a "log" at byte ${at} that is no object; ${HOW_TO_EXPORT}`);
        if (this.#sawLog) throw new HarFault(`has a second "log" at byte ${at}; ${HOW_TO_EXPORT}`);
        this.#sawLog = this.#isLog = true;
        break;
      case IN_LOG:
        if (!this.#isLog || this.#key !== "entries" || !this.#afterColon) break;
        if (byte !== ARRAY) throw new HarFault(`has "entries" at byte ${at} that are no list; ${HOW_TO_EXPORT}`);
        if (this.#sawEntries) throw new HarFault(`has "entries" a second time at byte ${at}; ${HOW_TO_EXPORT}`);
        this.#sawEntries = this.#isEntries = true;
        break;
      case IN_ENTRIES:
        if (!this.#isEntries) break;
        this.#entry++;
        this.#entryAt = at;
        this.#requestAt = -1;
        if (byte !== OBJECT) throw new HarFault(`has no object as ${this.#here()}; take it out`);
        break;
      case IN_ENTRY:
        if (!this.#isEntries || this.#key !== "request" || !this.#afterColon) break;
        if (byte !== OBJECT) throw new HarFault(`has no object as the request of ${this.#here()}; take it out`);
        if (this.#requestAt !== -1) throw new HarFault(`has a second request in ${this.#here()}; take it out`);
        this.#requestAt = at;
        this.#inRequest = true;
        break;
    }
  }

  #openAt(byte: number, at: number): void {
    if (this.#depth === DEPTH_MAX) {
      const what = `is nested more than ${DEPTH_MAX} deep at byte ${at}`;
      throw new HarFault(`${what}${this.#whichEntry()}; no browser writes that`);
    }
    this.#open[++this.#depth] = byte;
    this.#afterColon = false;
    this.#key = "";
  }

  #close(byte: number, at: number): void {
    if (this.#depth === 0 || this.#open[this.#depth] !== byte - 2) {
      throw new HarFault(`has a bracket at byte ${at}${this.#whichEntry()} that closes nothing; ${HOW_TO_EXPORT}`);
    }
    this.#depth--;
    this.#afterColon = false;
    if (this.#depth === IN_ENTRY && this.#inRequest) {
      this.#inRequest = false;
      this.#found.push({ entry: this.#entry, start: this.#requestAt, end: at + 1 });
    } else if (this.#depth === IN_ENTRIES && this.#isEntries && this.#requestAt === -1) {
      throw new HarFault(`has no request in ${this.#here()}; take it out`);
    } else if (this.#depth === IN_LOG) this.#isEntries = false;
    else if (this.#depth === IN_ROOT) this.#isLog = false;
    else if (this.#depth === 0) this.#ended = true;
  }

  #here(): string {
    return spellEntry(this.#entry, this.#entryAt);
  }

  #whichEntry(): string {
    return this.#isEntries && this.#entry > 0 ? `, in ${this.#here()}` : "";
  }
}

function whyNoObject(byte: number): string {
  if (byte === 0x1f) return "is compressed (gzip); unpack it first";
  if (byte === 0xfe || byte === 0xff) return "is no UTF-8 (it looks like UTF-16); save it as UTF-8";
  return `does not begin with { as a HAR does; ${HOW_TO_EXPORT}`;
}

/** What a name says, given with its closing quote; a name that is no JSON is none that matters. */
function textOf(name: readonly number[]): string {
  try {
    return String(JSON.parse(`"${Buffer.from(name).toString("utf8")}`));
  } catch {
    return "";
  }
}
