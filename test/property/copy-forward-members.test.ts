/**
 * Rows that legacy has and next, the primary, has not, over three members that share a real Redis: clients write and read them through
 * any member while they are brought over. next knows no conditions: what is sent there takes the place of what is there.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { request } from "undici";
import { startSite, type TestMember } from "../support/member.ts";
import { seeded } from "../support/seeded.ts";
import { type Stateful, stateful } from "../support/stateful.ts";
import { until } from "../support/until.ts";

const ROUTES = `
routes:
  - { name: users, match: { path: "/users/**" }, phase: dual-write, reads: { fallback: true }, repair: { rate: 1000/s } }
`;
const KEYS = 160;
const AT_ONCE = 12;
const SEED = Number(process.env["CROSSFADE_TEST_SEED"] ?? Math.floor(Math.random() * 0x3fffffff));

test("whatever clients write through any member while rows are brought over, what they wrote last is what next has", async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const { next: random } = seeded(SEED);
  const rows = Object.fromEntries(Array.from({ length: KEYS }, (_, n) => [n, { id: n, n: "legacy's" }]));
  const [old, fresh] = [stateful({ warm: { n: 0 }, ...rows }), stateful()];
  // Every request takes a while of its own before it is done, and what is brought over longer, so that what is sent meanwhile comes in between.
  const slowly =
    ({ answer }: Stateful): Stateful["answer"] =>
    (seen, response) => {
      const ms = random() * 30 + (seen.header("if-none-match") === null ? 0 : 150 * random());
      setTimeout(() => answer(seen, response), ms);
    };
  const site = await startSite(t, { legacy: slowly(old), next: slowly(fresh) });
  const members: TestMember[] = [];
  for (const name of ["one", "two", "three"]) members.push(await site.start(name, { routes: ROUTES }));
  const [first] = members as [TestMember];
  const moved = await first.post("/api/v1/routes/users/phase", { step: "advance", force: true, reason: "a test" });
  assert.equal(moved.status, 200, JSON.stringify(moved.body));
  const send = async (member: TestMember, method: "GET" | "PUT" | "DELETE", key: number | string, text?: string) => {
    const { statusCode, body } = await request(`${member.crossfade.proxyUrl}/users/${key}`, {
      ...{ method, body: text ?? null },
      ...(text === undefined ? {} : { headers: { "content-type": "application/json" } }),
    });
    await body.dump();
    return statusCode;
  };
  for (const member of members) await until(async () => (await send(member, "GET", "warm")) === 200);
  const any = (): TestMember => members[Math.floor(random() * members.length)] as TestMember;

  /** By key: what its one client was told last; undefined: it wrote nothing that was taken. */
  const told = new Map<number, string | null>();
  const refused = { writes: 0 };
  const client = async (key: number): Promise<void> => {
    for (let n = Math.floor(random() * 4); n >= 0; n--) {
      await Promise.all([send(any(), "GET", key), random() < 0.5 ? send(any(), "GET", key) : null]);
      await sleep(random() * 250);
      if (random() < 0.4) continue;
      const text = JSON.stringify({ id: key, n });
      const status = await (random() < 0.6 ? send(any(), "PUT", key, text) : send(any(), "DELETE", key));
      if (status === 200) told.set(key, text);
      else if (status === 204) told.set(key, null);
      else if (status === 503) refused.writes++;
    }
  };
  const keys = Array.from({ length: KEYS }, (_, n) => n);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let key = keys.shift(); key !== undefined; key = keys.shift()) await client(key);
    }),
  );
  // What was begun for the last of them ends.
  const copies = async (): Promise<Readonly<Record<string, number>>> => {
    const sums: Record<string, number> = {};
    for (const member of members) {
      const { routes } = await member.status();
      const counts: Readonly<Record<string, number>> = routes[0]?.fallbackReads.copies ?? {};
      for (const [result, count] of Object.entries(counts)) sums[result] = (sums[result] ?? 0) + count;
    }
    return sums;
  };
  let [before, now] = ["", JSON.stringify(await copies())];
  while (before !== now) {
    before = now;
    await sleep(2_500);
    now = JSON.stringify(await copies());
  }
  t.diagnostic(`${now}, writes refused ${refused.writes}, keys written ${told.size}`);
  const wrong = [...told].filter(([key, text]) => (fresh.users.get(String(key)) ?? null) !== text);
  assert.deepEqual(wrong, []);
  assert.ok(((await copies())["copied"] ?? 0) > KEYS / 8, now);
});
