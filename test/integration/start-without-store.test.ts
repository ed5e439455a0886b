/** A member that starts while Redis is away: what is safe by its own copy of the phases is forwarded, the rest is refused in words. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Agent, request } from "undici";
import type { OpenedStore } from "../../adapters/store/open.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import { spawnCli } from "../support/child.ts";
import { startSite, type TestMember } from "../support/member.ts";
import { json, type SeenRequest } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = `routes:
  - { name: users, match: { path: "/users/**" } }
  - { name: rest, match: { path: "/**" } }`;

/** As after 10 s in which Redis could not be reached. */
function away(): Promise<OpenedStore> {
  const error = new CrossfadeError("store-unavailable", "store redis: nothing listens there", {
    source: "store",
    retryable: true,
  });
  const rejected = Promise.reject<OpenedStore>(error);
  rejected.catch(() => "whoever starts is told");
  return rejected;
}

/** On a connection of its own: by way of whichever worker has its turn. */
async function put(member: TestMember, path: string) {
  const dispatcher = new Agent();
  const headers = { "content-type": "application/json" };
  const answer = await request(member.crossfade.proxyUrl + path, { method: "PUT", body: "{}", headers, dispatcher });
  const text = await answer.body.text();
  await dispatcher.close();
  const { from } = answer.statusCode === 200 ? (JSON.parse(text) as { from: string }) : { from: null };
  return { status: answer.statusCode, from, text, retryAfter: answer.headers["retry-after"] };
}

const statusOf = async (member: TestMember, path: string): Promise<number> => {
  const { statusCode, body } = await request(member.crossfade.adminUrl + path);
  await body.dump();
  return statusCode;
};
const isCopy = (seen: SeenRequest): boolean => seen.header("x-crossfade-shadow") !== null;

test("a member that was killed serves by its own copy of the phases while Redis is away, and becomes whole when it is back", async (t) => {
  const site = await startSite(t, { legacy: json(200, { from: "legacy" }), next: json(200, { from: "next" }) });
  const one = await site.start("one", { routes: ROUTES });
  const options = { routes: ROUTES, folder: site.folder("two") };
  const child = spawnCli(["start", "--config", site.configFile("two", options)], { cwd: site.folder(".") });
  t.after(() => child.process.kill("SIGKILL"));
  await child.until("crossfade ready");
  const moved = await one.post("/api/v1/routes/users/phase", { step: "advance", force: true, reason: "a test" });
  assert.equal(moved.body.end, "moved", JSON.stringify(moved.body));
  const standing = join(options.folder, "standing");
  await until(() => readFileSync(join(options.folder, "phases"), "utf8").includes("next-primary"));
  await until(() => readFileSync(standing, "utf8") === '{"isRegistered":true,"inDoubt":[]}\n');
  child.process.kill("SIGKILL");
  await child.ended();
  await one.stop();
  await site.redis.admin.save();
  await site.redis.kill();

  const two = await site.start("two", { ...options, store: away() });
  const begunAt = Date.now();
  // Its file says dual-write.
  assert.deepEqual([(await put(two, "/users/1")).from, (await put(two, "/orders/1")).from], ["next", "legacy"]);
  assert.deepEqual(
    [await statusOf(two, "/healthz"), await statusOf(two, "/readyz"), await statusOf(two, "/api/v1/status")],
    [200, 200, 503],
  );
  assert.match(two.notes.join("\n"), /nothing listens there; requests are forwarded by this member's own copy/);
  assert.equal([...site.legacy.seen, ...site.next.seen].filter(isCopy).length, 0);

  await site.redis.start();
  // Writes that come while it is handed over wait, for 5 s at most: none goes astray.
  let isWhole = false;
  const answers: Awaited<ReturnType<typeof put>>[] = [];
  const writing = (async () => {
    while (!isWhole) answers.push(await put(two, "/users/1"));
  })();
  await until(async () => (await statusOf(two, "/api/v1/status").catch(() => 0)) === 200);
  isWhole = true;
  await writing;
  assert.deepEqual(
    new Set(answers.filter(({ status }) => status !== 503).map(({ from, text }) => from ?? text)),
    new Set(["next"]),
  );
  await put(two, "/users/2");
  await until(() => site.legacy.seen.filter(isCopy).some(({ target }) => target === "/users/2"));
  const { items } = await two.get<{ items: { route: string; from: string; to: string | null }[] }>("/api/v1/gaps");
  for (const route of ["users", "rest"]) {
    const gap = items.find((one) => one.route === route && Date.parse(one.from) <= begunAt);
    assert.ok(
      gap !== undefined && gap.to !== null && Date.parse(gap.to) >= begunAt,
      `${route}: ${JSON.stringify(items)}`,
    );
  }
  assert.match(
    (await two.status()).warnings.join("\n"),
    /the store was away at the start: from .* nothing was mirrored/,
  );
  assert.equal((await two.get<{ phase: string }>("/api/v1/routes/users")).phase, "next-primary");

  await two.stop();
  await site.redis.kill();
  // Others may have moved on since.
  await assert.rejects(
    site.start("two", { ...options, store: away() }),
    /nothing listens there; nothing is forwarded without it: this member has left/,
  );
  writeFileSync(standing, JSON.stringify({ isRegistered: true, inDoubt: ["users"] }));
  const doubting = await site.start("two", { ...options, store: away() });
  const refused = await put(doubting, "/users/1");
  assert.deepEqual([refused.status, refused.retryAfter, (await put(doubting, "/orders/1")).from], [503, "1", "legacy"]);
  assert.match(refused.text, /store-unavailable/);
  assert.match(doubting.notes.join("\n"), /users is answered 503 until the store is there: it was being moved/);
  await doubting.stop();
  // A first start has nothing to go by.
  await assert.rejects(site.start("three", { routes: ROUTES, store: away() }), /nothing listens there$/);
});

test("so does one with workers: they go on as they are when Redis is back, and what waits goes on under what the store says", async (t) => {
  const site = await startSite(t, { legacy: json(200, { from: "legacy" }), next: json(200, { from: "next" }) });
  const users = 'routes: [{ name: users, match: { path: "/users/**" } }]';
  const options = { routes: users, folder: site.folder("crew"), more: "workers: 2" };
  const child = spawnCli(["start", "--config", site.configFile("crew", options)], { cwd: site.folder(".") });
  t.after(() => child.process.kill("SIGKILL"));
  await child.until("crossfade ready");
  const [, adminUrl = ""] = /admin=(\S+)/.exec(child.stdout()) ?? [];
  const headers = { "content-type": "application/json" };
  const order = JSON.stringify({ step: "advance", force: true, reason: "a test" });
  const moved = await request(`${adminUrl}/api/v1/routes/users/phase`, { method: "POST", headers, body: order });
  assert.equal(moved.statusCode, 200, await moved.body.text());
  child.process.kill("SIGKILL");
  await child.ended();
  await site.redis.admin.save();
  await site.redis.kill();

  const crew = await site.start("crew", { ...options, store: away() });
  const begunAt = Date.now();
  for (let n = 0; n < 4; n++) assert.equal((await put(crew, `/users/${n}`)).from, "next");
  // No route takes it.
  assert.equal((await put(crew, "/orders/1")).from, "legacy");
  assert.deepEqual([await statusOf(crew, "/readyz"), await statusOf(crew, "/api/v1/status")], [200, 503]);
  assert.equal([...site.legacy.seen, ...site.next.seen].filter(isCopy).length, 0);

  await site.redis.start();
  let isWhole = false;
  const answers: Awaited<ReturnType<typeof put>>[] = [];
  const writing = [1, 2].map(async (n) => {
    while (!isWhole) answers.push(await put(crew, `/users/${n}`));
  });
  await until(async () => (await statusOf(crew, "/api/v1/status").catch(() => 0)) === 200);
  isWhole = true;
  await Promise.all(writing);
  assert.deepEqual(new Set(answers.filter(({ status }) => status !== 503).map(({ from }) => from)), new Set(["next"]));
  await put(crew, "/users/9");
  await until(() => site.legacy.seen.filter(isCopy).some(({ target }) => target === "/users/9"));
  const { items } = await crew.get<{ items: { from: string; to: string | null }[] }>("/api/v1/gaps");
  assert.ok(
    items.some(({ from, to }) => Date.parse(from) <= begunAt && to !== null && Date.parse(to) >= begunAt),
    JSON.stringify(items),
  );
  const { conditions } = await crew.get<{ conditions: { name: string; figure: number | null }[] }>(
    "/api/v1/routes/users/retire",
  );
  assert.equal(conditions.find(({ name }) => name === "unmatched")?.figure, 1);
  // A move holds the same workers' writes back from here on.
  const back = await crew.post("/api/v1/routes/users/phase", { step: "rollback", force: true, reason: "a test" });
  assert.equal(back.body.end, "moved", JSON.stringify(back.body));
  for (let n = 0; n < 4; n++) assert.equal((await put(crew, `/users/${n}`)).from, "legacy");

  await crew.stop();
  await site.redis.kill();
  writeFileSync(join(options.folder, "standing"), JSON.stringify({ isRegistered: true, inDoubt: ["users"] }));
  const doubting = await site.start("crew", { ...options, store: away() });
  for (let n = 0; n < 4; n++) {
    const refused = await put(doubting, "/users/1");
    assert.deepEqual([refused.status, refused.retryAfter], [503, "1"]);
    assert.match(refused.text, /store-unavailable/);
  }
  assert.equal((await put(doubting, "/orders/1")).from, "legacy");
  await doubting.stop();
});
