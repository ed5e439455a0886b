/** What is to be read back when the process is killed: the next one does it, or leaves its key to be repaired. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Journaled, startJournaled } from "../support/journaled.ts";
import { redisServer } from "../support/redis.ts";
import { json } from "../support/service.ts";
import { type Stateful, stateful } from "../support/stateful.ts";
import { until } from "../support/until.ts";

const config = (share: string): string => `
routes:
  - { name: users, match: { path: "/users/**" }, phase: dual-write, verify: { share: ${share} }, repair: { rate: 1000/s } }
`;

const count = async (it: Journaled, result: string): Promise<number> =>
  (await it.status()).routes[0]?.readBacks[result] ?? 0;
const reads = ({ seen }: Journaled["next"]): string[] =>
  seen.filter(({ method }) => method === "GET").map(({ target }) => target);

/** GETs of next's are taken and not answered. */
function hangReads(fresh: Stateful): void {
  fresh.before = ({ method }) => method === "GET";
}

for (const store of ["sqlite", "redis"] as const) {
  test(`${store}: what is being read back, and what waits for it, is read back by the process after a kill`, async (t) => {
    const redis = store === "redis" ? await redisServer(t, { args: ["--appendonly", "yes"] }) : null;
    const it = await startJournaled(t, { config: config("100%"), ...(redis === null ? {} : { redis: redis.url }) });
    const [old, fresh] = [stateful(), stateful()];
    it.legacy.answerWith(old.answer);
    it.next.answerWith(fresh.answer);
    hangReads(fresh);
    for (let n = 0; n < 8; n++) await it.send("PUT", `/users/${n}`, JSON.stringify({ id: n }));
    const { outcomes } = await it.settled(8);
    await until(() => reads(it.next).length >= 4);
    await it.recorded();
    await it.kill();

    it.next.seen.length = 0;
    // What only a read shows: it was answered alike.
    fresh.users.set("3", '{"id":3,"n":"other"}');
    fresh.before = () => false;
    await it.start({ config: config("0%") });
    await until(async () => (await count(it, "equal")) === 7 && (await count(it, "differs")) === 1);
    assert.deepEqual(new Set(reads(it.next)), new Set([0, 1, 2, 3, 4, 5, 6, 7].map((n) => `/users/${n}`)));
    const { items } = await it.api<{ items: { key: string; readBack?: { of: string; ageMs: number } }[] }>(
      "/api/v1/divergences",
    );
    assert.deepEqual(
      items.map(({ key }) => key),
      ["users/3"],
    );
    assert.ok((items[0]?.readBack?.ageMs ?? 0) > 1_000);
    await until(async () => (await it.repairs()).some(([key, reason]) => key === "users/3" && reason === "read-back"));
    assert.deepEqual((await it.settled(8)).outcomes, outcomes, "the writes' outcomes stay");

    // It is over: a third process reads nothing, and still knows what differs.
    await it.recorded();
    await it.kill();
    it.next.seen.length = 0;
    await it.start({ config: config("0%") });
    await it.send("PUT", "/users/9", '{"id":9}');
    await it.settled(9);
    assert.deepEqual(reads(it.next), []);
    assert.ok((await it.repairs()).some(([key, reason]) => key === "users/3" && reason === "read-back"));
  });
}

test("a write that was answered 202 is looked at until the service can do no more, over a kill", async (t) => {
  const it = await startJournaled(t, {
    config: config("0%"),
    next: "effects: suppressed\nasShadow: { maxWork: 8s }",
  });
  const [old, fresh] = [stateful(), stateful()];
  it.legacy.answerWith(old.answer);
  it.next.answerWith(fresh.answer);
  fresh.before = (seen, response) => {
    if (seen.method === "PUT") json(202, seen.body.toString())(seen, response);
    return true;
  };
  await it.send("PUT", "/users/1", '{"id":1}');
  await it.send("PUT", "/users/2", '{"id":2}');
  await it.settled(2);
  await until(() => new Set(reads(it.next)).size === 2);
  await it.recorded();
  await it.kill();
  fresh.before = () => false;
  fresh.users.set("1", '{"id":1}');
  await it.start({ config: config("0%") });
  await until(async () => (await count(it, "equal")) === 1 && (await count(it, "differs")) === 1);
  await until(async () => (await it.repairs()).some(([key, reason]) => key === "users/2" && reason === "read-back"));
});

test("what was chosen to be read back when the process was asked to end is left to the next one", async (t) => {
  const it = await startJournaled(t, { config: config("100%") });
  const [old, fresh] = [stateful(), stateful()];
  it.legacy.answerWith(old.answer);
  it.next.answerWith(fresh.answer);
  hangReads(fresh);
  for (let n = 0; n < 6; n++) await it.send("PUT", `/users/${n}`, JSON.stringify({ id: n }));
  await it.settled(6);
  await it.stop();
  fresh.before = () => false;
  it.next.seen.length = 0;
  await it.start({ config: config("0%") });
  await until(async () => (await count(it, "equal")) === 6);
  assert.deepEqual(await it.repairs(), []);
});
