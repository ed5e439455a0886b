/**
 * Closed-loop load in a process of its own: each connection sends its next request when it has the answer to the last.
 * Arguments: port, GET or POST, seconds, connections. Prints one line of JSON (LoadResult).
 */
import { Client, quantilesOf, requestsOf } from "./client.ts";
import type { Kind } from "./traffic.ts";

export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** What has not been answered so long after the end is an error. */
const GRACE_MS = 5_000;

function load(port: number, kind: Kind, seconds: number, connections: number): Promise<LoadResult> {
  const latencies: number[] = [];
  const nextRequest = requestsOf(port, kind);
  const clients: Client[] = [];
  let errors = 0;
  const began = performance.now();
  const end = began + seconds * 1000;
  let busy = 0;

  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(giveUp);
      for (const client of clients) client.close();
      const taken = (performance.now() - began) / 1000;
      resolve({ requests: latencies.length, errors: errors + busy, seconds: taken, ...quantilesOf(latencies) });
    };
    const events = {
      free(client: Client): void {
        const now = performance.now();
        if (now < end) {
          busy++;
          client.send(nextRequest(), now);
        } else if (busy === 0) {
          finish();
        }
      },
      answered(sentAt: number, isSuccess: boolean): void {
        busy--;
        latencies.push(performance.now() - sentAt);
        if (!isSuccess) errors++;
      },
      broke(_client: Client, wasBusy: boolean): void {
        errors++;
        if (wasBusy) busy--;
      },
    };
    const giveUp = setTimeout(finish, seconds * 1000 + GRACE_MS);
    for (let i = 0; i < connections; i++) clients.push(new Client(port, events));
  });
}

const [port, kind, seconds, connections] = process.argv.slice(2);
process.once("disconnect", () => process.exit());
const result = await load(Number(port), kind === "POST" ? "POST" : "GET", Number(seconds), Number(connections));
console.log(JSON.stringify(result));
process.disconnect?.();
