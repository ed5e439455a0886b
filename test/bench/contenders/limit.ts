/**
 * What the job has to cost on Node: node:http in, undici's `dispatch` out, raw header lists, nothing else. With a second
 * origin it is the limit of the whole job: each answered write is sent there too, and the two answers are compared, by
 * bytes and else as JSON. Not a proxy to use: no back-pressure, no errors, no order, no accounts.
 * Arguments: legacy's origin, and next's for the second form.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { type Dispatcher, Pool } from "undici";

const [legacy = "", next] = process.argv.slice(2);
const primary = new Pool(legacy, { connections: null, pipelining: 1 });
const shadow = next === undefined ? null : new Pool(next, { connections: null, pipelining: 1 });

interface Request {
  readonly path: string;
  readonly method: Dispatcher.HttpMethod;
  readonly headers: string[];
  readonly body: Buffer | null;
}

class Relay implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  readonly #request: Request;
  #chunks: Buffer[] = [];

  constructor(response: ServerResponse, request: Request) {
    this.#response = response;
    this.#request = request;
  }

  onConnect(): void {}

  onHeaders(status: number, rawHeaders: Buffer[], _resume: () => void, statusText: string): boolean {
    this.#response.sendDate = false;
    this.#response.writeHead(status, statusText, decode(rawHeaders));
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    return true;
  }

  onComplete(): void {
    const body = joined(this.#chunks);
    this.#response.end(body);
    const request = this.#request;
    if (shadow !== null && request.body !== null) setImmediate(() => shadow.dispatch(request, new Copy(body)));
  }

  onError(error: Error): void {
    this.#response.destroy(error);
  }
}

/** The shadow's answer, compared with the primary's. */
class Copy implements Dispatcher.DispatchHandler {
  readonly #expected: Buffer;
  #chunks: Buffer[] = [];

  constructor(expected: Buffer) {
    this.#expected = expected;
  }

  onConnect(): void {}

  onHeaders(): boolean {
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    return true;
  }

  onComplete(): void {
    const body = joined(this.#chunks);
    if (body.equals(this.#expected)) return;
    if (!isDeepStrictEqual(parse(body), parse(this.#expected))) console.error("divergent");
  }

  onError(error: Error): void {
    console.error(error.message);
  }
}

function parse(body: Buffer): unknown {
  return JSON.parse(body.toString());
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

function decode(raw: readonly Buffer[]): string[] {
  return raw.map((part) => part.toString("latin1"));
}

function forward(request: IncomingMessage, response: ServerResponse, body: Buffer | null): void {
  const outgoing: Request = {
    path: request.url ?? "/",
    method: request.method as Dispatcher.HttpMethod,
    headers: request.rawHeaders,
    body,
  };
  primary.dispatch(outgoing, new Relay(response, outgoing));
}

const server = createServer((request, response) => {
  if (request.method === "GET") {
    forward(request, response, null);
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => forward(request, response, joined(chunks)));
});

server.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.once("disconnect", () => process.exit());
