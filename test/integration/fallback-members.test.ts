/** What next, as the primary, has not, over members that share one Redis. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "undici";
import { startSite } from "../support/member.ts";
import { stateful } from "../support/stateful.ts";
import { until } from "../support/until.ts";

test("what was deleted through one member is not brought back through another; what was not is brought over", async (t) => {
  const [old, fresh] = [stateful({ warm: { n: 0 }, 7: { id: 7 }, 8: { id: 8 } }), stateful({ 7: { id: 7 } })];
  const site = await startSite(t, { legacy: old.answer, next: fresh.answer });
  const routes = `
routes:
  - { name: users, match: { path: "/users/**" }, phase: dual-write, reads: { fallback: true } }
`;
  const [one, other] = [await site.start("one", { routes }), await site.start("other", { routes })];
  const moved = await one.post("/api/v1/routes/users/phase", { step: "advance", force: true, reason: "a test" });
  assert.equal(moved.status, 200, JSON.stringify(moved.body));
  const send = async (member: typeof one, method: "GET" | "DELETE", id: string) => {
    const { statusCode, body } = await request(`${member.crossfade.proxyUrl}/users/${id}`, { method });
    await body.dump();
    return statusCode;
  };
  for (const member of [one, other]) await until(async () => (await send(member, "GET", "warm")) === 200);

  const held: (() => void)[] = [];
  old.before = (seen, response) => {
    if (seen.method !== "DELETE") return false;
    held.push(() => {
      old.before = () => false;
      old.answer(seen, response);
    });
    return true;
  };
  assert.equal(await send(one, "DELETE", "7"), 204);
  await until(() => held.length === 1);
  for (const member of [one, other]) assert.equal(await send(member, "GET", "7"), 404);
  assert.equal(old.users.has("7"), true, "legacy has it still");
  // Other keys go on, at both.
  for (const member of [one, other]) await until(async () => (await send(member, "GET", "8")) === 200);
  held[0]?.();
  await until(() => !old.users.has("7"));
  for (const member of [one, other]) assert.equal(await send(member, "GET", "7"), 404);
  await until(() => fresh.users.has("8") && fresh.users.has("warm"));
  const written = site.next.seen.filter(({ method }) => method === "PUT" || method === "POST");
  assert.deepEqual(new Set(written.map(({ target }) => target)), new Set(["/users/8", "/users/warm"]));
});
