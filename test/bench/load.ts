/**
 * Closed-loop load in a process of its own: each connection sends its next request when it has the answer to the last.
 * Arguments: port, GET or POST, seconds, connections. Prints one line of JSON (LoadResult).
 */
import { connect } from "node:net";
import { Framing } from "./framing.ts";
import { type Kind, readRequest, writeRequest } from "./traffic.ts";

export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

async function load(port: number, kind: Kind, seconds: number, connections: number): Promise<LoadResult> {
  const latencies: number[] = [];
  let errors = 0;
  let sent = Math.floor(Math.random() * 10_000);
  const reads = Buffer.from(readRequest(port));
  const next = (): Buffer => (kind === "GET" ? reads : Buffer.from(writeRequest(port, sent++)));
  const began = performance.now();
  const end = began + seconds * 1000;

  const run = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      let at = 0;
      const send = (): void => {
        at = performance.now();
        socket.write(next());
      };
      const framing = new Framing((message) => {
        const now = performance.now();
        latencies.push(now - at);
        // "HTTP/1.1 2": anything but a success is an error here.
        if (message[9] !== 0x32) errors++;
        if (now < end) send();
        else socket.end();
      });
      socket.once("connect", send);
      socket.on("data", (chunk) => framing.take(chunk));
      socket.on("error", () => errors++);
      socket.once("close", () => {
        if (performance.now() < end) errors++;
        resolve();
      });
    });

  await Promise.all(Array.from({ length: connections }, run));
  const taken = (performance.now() - began) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  const quantile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { requests: latencies.length, errors, seconds: taken, p50: quantile(0.5), p99: quantile(0.99) };
}

const [port, kind, seconds, connections] = process.argv.slice(2);
process.once("disconnect", () => process.exit());
console.log(
  JSON.stringify(await load(Number(port), kind === "POST" ? "POST" : "GET", Number(seconds), Number(connections))),
);
process.disconnect?.();
