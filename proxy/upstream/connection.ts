import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { CrossfadeError } from "../errors.ts";
import type { RawHeaders } from "../exchange.ts";
import { resetSocket } from "../process/reset-socket.ts";
import { InvalidAnswer } from "./answer-head.ts";
import { AnswerParser, type AnswerEvents } from "./answer-parser.ts";
import type { Call, Carrier } from "./call.ts";
import type { Dial } from "./dial.ts";
import { upstreamError } from "./errors.ts";
import { ReadTurn } from "./read-turn.ts";
import { type TimeLimit, TimeLimits } from "./time-limits.ts";
import { tunnelUpload, Upload } from "./upload.ts";

/** What a connection tells the pool that it belongs to. */
export interface ConnectionOwner {
  /** Its exchange is over and it can carry another. */
  freed(connection: Connection): void;
  closed(connection: Connection): void;
}

/**
 * All connections read into one buffer: libuv reads and calls back without anything between, and the parser copies what
 * is kept. On Windows a read is begun before its bytes are there, so each connection needs a buffer of its own.
 */
const READ_BYTES = 64 * 1024;
const sharedBuffer = process.platform === "win32" ? null : Buffer.allocUnsafeSlow(READ_BYTES);

/** Four reads: less than a millisecond of work, and large answers still come at hundreds of MB a second. */
const readTurn = new ReadTurn(4 * READ_BYTES);

/** A body this short is written together with its head as one string: one system call, no gathering write. */
const WRITTEN_WITH_HEAD_MAX_BYTES = 16 * 1024;

/** How long a service may take over the rest of a request that it has answered. */
const WRITTEN_WITHIN_MS = 30_000;

/**
 * One HTTP/1.1 connection to a service; it carries one exchange at a time. An exchange occupies it until its answer is
 * complete *and* its request is written: a service may answer before it has read the body, and goes on reading it.
 */
export class Connection implements AnswerEvents, Carrier {
  /** Monotonic ms since which it is idle. */
  idleSince = 0;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #parser = new AnswerParser(this);
  #call: Call | null;
  #ready = false;
  #closed = false;
  #upload: Upload | null = null;
  #wantsMore = true;
  readonly #limits = new TimeLimits((limit) => this.#late(limit));
  #failure: Error | null = null;

  constructor(dial: Dial, connectTimeoutMs: number, first: Call, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#call = first;
    const buffer = sharedBuffer ?? Buffer.allocUnsafeSlow(READ_BYTES);
    const { socket, readyEvent } = dial({ onread: { buffer, callback: (count) => this.#read(buffer, count) } });
    this.#socket = socket;
    this.#limits.set("connect-timeout", connectTimeoutMs, performance.now());
    socket.once(readyEvent, () => {
      this.#ready = true;
      this.#limits.end();
      if (this.#call !== null) this.#write(this.#call);
    });
    socket.on("drain", () => this.#upload?.resume());
    socket.on("end", () => this.#ended());
    socket.on("error", (error) => (this.#failure = error));
    socket.once("close", () => this.#gone());
  }

  /** Begins an exchange on an idle connection. */
  begin(call: Call): void {
    this.#call = call;
    this.#write(call);
  }

  /** Whether an idle connection may still be used: not one that the service is about to close. */
  isUsable(now: number, idleMaxMs: number): boolean {
    if (this.#closed || this.#socket.destroyed) return false;
    const says = this.#parser.keepAliveSeconds;
    // The service counts from when it sent its answer; a second is for the way and for its clock's grain.
    const idleMs = says === -1 ? idleMaxMs : Math.min(idleMaxMs, says * 1000 - 1000);
    return now - this.idleSince < idleMs;
  }

  /** Ends the connection; an exchange on it fails. */
  destroy(error: CrossfadeError | null): void {
    if (error !== null) this.#fail(error);
    else this.#socket.destroy();
  }

  // ---------------------------------------------------------------- what its call asks for

  resume(): void {
    if (this.#wantsMore) return;
    this.#wantsMore = true;
    this.#bodyGoesOn();
    this.#socket.resume();
  }

  endSide(): void {
    if (this.#upload !== null && !this.#upload.isDone) this.#upload.thenEnd = true;
    else if (this.#ready) this.#socket.end();
  }

  relay(from: Readable, call: Call): void {
    this.#upload = tunnelUpload(from, { done: () => this.#uploaded(call), broken: (error) => this.#fail(error) });
    this.#upload.begin(this.#socket);
  }

  // ---------------------------------------------------------------- writing

  #write(call: Call): void {
    const { request, head } = call;
    this.#parser.expect({ isHead: request.method === "HEAD", isUpgrade: request.upgrade });
    this.#wantsMore = true;
    const now = performance.now();
    this.#limits.begin(request.totalTimeoutMs, now);
    if (!this.#tell(() => call.sink.onSending())) return;
    const socket = this.#socket;
    const { body } = request;
    if (body === null) {
      socket.write(head.text, "latin1");
    } else if (!Buffer.isBuffer(body)) {
      socket.write(head.text, "latin1");
      const upload = new Upload(body, head.framing, {
        done: () => this.#uploaded(call),
        broken: (error) => this.#fail(error),
      });
      this.#upload = upload;
      // A body that has ended or broken off meanwhile says so at once.
      upload.begin(socket);
      if (!upload.isDone) this.#limits.onlyTotal();
      return;
    } else if (body.length <= WRITTEN_WITH_HEAD_MAX_BYTES) {
      socket.write(head.text + body.toString("latin1"), "latin1");
    } else {
      socket.cork();
      socket.write(head.text, "latin1");
      socket.write(body);
      socket.uncork();
    }
    this.#limits.set("headers-timeout", request.headersTimeoutMs, now);
  }

  #uploaded(call: Call): void {
    if (this.#upload?.thenEnd === true) this.#socket.end();
    this.#upload = null;
    if (this.#call !== call) return;
    if (this.#parser.isDone) this.#freeOnceWritten(call);
    else if (this.#parser.awaitsHead)
      this.#limits.set("headers-timeout", call.request.headersTimeoutMs, performance.now());
  }

  // ---------------------------------------------------------------- reading

  /** Node's `onread` callback: false pauses the socket. */
  #read(buffer: Buffer, count: number): boolean {
    if (this.#call === null || this.#closed) {
      // Nobody asked: a 408 of a server that tidies up, or worse.
      this.#socket.destroy();
      return true;
    }
    let used: number;
    try {
      used = this.#parser.take(buffer, count);
    } catch (cause) {
      const code = cause instanceof InvalidAnswer ? "invalid-answer" : "internal";
      const source = cause instanceof InvalidAnswer ? "upstream" : "proxy";
      this.#fail(new CrossfadeError(code, messageOf(cause), { source, cause }));
      return true;
    }
    if (this.#parser.isDone) this.#answered(used === count);
    // A full buffer: more is waiting. What fits into one is never held back.
    if (count === READ_BYTES && this.#wantsMore && readTurn.take(count)) {
      readTurn.wait(() => {
        if (this.#wantsMore) this.#socket.resume();
      });
      return false;
    }
    return this.#wantsMore;
  }

  onInformation(status: number, statusText: string, headers: RawHeaders): void {
    const call = this.#call;
    if (call !== null && !call.isOver) call.sink.onInformation(status, statusText, headers);
  }

  // An exchange may end (be aborted) while a read is being taken: the rest of it is for nobody.

  onHead(status: number, statusText: string, headers: RawHeaders): void {
    const call = this.#call;
    if (call === null || call.isOver) return;
    this.#bodyGoesOn();
    call.sink.onHead(status, statusText, headers);
  }

  onData(chunk: Buffer): void {
    const call = this.#call;
    if (call === null || call.isOver) return;
    if (!call.sink.onData(chunk)) this.#wantsMore = false;
    this.#bodyGoesOn();
  }

  onEnd(trailers: RawHeaders): void {
    const call = this.#call;
    if (call === null || call.isOver) return;
    call.isOver = true;
    call.sink.onEnd(trailers);
  }

  /** The answer is complete; `clean`: nothing followed it. */
  #answered(clean: boolean): void {
    this.#limits.end();
    this.#wantsMore = true;
    const call = this.#call;
    if (call === null) return;
    // A refused upgrade may have announced a body that nobody sent: the service would take the next request for it.
    const reusable = clean && !call.request.upgrade && this.#parser.keepsAlive && !this.#socket.writableEnded;
    if (!reusable) {
      this.#close();
    } else if (this.#upload === null) {
      this.#freeOnceWritten(call);
    }
  }

  /** A body in one piece may be answered while most of it still waits for the service to read it. */
  #freeOnceWritten(call: Call): void {
    if (this.#socket.writableLength === 0) {
      this.#free();
      return;
    }
    this.#limits.set("write-timeout", WRITTEN_WITHIN_MS, performance.now());
    this.#socket.write("", () => {
      if (this.#call !== call) return;
      this.#limits.end();
      this.#free();
    });
  }

  #free(): void {
    this.#call = null;
    if (!this.#parser.keepsAlive || this.#socket.destroyed || this.#socket.writableEnded) this.#close();
    else this.#owner.freed(this);
  }

  /** The service has ended its side. */
  #ended(): void {
    const call = this.#call;
    if (call === null) {
      this.#socket.destroy();
      return;
    }
    try {
      if (this.#parser.takeEnd()) {
        // The tunnel's other direction goes on until its own end.
        if (call.request.upgrade && this.#upload !== null && !this.#upload.isDone) this.#upload.thenEnd = true;
        else this.#close();
        return;
      }
    } catch (cause) {
      this.#fail(new CrossfadeError("internal", messageOf(cause), { source: "proxy", cause }));
      return;
    }
    const unanswered = this.#parser.untouched;
    const words = unanswered
      ? "the service closed the connection without an answer"
      : "the service closed the connection within its answer";
    this.#fail(new CrossfadeError("connection-lost", words, { source: "upstream", retryable: unanswered }));
  }

  #gone(): void {
    this.#closed = true;
    this.#limits.stop();
    const call = this.#call;
    this.#call = null;
    this.#upload?.abandon();
    this.#upload = null;
    this.#owner.closed(this);
    if (call === null || call.isOver) return;
    const cause = this.#failure ?? new Error("the service closed the connection");
    call.fail(upstreamError(cause, this.#ready, this.#parser.untouched));
  }

  #close(): void {
    this.#call = null;
    this.#upload?.abandon();
    this.#upload = null;
    // What is written last (a half-closed tunnel's bytes) still leaves, unless the service never reads it.
    this.#limits.end();
    this.#limits.set("write-timeout", WRITTEN_WITHIN_MS, performance.now());
    this.#socket.destroySoon();
  }

  #fail(error: CrossfadeError): void {
    const call = this.#call;
    this.#call = null;
    this.#upload?.abandon();
    this.#upload = null;
    // A tunnel's end is a message; that it broke must not look like one.
    if (call?.request.upgrade === true) resetSocket(this.#socket);
    else this.#socket.destroy();
    call?.fail(error);
  }

  /** What a sink throws ends its exchange; here it would end the process. */
  #tell(told: () => void): boolean {
    try {
      told();
      return this.#call !== null;
    } catch (cause) {
      this.#fail(new CrossfadeError("internal", messageOf(cause), { source: "proxy", cause }));
      return false;
    }
  }

  // ---------------------------------------------------------------- time limits

  #bodyGoesOn(): void {
    const ms = this.#call?.request.bodyTimeoutMs ?? 0;
    // While it is our own reader that is slow, nothing is late.
    if (ms > 0 && this.#wantsMore) this.#limits.set("body-timeout", ms, performance.now());
    else this.#limits.onlyTotal();
  }

  #late(limit: TimeLimit): void {
    const request = this.#call?.request;
    const words = {
      "connect-timeout": "no connection within its time limit",
      "headers-timeout": `no answer's head within ${request?.headersTimeoutMs} ms`,
      "body-timeout": `nothing for ${request?.bodyTimeoutMs} ms within the answer`,
      "total-timeout": `no complete answer within ${request?.totalTimeoutMs} ms`,
      "write-timeout": `the request's rest was not read within ${WRITTEN_WITHIN_MS} ms`,
    };
    // Nobody waits for an answer any more, so that it needs no code of its own.
    const code = limit === "write-timeout" ? "connection-lost" : limit;
    this.#fail(new CrossfadeError(code, words[limit], { source: "upstream", retryable: limit === "connect-timeout" }));
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
