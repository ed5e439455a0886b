/** Reads of one database behind two services, and writes that come between what the two say to them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import type { RouteJson } from "../support/crossfade.ts";
import { type Journaled, type JournaledOptions, startJournaled } from "../support/journaled.ts";
import { redisServer } from "../support/redis.ts";
import type { Answer } from "../support/service.ts";

const ROUTES = `routes:
  - { name: stock, match: { path: "/stock/:id?" }, sharedDatabase: true, mirror: { reads: 100% } }
`;

/** The one database, and both services over it: GET tells what is there, POST makes the next number, others add one. */
function shop(bench: Pick<Journaled, "legacy" | "next">) {
  const rows = new Map<string, number>([["7", 1]]);
  const answer: Answer = ({ method, target }, response) => {
    const [, , given] = target.split("/");
    const id = given ?? String(rows.size + 7);
    const say = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (method === "GET" && given === undefined) return say(200, Object.fromEntries(rows));
    if (method !== "GET") rows.set(id, (rows.get(id) ?? 0) + 1);
    const count = rows.get(id);
    return count === undefined ? say(404, {}) : say(method === "POST" ? 201 : 200, { id, count });
  };
  bench.legacy.answerWith(answer);
  bench.next.answerWith(answer);
  return {
    answer,
    /** next's next answer waits: for what it asks the database, too. */
    hold() {
      const held = Promise.withResolvers<void>();
      bench.next.answerWith((seen, response) => void held.promise.then(() => answer(seen, response)));
      return (): void => held.resolve();
    },
  };
}

async function start(t: TestContext, options: JournaledOptions = {}): Promise<Journaled> {
  return await startJournaled(t, { ...options, config: `${options.config ?? ""}${ROUTES}` });
}

/** The reads of `paths`, each with `write` after legacy has answered it and before next has. */
async function readAcross(bench: Journaled, paths: readonly string[], write: () => Promise<unknown>) {
  const { hold } = shop(bench);
  const release = hold();
  for (const path of paths) await bench.send("GET", path);
  await bench.next.sawAtLeast(paths.length);
  await write();
  release();
  return counted(await bench.settled(paths.length));
}

/** What there is of, by outcome, and by reason where it has one. */
function counted({ outcomes, reasons }: RouteJson): Record<string, number> {
  const { skipped: _, ...others } = outcomes;
  return Object.fromEntries(Object.entries({ ...others, ...reasons }).filter(([, count]) => count > 0));
}

const CROSSED = "key-written-meanwhile";

test("a read that a write of its key crosses is no divergence, and neither is a list", async (t) => {
  const bench = await start(t);
  const found = await readAcross(bench, ["/stock/7", "/stock"], () => bench.send("PUT", "/stock/7", "{}"));
  assert.deepEqual(found, { [CROSSED]: 2 });
  assert.deepEqual(
    bench.next.seen.map(({ method }) => method),
    ["GET", "GET"],
    "no write is mirrored",
  );
});

test("a read of what is made meanwhile is no divergence: only the answer tells its key", async (t) => {
  const bench = await start(t);
  const found = await readAcross(bench, ["/stock/8"], () => bench.send("POST", "/stock", "{}"));
  assert.deepEqual(found, { [CROSSED]: 1 });
});

test("a write of another key, and one that was over before the read came, excuse nothing", async (t) => {
  const bench = await start(t);
  const { answer } = shop(bench);
  bench.next.answerWith((seen, response) => answer({ ...seen, target: "/stock/none" }, response));
  await bench.send("PUT", "/stock/7", "{}");
  // When a read came is known to the millisecond.
  await sleep(20);
  await bench.send("GET", "/stock/7");
  assert.deepEqual(counted(await bench.settled(1)), { divergent: 1 });
  const release = shop(bench).hold();
  await bench.send("GET", "/stock/9");
  await bench.next.sawAtLeast(2);
  await bench.send("PUT", "/stock/7", "{}");
  bench.next.answerWith(answer);
  release();
  assert.deepEqual(counted(await bench.settled(2)), { divergent: 1, match: 1 });
});

test("a crossed read that both sides answer alike is a match: reads are all the evidence there is", async (t) => {
  const bench = await start(t);
  const { answer } = shop(bench);
  const held = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  bench.legacy.answerWith((seen, response) => {
    if (seen.method === "GET") return answer(seen, response);
    begun.resolve();
    void held.promise.then(() => answer(seen, response));
    return undefined;
  });
  const write = bench.send("PUT", "/stock/7", "{}");
  await begun.promise;
  await bench.send("GET", "/stock/7");
  assert.deepEqual(counted(await bench.settled(1)), { match: 1 });
  held.resolve();
  assert.equal(await write, 200);
});

test("a write whose primary broke off may come to the database later: until then it crosses reads of its key", async (t) => {
  const bench = await start(t);
  const { answer } = shop(bench);
  bench.legacy.answerWith((seen, response) => {
    if (seen.method === "GET") answer(seen, response);
    else response.destroy();
  });
  assert.equal(await bench.send("PUT", "/stock/7", "{}"), 502);
  bench.next.answerWith((seen, response) => answer({ ...seen, target: "/stock/none" }, response));
  await bench.send("GET", "/stock/7");
  assert.deepEqual(counted(await bench.settled(1)), { [CROSSED]: 1 });
});

test("by way of worker processes a crossed read is told apart too, whatever tells the write's key", async (t) => {
  const bench = await start(t, { config: "workers: 2\n" });
  const found = await readAcross(bench, ["/stock/7", "/stock/8"], async () => {
    await bench.send("PUT", "/stock/7", "{}");
    await bench.send("POST", "/stock", "{}");
  });
  assert.deepEqual(found, { [CROSSED]: 2 });
});

test("another member's write crosses a read of its key", async (t) => {
  const redis = await redisServer(t);
  const one = await start(t, { redis: redis.url });
  const other = await start(t, { redis: redis.url, folder: join(one.folder, "other"), services: one });
  const found = await readAcross(one, ["/stock/7", "/stock/8"], async () => {
    await other.send("PUT", "/stock/7", "{}");
    await other.send("POST", "/stock", "{}");
  });
  assert.deepEqual(found, { [CROSSED]: 2 });
});
