/** Reads HTTP/1 messages off raw bytes, requests or answers, and changes nothing about them: case, order and repetition stay. */

export type Field = readonly [name: string, value: string];

/** How the end of a body is told. `tunnel`: what follows a 101 is no message any more. */
export type Framing = "none" | "length" | "chunked" | "close" | "tunnel";

export interface Head {
  readonly start: string;
  readonly fields: readonly Field[];
}

export interface Message {
  readonly interims: Head[];
  /** null: nothing but interim answers so far. */
  head: Head | null;
  framing: Framing;
  readonly body: Buffer[];
  length: number;
  trailers: readonly Field[];
  /** Of chunks, in order, each as written after the size. */
  readonly extensions: string[];
  /** `cut`: the connection ended before the message did, or by a reset where its end is the end of the message. */
  state: "open" | "complete" | "cut";
}

export type Kind = "request" | "answer";

const NOTHING = Buffer.alloc(0);
const BLANKS = /^[ \t]+|[ \t]+$/g;

export class MessageReader {
  readonly messages: Message[] = [];
  readonly #kind: Kind;
  /** The method of the request that the answer with this index is for: an answer to HEAD has no body. */
  readonly #methodOf: (index: number) => string;
  #rest: Buffer = NOTHING;
  #current: Message | null = null;
  #step: "head" | "sized" | "chunk-size" | "chunk-end" | "trailers" | "until-end" = "head";
  /** Bytes of the body, or of the chunk, still to come. */
  #left = 0;

  constructor(kind: Kind, methodOf: (index: number) => string = () => "") {
    this.#kind = kind;
    this.#methodOf = methodOf;
  }

  /** Bytes that are no message yet. */
  get unread(): number {
    return this.#rest.length;
  }

  feed(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#advance());
  }

  /** The other side has ended its half of the connection, cleanly or by a reset. */
  end(clean: boolean): void {
    const current = this.#current;
    if (current === null) return;
    current.state = clean && this.#step === "until-end" ? "complete" : "cut";
    this.#current = null;
    this.#rest = NOTHING;
  }

  /** What comes from here on is a tunnel and belongs to the latest message. */
  tunnel(): void {
    const latest = this.messages.at(-1);
    if (latest === undefined) return;
    latest.state = "open";
    latest.framing = "tunnel";
    this.#current = latest;
    this.#step = "until-end";
    while (this.#advance());
  }

  /** Takes one step; false: it needs more bytes. */
  #advance(): boolean {
    switch (this.#step) {
      case "head":
        return this.#readHead();
      case "sized":
        if (!this.#take(Math.min(this.#left, this.#rest.length))) return false;
        if (this.#left > 0) return false;
        if (this.#current?.framing === "chunked") this.#step = "chunk-end";
        else this.#complete();
        return true;
      case "chunk-end":
        if (this.#line() === null) return false;
        this.#step = "chunk-size";
        return true;
      case "chunk-size":
        return this.#readChunkSize();
      case "trailers":
        return this.#readTrailers();
      case "until-end":
        return this.#take(this.#rest.length);
    }
  }

  #readHead(): boolean {
    // Empty lines before a request are to be ignored (RFC 9112, 2.2).
    while (this.#kind === "request" && this.#rest.length >= 2 && this.#rest.toString("latin1", 0, 2) === "\r\n") {
      this.#rest = this.#rest.subarray(2);
    }
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end === -1) return false;
    const [start = "", ...lines] = this.#rest.subarray(0, end).toString("latin1").split("\r\n");
    this.#rest = this.#rest.subarray(end + 4);
    this.#current ??= this.#begin();
    const head: Head = { start, fields: lines.map(fieldOf) };
    const status = this.#kind === "answer" ? statusOf(start) : 0;
    if (status >= 100 && status < 200 && status !== 101) {
      this.#current.interims.push(head);
      return true;
    }
    this.#current.head = head;
    this.#frame(this.#current, head, status);
    return true;
  }

  #begin(): Message {
    const message: Message = {
      interims: [],
      head: null,
      framing: "none",
      body: [],
      length: 0,
      trailers: [],
      extensions: [],
      state: "open",
    };
    this.messages.push(message);
    return message;
  }

  #frame(message: Message, { fields }: Head, status: number): void {
    const length = valueOf(fields, "content-length");
    const chunked = valueOf(fields, "transfer-encoding")?.toLowerCase().endsWith("chunked") === true;
    message.framing = chunked ? "chunked" : length !== null ? "length" : "none";
    if (status === 101) {
      message.framing = "tunnel";
      this.#step = "until-end";
      return;
    }
    const bodyless = status === 204 || status === 304 || this.#methodOf(this.messages.length - 1) === "HEAD";
    if (this.#kind === "answer" && bodyless) this.#complete();
    else if (chunked) this.#step = "chunk-size";
    else if (length !== null) {
      this.#left = Number(length);
      this.#step = "sized";
    } else if (this.#kind === "request") this.#complete();
    else {
      message.framing = "close";
      this.#step = "until-end";
    }
  }

  #readChunkSize(): boolean {
    const line = this.#line();
    if (line === null) return false;
    const [, size = "0", extension = ""] = /^([0-9a-f]*)(.*)$/is.exec(line) ?? [];
    if (extension !== "") this.#current?.extensions.push(extension);
    this.#left = Number.parseInt(size, 16);
    this.#step = this.#left === 0 ? "trailers" : "sized";
    return true;
  }

  #readTrailers(): boolean {
    const empty = this.#rest.subarray(0, 2).toString("latin1") === "\r\n";
    const end = empty ? 0 : this.#rest.indexOf("\r\n\r\n");
    if (end === -1) return false;
    if (!empty && this.#current !== null) {
      this.#current.trailers = this.#rest.subarray(0, end).toString("latin1").split("\r\n").map(fieldOf);
    }
    this.#rest = this.#rest.subarray(empty ? 2 : end + 4);
    this.#complete();
    return true;
  }

  #line(): string | null {
    const end = this.#rest.indexOf("\r\n");
    if (end === -1) return null;
    const line = this.#rest.subarray(0, end).toString("latin1");
    this.#rest = this.#rest.subarray(end + 2);
    return line;
  }

  /** Moves so many bytes into the body; false: there were none to move, though some are missing. */
  #take(count: number): boolean {
    if (count === 0) return this.#step === "sized" && this.#left === 0;
    const message = this.#current;
    if (message !== null) {
      message.body.push(this.#rest.subarray(0, count));
      message.length += count;
    }
    this.#rest = this.#rest.subarray(count);
    this.#left -= count;
    return true;
  }

  #complete(): void {
    if (this.#current !== null) this.#current.state = "complete";
    this.#current = null;
    this.#step = "head";
  }
}

/** White space around a value is no part of it (RFC 9110, 5.5). */
function fieldOf(line: string): Field {
  const colon = line.indexOf(":");
  return colon === -1 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(BLANKS, "")];
}

export function valueOf(fields: readonly Field[], lowerName: string): string | null {
  return fields.find(([name]) => name.toLowerCase() === lowerName)?.[1] ?? null;
}

export function statusOf(start: string): number {
  return Number(start.split(" ", 2)[1]);
}
