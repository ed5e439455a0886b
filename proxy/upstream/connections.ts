import { CrossfadeError } from "../errors.ts";
import type { AnswerSink, UpstreamCall, UpstreamRequest } from "../ports.ts";
import { Call } from "./call.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import type { Dial } from "./dial.ts";
import { type WrittenHead, writeHead } from "./request-head.ts";

export interface ConnectionLimits {
  /** Until a connection is there, TLS included; also how long a request waits for one that is free. */
  readonly connectTimeoutMs: number;
  /** Connections at once; null: as many as there are requests. */
  readonly maxConnections: number | null;
}

/** Below the 5 s after which Node's servers close an idle connection, so that we rarely write to one just closed. */
const IDLE_MAX_MS = 4_000;
const SWEEP_EVERY_MS = 1_000;

interface Waiting {
  readonly call: Call;
  readonly timer: NodeJS.Timeout;
}

/** The connections to one service. The one used last is used next, so that those beyond the need grow old and end. */
export class Connections implements ConnectionOwner {
  readonly #dial: Dial;
  readonly #limits: ConnectionLimits;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #waiting: Waiting[] = [];
  #sweeper: NodeJS.Timeout | null = null;
  #closing = false;

  constructor(dial: Dial, limits: ConnectionLimits) {
    this.#dial = dial;
    this.#limits = limits;
  }

  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
    let head: WrittenHead;
    try {
      head = writeHead(request);
    } catch (cause) {
      const words = (cause as Error).message;
      const call = new Call(request, NO_HEAD, sink);
      call.fail(new CrossfadeError("internal", words, { source: "proxy", cause }));
      return call;
    }
    const call = new Call(request, head, sink);
    if (this.#closing) call.fail(closed());
    else this.#place(call);
    return call;
  }

  close(): void {
    this.#closing = true;
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    for (const { call, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      call.fail(closed());
    }
    for (const connection of this.#all) connection.destroy(closed());
  }

  freed(connection: Connection): void {
    const next = this.#nextWaiting();
    if (next !== null && mayShare(next)) {
      next.connection = connection;
      connection.begin(next);
      return;
    }
    if (next !== null) {
      this.#replace(connection, next);
      return;
    }
    connection.idleSince = performance.now();
    this.#idle.push(connection);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_EVERY_MS).unref();
  }

  closed(connection: Connection): void {
    // Another one has taken its place already.
    if (!this.#all.delete(connection)) return;
    const at = this.#idle.lastIndexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    const next = this.#closing ? null : this.#nextWaiting();
    if (next !== null) this.#open(next);
  }

  #place(call: Call): void {
    if (mayShare(call)) {
      const now = performance.now();
      for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
        if (!connection.isUsable(now, IDLE_MAX_MS)) {
          connection.destroy(null);
          continue;
        }
        call.connection = connection;
        connection.begin(call);
        return;
      }
    }
    const { maxConnections } = this.#limits;
    if (maxConnections === null || this.#all.size < maxConnections) this.#open(call);
    else if (this.#idle.length > 0) this.#replace(this.#idle.shift() as Connection, call);
    else this.#wait(call);
  }

  #open(call: Call): void {
    const connection = new Connection(this.#dial, this.#limits.connectTimeoutMs, call, this);
    call.connection = connection;
    this.#all.add(connection);
  }

  /** A request that wants a connection of its own takes the place of one that is free. */
  #replace(free: Connection, call: Call): void {
    this.#all.delete(free);
    free.destroy(null);
    this.#open(call);
  }

  #wait(call: Call): void {
    const ms = this.#limits.connectTimeoutMs;
    const timer = setTimeout(() => {
      this.#waiting.splice(
        this.#waiting.findIndex((waiting) => waiting.call === call),
        1,
      );
      const words = `none of ${this.#limits.maxConnections} connections was free within ${ms} ms`;
      call.fail(new CrossfadeError("connect-timeout", words, { source: "upstream", retryable: true }));
    }, ms);
    this.#waiting.push({ call, timer });
  }

  #nextWaiting(): Call | null {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      clearTimeout(next.timer);
      if (!next.call.isOver) return next.call;
    }
    return null;
  }

  #sweep(): void {
    const now = performance.now();
    let old = 0;
    while (old < this.#idle.length && !(this.#idle[old] as Connection).isUsable(now, IDLE_MAX_MS)) old++;
    for (const connection of this.#idle.splice(0, old)) connection.destroy(null);
    if (this.#idle.length > 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }
}

const NO_HEAD: WrittenHead = { text: "", framing: { chunked: false, length: -1 } };

/** Whether it can go over a connection that has carried others. */
function mayShare({ request }: Call): boolean {
  return !request.freshConnection && !request.upgrade;
}

function closed(): CrossfadeError {
  return new CrossfadeError("aborted", "the connections to this service are being closed", { source: "proxy" });
}
