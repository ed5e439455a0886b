/**
 * Reads that Crossfade itself sends to a primary, once the client has its answer: few at a time, none while the primary is
 * not well, and over connections that no client's request waits for.
 */
import type { CrossfadeError } from "../errors.ts";
import type { RawHeaders } from "../exchange.ts";
import type { NotTwiceReason } from "../evidence/places.ts";
import type { AnswerSink, Clock, Upstream, UpstreamCall } from "../ports.ts";

export interface SecondRead {
  /** Whom it is sent to; what is known of a primary is known by its origin. */
  readonly origin: string;
  readonly upstream: Upstream;
  readonly target: string;
  readonly headers: RawHeaders;
  /** For all of it. */
  readonly timeoutMs: number;
  /** Called once: the answer, complete, or why there is none. */
  readonly ended: (end: SecondReadEnd) => void;
}

export type SecondReadEnd =
  | { readonly status: number; readonly headers: RawHeaders; readonly bytes: Buffer }
  | { readonly why: NotTwiceReason };

export interface SecondReads {
  /** null: one may be sent now, as far as this primary is concerned. */
  whyNotNow(origin: string): NotTwiceReason | null;
  send(read: SecondRead): void;
  /** An exchange with this primary failed, whoever asked. */
  sawFailure(origin: string): void;
  /** On the wire, to all primaries. */
  inFlight(): number;
}

/** To one primary at once. */
const MOST_IN_FLIGHT = 2;
const MOST_A_SECOND = 20;
/** After a failure nothing is sent for so long. */
const REST_MS = 30_000;

interface Primary {
  inFlight: number;
  /** How many may be sent at once now; as many come again in a second. */
  allowance: number;
  countedAt: number;
  restsUntil: number;
}

/** An answer of more than `mostBytes` is given up. */
export function createSecondReads(clock: Pick<Clock, "monotonic">, mostBytes: number): SecondReads {
  const primaries = new Map<string, Primary>();

  function primaryAt(origin: string): Primary {
    let primary = primaries.get(origin);
    if (primary === undefined) {
      primary = { inFlight: 0, allowance: MOST_A_SECOND, countedAt: clock.monotonic(), restsUntil: -Infinity };
      primaries.set(origin, primary);
    }
    return primary;
  }

  function whyNotNow(origin: string): NotTwiceReason | null {
    const primary = primaryAt(origin);
    const now = clock.monotonic();
    if (now < primary.restsUntil) return "primary-unwell";
    const since = ((now - primary.countedAt) / 1000) * MOST_A_SECOND;
    primary.allowance = Math.min(MOST_A_SECOND, primary.allowance + since);
    primary.countedAt = now;
    return primary.inFlight >= MOST_IN_FLIGHT || primary.allowance < 1 ? "busy" : null;
  }

  function sawFailure(origin: string): void {
    primaryAt(origin).restsUntil = clock.monotonic() + REST_MS;
  }

  return {
    whyNotNow,
    sawFailure,
    send(read) {
      const why = whyNotNow(read.origin);
      if (why !== null) {
        read.ended({ why });
        return;
      }
      const primary = primaryAt(read.origin);
      primary.allowance -= 1;
      primary.inFlight += 1;
      new Asking(read, mostBytes, (end) => {
        primary.inFlight -= 1;
        if ("why" in end ? end.why === "no-second-answer" : end.status >= 500 || end.status === 429)
          sawFailure(read.origin);
        read.ended(end);
      }).send();
    },
    inFlight: () => [...primaries.values()].reduce((sum, { inFlight }) => sum + inFlight, 0),
  };
}

const NONE: Buffer[] = [];

/** One read on the wire. What is too large is let go of, and its connection with it. */
class Asking implements AnswerSink {
  readonly #read: SecondRead;
  readonly #mostBytes: number;
  readonly #told: (end: SecondReadEnd) => void;
  #call: UpstreamCall | null = null;
  #status = 0;
  #headers: RawHeaders = [];
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(read: SecondRead, mostBytes: number, told: (end: SecondReadEnd) => void) {
    this.#read = read;
    this.#mostBytes = mostBytes;
    this.#told = told;
  }

  send(): void {
    const { upstream, target, headers, timeoutMs } = this.#read;
    this.#call = upstream.send(
      {
        method: "GET",
        target,
        headers,
        body: null,
        headersTimeoutMs: timeoutMs,
        bodyTimeoutMs: timeoutMs,
        totalTimeoutMs: timeoutMs,
        freshConnection: false,
        upgrade: false,
      },
      this,
    );
  }

  onSending(): void {}

  onInformation(): void {}

  onHead(status: number, _statusText: string, headers: RawHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onData(chunk: Buffer): boolean {
    this.#length += chunk.length;
    if (this.#length <= this.#mostBytes) {
      this.#chunks.push(chunk);
      return true;
    }
    const isFirst = this.#chunks !== NONE;
    this.#chunks = NONE;
    if (isFirst) this.#call?.abort("the second answer is larger than what is looked at");
    return true;
  }

  onEnd(): void {
    if (this.#chunks === NONE) this.#told({ why: "too-large" });
    else this.#told({ status: this.#status, headers: this.#headers, bytes: Buffer.concat(this.#chunks) });
  }

  onError(_error: CrossfadeError): void {
    this.#told({ why: this.#chunks === NONE ? "too-large" : "no-second-answer" });
  }
}
