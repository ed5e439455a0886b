/** The gate over several members on one Redis, so coarse that it opens within seconds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GateAnswer } from "../../proxy/moves/gate-evidence.ts";
import { startSite, type TestMember } from "../support/member.ts";
import { until } from "../support/until.ts";
import { json } from "../support/service.ts";

const routes = (as = "exact"): string => `
routes:
  - name: users
    match: { path: "/users/:id", methods: [PUT] }
    compare: { status: ${as} }
    gate: { divergenceBelow: 50%, confidence: 50%, span: 1s, latencyRatioBelow: 100 }
  - { name: rest, match: { path: "/**" } }
`;

const ask = async (member: TestMember): Promise<GateAnswer> =>
  await member.get<GateAnswer>("/api/v1/routes/users/gate");
/**
 * But for repair list and gaps: on a loaded machine a write's turn among the members, or its intent, is not always known within
 * 5 ms, and then its key is verified by state, or the write is in a gap. Both conditions have tests of their own.
 */
const EXCUSED: ReadonlySet<string> = new Set(["repairs", "gaps"]);
const missing = ({ conditions }: GateAnswer): readonly string[] =>
  conditions.filter(({ name, state }) => state === "missing" && !EXCUSED.has(name)).map(({ name }) => name);
const isOpen = (answer: GateAnswer): boolean => missing(answer).length === 0;
const ofMembers = ({ conditions }: GateAnswer): string => conditions.find(({ name }) => name === "members")?.text ?? "";

/** Writes by way of these until the gate, asked at each of them, says what is waited for. */
async function writeUntil(
  by: readonly TestMember[],
  asked: readonly TestMember[],
  holds: (answer: GateAnswer) => boolean,
): Promise<void> {
  let id = 0;
  await until(async () => {
    for (const member of by) for (let i = 0; i < 4; i++) await member.write(`/users/${++id}`);
    return (await Promise.all(asked.map(ask))).every(holds);
  });
}

test("the gate opens on what members saw, the same at each; what one alone sees against shuts it at all", async (t) => {
  let isWrong = false;
  const site = await startSite(t, {
    legacy: json(200, { total: 1 }),
    next: (seen, response) => json(200, { total: isWrong ? 2 : 1 })(seen, response),
  });
  const [one, two] = [await site.start("one", { routes: routes() }), await site.start("two", { routes: routes() })];
  assert.equal(isOpen(await ask(one)), false);
  await writeUntil([one, two], [one, two], isOpen);
  const [atOne, atTwo] = [await ask(one), await ask(two)];
  assert.deepEqual([missing(atOne), missing(atTwo)], [[], []]);
  assert.match(ofMembers(atOne), /^of 2 members one has to have seen enough, and none too much$/);

  isWrong = true;
  await writeUntil([two], [one, two], (answer) => missing(answer).includes("evidence"));
  assert.match((await ask(one)).sentence, /divergent/);
});

test("what a member counted is not overwritten by others, and stays when it has left", async (t) => {
  const site = await startSite(t, { legacy: json(200, { total: 1 }), next: json(200, { total: 1 }) });
  const [one, two] = [await site.start("one", { routes: routes() }), await site.start("two", { routes: routes() })];
  await writeUntil([one], [two], isOpen);
  await two.write("/users/1");
  await one.stop();
  // Shut until the copy of what was just written has settled; without what the first one counted it would stay so.
  await until(async () => isOpen(await ask(two)));
  assert.equal((await ask(two)).strata[0]?.divergent, 0);
  const three = await site.start("three", { routes: routes() });
  await until(async () => isOpen(await ask(three)));
});

test("members under other rules shut the gate and say so", async (t) => {
  const site = await startSite(t, { legacy: json(200, { total: 1 }), next: json(200, { total: 1 }) });
  const one = await site.start("one", { routes: routes() });
  await writeUntil([one], [one], isOpen);
  await site.start("two", { routes: routes("class") });
  const answer = await ask(one);
  assert.deepEqual(missing(answer), ["members"]);
  assert.match(ofMembers(answer), /different settings/);
});
