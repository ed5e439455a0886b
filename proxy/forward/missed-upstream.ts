/**
 * An upstream that asks one service, and where that has no such thing (404) another one, which may have it: whoever sends over it
 * sees one answer. The first one's 404 is kept until it is known whose answer counts, and goes on as it came where the other
 * one's does not. Only for requests without a body.
 */
import type { Readable } from "node:stream";
import { chunks } from "../chunks.ts";
import { CrossfadeError } from "../errors.ts";
import { headerOf, type RawHeaders } from "../exchange.ts";
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from "../ports.ts";
import type { Choice } from "./second-choice.ts";

/** second: it had it. neither: it had not. unasked: it was not to be asked. failed: it gave no answer that says. */
export type MissEnd = "second" | "neither" | "unasked" | "failed";

export interface Misses {
  readonly first: Upstream;
  readonly second: Choice;
  /** Asked once the 404 is there whole. Does not reject. */
  readonly mayAsk: () => boolean | Promise<boolean>;
  /** Whether the second one has it, by the status of its answer; null: that says nothing. */
  readonly has: (status: number) => boolean | null;
  /** For the second one's head. */
  readonly withinMs: number;
  /** Called once for each 404 of the first one's, before the answer goes on; `left` instead where the client leaves before. */
  readonly ended: (end: MissEnd) => void;
  readonly left: () => void;
}

/** What says that there is no such thing is short; a longer answer passes as it comes. */
const HELD_MAX_BYTES = 64 * 1024;

export function missedUpstream(misses: Misses): Upstream {
  return {
    send(request, sink) {
      const call = new MissingCall(misses, request, sink);
      call.start();
      return call;
    },
    close: () => Promise.all([misses.first.close(), misses.second.upstream.close()]).then(() => undefined),
  };
}

/**
 *   first ─ 404 → holding (its body comes) → asking (may the second one be asked?) → second (its head is awaited) → through
 *     └ any other answer → through                        └ no: the 404 ↗                └ it has not: the 404 ↗
 */
class MissingCall implements UpstreamCall {
  readonly #misses: Misses;
  readonly #request: UpstreamRequest;
  readonly #sink: AnswerSink;
  #state: "first" | "holding" | "asking" | "second" | "through" | "over" = "first";
  #inner: UpstreamCall | null = null;
  #statusText = "";
  #headers: RawHeaders = [];
  #held: Buffer[] = [];
  #heldBytes = 0;
  #trailers: RawHeaders = [];
  #timer: NodeJS.Timeout | null = null;
  #endsSide = false;

  constructor(misses: Misses, request: UpstreamRequest, sink: AnswerSink) {
    this.#misses = misses;
    this.#request = request;
    this.#sink = sink;
  }

  start(): void {
    const call = this.#misses.first.send(this.#request, this.#ofFirst());
    // It may have answered at once, and the other one been asked.
    this.#inner ??= call;
  }

  abort(why: string): void {
    if (this.#state === "asking") {
      this.#leave();
      this.#sink.onError(new CrossfadeError("aborted", why, { source: "proxy" }));
    } else this.#inner?.abort(why);
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

  #ofFirst(): AnswerSink {
    const sink = this.#sink;
    return {
      onSending: () => sink.onSending(),
      onInformation: (status, text, headers) => sink.onInformation(status, text, headers),
      onHead: (status, text, headers) => {
        if (status !== 404 || Number(headerOf(headers, "content-length") ?? 0) > HELD_MAX_BYTES) {
          this.#state = "through";
          sink.onHead(status, text, headers);
          return;
        }
        this.#state = "holding";
        [this.#statusText, this.#headers] = [text, headers];
      },
      onData: (chunk) => {
        if (this.#state !== "holding") return sink.onData(chunk);
        this.#held.push(chunk);
        this.#heldBytes += chunk.length;
        return this.#heldBytes <= HELD_MAX_BYTES || this.#giveHeld();
      },
      onEnd: (trailers) => {
        if (this.#state !== "holding") {
          this.#state = "over";
          sink.onEnd(trailers);
          return;
        }
        this.#trailers = trailers;
        this.#ask();
      },
      onError: (error) => {
        // Cut off where it was, as its client would have seen it.
        if (this.#state === "holding" && error.code !== "aborted") this.#giveHeld();
        else this.#letGoOfHeld();
        this.#state = "over";
        sink.onError(error);
      },
    };
  }

  #ask(): void {
    this.#state = "asking";
    const answer = this.#misses.mayAsk();
    if (answer instanceof Promise) void answer.then((mayAsk) => this.#decided(mayAsk));
    else this.#decided(answer);
  }

  #decided(mayAsk: boolean): void {
    if (this.#state !== "asking") return;
    if (!mayAsk) {
      this.#giveMiss("unasked");
      return;
    }
    this.#state = "second";
    const { second, withinMs } = this.#misses;
    this.#timer = setTimeout(() => {
      const late = this.#inner;
      this.#giveMiss("failed");
      late?.abort("it did not answer in time");
    }, withinMs);
    const call = second.upstream.send({ ...this.#request, ...second.request }, this.#ofSecond());
    // It may have failed at once.
    if (!this.#isOver()) this.#inner = call;
    if (this.#endsSide) call.endSide();
  }

  #ofSecond(): AnswerSink {
    const sink = this.#sink;
    let isRefused = false;
    return {
      onSending() {},
      // Whose answer it will be is not known yet.
      onInformation() {},
      onHead: (status, text, headers) => {
        if (this.#state !== "second") return;
        const has = this.#misses.has(status);
        if (has !== true) {
          isRefused = true;
          const call = this.#inner;
          this.#giveMiss(has === null ? "failed" : "neither");
          call?.abort("its answer is not the client's");
          return;
        }
        this.#stopTimer();
        this.#letGoOfHeld();
        this.#state = "through";
        this.#misses.ended("second");
        sink.onHead(status, text, headers);
      },
      onData: (chunk) => {
        if (!isRefused && this.#state === "through") return sink.onData(chunk);
        chunks.release(chunk);
        return true;
      },
      onEnd: (trailers) => {
        if (isRefused || this.#state !== "through") return;
        this.#state = "over";
        sink.onEnd(trailers);
      },
      onError: (error) => {
        if (isRefused || this.#isOver()) return;
        if (this.#state === "second" && error.code !== "aborted") {
          this.#giveMiss("failed");
          return;
        }
        if (this.#state === "second") this.#leave();
        this.#state = "over";
        sink.onError(error);
      },
    };
  }

  /** Nobody waits for the answer any more. */
  #leave(): void {
    this.#state = "over";
    this.#stopTimer();
    this.#letGoOfHeld();
    this.#misses.left();
  }

  /** The first one's 404, as it came. */
  #giveMiss(end: Exclude<MissEnd, "second">): void {
    this.#stopTimer();
    this.#misses.ended(end);
    this.#giveHeld();
    this.#state = "over";
    this.#sink.onEnd(this.#trailers);
  }

  /** What is held goes on: whether the client's side takes more. */
  #giveHeld(): boolean {
    this.#state = "through";
    this.#sink.onHead(404, this.#statusText, this.#headers);
    const held = this.#held;
    this.#held = [];
    let goesOn = true;
    for (const chunk of held) goesOn = this.#sink.onData(chunk);
    return goesOn;
  }

  #letGoOfHeld(): void {
    for (const chunk of this.#held) chunks.release(chunk);
    this.#held = [];
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #isOver(): boolean {
    return this.#state === "over";
  }
}
