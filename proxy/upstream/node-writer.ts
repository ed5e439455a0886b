import http from "node:http";
import https from "node:https";
import { Readable } from "node:stream";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from "../ports.ts";
import { CrossfadeError } from "../errors.ts";
import { upstreamError } from "./errors.ts";

const MAX_ANSWER_HEAD_BYTES = 256 * 1024;

/** One request on `node:http`. */
class NodeCall implements UpstreamCall {
  readonly #request: ClientRequest;
  readonly #sink: AnswerSink;
  readonly #bodyTimeoutMs: number;
  #headTimer: NodeJS.Timeout | null = null;
  #sent = false;
  #ended = false;
  #answered = false;
  #body: Readable | null = null;

  constructor(clientRequest: ClientRequest, upstreamRequest: UpstreamRequest, sink: AnswerSink) {
    this.#request = clientRequest;
    this.#sink = sink;
    this.#bodyTimeoutMs = upstreamRequest.bodyTimeoutMs;
    clientRequest.once("socket", (socket) => {
      const sending = (): void => {
        if (this.#ended) return;
        this.#sent = true;
        this.#tell(() => sink.onSending());
      };
      if (socket.connecting) socket.once("connect", sending);
      else sending();
    });
    clientRequest.on("information", (info) => {
      this.#tell(() => sink.onInformation(info.statusCode, info.rawHeaders));
    });
    clientRequest.once("response", (answer) => this.#receive(answer));
    clientRequest.once("error", (error) => this.#fail(error));
    // A 101 that nobody asked for: the answer of a service that speaks something else.
    clientRequest.once("upgrade", (_answer, socket) => {
      socket.destroy();
      this.#fail(new CrossfadeError("invalid-answer", "101 without an upgrade", { source: "upstream" }));
    });
    const timeoutMs = upstreamRequest.headersTimeoutMs;
    // From the request's last byte on: a large upload takes as long as it takes.
    if (timeoutMs > 0) clientRequest.once("finish", () => this.#awaitHead(timeoutMs));
    this.#write(upstreamRequest);
  }

  #awaitHead(timeoutMs: number): void {
    if (this.#ended || this.#answered) return;
    this.#headTimer = setTimeout(() => {
      const bound = `no answer's head within ${timeoutMs} ms`;
      this.#end(new CrossfadeError("headers-timeout", bound, { source: "upstream" }));
    }, timeoutMs);
  }

  /** What the sink throws ends this request; here it would end the process. */
  #tell<T>(told: () => T): T | null {
    try {
      return told();
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause);
      this.#end(new CrossfadeError("internal", words, { source: "proxy", cause }));
      return null;
    }
  }

  abort(why: string): void {
    this.#end(new CrossfadeError("aborted", why, { source: "proxy" }));
  }

  #write(upstreamRequest: UpstreamRequest): void {
    const { body, trailers } = upstreamRequest;
    this.#body = body instanceof Readable ? body : null;
    if (body === null || Buffer.isBuffer(body)) {
      this.#request.end(body ?? undefined);
      return;
    }
    this.#request.flushHeaders();
    body.on("data", (chunk: Buffer) => {
      if (!this.#request.write(chunk)) body.pause();
    });
    this.#request.on("drain", () => body.resume());
    body.once("end", () => {
      const fields = trailers?.() ?? [];
      const pairs: [string, string][] = [];
      for (let i = 0; i + 1 < fields.length; i += 2) pairs.push([fields[i] as string, fields[i + 1] as string]);
      if (pairs.length > 0) this.#request.addTrailers(pairs);
      this.#request.end();
    });
    body.once("error", (error) => this.#end(upstreamError(error, this.#sent)));
  }

  #receive(answer: IncomingMessage): void {
    this.#answered = true;
    this.#clearHeadTimer();
    const idle = (): void => {
      if (answer.isPaused()) {
        // It is our own reader that is slow.
        this.#request.setTimeout(this.#bodyTimeoutMs);
        return;
      }
      const bound = `nothing for ${this.#bodyTimeoutMs} ms within the answer`;
      this.#end(new CrossfadeError("body-timeout", bound, { source: "upstream" }));
    };
    if (this.#bodyTimeoutMs > 0) this.#request.setTimeout(this.#bodyTimeoutMs, idle);
    answer.on("data", (chunk: Buffer) => {
      if (this.#tell(() => this.#sink.onData(chunk)) === false) answer.pause();
    });
    answer.once("end", () => {
      if (this.#ended) return;
      this.#ended = true;
      this.#request.setTimeout(0);
      // An early answer: what the client still sends is read and thrown away.
      if (this.#body !== null && !this.#body.readableEnded) this.#body.destroy();
      this.#tell(() => this.#sink.onEnd(answer.rawTrailers));
    });
    answer.once("error", (error) => this.#fail(error));
    const resume = (): void => void answer.resume();
    const { statusCode = 0, statusMessage = "", rawHeaders } = answer;
    if (this.#tell(() => this.#sink.onHead(statusCode, statusMessage, rawHeaders, resume)) === false) answer.pause();
  }

  #fail(error: Error): void {
    this.#clearHeadTimer();
    if (this.#ended) return;
    this.#ended = true;
    this.#body?.destroy();
    this.#sink.onError(upstreamError(error, this.#sent));
  }

  #end(error: CrossfadeError): void {
    this.#fail(error);
    this.#request.destroy();
  }

  #clearHeadTimer(): void {
    if (this.#headTimer !== null) clearTimeout(this.#headTimer);
    this.#headTimer = null;
  }
}

/** What undici cannot say: Expect, request trailers, `OPTIONS *`; and any request that wants a connection of its own. */
export function createNodeWriter(origin: string): Upstream {
  const { protocol, hostname, port } = new URL(origin);
  const secure = protocol === "https:";
  const agentOptions = { keepAlive: false };
  const agent = secure ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
  return {
    send(request, sink) {
      const options: https.RequestOptions = {
        host: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
        port: port === "" ? (secure ? 443 : 80) : Number(port),
        method: request.method,
        path: request.target,
        headers:
          request.body !== null && !Buffer.isBuffer(request.body) ? frameStream(request.headers) : request.headers,
        setHost: false,
        agent,
        maxHeaderSize: MAX_ANSWER_HEAD_BYTES,
        ...(secure ? { servername: hostname } : {}),
      };
      return new NodeCall(secure ? https.request(options) : http.request(options), request, sink);
    },
    close() {
      agent.destroy();
      return Promise.resolve();
    },
  };
}

/** A streamed body without a length is chunked, as it was when it came. */
function frameStream(headers: string[]): string[] {
  for (let i = 0; i < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() === "content-length") return headers;
  }
  return [...headers, "Transfer-Encoding", "chunked"];
}
