import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { Agent, request } from "undici";
import type { RepairRecord } from "../../proxy/evidence/evidence.ts";
import { startSite, type TestMember } from "../support/member.ts";
import { type Answer, json, type SeenRequest } from "../support/service.ts";
import { until } from "../support/until.ts";
import { put } from "./kept-connections.ts";
import { startFront } from "./nginx-front.ts";

const COUNTERS = 4;
const EVENTS = 20;
const EVENT_EVERY_MS = 100;
const PIECES = 32;
/** Half of it is for clients; on a machine busy with other tests the two seconds may become many. */
const PATIENCE_MS = 60_000;
const PIECE = Buffer.alloc(512 * 1024, "u");

/** Counters hold what they were sent last; of all else the length is told. */
class Counters {
  /** By target. */
  readonly held = new Map<string, string>();

  readonly answer: Answer = (seen, response) => {
    const { method, target, body } = seen;
    if (!target.startsWith("/counters/")) return json(200, { bytes: body.length })(seen, response);
    if (method === "PUT") this.held.set(target, body.toString());
    json(200, this.held.get(target) ?? "{}")(seen, response);
  };
}

/** An event stream of two seconds. */
const streamEvents: Answer = (_seen, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  let sent = 0;
  const timer = setInterval(() => {
    response.write(`data: ${++sent}\n\n`);
    if (sent < EVENTS) return;
    clearInterval(timer);
    response.end();
  }, EVENT_EVERY_MS);
};

/** The numbers that a service was sent for a counter, in its order; one that was sent again counts where it came first. */
function numbersOf(seen: readonly SeenRequest[], counter: number): readonly number[] {
  const own = seen.filter(({ method, target }) => method === "PUT" && target === `/counters/${counter}`);
  return [...new Set(own.map(({ body }) => (JSON.parse(body.toString()) as { n: number }).n))];
}

test("two members are restarted one after the other under load: no request breaks, and no counter is out of order unnoticed", async (t) => {
  const [legacy, next] = [new Counters(), new Counters()];
  const site = await startSite(t, {
    legacy: (seen, response) => (seen.target === "/events" ? streamEvents : legacy.answer)(seen, response),
    next: next.answer,
  });
  const running = new Map([
    ["front-1", await site.start("front-1")],
    ["front-2", await site.start("front-2")],
  ]);
  const hosts = (without?: string): string[] =>
    [...running].filter(([name]) => name !== without).map(([, { crossfade }]) => new URL(crossfade.proxyUrl).host);
  const name = "through-crossfade.conf";
  const front = await startFront(t, { upstreams: { [name]: hosts() }, first: name });
  const clients = new Agent({ connections: 16 });
  t.after(() => clients.close());

  let counting = true;
  const failed: number[] = [];
  const count = async (counter: number): Promise<number> => {
    for (let n = 1; ; n++) {
      const { statusCode } = await put(`${front.url}/counters/${counter}`, clients, JSON.stringify({ n }));
      if (statusCode !== 200) failed.push(statusCode);
      if (!counting) return n;
    }
  };
  const listen = async (): Promise<number> => {
    const { body } = await request(`${front.url}/events`, { dispatcher: clients });
    return (await text(body)).split("\n\n").length - 1;
  };
  /** 16 MiB in about two seconds. */
  const upload = async (n: number): Promise<unknown> => {
    const slowly = async function* (): AsyncGenerator<Buffer> {
      for (let i = 0; i < PIECES; i++) {
        yield PIECE;
        await sleep(60);
      }
    };
    const options = { method: "PUT", dispatcher: clients, body: Readable.from(slowly()) } as const;
    const { statusCode, body } = await request(`${front.url}/files/${n}`, options);
    return [statusCode, await body.text()];
  };

  const counters = Promise.all(Array.from({ length: COUNTERS }, (_, counter) => count(counter)));
  try {
    for (const [i, member] of ["front-1", "front-2"].entries()) {
      // Two of each, so that both members have one.
      const streams = [listen(), listen()];
      const uploads = [upload(2 * i), upload(2 * i + 1)];
      await sleep(300);
      await front.switchTo(name, hosts(member));
      await running.get(member)?.crossfade.stop(PATIENCE_MS);
      assert.deepEqual(await Promise.all(streams), [EVENTS, EVENTS]);
      const whole = [200, JSON.stringify({ bytes: PIECES * PIECE.length })];
      assert.deepEqual(await Promise.all(uploads), [whole, whole]);
      running.set(member, await site.start(member));
      await front.switchTo(name, hosts());
      await sleep(300);
    }
  } finally {
    counting = false;
  }
  const last = await counters;

  assert.deepEqual(failed, []);
  // Whatever is missing after that is lost; it is told below.
  const giveUp = performance.now() + 30_000;
  const isThere = (n: number, counter: number): boolean => numbersOf(site.next.seen, counter).length >= n;
  await until(() => last.every(isThere) || performance.now() > giveUp);
  const first = running.get("front-1") as TestMember;
  const doubtedNow = async (): Promise<Set<string | null>> => {
    const { items } = await first.get<{ items: readonly RepairRecord[] }>("/api/v1/repairs?limit=1000");
    return new Set(items.filter(({ reason }) => reason === "overlap").map(({ key }) => key));
  };
  const doubted = await doubtedNow();
  for (const [counter, n] of last.entries()) {
    assert.ok(n > 20, `counter ${counter} came to ${n}`);
    const all = Array.from({ length: n }, (_, i) => i + 1);
    const came = numbersOf(site.next.seen, counter);
    assert.deepEqual(numbersOf(site.legacy.seen, counter), all);
    assert.deepEqual(
      [...came].sort((one, other) => one - other),
      all,
      `counter ${counter} at next`,
    );
    // Redis that does not confirm a turn within milliseconds, as on a machine that is busy with other tests, leaves the
    // order unknown: then the key is to be verified. An order that is wrong and not doubted is what must not be.
    if (!doubted.has(`counters/${counter}`)) assert.deepEqual(came, all, `counter ${counter} at next, in order`);
  }
  t.diagnostic(`${doubted.size} of ${COUNTERS} counters were in doubt`);
  // What is in doubt is verified, and made right where it was wrong.
  const isVerified = async (): Promise<boolean> => {
    await first.post("/api/v1/repairs/run", {});
    return (await doubtedNow()).size === 0;
  };
  await until(isVerified);
  assert.deepEqual(next.held, legacy.held);
  const states = (await first.members()).map(({ name: called, state }) => [called, state]).sort();
  assert.deepEqual(states, [
    ["front-1", "serving"],
    ["front-2", "serving"],
  ]);
});
