import http from "node:http";
import https from "node:https";
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

  constructor(clientRequest: ClientRequest, upstreamRequest: UpstreamRequest, sink: AnswerSink) {
    this.#request = clientRequest;
    this.#sink = sink;
    this.#bodyTimeoutMs = upstreamRequest.bodyTimeoutMs;
    clientRequest.once("socket", (socket) => {
      const sending = (): void => {
        if (this.#ended) return;
        this.#sent = true;
        sink.onSending();
      };
      if (socket.connecting) socket.once("connect", sending);
      else sending();
    });
    clientRequest.on("information", (info) => sink.onInformation(info.statusCode, info.rawHeaders));
    clientRequest.once("response", (answer) => this.#receive(answer));
    clientRequest.once("error", (error) => this.#fail(error));
    // A 101 that nobody asked for: the answer of a service that speaks something else.
    clientRequest.once("upgrade", (_answer, socket) => {
      socket.destroy();
      this.#fail(new CrossfadeError("invalid-answer", "101 without an upgrade", { source: "upstream" }));
    });
    this.#write(upstreamRequest);
    if (upstreamRequest.headersTimeoutMs > 0) {
      this.#headTimer = setTimeout(() => {
        const bound = `no answer's head within ${upstreamRequest.headersTimeoutMs} ms`;
        this.#end(new CrossfadeError("headers-timeout", bound, { source: "upstream" }));
      }, upstreamRequest.headersTimeoutMs);
    }
  }

  abort(why: string): void {
    this.#end(new CrossfadeError("aborted", why, { source: "proxy" }));
  }

  #write(upstreamRequest: UpstreamRequest): void {
    const { body, trailers } = upstreamRequest;
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
    this.#clearHeadTimer();
    const idle = (): void => {
      const bound = `nothing for ${this.#bodyTimeoutMs} ms within the answer`;
      this.#end(new CrossfadeError("body-timeout", bound, { source: "upstream" }));
    };
    if (this.#bodyTimeoutMs > 0) this.#request.setTimeout(this.#bodyTimeoutMs, idle);
    answer.on("data", (chunk: Buffer) => {
      if (!this.#sink.onData(chunk)) answer.pause();
    });
    answer.once("end", () => {
      if (this.#ended) return;
      this.#ended = true;
      this.#request.setTimeout(0);
      this.#sink.onEnd(answer.rawTrailers);
    });
    answer.once("error", (error) => this.#fail(error));
    const resume = (): void => void answer.resume();
    if (!this.#sink.onHead(answer.statusCode ?? 0, answer.statusMessage ?? "", answer.rawHeaders, resume))
      answer.pause();
  }

  #fail(error: Error): void {
    this.#clearHeadTimer();
    if (this.#ended) return;
    this.#ended = true;
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
