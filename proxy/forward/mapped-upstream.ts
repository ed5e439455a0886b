/**
 * An upstream that is asked otherwise than the client asks, and whose answers the client gets otherwise than it gives them. Whoever
 * sends over it sees the client's side alone: copies that are taken of a request are of what the client sent, those of an answer
 * of what it gets.
 */
import type { Readable } from "node:stream";
import type { ByteBudget } from "../process/byte-budget.ts";
import { chunks } from "../chunks.ts";
import { CrossfadeError } from "../errors.ts";
import { headerOf, type RawHeaders } from "../exchange.ts";
import { holdBody } from "./held-body.ts";
import type { AnswerSink, StreamedBody, Upstream, UpstreamCall, UpstreamRequest } from "../ports.ts";

type Now<T> = T | Promise<T>;

/** not-read: nothing in it is mapped, and it passes as a stream. not-held: it would be, and is too large, or a part alone. */
export type HeldBody = Buffer | "not-read" | "not-held";

export interface RequestMessage {
  readonly method: string;
  readonly target: string;
  readonly headers: RawHeaders;
  readonly body: HeldBody;
}

export interface AnswerMessage {
  readonly status: number;
  readonly statusText: string;
  readonly headers: RawHeaders;
  readonly body: HeldBody;
}

export type Mapped<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: CrossfadeError };

/** What is done to one request and its answer on their way. */
export interface CallMapping {
  /** Whether the body of such a request, or answer, has to be there whole. */
  readsRequest(headers: RawHeaders): boolean;
  readsAnswer(headers: RawHeaders): boolean;
  /** Of both: where the body was no Buffer, that of the result is not looked at. Never rejects. */
  request(message: RequestMessage): Now<Mapped<RequestMessage>>;
  answer(message: AnswerMessage): Now<Mapped<AnswerMessage>>;
}

/** Larger bodies pass as they are, or not at all: `CallMapping` says. */
export const HELD_MAX_BYTES = 1024 * 1024;

/** `room`: for bodies that are held, the whole process. */
export function mappedUpstream(upstream: Upstream, mapping: CallMapping, room: ByteBudget): Upstream {
  return {
    send(request, sink) {
      const call = new MappedCall(upstream, mapping, room, request, sink);
      call.start();
      return call;
    },
    close: () => upstream.close(),
  };
}

/**
 *   request: (its body is held) → mapped → sent
 *   answer:  head → holding (its body comes) → opening (it is mapped) → through; without a body to hold: head → opening → through
 */
class MappedCall implements UpstreamCall, AnswerSink {
  readonly #upstream: Upstream;
  readonly #mapping: CallMapping;
  readonly #room: ByteBudget;
  readonly #request: UpstreamRequest;
  readonly #sink: AnswerSink;
  #inner: UpstreamCall | null = null;
  #endsSide = false;
  #taken = 0;
  #state: "asking" | "holding" | "opening" | "through" | "over" = "asking";
  #status = 0;
  #statusText = "";
  #headers: RawHeaders = [];
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** The client's side takes more. */
  #goesOn = true;
  /** The answer has ended, and the client does not know yet. */
  #ended: RawHeaders | null = null;

  constructor(upstream: Upstream, mapping: CallMapping, room: ByteBudget, request: UpstreamRequest, sink: AnswerSink) {
    this.#upstream = upstream;
    this.#mapping = mapping;
    this.#room = room;
    this.#request = request;
    this.#sink = sink;
  }

  start(): void {
    const { body, headers } = this.#request;
    if (body === null || Buffer.isBuffer(body)) this.#ask(body ?? NO_BYTES, body);
    else if (!this.#mapping.readsRequest(headers)) this.#ask("not-read", body);
    else if (announcedBytes(headers) > HELD_MAX_BYTES) this.#ask("not-held", body);
    else this.#hold(body);
  }

  // ---------------------------------------------------------------- what the client's side asks for

  abort(why: string): void {
    if (this.#inner === null) this.#fail(new CrossfadeError("aborted", why, { source: "proxy" }));
    // Where all of the answer is there, the client's side is told of it soon.
    else this.#inner.abort(why);
  }

  resume(): void {
    this.#inner?.resume();
  }

  endSide(): void {
    this.#endsSide = true;
    this.#inner?.endSide();
  }

  relay(from: Readable): void {
    this.#inner?.relay(from);
  }

  // ---------------------------------------------------------------- the request

  #hold(body: StreamedBody): void {
    // The service is asked once all of it is here; until then nobody else would tell the client to go on.
    if (expectsToBeTold(this.#request.headers)) this.#sink.onInformation(100, "Continue", []);
    holdBody(
      body,
      HELD_MAX_BYTES,
      (bytes) => this.#takeRoom(bytes),
      (held) => {
        if (held.end === "whole") this.#ask(held.bytes, body);
        else if (held.end === "too-large") this.#ask("not-held", held.body);
        else if (held.end === "no-room") this.#refuse(NO_ROOM, body);
        else {
          const words = "the body broke off before its end";
          this.#fail(new CrossfadeError("aborted", words, { source: "client", cause: held.cause }));
        }
      },
    );
  }

  #ask(held: HeldBody, body: UpstreamRequest["body"]): void {
    const { method, target, headers } = this.#request;
    this.#after(
      () => this.#mapping.request({ method, target, headers, body: held }),
      (mapped) => {
        if (this.#state === "over" || !mapped.ok) {
          this.#refuse(mapped.ok ? null : mapped.error, body);
          return;
        }
        const { value } = mapped;
        const isStreamed = body !== null && !Buffer.isBuffer(body);
        const isHeld = Buffer.isBuffer(value.body) && Buffer.isBuffer(held);
        const sent = isHeld ? (value.body as Buffer) : null;
        this.#inner = this.#upstream.send(
          {
            ...this.#request,
            method: value.method,
            target: value.target,
            headers: isStreamed && isHeld ? framedWhole(value.headers) : value.headers,
            body: sent === null ? body : body === null && sent.length === 0 ? null : sent,
          },
          this,
        );
        if (this.#endsSide) this.#inner.endSide();
      },
    );
  }

  /** Nothing was sent. */
  #refuse(error: CrossfadeError | null, body: UpstreamRequest["body"]): void {
    if (body !== null && !Buffer.isBuffer(body)) {
      body.stream.on("error", ignore);
      body.abandon();
    }
    if (error !== null) this.#fail(error);
  }

  // ---------------------------------------------------------------- the answer

  onSending(): void {
    this.#sink.onSending();
  }

  onInformation(status: number, statusText: string, headers: RawHeaders): void {
    this.#sink.onInformation(status, statusText, headers);
  }

  onHead(status: number, statusText: string, headers: RawHeaders): void {
    this.#giveRoom();
    if (this.#request.upgrade) {
      this.#state = "through";
      this.#sink.onHead(status, statusText, headers);
      return;
    }
    this.#status = status;
    this.#statusText = statusText;
    this.#headers = headers;
    const isHead = this.#request.method === "HEAD";
    const reads = this.#mapping.readsAnswer(headers);
    // How long the body would be that GET gives clients is not known.
    if (isHead && reads) this.#headers = without(["content-length"], headers);
    if (!reads || isHead || status === 204 || status === 304) this.#open("not-read");
    else if (status === 206 || announcedBytes(headers) > HELD_MAX_BYTES) this.#open("not-held");
    else this.#state = "holding";
  }

  onData(chunk: Buffer): boolean {
    if (this.#state === "through") return this.#sink.onData(chunk);
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#state === "opening") return false;
    if (this.#heldBytes <= HELD_MAX_BYTES && this.#takeRoom(chunk.length)) return true;
    this.#open("not-held");
    return this.#isThrough() && this.#goesOn;
  }

  onEnd(trailers: RawHeaders): void {
    if (this.#state === "through") {
      this.#state = "over";
      this.#sink.onEnd(trailers);
      return;
    }
    this.#ended = trailers;
    if (this.#state === "opening") return;
    const body = this.#joinHeld();
    this.#held = [body];
    this.#open(body);
  }

  onError(error: CrossfadeError): void {
    this.#fail(error);
  }

  #open(body: HeldBody): void {
    this.#state = "opening";
    this.#after(
      () => this.#mapping.answer({ status: this.#status, statusText: this.#statusText, headers: this.#headers, body }),
      (mapped) => {
        if (this.#state === "over") return;
        if (!mapped.ok) {
          // What else comes of it is for nobody.
          this.#fail(mapped.error);
          this.#inner?.abort("its answer cannot be given to the client");
          return;
        }
        const { status, statusText, headers, body: changed } = mapped.value;
        this.#state = "through";
        this.#giveRoom();
        this.#sink.onHead(status, statusText, headers);
        const piece = Buffer.isBuffer(body) && Buffer.isBuffer(changed) ? changed : this.#joinHeld();
        this.#held = [];
        if (piece.length > 0) this.#goesOn = this.#sink.onData(piece);
        if (this.#ended !== null) {
          this.#state = "over";
          this.#sink.onEnd(this.#ended);
        } else if (this.#goesOn) this.#inner?.resume();
      },
    );
  }

  #joinHeld(): Buffer {
    const [only, ...more] = this.#held;
    if (only !== undefined && more.length === 0) return only;
    const joined = Buffer.concat(this.#held);
    for (const chunk of this.#held) chunks.release(chunk);
    return joined;
  }

  #isThrough(): boolean {
    return this.#state === "through";
  }

  // ---------------------------------------------------------------- both

  /** At once where that is possible. What fails here is our own fault, and ends this call alone. */
  #after<T>(work: () => Now<T>, then: (value: T) => void): void {
    const failed = (cause: unknown): void => {
      this.#fail(new CrossfadeError("internal", "it could not be mapped", { source: "proxy", cause }));
      this.#inner?.abort("it could not be mapped");
    };
    try {
      const value = work();
      if (value instanceof Promise) value.then(then).catch(failed);
      else then(value);
    } catch (cause) {
      failed(cause);
    }
  }

  #fail(error: CrossfadeError): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#giveRoom();
    for (const chunk of this.#held) chunks.release(chunk);
    this.#held = [];
    this.#sink.onError(error);
  }

  #takeRoom(bytes: number): boolean {
    if (!this.#room.take(bytes)) return false;
    this.#taken += bytes;
    return true;
  }

  #giveRoom(): void {
    this.#room.give(this.#taken);
    this.#taken = 0;
  }
}

const NO_BYTES = Buffer.alloc(0);
const NO_ROOM = new CrossfadeError(
  "mapping-unavailable",
  "too many bodies are being mapped at once; nothing was sent, and the same request may be sent again",
  { source: "proxy", retryable: true },
);

function announcedBytes(headers: RawHeaders): number {
  return Number(headerOf(headers, "content-length") ?? 0);
}

function expectsToBeTold(headers: RawHeaders): boolean {
  return headerOf(headers, "expect")?.trim().toLowerCase() === "100-continue";
}

/** Of a body that came as a stream and is sent in one piece: it has a length, no trailers, and its sender went on already. */
function framedWhole(headers: RawHeaders): string[] {
  return without(["transfer-encoding", "trailer", "expect"], headers);
}

function without(names: readonly string[], headers: RawHeaders): string[] {
  return headers.filter((_, i) => !names.includes((headers[i - (i % 2)] as string).toLowerCase()));
}

function ignore(): void {}
