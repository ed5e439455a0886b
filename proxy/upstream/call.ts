import type { Readable } from "node:stream";
import { CrossfadeError } from "../errors.ts";
import type { AnswerSink, UpstreamCall, UpstreamRequest } from "../ports.ts";
import type { WrittenHead } from "./request-head.ts";

/** What a call asks of the connection that carries it. */
export interface Carrier {
  destroy(error: CrossfadeError): void;
  resume(): void;
  endSide(): void;
  relay(from: Readable, call: Call): void;
}

/** One request on its way: waiting for a connection, or on one. It may end before its connection is free again. */
export class Call implements UpstreamCall {
  readonly request: UpstreamRequest;
  readonly head: WrittenHead;
  readonly sink: AnswerSink;
  connection: Carrier | null = null;
  /** Its sink has been told how it ended. */
  isOver = false;

  constructor(request: UpstreamRequest, head: WrittenHead, sink: AnswerSink) {
    this.request = request;
    this.head = head;
    this.sink = sink;
  }

  fail(error: CrossfadeError): void {
    if (this.isOver) return;
    this.isOver = true;
    this.sink.onError(error);
  }

  abort(why: string): void {
    if (this.isOver) return;
    const error = new CrossfadeError("aborted", why, { source: "proxy" });
    if (this.connection === null) this.fail(error);
    else this.connection.destroy(error);
  }

  resume(): void {
    if (!this.isOver) this.connection?.resume();
  }

  endSide(): void {
    if (!this.isOver) this.connection?.endSide();
  }

  relay(from: Readable): void {
    if (!this.isOver) this.connection?.relay(from, this);
  }
}
