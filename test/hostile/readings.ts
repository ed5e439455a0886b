/**
 * A byte stream read as requests, in more than one way. A request is smuggled where two readers of the same bytes see
 * different requests in them; so what reaches a service is read by the letter of RFC 9112 and by every leniency that
 * servers in use are known for, and all of them have to see the same.
 */

export interface ReadRequest {
  readonly start: number;
  readonly end: number;
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** Flat, names in lower case. */
  readonly headers: readonly string[];
  readonly body: string;
}

export interface ReadStream {
  readonly requests: readonly ReadRequest[];
  /** Offset of the first byte that belongs to no complete request. */
  readonly rest: number;
  /** Why reading stopped at `rest`; null: the bytes end there, or within a request. */
  readonly error: string | null;
}

/** How one kind of server reads. */
export interface Reading {
  readonly name: string;
  /** Nothing outside the grammar is forgiven. */
  readonly byTheLetter: boolean;
  /** What ends a line. */
  readonly lineEnd: RegExp;
  /** Which of several lengths counts, and whether a length outweighs `Transfer-Encoding`. */
  readonly framing: "encoding-mentioned" | "encoding-exact" | "first-length" | "last-length";
}

export const BY_THE_LETTER: Reading = {
  name: "RFC 9112",
  byTheLetter: true,
  lineEnd: /\r\n/g,
  framing: "encoding-exact",
};

const LINE_ENDS = [
  ["CRLF", /\r\n/g],
  ["LF", /\r?\n/g],
  ["any of CR and LF", /\r\n|\n|\r/g],
] as const;
const FRAMINGS = ["encoding-mentioned", "encoding-exact", "first-length", "last-length"] as const;

export const READINGS: readonly Reading[] = [
  BY_THE_LETTER,
  ...LINE_ENDS.flatMap(([lines, lineEnd]) =>
    FRAMINGS.map((framing) => ({ name: `${framing}, lines end with ${lines}`, byTheLetter: false, lineEnd, framing })),
  ),
];

class NotHttp extends Error {}
/** The bytes end before the request does. */
class More extends Error {}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) (HTTP\/1\.[01])$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,13})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/;
const LOOSE_CHUNK_SIZE = /^[\s+]*(?:0x)?([0-9a-f]+)/i;

class Reader {
  readonly #text: string;
  readonly #reading: Reading;
  at: number;

  constructor(text: string, reading: Reading, at: number) {
    this.#text = text;
    this.#reading = reading;
    this.at = at;
  }

  request(): ReadRequest {
    let start = this.at;
    let line = this.#line();
    while (line === "") {
      start = this.at;
      line = this.#line();
    }
    const { byTheLetter } = this.#reading;
    const parts = byTheLetter ? REQUEST_LINE.exec(line) : /^\s*(\S+)\s+(\S+)(?:\s+(.*))?$/.exec(line);
    if (parts === null) throw new NotHttp(`no request line: ${JSON.stringify(line.slice(0, 60))}`);
    const headers = this.#fields();
    const version = parts[3] ?? "";
    if (byTheLetter && version === "HTTP/1.1" && valuesOf(headers, "host").length > 1) {
      throw new NotHttp("more than one Host");
    }
    const body = this.#body(headers, version);
    return { start, end: this.at, method: parts[1] ?? "", target: parts[2] ?? "", version, headers, body };
  }

  #line(): string {
    const { lineEnd } = this.#reading;
    lineEnd.lastIndex = this.at;
    const found = lineEnd.exec(this.#text);
    if (found === null) throw new More();
    const line = this.#text.slice(this.at, found.index);
    this.at = found.index + found[0].length;
    return line;
  }

  /** Header or trailer lines up to and with the empty one. */
  #fields(): string[] {
    const fields: string[] = [];
    for (;;) {
      const line = this.#line();
      if (line === "") return fields;
      if (this.#reading.byTheLetter) {
        const parts = FIELD.exec(line);
        if (parts === null) throw new NotHttp(`no header line: ${JSON.stringify(line.slice(0, 60))}`);
        fields.push((parts[1] ?? "").toLowerCase(), parts[2] ?? "");
      } else if (/^[ \t]/.test(line) && fields.length > 0) {
        fields.push(`${fields.pop() ?? ""} ${line.trim()}`);
      } else {
        const colon = line.indexOf(":");
        const name = colon === -1 ? line : line.slice(0, colon);
        fields.push(bare(name).toLowerCase(), colon === -1 ? "" : bare(line.slice(colon + 1)));
      }
    }
  }

  #body(headers: readonly string[], version: string): string {
    const encodings = valuesOf(headers, "transfer-encoding");
    const lengths = valuesOf(headers, "content-length");
    if (this.#reading.byTheLetter) return this.#bodyByTheLetter(encodings, lengths, version);
    const { framing } = this.#reading;
    const byLength = framing === "first-length" || framing === "last-length";
    const all = encodings.join(",");
    const chunked = framing === "encoding-exact" ? /(?:^|,)[ \t]*chunked[ \t]*$/i.test(all) : /chunked/i.test(all);
    if (chunked && !(byLength && lengths.length > 0)) return this.#chunks();
    const numbers = lengths.flatMap((value) => value.split(","));
    const length = parseInt((framing === "last-length" ? numbers.at(-1) : numbers[0]) ?? "0", 10);
    return this.#take(Number.isNaN(length) ? 0 : Math.max(0, length));
  }

  #bodyByTheLetter(encodings: readonly string[], lengths: readonly string[], version: string): string {
    if (encodings.length > 0) {
      if (lengths.length > 0) throw new NotHttp("Content-Length and Transfer-Encoding");
      if (version === "HTTP/1.0") throw new NotHttp("Transfer-Encoding in HTTP/1.0");
      if (encodings.length > 1 || encodings[0]?.toLowerCase() !== "chunked") throw new NotHttp("another encoding");
      return this.#chunks();
    }
    if (lengths.length === 0) return "";
    const [length = ""] = lengths;
    if (lengths.length > 1) throw new NotHttp("several Content-Length");
    if (!/^\d+$/.test(length) || !Number.isSafeInteger(Number(length))) throw new NotHttp("no usable Content-Length");
    return this.#take(Number(length));
  }

  #chunks(): string {
    const { byTheLetter } = this.#reading;
    let body = "";
    for (;;) {
      const line = this.#line();
      const size = (byTheLetter ? CHUNK_SIZE : LOOSE_CHUNK_SIZE).exec(line);
      if (size === null) throw new NotHttp(`no chunk size: ${JSON.stringify(line.slice(0, 60))}`);
      const length = parseInt(size[1] ?? "", 16);
      if (length === 0) break;
      body += this.#take(length);
      if (this.#line() !== "" && byTheLetter) throw new NotHttp("a chunk longer than its size");
    }
    this.#fields();
    return body;
  }

  #take(length: number): string {
    if (this.at + length > this.#text.length) throw new More();
    this.at += length;
    return this.#text.slice(this.at - length, this.at);
  }
}

/** Whatever whitespace and control characters a forgiving server strips. */
function bare(text: string): string {
  return text.replace(/^[^\x21-\xff]+|[^\x21-\xff]+$/g, "");
}

export function valuesOf(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) values.push(headers[i + 1] ?? "");
  return values;
}

/** Reads as many complete requests as there are from `from` on. `text` is latin1. */
export function readRequests(text: string, reading: Reading, from = 0): ReadStream {
  const requests: ReadRequest[] = [];
  let rest = from;
  for (;;) {
    if (rest === text.length) return { requests, rest, error: null };
    const reader = new Reader(text, reading, rest);
    try {
      requests.push(reader.request());
      rest = reader.at;
    } catch (stop) {
      if (stop instanceof More) return { requests, rest, error: null };
      if (stop instanceof NotHttp) return { requests, rest, error: stop.message };
      throw stop;
    }
  }
}

/** Empty where all readings see the same requests; else what each of the others sees in place of them. */
export function disagreements(text: string): string[] {
  const outline = (read: ReadStream): string =>
    `${read.requests.map(({ start, end, method, target }) => `${start}-${end} ${method} ${target}`).join("; ")}; rest at ${read.rest}`;
  const byTheLetter = readRequests(text, BY_THE_LETTER);
  const expected = outline(byTheLetter);
  const found = byTheLetter.error === null ? [] : [`RFC 9112: ${byTheLetter.error} at ${byTheLetter.rest}`];
  for (const reading of READINGS.slice(1)) {
    const seen = outline(readRequests(text, reading));
    if (seen !== expected) found.push(`${reading.name}: ${firstDifference(seen, expected)}`);
  }
  return found;
}

function firstDifference(seen: string, expected: string): string {
  const others = expected.split("; ");
  const parts = seen.split("; ");
  const at = parts.findIndex((part, i) => part !== others[i]);
  return `sees ${parts[at] ?? "less"} where RFC 9112 says ${others[at] ?? "nothing"}`;
}
