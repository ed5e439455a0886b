/**
 * Reads the answers on one HTTP/1.1 connection, byte by byte as they come (RFC 9112). Pure: bytes in, events out.
 *
 * It is strict wherever two readers could see two different messages: lengths, codings, chunk framing, blanks before a
 * colon. It takes a bare LF for CRLF in a head and joins folded lines, as RFC 9112 (2.2 and 5.2) lets it: our own answer is
 * written anew by Node, so nobody behind us has to read them.
 */
import { chunks } from "../chunks.ts";
import type { RawHeaders } from "../exchange.ts";
import {
  InvalidAnswer,
  isBlank,
  isChunkedLast,
  keepAliveSecondsOf,
  keepsAlive,
  lengthOf,
  MAX_SIZE,
  parseFields,
  statusOf,
  withoutCr,
} from "./answer-head.ts";

/** What the parser tells, in this order: any number of informations, one head, its data, one end. */
export interface AnswerEvents {
  /** Any 1xx but 101. */
  onInformation(status: number, statusText: string, headers: RawHeaders): void;
  onHead(status: number, statusText: string, headers: RawHeaders): void;
  /** The bytes are the callee's to keep. */
  onData(chunk: Buffer): void;
  onEnd(trailers: RawHeaders): void;
}

/** What the answer is to: some answers have no body whatever their head says. */
export interface Asked {
  readonly isHead: boolean;
  /** A 101 is expected: what follows it belongs to another protocol. */
  readonly isUpgrade: boolean;
}

type State = "head" | "length" | "close" | "chunk-size" | "chunk-data" | "chunk-end" | "trailers" | "done";

const MAX_HEAD_BYTES = 256 * 1024;
/** Extensions of one chunk (RFC 9112, 7.1.1) and its size, in bytes. */
const MAX_CHUNK_LINE_BYTES = 16 * 1024;
/** Interim answers to one request, and their bytes: more are no hints but a flood, and a client may read slowly. */
const MAX_INFORMATIONS = 1_000;
const MAX_INFORMATION_BYTES = 256 * 1024;

const NO_HEADERS: RawHeaders = [];

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DEL = 0x7f;

/** Where the reader stands in a section's line ends. After any CR only LF may come. */
const IN_LINE = 0;
const AFTER_LF = 1;
const AFTER_LF_CR = 2;
const AFTER_CR = 3;

export class AnswerParser {
  readonly #events: AnswerEvents;
  #asked: Asked = { isHead: false, isUpgrade: false };
  #state: State = "head";
  /** Parts of a head or trailer section that has not come whole yet. */
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #lineEnd = IN_LINE;
  #informations = 0;
  #informationBytes = 0;
  /** Of the body, or of the present chunk. */
  #remaining = 0;
  #chunkLineBytes = 0;
  #chunkDigits = 0;
  #inExtension = false;
  #sawBlank = false;
  #sawCr = false;
  #sawEndCr = false;
  #keepAlive = false;
  #keepAliveSeconds = -1;

  constructor(events: AnswerEvents) {
    this.#events = events;
  }

  /** The next answer is to this request. */
  expect(asked: Asked): void {
    this.#asked = asked;
    this.#state = "head";
    this.#lineEnd = IN_LINE;
    this.#informations = 0;
    this.#informationBytes = 0;
    this.#keepAliveSeconds = -1;
  }

  /** Whether the answer's head has not begun to come. */
  get untouched(): boolean {
    return this.#state === "head" && this.#partsBytes === 0 && this.#informations === 0;
  }

  get awaitsHead(): boolean {
    return this.#state === "head";
  }

  get isDone(): boolean {
    return this.#state === "done";
  }

  /** Whether the service will read another request on this connection, once the answer is done. */
  get keepsAlive(): boolean {
    return this.#keepAlive;
  }

  /** What the service says of how long it keeps an idle connection (`Keep-Alive: timeout=5`), or -1. */
  get keepAliveSeconds(): number {
    return this.#keepAliveSeconds;
  }

  /**
   * Takes bytes that came; the buffer may be used again afterwards. Returns how many belong to this answer: fewer than
   * `end` when something follows it that nobody asked for.
   * @throws InvalidAnswer
   */
  take(bytes: Buffer, end: number): number {
    let at = 0;
    while (at < end) {
      switch (this.#state) {
        case "head":
          at = this.#takeHead(bytes, at, end);
          break;
        case "length":
          at = this.#takeSized(bytes, at, end);
          if (this.#remaining === 0) this.#finish(NO_HEADERS);
          break;
        case "close":
          this.#events.onData(chunks.copy(bytes, at, end));
          at = end;
          break;
        case "chunk-size":
          at = this.#takeChunkSize(bytes, at, end);
          break;
        case "chunk-data":
          at = this.#takeSized(bytes, at, end);
          if (this.#remaining === 0) this.#state = "chunk-end";
          break;
        case "chunk-end":
          at = this.#takeChunkEnd(bytes, at);
          break;
        case "trailers":
          at = this.#takeTrailers(bytes, at, end);
          break;
        case "done":
          return at;
      }
    }
    return at;
  }

  /** The service has ended its side. Returns whether that is how this answer ends. */
  takeEnd(): boolean {
    if (this.#state !== "close") return false;
    this.#finish(NO_HEADERS);
    return true;
  }

  #finish(trailers: RawHeaders): void {
    this.#state = "done";
    this.#events.onEnd(trailers);
  }

  #takeSized(bytes: Buffer, at: number, end: number): number {
    const until = Math.min(end, at + this.#remaining);
    this.#remaining -= until - at;
    this.#events.onData(chunks.copy(bytes, at, until));
    return until;
  }

  // ---------------------------------------------------------------- heads

  #takeHead(bytes: Buffer, at: number, end: number): number {
    const sectionEnd = this.#sectionEnd(bytes, at, end);
    const text = this.#section(bytes, at, sectionEnd, end);
    if (text === null) return end;
    const firstLf = text.indexOf("\n");
    const line = withoutCr(text, 0, firstLf);
    const status = statusOf(line);
    const headers = parseFields(text, firstLf + 1);
    const statusText = line.slice(13);
    if (status < 200 && status !== 101) {
      this.#informationBytes += text.length;
      if (++this.#informations > MAX_INFORMATIONS || this.#informationBytes > MAX_INFORMATION_BYTES) {
        const bounds = `${MAX_INFORMATIONS} interim answers (1xx) or ${MAX_INFORMATION_BYTES} bytes of them`;
        throw new InvalidAnswer(`more than ${bounds} to one request`);
      }
      this.#events.onInformation(status, statusText, headers);
      return sectionEnd;
    }
    this.#frame(status, headers, line.charCodeAt(7) === 0x31);
    this.#events.onHead(status, statusText, headers);
    if (this.#state === "length" && this.#remaining === 0) this.#finish(NO_HEADERS);
    return sectionEnd;
  }

  /**
   * Where the empty line that ends a head or trailer section ends, or -1 where it has not come. Nowhere in it may stand a
   * control character or a CR that is not part of a line's end.
   */
  #sectionEnd(bytes: Buffer, from: number, end: number): number {
    let lineEnd = this.#lineEnd;
    for (let i = from; i < end; i++) {
      const byte = bytes[i] as number;
      if ((byte >= SPACE && byte !== DEL) || byte === TAB) {
        if (lineEnd >= AFTER_LF_CR) throw brokenHead();
        lineEnd = IN_LINE;
      } else if (byte === LF) {
        if (lineEnd === AFTER_LF || lineEnd === AFTER_LF_CR) {
          this.#lineEnd = IN_LINE;
          return i + 1;
        }
        lineEnd = AFTER_LF;
      } else {
        if (byte !== CR || lineEnd >= AFTER_LF_CR) throw brokenHead();
        lineEnd = lineEnd === AFTER_LF ? AFTER_LF_CR : AFTER_CR;
      }
    }
    this.#lineEnd = lineEnd;
    return -1;
  }

  /** The section's text once all of it is there, else null: then what came is kept for later. */
  #section(bytes: Buffer, at: number, sectionEnd: number, end: number): string | null {
    const until = sectionEnd === -1 ? end : sectionEnd;
    if (this.#partsBytes + until - at > MAX_HEAD_BYTES) {
      throw new InvalidAnswer(`the answer's head is longer than ${MAX_HEAD_BYTES} bytes`);
    }
    if (sectionEnd === -1) {
      this.#parts.push(copyOf(bytes, at, end));
      this.#partsBytes += end - at;
      return null;
    }
    let text = bytes.toString("latin1", at, sectionEnd);
    if (this.#partsBytes > 0) {
      text = Buffer.concat(this.#parts).toString("latin1") + text;
      this.#parts = [];
      this.#partsBytes = 0;
    }
    return text;
  }

  /** How the body is framed (RFC 9112, 6.3) and whether the connection can be used again (9.3). */
  #frame(status: number, headers: RawHeaders, isOneOne: boolean): void {
    let length = -1;
    let coding = "";
    let options = "";
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      switch (name.length) {
        case 10: {
          const lower = name.toLowerCase();
          if (lower === "connection") options = `${options},${value.toLowerCase()}`;
          else if (lower === "keep-alive") this.#keepAliveSeconds = keepAliveSecondsOf(value);
          break;
        }
        case 14:
          if (name.toLowerCase() === "content-length") length = lengthOf(value, length);
          break;
        case 17:
          if (name.toLowerCase() === "transfer-encoding") coding = coding === "" ? value : `${coding},${value}`;
          break;
      }
    }
    this.#keepAlive = options === "" ? isOneOne : keepsAlive(options, isOneOne);
    if (status === 101) {
      if (!this.#asked.isUpgrade) throw new InvalidAnswer("101 to a request that asked for no upgrade");
      this.#keepAlive = false;
      this.#state = "close";
      return;
    }
    if (coding !== "" && length !== -1) {
      throw new InvalidAnswer("the answer has both Transfer-Encoding and Content-Length");
    }
    if (this.#asked.isHead || status === 204 || status === 304) {
      this.#state = "length";
      this.#remaining = 0;
    } else if (coding !== "") {
      if (!isOneOne) throw new InvalidAnswer("an HTTP/1.0 answer has Transfer-Encoding");
      if (isChunkedLast(coding)) this.#beginChunk();
      else this.#untilClose();
    } else if (length !== -1) {
      this.#state = "length";
      this.#remaining = length;
    } else {
      this.#untilClose();
    }
  }

  #untilClose(): void {
    this.#state = "close";
    this.#keepAlive = false;
  }

  // ---------------------------------------------------------------- chunks

  #beginChunk(): void {
    this.#state = "chunk-size";
    this.#remaining = 0;
    this.#chunkLineBytes = 0;
    this.#chunkDigits = 0;
    this.#inExtension = false;
    this.#sawBlank = false;
    this.#sawCr = false;
  }

  /** `1f4;name=value CRLF`: the extension is read over, as RFC 9112 (7.1.1) asks of who does not know it. */
  #takeChunkSize(bytes: Buffer, from: number, end: number): number {
    for (let i = from; i < end; i++) {
      const byte = bytes[i] as number;
      if (this.#sawCr) {
        if (byte !== LF) throw new InvalidAnswer("a chunk's size line holds a lone CR");
        if (this.#chunkDigits === 0) throw new InvalidAnswer("a chunk has no size");
        if (this.#remaining > 0) {
          this.#state = "chunk-data";
        } else {
          this.#state = "trailers";
          this.#lineEnd = AFTER_LF;
        }
        return i + 1;
      }
      if (++this.#chunkLineBytes > MAX_CHUNK_LINE_BYTES) {
        throw new InvalidAnswer(`a chunk's size line is longer than ${MAX_CHUNK_LINE_BYTES} bytes`);
      }
      if (byte === CR) {
        this.#sawCr = true;
      } else if (byte === LF) {
        throw new InvalidAnswer("a chunk's size line ends in a bare LF");
      } else if (!this.#inExtension) {
        const digit = this.#sawBlank ? -1 : hexDigit(byte);
        if (digit !== -1) {
          this.#chunkDigits++;
          this.#remaining = this.#remaining * 16 + digit;
          if (this.#remaining > MAX_SIZE) throw new InvalidAnswer("a chunk is larger than 2^52 bytes");
        } else if (this.#chunkDigits > 0 && byte === 0x3b) {
          this.#inExtension = true;
        } else if (this.#chunkDigits > 0 && isBlank(byte)) {
          // Servers in use pad the size with blanks; a digit behind one could belong to it or not.
          this.#sawBlank = true;
        } else {
          throw new InvalidAnswer("a chunk's size is no hexadecimal number");
        }
      }
    }
    return end;
  }

  #takeChunkEnd(bytes: Buffer, at: number): number {
    const byte = bytes[at];
    if (!this.#sawEndCr && byte === CR) {
      this.#sawEndCr = true;
    } else if (this.#sawEndCr && byte === LF) {
      this.#sawEndCr = false;
      this.#beginChunk();
    } else {
      throw new InvalidAnswer("a chunk is not followed by CRLF");
    }
    return at + 1;
  }

  #takeTrailers(bytes: Buffer, at: number, end: number): number {
    const sectionEnd = this.#sectionEnd(bytes, at, end);
    const text = this.#section(bytes, at, sectionEnd, end);
    if (text === null) return end;
    this.#finish(text.length <= 2 ? NO_HEADERS : parseFields(text, 0));
    return sectionEnd;
  }
}

function brokenHead(): InvalidAnswer {
  return new InvalidAnswer("the answer's head holds a control character or a lone CR");
}

function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
