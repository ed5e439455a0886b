import net, { type AddressInfo, type Socket } from "node:net";
import { BY_THE_LETTER, disagreements, readRequests, type ReadRequest, valuesOf } from "./readings.ts";

/** What to do with one request in place of a well-formed answer. `earlier`: how often this nonce was here before. */
export type Behave = (socket: Socket, request: ReadRequest, earlier: number) => void;

/** A service on raw sockets that keeps every byte, answers each request with its nonce, and misbehaves on demand. */
export interface Recorder {
  readonly url: string;
  /** Decides about all requests with this nonce. */
  behave(nonce: string, behave: Behave): void;
  /** Resolves with its connection when the head of a request with this nonce has come. */
  begins(nonce: string): Promise<Socket>;
  /** Resolves when a request with this nonce has come whole. */
  arrived(nonce: string): Promise<void>;
  /** Given each well-formed answer to send it when it likes; null: at once. */
  hold(holding: ((answer: () => void) => void) | null): void;
  /** How often a request with each nonce came. */
  readonly arrivals: ReadonlyMap<string, number>;
  /** What is wrong with the bytes that came since the last audit: no HTTP, or readings that disagree. */
  audit(): string[];
  openSockets(): number;
  /** What comes on this connection from now on is another protocol; `take` gets it. */
  takeOver(socket: Socket, take: (bytes: Buffer) => void): void;
  /** Ends every connection on which nothing is under way. */
  hangUp(): void;
  close(): Promise<void>;
}

const NONCE = /\/k\/([0-9a-z]+)/;

interface Connection {
  takenBy: ((bytes: Buffer) => void) | null;
  text: string;
  served: number;
  continued: number;
}

export interface RecorderOptions {
  /** true: clients' requests are damaged at random, so that their two nonces may differ. */
  readonly damaged?: boolean;
}

export async function startRecorder(options: RecorderOptions = {}): Promise<Recorder> {
  const arrivals = new Map<string, number>();
  const behaviours = new Map<string, Behave>();
  const connections = new Map<Socket, Connection>();
  const problems: string[] = [];
  const beginnings = new Map<string, (socket: Socket) => void>();
  const awaited = new Map<string, () => void>();
  let holding: ((answer: () => void) => void) | null = null;

  function serve(socket: Socket, connection: Connection): void {
    const read = readRequests(connection.text, BY_THE_LETTER, connection.served);
    for (const request of read.requests) {
      if (connection.takenBy !== null) return;
      if (request.start !== connection.served) problems.push(`bytes before ${request.method} ${request.target}`);
      connection.served = request.end;
      answer(socket, request);
    }
    if (connection.takenBy !== null) return;
    if (read.error !== null) {
      problems.push(`${read.error}: ${JSON.stringify(connection.text.slice(read.rest, read.rest + 200))}`);
      socket.destroy();
    } else if (connection.continued <= connection.served) {
      const begun = connection.text.slice(connection.served, connection.served + 4_096);
      if (beginnings.size > 0 && begun.includes("\r\n\r\n")) beginnings.get(NONCE.exec(begun)?.[1] ?? "")?.(socket);
      if (!/^[^\0]*?\r\nexpect: 100-continue\r\n[^\0]*?\r\n\r\n/i.test(begun)) return;
      connection.continued = connection.served + 1;
      socket.write("HTTP/1.1 100 Continue\r\n\r\n");
    }
  }

  function answer(socket: Socket, request: ReadRequest): void {
    const nonce = NONCE.exec(request.target)?.[1] ?? "";
    const named = valuesOf(request.headers, "x-nonce");
    if (options.damaged !== true && named.length > 0 && (named.length > 1 || named[0] !== nonce)) {
      problems.push(`parts of several requests in one: target ${request.target}, x-nonce ${named.join(" and ")}`);
    }
    const earlier = arrivals.get(nonce) ?? 0;
    arrivals.set(nonce, earlier + 1);
    awaited.get(nonce)?.();
    const behave = behaviours.get(nonce);
    if (behave === undefined) {
      const answer = (): void => void socket.write(wellFormed(nonce, request.method));
      if (holding === null) answer();
      else holding(answer);
    } else behave(socket, request, earlier);
  }

  const server = net.createServer({ allowHalfOpen: false }, (socket) => {
    const connection: Connection = { takenBy: null, text: "", served: 0, continued: 0 };
    connections.set(socket, connection);
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      if (connection.takenBy !== null) {
        connection.takenBy(bytes);
        return;
      }
      connection.text += bytes.toString("latin1");
      serve(socket, connection);
    });
    socket.on("close", () => {
      problems.push(...disagreements(connection.text));
      connections.delete(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behave: (nonce, behave) => void behaviours.set(nonce, behave),
    begins: (nonce) => new Promise((resolve) => beginnings.set(nonce, resolve)),
    arrived: (nonce) =>
      new Promise((resolve) => {
        if (arrivals.has(nonce)) resolve();
        else awaited.set(nonce, resolve);
      }),
    hold: (next) => {
      holding = next;
    },
    arrivals,
    audit() {
      for (const connection of connections.values()) {
        problems.push(...disagreements(connection.text));
        // What all readings end at the same place is read no more.
        connection.text = connection.text.slice(connection.served);
        connection.continued = 0;
        connection.served = 0;
      }
      return problems.splice(0);
    },
    openSockets: () => connections.size,
    takeOver(socket, take) {
      const connection = connections.get(socket);
      if (connection === undefined) return;
      const behind = connection.text.slice(connection.served);
      connection.text = connection.text.slice(0, connection.served);
      connection.takenBy = take;
      if (behind !== "") take(Buffer.from(behind, "latin1"));
    },
    hangUp() {
      for (const socket of connections.keys()) socket.end();
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of connections.keys()) socket.destroy();
      await closed;
    },
  };
}

/** The answer that a client knows as its own. Its framing varies with the nonce. */
export function wellFormed(nonce: string, method: string): string {
  const body = `answer to ${nonce}`;
  const head = `HTTP/1.1 200 OK\r\nx-nonce: ${nonce}\r\nContent-Type: text/plain\r\n`;
  if (nonce.charCodeAt(nonce.length - 1) % 3 === 0) {
    const chunks = `7\r\n${body.slice(0, 7)}\r\n${(body.length - 7).toString(16)}\r\n${body.slice(7)}\r\n0\r\n\r\n`;
    return `${head}Transfer-Encoding: chunked\r\n\r\n${method === "HEAD" ? "" : chunks}`;
  }
  return `${head}Content-Length: ${body.length}\r\n\r\n${method === "HEAD" ? "" : body}`;
}
