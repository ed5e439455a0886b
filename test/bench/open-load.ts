/**
 * Open-loop load in a process of its own: request n is due at n / rate, whatever became of those before it, and its
 * latency counts from that moment. A proxy that stalls is charged for every request that it kept from being sent.
 * Arguments: port, GET or POST, seconds, connections, requests a second. Prints one line of JSON (OpenLoadResult).
 */
import { Client, quantilesOf, requestsOf } from "./client.ts";
import type { Kind } from "./traffic.ts";

export interface OpenLoadResult {
  readonly offered: number;
  /** Answered within the time of the load, as a share of what was offered; 1 is all of it. */
  readonly heldShare: number;
  readonly errors: number;
  /** Milliseconds from the moment that a request was due. */
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** Of how late the generator itself sent, with a connection free: the noise of the instrument, in milliseconds. */
  readonly ownLatenessP99: number;
}

/** What has not been answered so long after the last request was due is an error. */
const GRACE_MS = 5_000;
/** A request that is due at the very end has a moment to come back in time. */
const TAIL_MS = 20;

interface Load {
  readonly port: number;
  readonly kind: Kind;
  readonly seconds: number;
  readonly connections: number;
  readonly rate: number;
}

function openLoad({ port, kind, seconds, connections, rate }: Load): Promise<OpenLoadResult> {
  const offered = Math.round(rate * seconds);
  const everyMs = 1000 / rate;
  const nextRequest = requestsOf(port, kind);
  const free: Client[] = [];
  const clients: Client[] = [];
  const latencies: number[] = [];
  const lateness: number[] = [];
  let inTime = 0;
  let errors = 0;
  let sent = 0;
  let open = 0;
  let began: number | null = null;

  return new Promise((resolve) => {
    const finish = (): void => {
      clearInterval(ticks);
      clearTimeout(giveUp);
      for (const client of clients) client.close();
      resolve({
        offered,
        heldShare: inTime / offered,
        errors: errors + (offered - latencies.length),
        ...quantilesOf(latencies),
        longest: latencies.reduce((longest, latency) => Math.max(longest, latency), 0),
        ownLatenessP99: quantilesOf(lateness).p99,
      });
    };
    /** Sends what is due as far as connections are free. */
    const pump = (hadFree: boolean): void => {
      if (began === null) return;
      const now = performance.now();
      while (sent < offered) {
        const due = began + sent * everyMs;
        if (due > now) return;
        const client = free.pop();
        if (client === undefined) return;
        if (hadFree) lateness.push(now - due);
        sent++;
        open++;
        client.send(nextRequest(), due);
      }
      if (open === 0) finish();
    };
    const events = {
      free(client: Client): void {
        const hadFree = free.length > 0;
        free.push(client);
        if (began === null && free.length === connections) began = performance.now();
        pump(hadFree);
      },
      answered(due: number, isSuccess: boolean): void {
        open--;
        const now = performance.now();
        latencies.push(now - due);
        if (!isSuccess) errors++;
        if (now <= (began as number) + seconds * 1000 + TAIL_MS) inTime++;
      },
      broke(client: Client, wasBusy: boolean): void {
        if (wasBusy) open--;
        else if (free.includes(client)) free.splice(free.indexOf(client), 1);
        pump(free.length > 0);
      },
    };
    const ticks = setInterval(() => pump(free.length > 0), 1);
    const giveUp = setTimeout(finish, seconds * 1000 + GRACE_MS);
    for (let i = 0; i < connections; i++) clients.push(new Client(port, events));
  });
}

const [port, kind, seconds, connections, rate] = process.argv.slice(2);
process.once("disconnect", () => process.exit());
const result = await openLoad({
  port: Number(port),
  kind: kind === "POST" ? "POST" : "GET",
  seconds: Number(seconds),
  connections: Number(connections),
  rate: Number(rate),
});
console.log(JSON.stringify(result));
process.disconnect?.();
