/** Killed at any point of a move, a proxy comes back fully before it or fully behind it (docs/cutover.md). */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { request } from "undici";
import { heldAnswer, type Journaled, startJournaled } from "../support/journaled.ts";
import { json } from "../support/service.ts";
import { until } from "../support/until.ts";

async function advance(it: Journaled): Promise<{ readonly statusCode: number } | null> {
  const answer = await request(`${it.running().adminUrl}/api/v1/routes/default/phase`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ step: "advance", force: true, reason: "a test has no seven days" }),
  }).catch(() => null);
  await answer?.body.dump().catch(() => undefined);
  return answer;
}

interface RouteJson {
  readonly phase: string;
  readonly heldWrites: number | null;
}
const route = (it: Journaled): Promise<RouteJson> => it.api<RouteJson>("/api/v1/routes/default");

const CONFIG = { config: 'routes: [{ name: default, match: { path: "/**" } }]' };

async function start(t: Parameters<typeof startJournaled>[0]): Promise<Journaled> {
  const it = await startJournaled(t, CONFIG);
  it.legacy.answerWith(json(200, { from: "legacy" }));
  it.next.answerWith(json(200, { from: "next" }));
  return it;
}

test("killed while writes are held back: the old primary, and what was held was sent nowhere", async (t) => {
  const it = await start(t);
  const held = heldAnswer();
  it.legacy.answerWith(held.answer);
  const first = it.send("PUT", "/users/1", `{"n":1}`).catch(() => 0);
  await until(() => it.legacy.seen.length === 1);
  const moving = advance(it);
  await until(async () => (await route(it)).heldWrites === 0);
  const second = it.send("PUT", "/users/2", `{"n":2}`).catch(() => 0);
  await until(async () => (await route(it)).heldWrites === 1);
  await it.kill();
  assert.deepEqual([await first, await second, await moving], [0, 0, null]);
  held.release();
  await it.start(CONFIG);
  assert.equal((await route(it)).phase, "dual-write");
  assert.deepEqual(
    it.legacy.seen.map(({ target }) => target),
    ["/users/1"],
  );
  assert.equal(it.next.seen.filter(({ target }) => target === "/users/2").length, 0);
});

test("killed as soon as the move is answered: the new primary, whatever the file says", async (t) => {
  const it = await start(t);
  assert.equal(await it.send("PUT", "/users/1", `{"n":1}`), 200);
  assert.equal((await advance(it))?.statusCode, 200);
  await it.kill();
  await it.start(CONFIG);
  assert.equal((await route(it)).phase, "next-primary");
  const before = it.next.seen.length;
  assert.equal(await it.send("PUT", "/users/1", `{"n":2}`), 200);
  const [seen] = it.next.seen.slice(before);
  assert.equal(seen?.header("x-crossfade-shadow"), null);
});

test("killed at some moment of a move, again and again: fully before it or fully behind it, and every write is on one side or the other", async (t) => {
  const it = await start(t);
  let [old, now] = [0, 0];
  for (let round = 0; round < 7; round++) {
    const { phase } = await route(it);
    const step = phase === "dual-write" ? "advance" : "rollback";
    assert.equal(await it.send("PUT", "/users/1", JSON.stringify({ n: round })), 200);
    const moving = request(`${it.running().adminUrl}/api/v1/routes/default/phase`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ step, force: true, reason: "a test has no seven days" }),
    })
      .then(async ({ statusCode, body }) => {
        await body.dump();
        return statusCode;
      })
      .catch(() => 0);
    await new Promise((resolve) => setTimeout(resolve, round * 15));
    await it.kill();
    const answered = await moving;
    await it.start(CONFIG);
    const after = (await route(it)).phase;
    assert.ok(after === "dual-write" || after === "next-primary");
    if (answered === 200) assert.notEqual(after, phase);
    if (after === phase) old++;
    else now++;
    const [legacy, next] = [it.legacy.seen.length, it.next.seen.length];
    assert.equal(await it.send("PUT", "/users/1", JSON.stringify({ n: round })), 200);
    const mine = after === "dual-write" ? it.legacy.seen.slice(legacy) : it.next.seen.slice(next);
    assert.ok(mine.some((seen) => seen.header("x-crossfade-shadow") === null));
  }
  t.diagnostic(`${old} times before, ${now} times behind`);
});

test("a store that is lost is told again which service is the source of truth", async (t) => {
  const it = await start(t);
  assert.equal(await it.send("PUT", "/users/1", `{"n":1}`), 200);
  assert.equal((await advance(it))?.statusCode, 200);
  await it.stop();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(it.folder, `crossfade.db${suffix}`), { force: true });
  await it.start(CONFIG);
  assert.equal((await route(it)).phase, "next-primary");
  const { warnings } = await it.api<{ warnings: readonly string[] }>("/api/v1/status");
  assert.ok(
    warnings.some((line) =>
      /the store has lost the phases of default \(next-primary\); they are taken from/.test(line),
    ),
  );
  // What it was told it keeps, and the next move is made from there.
  await it.stop();
  rmSync(join(it.folder, "crossfade.db.phases"));
  await it.start(CONFIG);
  assert.equal((await route(it)).phase, "next-primary");
});
