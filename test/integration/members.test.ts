import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { test } from "node:test";
import type { AuditEntry } from "../../proxy/evidence/audit.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import type { MemberView } from "../../proxy/admin/member-view.ts";
import { startBench } from "../support/crossfade.ts";
import { startSite, type TestMember } from "../support/member.ts";
import { runCli, startCli } from "../support/cli.ts";
import { until } from "../support/until.ts";

const statesOf = (members: readonly MemberView[]): Record<string, string> =>
  Object.fromEntries(members.map(({ name, state }) => [name ?? "", state]));

async function auditOf(member: TestMember): Promise<readonly AuditEntry[]> {
  return (await member.get<{ items: AuditEntry[] }>("/api/v1/audit")).items;
}

test("each process is listed with what it runs, at every member alike; a clean stop leaves", async (t) => {
  const site = await startSite(t);
  const [one, two] = [await site.start("one"), await site.start("two")];
  const [ofOne, ofTwo] = [await one.members(), await two.members()];
  assert.deepEqual(statesOf(ofOne), { one: "serving", two: "serving" });
  assert.deepEqual(statesOf(ofTwo), statesOf(ofOne));
  assert.deepEqual(
    ofOne.map(({ name, self }) => [name, self]),
    [
      ["one", true],
      ["two", false],
    ],
  );
  const [first] = ofOne as [MemberView];
  assert.match(first.id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.equal(first.pid, process.pid);
  assert.match(first.settings.digest, /^[0-9a-f]{8}$/);
  assert.deepEqual(new Set([...ofOne, ...ofTwo].map(({ settings }) => settings.digest)).size, 1);
  await two.write("/users/1");
  await until(async () =>
    (await two.status()).routes.every(({ pending, eligible }) => pending === 0 && eligible === 1),
  );
  await two.stop();
  assert.deepEqual(statesOf(await one.members()), { one: "serving", two: "left" });
  assert.doesNotMatch((await one.status()).warnings.join("\n"), /silent/);
});

test("an identity outlives its process, and a copy of it is refused while it is alive", async (t) => {
  const site = await startSite(t);
  const one = await site.start("one");
  const idOf = async (member: TestMember) => (await member.members()).find(({ self }) => self)?.id;
  const id = await idOf(one);
  cpSync(one.folder, site.folder("copy"), { recursive: true });
  await assert.rejects(site.start("copy"), (thrown) => {
    assert.ok(thrown instanceof CrossfadeError);
    assert.equal(thrown.code, "store-locked");
    assert.match(thrown.message, new RegExp(`member ${id} is running already .*folder of its own`));
    return true;
  });
  assert.deepEqual(statesOf(await one.members()), { one: "serving" });
  await one.stop();
  const again = await site.start("one");
  assert.equal(await idOf(again), id);
  assert.deepEqual(statesOf(await again.members()), { one: "serving" });
});

test("the kill switch acts at every member within a second, at one that starts later, and so does its end", async (t) => {
  const site = await startSite(t);
  const [one, two] = [await site.start("one"), await site.start("two")];
  const isOff = async (member: TestMember) => (await member.get<{ mirroring: boolean }>("/api/v1/status")).mirroring;
  const begun = performance.now();
  await one.post("/api/v1/mirror", { enabled: false, reason: "next is on fire" });
  await until(async () => !(await isOff(two)));
  assert.ok(performance.now() - begun < 1_000, `${performance.now() - begun} ms`);
  await two.write("/users/1");
  const three = await site.start("three");
  await three.write("/users/2");
  for (const member of [two, three]) {
    const { killSwitch, routes } = await member.status();
    assert.equal(killSwitch?.reason, "next is on fire");
    assert.equal(routes[0]?.eligible, 0);
  }
  await two.post("/api/v1/mirror", { enabled: true });
  await until(async () => (await isOff(one)) && (await isOff(three)));
  await one.write("/users/3");
  await until(() => site.next.seen.length === 1);
  assert.deepEqual(
    (await auditOf(one)).map(({ what }) => what),
    ["mirror on", "mirror off"],
  );
});

test("while Redis is away a change acts where it was made, and everywhere once it is back", async (t) => {
  const site = await startSite(t);
  const [one, two] = [await site.start("one"), await site.start("two")];
  site.redis.signal("SIGSTOP");
  const changed = one.post("/api/v1/mirror", { enabled: false, reason: "away" });
  await until(async () => !(await one.get<{ mirroring: boolean }>("/api/v1/status")).mirroring);
  assert.equal((await two.get<{ mirroring: boolean }>("/api/v1/status")).mirroring, true);
  site.redis.signal("SIGCONT");
  await changed;
  await until(async () => !(await two.get<{ mirroring: boolean }>("/api/v1/status")).mirroring);
  assert.equal((await one.get<{ mirroring: boolean }>("/api/v1/status")).mirroring, false);
});

test("what Redis has lost of overrides it is told again: the kill switch is not undone by a failover", async (t) => {
  const site = await startSite(t);
  const [one, two] = [await site.start("one"), await site.start("two")];
  await one.post("/api/v1/mirror", { enabled: false, reason: "on fire" });
  await until(async () => !(await two.get<{ mirroring: boolean }>("/api/v1/status")).mirroring);
  await site.redis.admin.flushall();
  await until(async () => (await site.redis.admin.hlen("crossfade:{0}:overrides")) === 1);
  for (const member of [one, two]) {
    assert.equal((await member.get<{ mirroring: boolean }>("/api/v1/status")).mirroring, false);
  }
  // Their registrations were lost too.
  await until(async () => Object.keys(statesOf(await one.members())).length === 2);
  assert.match((await one.status()).warnings.join("\n"), /Redis lost its registration/);
});

test("one that was killed is silent and nothing else, until it comes back or is forgotten, which is audited", async (t) => {
  const site = await startSite(t);
  const one = await site.start("one");
  const { child, ended } = await startCli(t, ["--config", site.configFile("killed")]);
  const seen = await one.members();
  assert.deepEqual(statesOf(seen), { one: "serving", killed: "serving" });
  const [mine, other] = [seen.find(({ self }) => self), seen.find(({ self }) => !self)] as [MemberView, MemberView];
  assert.equal(other.pid, child.pid);
  const early = await one.post(`/api/v1/members/${other.id}/forget`, { reason: "too early" });
  assert.deepEqual([early.status, (await one.members()).length], [409, 2]);
  child.kill("SIGKILL");
  await ended;
  await until(async () => statesOf(await one.members())["killed"] === "silent");
  const warning = (await one.status()).warnings.find((line) => line.includes("silent"));
  assert.match(String(warning), new RegExp(`killed \\(.*\\) is silent since 2.*instances forget ${other.id} --reason`));

  const again = await site.start("killed");
  assert.deepEqual(
    (await one.members()).map(({ id, state }) => [id, state]),
    [mine, other].map(({ id }) => [id, "serving"]).sort(),
  );
  await again.stop();
  const forget = async (id: string) =>
    await runCli(["instances", "forget", id, "--reason", "its machine is gone", "--admin", one.crossfade.adminUrl]);
  assert.equal((await forget(mine.id)).code, 1);
  assert.equal((await forget("01JNOBODY")).code, 1);
  assert.equal((await forget(other.id)).code, 0);
  assert.deepEqual(statesOf(await one.members()), { one: "serving" });
  const [entry] = await auditOf(one);
  assert.deepEqual([entry?.action, entry?.subject, entry?.reason], ["forget", other.id, "its machine is gone"]);
});

test("a member that was forgotten while it was away registers again and says so", async (t) => {
  const site = await startSite(t);
  const [one, two] = [await site.start("one"), await site.start("two")];
  const other = (await one.members()).find(({ self }) => !self) as MemberView;
  for (const name of ["members", "members:life", "members:heard"]) {
    await site.redis.admin.hdel(`crossfade:{0}:${name}`, other.id);
  }
  await until(async () => (await one.members()).length === 2);
  assert.match((await two.status()).warnings.join("\n"), /forgotten by an operator.*registered again/);
});

test("members that run different settings are told apart, a name or a folder of one's own aside", async (t) => {
  const site = await startSite(t);
  const one = await site.start("one");
  await site.start("two");
  await until(async () => (await one.status()).members.length === 2);
  assert.doesNotMatch((await one.status()).warnings.join("\n"), /different settings/);
  await site.start("odd", { routes: "routes: [{ name: users, match: { path: /users/** } }]" });
  await until(async () => (await one.status()).members.length === 3);
  assert.match((await one.status()).warnings.join("\n"), /different settings: \w{8} by one .*, two .*; \w{8} by odd/);
});

test("where nobody shares the store, the one process is the one member", async (t) => {
  const bench = await startBench(t, { store: "sqlite" });
  const { items } = await bench.api<{ items: MemberView[] }>("/api/v1/members");
  assert.deepEqual(
    items.map(({ self, state, pid }) => [self, state, pid]),
    [[true, "serving", process.pid]],
  );
});
