/** Moves of a route by several members of one Redis: asked of one, made by all (docs/cutover.md, "Several members"). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "undici";
import type { MoveReport } from "../../proxy/moves/phase-move.ts";
import { openStoreAt } from "../support/redis-store.ts";
import { startSite, type TestMember } from "../support/member.ts";
import { json, type SeenRequest, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = `routes: [{ name: users, match: { path: "/users/**" } }]`;
const ANSWERS = { legacy: json(200, { from: "legacy" }), next: json(200, { from: "next" }) };
/** Legacy becomes a shadow. */
const EFFECTS = { routes: ROUTES };

async function move(member: TestMember, order: Record<string, unknown>) {
  const { status, body } = await member.post("/api/v1/routes/users/phase", {
    ...order,
    force: true,
    reason: "a test has no seven days",
  });
  const told = body as unknown as MoveReport & { readonly report?: MoveReport; readonly detail?: string };
  return { status, detail: told.detail ?? "", report: told.report ?? told };
}

async function write(member: TestMember, n: number): Promise<string> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ n });
  const answer = await request(`${member.crossfade.proxyUrl}/users/1`, { method: "PUT", body, headers });
  return ((await answer.body.json()) as { from: string }).from;
}

const phaseAt = async (member: TestMember) =>
  (await member.get<{ phase: string; wanted: string }>("/api/v1/routes/users")).phase;
const untilPhase = async (members: readonly TestMember[], phase: string): Promise<void> => {
  await until(async () => (await Promise.all(members.map(phaseAt))).every((one) => one === phase));
};
const isCopy = (seen: SeenRequest): boolean => seen.header("x-crossfade-shadow") !== null;
const copiesAt = (service: TestService) => service.seen.filter(isCopy);

test("asked of one member, all of them move, over the barrier and back; one that starts later is where they are", async (t) => {
  const site = await startSite(t, ANSWERS);
  const members = [
    await site.start("one", EFFECTS),
    await site.start("two", EFFECTS),
    await site.start("three", EFFECTS),
  ];
  const [one, two, three] = members as [TestMember, TestMember, TestMember];
  for (const [n, member] of members.entries()) assert.equal(await write(member, n), "legacy");
  await until(() => copiesAt(site.next).length === 3);
  const { report } = await move(two, { step: "advance" });
  assert.deepEqual([report.end, report.to, report.epoch], ["moved", "next-primary", 2]);
  assert.match(report.checks.find(({ name }) => name === "processes")?.text ?? "", /^3 members have all writes$/);
  await untilPhase(members, "next-primary");
  for (const [n, member] of members.entries()) assert.equal(await write(member, 10 + n), "next");
  await until(() => copiesAt(site.legacy).length === 3);
  assert.deepEqual(new Set(copiesAt(site.legacy).map((seen) => seen.header("x-crossfade-epoch"))), new Set(["2"]));

  const four = await site.start("four", EFFECTS);
  assert.equal(await write(four, 20), "next");
  assert.match(
    (await four.status()).warnings.join("\n"),
    /users is in phase next-primary, and the file says dual-write/,
  );
  await three.stop();
  const back = await move(four, { step: "rollback" });
  assert.deepEqual([back.report.end, back.report.to, back.report.epoch], ["moved", "dual-write", 3]);
  await untilPhase([one, two, four], "dual-write");
  const again = await site.start("three", EFFECTS);
  for (const member of [one, two, four, again]) assert.equal(await write(member, 30), "legacy");
  const { items } = await one.get<{ items: { action: string; what: string }[] }>("/api/v1/audit");
  assert.deepEqual(
    items.filter(({ action }) => action === "phase").map(({ what }) => what.split(",")[0]),
    ["phase next-primary → dual-write", "phase dual-write → next-primary"],
  );
});

test("a move that changes no source of truth is made by all too, and its gap ends when all of them mirror", async (t) => {
  const site = await startSite(t, ANSWERS);
  const [one, two] = [await site.start("one", EFFECTS), await site.start("two", EFFECTS)];
  await move(one, { step: "rollback" });
  await untilPhase([one, two], "legacy-only");
  await write(two, 1);
  const { report } = await move(two, { step: "advance" });
  assert.equal(report.end, "moved");
  await untilPhase([one, two], "dual-write");
  await write(one, 2);
  await until(() => copiesAt(site.next).length === 1);
  const { items } = await one.get<{ items: { from: string; to: string | null; why: string }[] }>("/api/v1/gaps");
  const [gap] = items.filter(({ why }) => /mirrored nothing/.test(why));
  assert.ok(gap !== undefined && gap.to !== null && gap.from < gap.to);
});

test("members that are silent or run other settings stand in the way, by name", async (t) => {
  const site = await startSite(t, ANSWERS);
  const one = await site.start("one", EFFECTS);
  const other = await site.start("other", { routes: ROUTES.replace("/users/**", "/users/*") });
  const apart = await move(one, { step: "advance" });
  assert.deepEqual([apart.status, apart.report.end], [409, "refused"]);
  assert.match(apart.detail, /member (one|other) \(.*\) runs other services and routes than (one|other) \(/);
  await other.stop();
  // One that registered, and was never heard again.
  const store = await openStoreAt(t, site.redis.url);
  await store.members.join({
    report: () => ({
      ...{ name: "gone", version: "0.1.0", host: "there", pid: 7, startedAt: 0, state: "serving", open: 0 },
      settings: { revision: 1, digest: "0" },
    }),
    overridesKept: () => undefined,
    phasesChanged: () => undefined,
  });
  const id = store.members.id;
  await store.close();
  await until(async () => (await one.members()).some(({ state }) => state === "silent"));
  const silent = await move(one, { step: "advance" });
  assert.deepEqual([silent.status, silent.report.end], [409, "refused"]);
  assert.match(silent.detail, new RegExp(`member gone \\(there, process 7\\) is silent.*instances forget ${id}`));
  await one.post(`/api/v1/members/${id}/forget`, { reason: "its machine is gone" });
  assert.equal((await move(one, { step: "advance" })).report.end, "moved");
});

test("a store that has lost the phases is told them again, by members that run and by one that starts", async (t) => {
  const site = await startSite(t, ANSWERS);
  const [one, two] = [await site.start("one", EFFECTS), await site.start("two", EFFECTS)];
  assert.equal((await move(one, { step: "advance" })).report.end, "moved");
  await untilPhase([one, two], "next-primary");
  await site.redis.admin.flushall();
  const three = await site.start("three", EFFECTS).catch((error: unknown) => String(error));
  await until(async () => (await site.redis.admin.hlen("crossfade:{0}:phases")) === 1);
  for (const member of [one, two]) assert.equal(await write(member, 1), "next");
  if (typeof three !== "string") await untilPhase([three], "next-primary");
  await one.stop();
  await two.stop();
  if (typeof three !== "string") await three.stop();
  await site.redis.admin.flushall();
  const again = await site.start("two", EFFECTS);
  assert.match(
    again.notes.join("\n"),
    /the store has lost the phases of users \(next-primary\); they are taken from .*two\/phases/,
  );
  assert.equal(await write(again, 2), "next");
});
