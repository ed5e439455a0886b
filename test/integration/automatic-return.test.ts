/** The way back by itself, over members (docs/cutover.md, "By itself"): each of them judges, and together they go back once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { request } from "undici";
import { startSite, type TestMember } from "../support/member.ts";
import { json } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = `routes:
  - { name: users, match: { path: "/users/**" }, group: shop, gate: { automaticReturn: true } }
  - { name: orders, match: { path: "/orders/**" }, group: shop, gate: { automaticReturn: true } }
  - { name: carts, match: { path: "/carts/**" } }`;
const BLOCK_MS = 200;
const FORCED = { force: true, reason: "a test has no seven days" };

async function put(member: TestMember, path: string): Promise<number> {
  const headers = { "content-type": "application/json" };
  const answer = await request(member.crossfade.proxyUrl + path, { method: "PUT", body: "{}", headers });
  await answer.body.dump();
  return answer.statusCode;
}

const phaseOf = async (member: TestMember, route: string): Promise<string> =>
  (await member.get<{ phase: string }>(`/api/v1/routes/${route}`)).phase;

test("all members see a next that fails, and two routes that move together go back one phase, beside moves of another one", async (t) => {
  const site = await startSite(t, { legacy: json(200, {}), next: json(200, {}) });
  const members: TestMember[] = [];
  for (const name of ["one", "two", "three"])
    members.push(await site.start(name, { routes: ROUTES, failingBlockMs: BLOCK_MS }));
  const [one, two] = members as [TestMember, TestMember, TestMember];
  const over = await one.post("/api/v1/routes/users/phase", { step: "advance", ...FORCED });
  assert.equal(over.body.end, "moved", JSON.stringify(over.body));
  const everywhere = async (phase: string): Promise<boolean> => {
    const said = await Promise.all(
      members.flatMap((member) => ["users", "orders"].map((route) => phaseOf(member, route))),
    );
    return said.every((one) => one === phase);
  };
  await until(() => everywhere("next-primary"));

  site.next.answerWith(json(503, { no: true }));
  let isOver = false;
  let id = 0;
  const writing = members.map(async (member) => {
    while (!isOver) await Promise.all(["users", "orders"].map((route) => put(member, `/${route}/${++id}`)));
  });
  // One move at a time: what finds another one under way is tried again.
  let others = 0;
  const moving = (async () => {
    for (let n = 0; !isOver; n++) {
      const step = n % 2 === 0 ? "rollback" : "advance";
      const { body } = await two.post("/api/v1/routes/carts/phase", { step, ...FORCED });
      if (body["end"] === "moved") others++;
      await wait(20);
    }
  })();
  await until(() => everywhere("dual-write"));
  // What it was judged by is of before: nothing goes on to legacy-only.
  await wait(5 * BLOCK_MS);
  isOver = true;
  await Promise.all([...writing, moving]);
  assert.ok(await everywhere("dual-write"));
  assert.ok(others > 0);
  for (const member of members) assert.equal(await put(member, "/users/1"), 200);
  const { items } = await one.get<{ items: { by: string; what: string; reason: string }[] }>(
    "/api/v1/audit?limit=1000",
  );
  const back = items.filter(({ by, what }) => by === "gate" && !what.includes("given up"));
  assert.deepEqual(
    back.map(({ what }) => what),
    ["phase next-primary → dual-write"],
  );
  assert.match(back[0]?.reason ?? "", /^automatic return: \d+ of \d+ distinct keys \(.* %\) answered with 5xx/);
});
