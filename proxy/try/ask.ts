/** One request to one service, and what came of it within bounds of time and size. */
import { createHash, hash, type Hash } from "node:crypto";
import type { ComparableBody } from "../compare/diff-bodies.ts";
import { CrossfadeError } from "../errors.ts";
import type { RawHeaders } from "../exchange.ts";
import type { AnswerSink, Upstream, UpstreamCall } from "../ports.ts";
import { spellBytes } from "../admin/sentences.ts";

export interface Question {
  readonly method: string;
  readonly target: string;
  readonly headers: RawHeaders;
  readonly body: Buffer;
  /** From the request's last byte to the answer's head. */
  readonly headersTimeoutMs: number;
  /** From the first byte sent to the last received. */
  readonly totalTimeoutMs: number;
  /** An answer that is longer is cut off. */
  readonly maxBytes: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: ComparableBody;
  readonly bytes: number;
  readonly ms: number;
  readonly attempts: number;
}

export interface Unanswered {
  readonly attempts: number;
  /** As the proxy calls it: `timeout`, `connect-failed`, `invalid-answer`, … or `answer-too-large`. */
  readonly failure: string;
  readonly why: string;
}

/** Of a longer answer only digest and length are kept: no more than that is ever read as JSON or text. */
const KEPT_MAX_BYTES = 16 * 1024 * 1024;

/**
 * Never rejects. A connection that is lost before any answer may have been an idle one that the service had given up: the
 * request, a read, is then repeated once on a new one.
 */
export function ask(upstream: Upstream, question: Question): Promise<Answered | Unanswered> {
  return new Promise((resolve) => new Asking(upstream, question, resolve).send());
}

/** Two bodies that can be compared: where of one only the digest is known, the other's is enough. */
export function comparablePair(a: ComparableBody, b: ComparableBody): readonly [ComparableBody, ComparableBody] {
  return a.kind === b.kind ? [a, b] : [digestOf(a), digestOf(b)];
}

function digestOf(body: ComparableBody): ComparableBody {
  if (body.kind === "digest") return body;
  return { kind: "digest", sha256: hash("sha256", body.bytes, "hex"), length: body.bytes.length };
}

class Asking implements AnswerSink {
  readonly #upstream: Upstream;
  readonly #question: Question;
  readonly #resolve: (end: Answered | Unanswered) => void;
  readonly #begunAt = performance.now();
  #call: UpstreamCall | null = null;
  #status = 0;
  #headers: RawHeaders = [];
  #chunks: Buffer[] = [];
  #digest: Hash | null = null;
  #bytes = 0;
  #attempts = 0;

  constructor(upstream: Upstream, question: Question, resolve: (end: Answered | Unanswered) => void) {
    this.#upstream = upstream;
    this.#question = question;
    this.#resolve = resolve;
  }

  send(): void {
    const freshConnection = this.#attempts++ > 0;
    const { body, headersTimeoutMs, totalTimeoutMs, method, target, headers } = this.#question;
    const request = { method, target, headers, body: body.length === 0 ? null : body };
    const limits = { headersTimeoutMs, bodyTimeoutMs: 0, totalTimeoutMs };
    this.#call = this.#upstream.send({ ...request, ...limits, freshConnection, upgrade: false }, this);
  }

  onSending(): void {}

  onInformation(): void {}

  onHead(status: number, _statusText: string, headers: RawHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onData(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#question.maxBytes) {
      this.#call?.abort(`the answer has more than ${spellBytes(this.#question.maxBytes)} (limits.bodyOnDisk)`);
      return true;
    }
    if (this.#digest === null && this.#bytes > KEPT_MAX_BYTES) {
      this.#digest = createHash("sha256");
      for (const kept of this.#chunks) this.#digest.update(kept);
      this.#chunks = [];
    }
    if (this.#digest === null) this.#chunks.push(chunk);
    else this.#digest.update(chunk);
    return true;
  }

  onEnd(): void {
    const body: ComparableBody =
      this.#digest === null
        ? { kind: "bytes", bytes: Buffer.concat(this.#chunks) }
        : { kind: "digest", sha256: this.#digest.digest("hex"), length: this.#bytes };
    const ms = performance.now() - this.#begunAt;
    this.#resolve({
      status: this.#status,
      headers: this.#headers,
      body,
      bytes: this.#bytes,
      ms,
      attempts: this.#attempts,
    });
  }

  onError(error: CrossfadeError): void {
    if (error.code === "connection-lost" && error.retryable && this.#attempts === 1) {
      this.send();
      return;
    }
    this.#chunks = [];
    this.#resolve({ attempts: this.#attempts, failure: failureOf(error), why: error.message });
  }
}

/** The words that groups of failed copies are told by. */
function failureOf({ code }: CrossfadeError): string {
  if (code === "aborted") return "answer-too-large";
  return code === "headers-timeout" || code === "body-timeout" || code === "total-timeout" ? "timeout" : code;
}
