/** The demo's client: sends errands at a steady rate, whatever becomes of earlier ones, and measures what it gets. */
import { Agent, request } from "undici";
import type { Errands } from "./errands.ts";
import { Latencies } from "./latencies.ts";

export interface Client {
  readonly latencies: Latencies;
  /** Requests a second from now on; 0 pauses. */
  setRate(perSecond: number): void;
  /** Resolves when no request is without its answer; nothing new is sent meanwhile only at rate 0. */
  whenIdle(): Promise<void>;
  /** Gives up what has no answer yet. */
  end(): Promise<void>;
}

const TICK_MS = 10;
/** A front end's patience. */
const PATIENCE_MS = 10_000;

/** `origin`: the proxy's. */
export function startClient(origin: string, errands: Errands): Client {
  const agent = new Agent({ connections: 64, headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS });
  const latencies = new Latencies();
  let ended = false;
  let perMs = 0;
  let due = 0;
  let last = performance.now();
  let open = 0;
  let idle: (() => void)[] = [];

  const timer = setInterval(() => {
    const now = performance.now();
    due += (now - last) * perMs;
    last = now;
    for (; due >= 1; due--) void send();
  }, TICK_MS);

  async function send(): Promise<void> {
    const errand = errands.next();
    const begunAt = performance.now();
    open++;
    let failed = true;
    try {
      const answer = await request(`${origin}${errand.target}`, {
        dispatcher: agent,
        method: errand.method,
        headers: errand.contentType === null ? {} : { "content-type": errand.contentType },
        body: errand.body,
      });
      const body = await answer.body.text();
      failed = answer.statusCode >= 500;
      errand.done(answer.statusCode, body);
    } catch {
      // No answer: counted as an error below.
    }
    const now = performance.now();
    if (!ended) latencies.add(now, now - begunAt, failed);
    open--;
    if (open > 0) return;
    for (const resolve of idle) resolve();
    idle = [];
  }

  return {
    latencies,
    setRate(perSecond) {
      perMs = perSecond / 1000;
      due = 0;
      last = performance.now();
    },
    whenIdle: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))),
    async end() {
      ended = true;
      clearInterval(timer);
      await agent.destroy();
    },
  };
}
