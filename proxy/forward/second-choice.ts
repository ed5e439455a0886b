/**
 * An upstream that asks one service, and where that gives no answer or one that is not `taken`, another one: whoever sends over it
 * sees one answer. Only for requests without a body, which both may be asked.
 */
import type { Readable } from "node:stream";
import { chunks } from "../chunks.ts";
import type { CrossfadeError } from "../errors.ts";
import type { RawHeaders } from "../exchange.ts";
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from "../ports.ts";

export interface Choice {
  readonly upstream: Upstream;
  /** What this one is sent in place of the request's. */
  readonly request?: Pick<UpstreamRequest, "headers" | "headersTimeoutMs" | "bodyTimeoutMs" | "totalTimeoutMs">;
}

export interface Choices {
  readonly first: Choice;
  readonly second: Choice;
  /** Whether the client gets the first one's answer, by its status. */
  readonly taken: (status: number) => boolean;
  /** Called once: whose answer the client gets. Not where it goes before. */
  readonly chosen: (which: "first" | "second") => void;
}

export function secondChoiceUpstream(choices: Choices): Upstream {
  return {
    send(request, sink) {
      const call = new ChosenCall(choices, request, sink);
      call.start();
      return call;
    },
    close: () => Promise.all([choices.first.upstream.close(), choices.second.upstream.close()]).then(() => undefined),
  };
}

class ChosenCall implements UpstreamCall {
  readonly #choices: Choices;
  readonly #request: UpstreamRequest;
  readonly #sink: AnswerSink;
  #inner: UpstreamCall | null = null;
  #state: "first" | "second" | "over" = "first";
  /** The first one's answer is the client's. */
  #isTaken = false;
  #endsSide = false;

  constructor(choices: Choices, request: UpstreamRequest, sink: AnswerSink) {
    this.#choices = choices;
    this.#request = request;
    this.#sink = sink;
  }

  start(): void {
    const { first } = this.#choices;
    const call = first.upstream.send({ ...this.#request, ...first.request }, this.#ofFirst());
    // It may have failed at once, and the other one been asked.
    if (this.#state === "first") this.#inner = call;
  }

  abort(why: string): void {
    this.#inner?.abort(why);
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
    let refused: UpstreamCall | null = null;
    return {
      onSending: () => sink.onSending(),
      onInformation: (status: number, text: string, headers: RawHeaders) => {
        if (refused === null) sink.onInformation(status, text, headers);
      },
      onHead: (status: number, text: string, headers: RawHeaders) => {
        if (this.#choices.taken(status)) {
          this.#isTaken = true;
          this.#choices.chosen("first");
          sink.onHead(status, text, headers);
          return;
        }
        refused = this.#inner;
        this.#askSecond();
        refused?.abort("its answer is not the client's");
      },
      onData: (chunk: Buffer) => {
        if (this.#isTaken) return sink.onData(chunk);
        chunks.release(chunk);
        return true;
      },
      onEnd: (trailers: RawHeaders) => {
        if (!this.#isTaken) return;
        this.#state = "over";
        sink.onEnd(trailers);
      },
      onError: (error: CrossfadeError) => {
        if (this.#state !== "first") return;
        // What the client has part of, or left, nobody else goes on with.
        if (this.#isTaken || error.code === "aborted") {
          this.#state = "over";
          sink.onError(error);
        } else this.#askSecond();
      },
    };
  }

  #askSecond(): void {
    const { second, chosen } = this.#choices;
    this.#state = "second";
    chosen("second");
    this.#inner = second.upstream.send({ ...this.#request, ...second.request }, this.#sink);
    if (this.#endsSide) this.#inner.endSide();
  }
}
