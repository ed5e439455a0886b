import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { CrossfadeError } from "../errors.ts";
import type { RawHeaders } from "../exchange.ts";
import type { AnswerSink, Clock, Upstream, UpstreamCall } from "../ports.ts";
import { resetSocket } from "../process/reset-socket.ts";
import { type AnswerFraming, cutOff, writeAnswerHead, writeTrailers } from "./client-answer.ts";
import { refuse, refusalFor } from "./refusal.ts";

export interface TunnelJob {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** What the client sent behind its request. */
  readonly head: Buffer;
  readonly upstream: Upstream;
  readonly method: string;
  readonly target: string;
  /** `Upgrade` and `Connection` among them. */
  readonly headers: RawHeaders;
  readonly headTimeoutMs: number;
  readonly clock: Clock;
  /** The primary has answered (101 or a refusal), or could not be asked (null). */
  readonly answered: (status: number | null, ms: number) => void;
}

const KEEP_ALIVE_AFTER_MS = 60_000;

/**
 * A connection that changes its protocol (RFC 9110, 7.8). The primary is asked first and with all of the client's head;
 * its 101 reaches the client as it is, and so does its refusal. Behind a 101 bytes pass unread both ways, with
 * back-pressure, and each side's end by itself. Nothing of it is mirrored.
 */
class Tunnel implements AnswerSink {
  readonly #job: TunnelJob;
  readonly #askedAt: number;
  #call: UpstreamCall | null = null;
  #open = false;
  #refused: ServerResponse | null = null;
  #framing: AnswerFraming = { kind: "close" };
  #over = false;

  constructor(job: TunnelJob) {
    this.#job = job;
    this.#askedAt = job.clock.monotonic();
  }

  start(): void {
    const { socket, head, upstream, method, target, headers, headTimeoutMs } = this.#job;
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
    socket.once("close", () => {
      if (!this.#over) this.#call?.abort("the client left");
    });
    if (head.length > 0) socket.unshift(head);
    this.#call = upstream.send(
      {
        method,
        target,
        headers,
        body: null,
        headersTimeoutMs: headTimeoutMs,
        bodyTimeoutMs: 0,
        totalTimeoutMs: 0,
        freshConnection: true,
        upgrade: true,
      },
      this,
    );
  }

  onSending(): void {}

  onInformation(status: number, statusText: string, headers: RawHeaders): void {
    this.#job.socket.write(headText(status, statusText, headers), "latin1");
  }

  onHead(status: number, statusText: string, headers: RawHeaders): void {
    const { request, socket, clock, answered } = this.#job;
    answered(status, clock.monotonic() - this.#askedAt);
    if (status === 101) {
      this.#open = true;
      socket.write(headText(status, statusText, headers), "latin1");
      this.#call?.relay(socket);
      return;
    }
    const response = this.#ordinaryResponse();
    const { framing, problem } = writeAnswerHead(request, response, status, statusText, headers);
    this.#framing = framing;
    if (problem !== null) this.#call?.abort(`the primary's head cannot be written: ${problem}`);
  }

  onData(chunk: Buffer): boolean {
    const to = this.#refused ?? this.#job.socket;
    if (to.write(chunk)) return true;
    // Not the response's own event: with the connection Node has given up what emits it.
    this.#job.socket.once("drain", () => this.#call?.resume());
    return false;
  }

  onEnd(trailers: RawHeaders): void {
    this.#over = true;
    if (this.#refused === null) {
      this.#job.socket.end();
      return;
    }
    if (this.#framing.kind === "chunked") writeTrailers(this.#refused, trailers);
    this.#refused.end();
  }

  onError(error: CrossfadeError): void {
    this.#over = true;
    const { socket, answered } = this.#job;
    if (this.#open) {
      // As a reset would reach the client without us.
      resetSocket(socket);
    } else if (this.#refused !== null) {
      cutOff(this.#refused, this.#framing);
      socket.destroy();
    } else {
      answered(null, 0);
      if (!socket.destroyed) refuse(this.#ordinaryResponse(), refusalFor(error), false);
    }
  }

  /** The connection stays HTTP, for this one answer. */
  #ordinaryResponse(): ServerResponse {
    const { request, socket } = this.#job;
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.sendDate = false;
    response.assignSocket(socket);
    response.once("finish", () => socket.destroySoon());
    // What the client has sent of another protocol is for nobody; that it ends is for the primary to know.
    socket.once("end", () => this.#call?.endSide());
    socket.resume();
    this.#refused = response;
    return response;
  }
}

function headText(status: number, statusText: string, headers: RawHeaders): string {
  let text = `HTTP/1.1 ${status} ${statusText}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${text}\r\n`;
}

export function openTunnel(job: TunnelJob): void {
  new Tunnel(job).start();
}
