import http from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** One request as a service saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  /** Flat raw headers, in order. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  header(name: string): string | null;
}

export type Answer = (seen: SeenRequest, response: http.ServerResponse) => void;

export interface TestService {
  readonly url: string;
  readonly port: number;
  /** Complete requests in the order in which their bodies ended. */
  readonly seen: SeenRequest[];
  /** Replaces what the service does from the next request on. */
  answerWith(answer: Answer): void;
  /** From now on upgrades become tunnels: this is the head of the answer, and nothing follows. */
  upgradeWith(head: string): void;
  /** Resolves with the first `count` requests once so many were seen. */
  sawAtLeast(count: number): Promise<SeenRequest[]>;
  openSockets(): number;
  close(): Promise<void>;
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return (_seen, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(text);
  };
}

/** Takes the request and never answers. */
export const hang: Answer = () => {};

/** A real HTTP service on a free port that remembers what it was sent. */
export async function startService(answer: Answer = json(200, { ok: true }), port = 0): Promise<TestService> {
  let current = answer;
  const seen: SeenRequest[] = [];
  const waiting: { count: number; tell: () => void }[] = [];
  const sockets = new Set<Socket>();
  const server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { rawHeaders } = request;
      const record: SeenRequest = {
        method: request.method ?? "",
        target: request.url ?? "",
        headers: rawHeaders,
        body: Buffer.concat(chunks),
        header: (name) => {
          const at = rawHeaders.findIndex((part, i) => i % 2 === 0 && part.toLowerCase() === name);
          return at === -1 ? null : (rawHeaders[at + 1] as string);
        },
      };
      seen.push(record);
      for (const waiter of waiting.filter(({ count }) => seen.length >= count)) waiter.tell();
      current(record, response);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    seen,
    answerWith(next) {
      current = next;
    },
    upgradeWith(head) {
      server.on("upgrade", (_, socket) => socket.write(head));
    },
    async sawAtLeast(count) {
      if (seen.length < count) await new Promise<void>((resolve) => waiting.push({ count, tell: resolve }));
      return seen.slice(0, count);
    },
    openSockets: () => sockets.size,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
