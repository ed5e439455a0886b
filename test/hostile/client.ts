import net from "node:net";
import { readAnswers, type ReadAnswers } from "./answers-read.ts";

/** A client on a raw socket. */
export interface RawClient {
  readonly socket: net.Socket;
  write(bytes: string): void;
  /** What came so far, read as answers to requests of these methods. */
  answers(methods: readonly string[]): ReadAnswers;
  /** Resolves once so many whole answers came, or the connection ended; rejects when neither happens in time. */
  answered(methods: readonly string[], count: number): Promise<ReadAnswers>;
  /** Resolves when the proxy has ended the connection. */
  ended(): Promise<void>;
  readonly closed: boolean;
  received(): string;
  /** What came so far is no longer counted. */
  forget(): void;
  /** FIN, and what still comes until the proxy ends too. */
  finish(): Promise<void>;
  reset(): void;
}

/** Against a hang: a loaded machine may take its time over a thousand answers, which are looked through at each packet. */
const PATIENCE_MS = 60_000;

export async function connectClient(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = net.connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  let text = "";
  let closed = false;
  let reset = false;
  const looks = new Set<() => void>();
  const lookAll = (): void => {
    for (const look of [...looks]) look();
  };
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
    lookAll();
  });
  const over = (): void => {
    closed = true;
    lookAll();
  };
  socket.on("error", () => {
    reset = true;
    over();
  });
  socket.on("end", () => {
    socket.end();
    over();
  });
  socket.on("close", over);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const when = (ready: () => boolean, what: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const done = (): void => {
        looks.delete(look);
        clearTimeout(timer);
      };
      const look = (): void => {
        if (!ready()) return;
        done();
        resolve();
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`${what} within ${PATIENCE_MS} ms; received ${JSON.stringify(text.slice(0, 300))}`));
      }, PATIENCE_MS);
      looks.add(look);
      look();
    });
  const answers = (methods: readonly string[]): ReadAnswers => readAnswers(text, methods, closed && !reset);
  return {
    socket,
    write: (bytes) => void socket.write(bytes, "latin1"),
    answers,
    async answered(methods, count) {
      await when(
        () => closed || answers(methods).answers.filter(({ whole }) => whole).length >= count,
        `not ${count} answers`,
      );
      return answers(methods);
    },
    ended: () => when(() => closed, "the connection did not end"),
    get closed() {
      return closed;
    },
    received: () => text,
    forget: () => {
      text = "";
    },
    async finish() {
      socket.end();
      await when(() => closed, "the connection did not end after FIN");
    },
    reset: () => void socket.resetAndDestroy(),
  };
}
