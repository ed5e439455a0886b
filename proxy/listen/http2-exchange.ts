/**
 * One stream of HTTP/2 as the request and response that the pipeline knows from HTTP/1.1. Node has a layer of its own for
 * that (its "compat API"), which takes a broken-off upload for a complete one, answers a cut with a clean end, and sorts
 * repeated header lines; none of it is tolerable here.
 */
import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  constants,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from "node:http2";
import { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";

/** Of one HTTP/1.1 connection; HTTP/2 forbids them (RFC 9113, 8.2.2), and Node refuses to write them. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The status to refuse a head with that no HTTP/1.1 request line can say, or null. nghttp2 has refused before what breaks
 * HTTP/2's own rules: control characters, upper-case names, connection-specific fields, lengths that do not add up.
 */
export function problemOf(rawHeaders: readonly string[]): 400 | 405 | null {
  const method = pseudo(rawHeaders, ":method");
  const path = pseudo(rawHeaders, ":path") ?? "";
  // A tunnel, or WebSocket by RFC 8441, which is not offered.
  if (method === null || method === "CONNECT") return 405;
  if (!path.startsWith("/") && !(path === "*" && method === "OPTIONS")) return 400;
  // Without :authority it is Host that says whom the request is for: one, as in HTTP/1.1 (RFC 9112, 3.2).
  if (pseudo(rawHeaders, ":authority") !== null) return null;
  return rawHeaders.filter((name, i) => i % 2 === 0 && name === "host").length === 1 ? null : 400;
}

function pseudo(rawHeaders: readonly string[], name: string): string | null {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i] === name) return rawHeaders[i + 1] as string;
  }
  return null;
}

/**
 * The header lines of the HTTP/1.1 request that says the same: Host first, from `:authority` (which rules, RFC 9113,
 * 8.3.1), cookie crumbs joined (8.2.3), and a body without a length said to be chunked, which it will be.
 */
export function http1Headers(rawHeaders: readonly string[], hasBody: boolean): string[] {
  const authority = pseudo(rawHeaders, ":authority");
  const headers = authority === null ? [] : ["host", authority];
  let cookieAt = -1;
  let sized = false;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    if (name.startsWith(":") || CONNECTION_SPECIFIC.has(name)) continue;
    if (name === "host" && authority !== null) continue;
    if (name === "content-length") sized = true;
    if (name !== "cookie") headers.push(name, value);
    else if (cookieAt === -1) cookieAt = headers.push(name, value) - 1;
    else headers[cookieAt] = `${headers[cookieAt]}; ${value}`;
  }
  if (hasBody && !sized) headers.push("transfer-encoding", "chunked");
  return headers;
}

/** As Node takes header lines where it does not take lists: by name, in the order of their first values. */
function grouped(lines: readonly string[]): Record<string, string[]> {
  const groups: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = (lines[i] as string).toLowerCase();
    if (!CONNECTION_SPECIFIC.has(name)) (groups[name] ??= []).push(lines[i + 1] as string);
  }
  return groups;
}

/**
 * What stands for a request's connection: it carries this request alone, and its client never ends its side of it, since a
 * stream's end is no more than the end of the body.
 */
class StreamConnection extends EventEmitter {
  readonly encrypted = true;
  readonly remoteAddress: string | undefined;

  constructor({ remoteAddress }: TLSSocket) {
    super();
    this.remoteAddress = remoteAddress;
  }
}

type ReadOfRequest = Pick<
  IncomingMessage,
  "complete" | "httpVersion" | "httpVersionMajor" | "httpVersionMinor" | "method" | "rawHeaders" | "rawTrailers" | "url"
>;

/** What the pipeline reads of a request. */
export class Http2Request extends Readable implements ReadOfRequest {
  readonly httpVersion = "2.0";
  readonly httpVersionMajor = 2;
  readonly httpVersionMinor = 0;
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: string[];
  /** Lower-case names; of repeated ones the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly socket: StreamConnection;
  rawTrailers: string[] = [];
  /** Every byte of it has come. */
  complete: boolean;

  constructor(stream: ServerHttp2Stream, rawHeaders: readonly string[], socket: TLSSocket) {
    super({ highWaterMark: 64 * 1024 });
    // Whoever does not read a request is not to be ended by the client's leaving.
    this.on("error", () => {});
    this.socket = new StreamConnection(socket);
    this.method = pseudo(rawHeaders, ":method") ?? "";
    this.url = pseudo(rawHeaders, ":path") ?? "";
    const bodiless = stream.endAfterHeaders;
    this.rawHeaders = http1Headers(rawHeaders, !bodiless);
    this.headers = lastOf(this.rawHeaders);
    this.complete = bodiless;
    stream.once("close", () => {
      if (!this.complete) this.destroy(new Error("the client broke off its request"));
    });
    if (bodiless) {
      this.push(null);
      stream.resume();
      return;
    }
    stream.on("trailers", (_trailers, _flags, rawTrailers: string[]) => {
      this.rawTrailers = rawTrailers;
    });
    stream.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) stream.pause();
    });
    stream.once("end", () => {
      // Node ends the readable side of a stream that was reset as well.
      if (stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
      this.complete = true;
      this.push(null);
    });
    this.#stream = stream;
  }

  readonly #stream: ServerHttp2Stream | null = null;

  override _read(): void {
    this.#stream?.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // What still comes is read and thrown away: the stream's answer may be under way.
    this.#stream?.removeAllListeners("data");
    this.#stream?.resume();
    done(error);
  }
}

function lastOf(rawHeaders: readonly string[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers[rawHeaders[i] as string] = rawHeaders[i + 1] as string;
  return headers;
}

/** Since Node 24.7 `respond` takes header lines as a list, which keeps the order of repeated ones. */
const TAKES_LISTS = isAtLeast(process.versions.node, 24, 7);

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [ofMajor = 0, ofMinor = 0] = version.split(".").map(Number);
  return ofMajor > major || (ofMajor === major && ofMinor >= minor);
}

/** Exported for tests: both forms, of which one Node takes only one well. */
export function answerHead(status: number, lines: readonly string[], asList: boolean): OutgoingHttpHeaders {
  if (!asList) return { [constants.HTTP2_HEADER_STATUS]: status, ...grouped(lines) };
  const head = [constants.HTTP2_HEADER_STATUS, String(status)];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = (lines[i] as string).toLowerCase();
    if (!CONNECTION_SPECIFIC.has(name)) head.push(name, lines[i + 1] as string);
  }
  // Node's types know of the object alone.
  return head as unknown as OutgoingHttpHeaders;
}

type DoneToResponse = Pick<
  ServerResponse,
  "headersSent" | "sendDate" | "statusCode" | "writableEnded" | "writableFinished"
>;

/** What the pipeline does to a response. Events: `drain`, and `close` once nothing more can be written. */
export class Http2Response extends EventEmitter implements DoneToResponse {
  sendDate = true;
  statusCode = 200;
  /** Nothing of the connection is this answer's alone. */
  readonly socket = null;
  /** How HTTP/1.1 frames an answer; a stream has its own end. */
  useChunkedEncodingByDefault = true;
  shouldKeepAlive = true;
  readonly #stream: ServerHttp2Stream;
  #ended = false;
  #cut = false;
  #trailers: OutgoingHttpHeaders = {};

  constructor(stream: ServerHttp2Stream) {
    super();
    this.#stream = stream;
    stream.on("drain", () => this.emit("drain"));
    stream.once("close", () => this.emit("close"));
    stream.once("wantTrailers", () => stream.sendTrailers(this.#trailers));
    // A client that resets its stream without an error code would otherwise be noticed only once all it sent is read.
    stream.once("aborted", () => {
      if (!this.#cut) setImmediate(() => stream.destroy());
    });
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  get writableEnded(): boolean {
    return this.#ended;
  }

  /** The whole answer has left. */
  get writableFinished(): boolean {
    // The writable side of a HEAD request's stream has finished from the beginning.
    return this.#ended && this.#stream.headersSent && this.#stream.writableFinished && !this.#cut;
  }

  get destroyed(): boolean {
    return this.#cut || this.#stream.destroyed || this.#stream.closed;
  }

  /**
   * HTTP/2 has no reason phrase (RFC 9113, 8.3.1) and no upper case in names.
   * @throws where Node cannot write the head: a status above 599, a name or value that HTTP/2 does not have
   */
  writeHead(status: number, _phrase: string | undefined, headers: readonly string[] | OutgoingHttpHeaders): this {
    if (this.destroyed) return this;
    const lines = Array.isArray(headers) ? (headers as string[]) : Object.entries(headers).flat().map(String);
    const sized = lines.some((name, i) => i % 2 === 0 && name.toLowerCase() === "content-length");
    // `sendDate` is missing in Node's types. Without it Node would date answers that their service has not dated.
    const options: ServerStreamResponseOptions & { readonly sendDate: boolean } = {
      waitForTrailers: !sized,
      sendDate: this.sendDate,
    };
    this.#stream.respond(answerHead(status, lines, TAKES_LISTS), options);
    this.statusCode = status;
    return this;
  }

  /** The head leaves when it is written. */
  flushHeaders(): void {}

  write(chunk: Buffer | string, encoding: BufferEncoding = "utf8"): boolean {
    if (this.destroyed || this.#stream.writableEnded) return true;
    return this.#stream.write(chunk, encoding);
  }

  end(chunk?: Buffer | string, encoding: BufferEncoding = "utf8"): this {
    if (this.#ended || this.destroyed) return this;
    this.#ended = true;
    if (this.#stream.writableEnded) return this;
    if (chunk === undefined) this.#stream.end();
    else this.#stream.end(chunk, encoding);
    return this;
  }

  addTrailers(trailers: readonly (readonly [name: string, value: string])[]): void {
    this.#trailers = grouped(trailers.flat());
  }

  writeInterim(status: number, headers: readonly string[]): void {
    if (this.destroyed || this.#stream.headersSent) return;
    try {
      this.#stream.additionalHeaders({ ...grouped(headers), [constants.HTTP2_HEADER_STATUS]: status });
    } catch {
      // Something in it that HTTP/2 does not have. An interim answer that is not passed on costs the client nothing.
    }
  }

  /** Cuts the answer off: the client sees a reset stream, never a shorter answer that looks whole. */
  destroy(): this {
    if (this.destroyed) return this;
    this.#cut = true;
    // Not `close`, which ends the stream before it resets it (Node 24.21): an answer without a length would look whole.
    this.#stream.destroy(new Error("the answer was cut off"));
    return this;
  }
}
