/** Two members over one Redis: each knows of its own copies alone which values are about to be taught. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Agent, request } from "undici";
import type { RepairRecord } from "../../proxy/evidence/evidence.ts";
import type { JobRecord } from "../../proxy/repair-job.ts";
import { countedFrom, createIdApi, type IdApi, wordIds } from "../support/id-api.ts";
import { startSite, type TestMember } from "../support/member.ts";
import { until } from "../support/until.ts";
import { json } from "../support/service.ts";
import { seeded } from "../support/seeded.ts";

/** `skip`: what one member does not know may be what another is about to learn. */
const ROUTES = `routes:
  - name: users
    match: { path: "/users/:id?" }
    repair: { rate: 10000/s }
    values:
      unmapped: skip
      learn: [{ at: "answer:/id", kind: user }, { at: "answer-header:location", kind: user }]
      apply: [{ at: "path:id", kind: user }, { at: "body:/managerId", kind: user }]
      find: { read: "GET /users", by: [{ at: "answer:/name", query: name }] }
`;

const CLIENTS = 32;
const WRITES_EACH = 6;
/** A primary's answer takes about 1 ms here. */
const SHADOW_MS = 50;

/** Who is whose manager, by name. */
function managers({ users }: IdApi): readonly (readonly [name: string, manager: string | null])[] {
  return [...users.values()].map(({ name, managerId }) => {
    return [name, managerId === null ? null : (users.get(String(managerId))?.name ?? "nobody")];
  });
}

async function repairAll(member: TestMember): Promise<void> {
  const { status, body } = await member.post("/api/v1/repairs/run", {});
  assert.equal(status, 200, JSON.stringify(body));
  await until(async () => (await member.get<JobRecord>(`/api/v1/jobs/${String(body["id"])}`)).state !== "running");
}

test("32 clients by way of two members, a shadow 50 times slower: no id is ever another's, and repairs bring what was left out", async (t) => {
  const old = createIdApi({ makeId: countedFrom(1), makeSecret: String });
  // Words, and numbers that legacy gives to others.
  const [word, number] = [wordIds("n"), countedFrom(3)];
  let made = 0;
  const fresh = createIdApi({ makeId: () => (++made % 2 === 0 ? word() : number()), makeSecret: String });
  const site = await startSite(t, {
    legacy: old.answer,
    next(seen, response) {
      const name = new URL(seen.target, "http://next").searchParams.get("name");
      const found =
        name === null
          ? null
          : json(
              200,
              [...fresh.users.values()].filter((user) => user.name === name),
            );
      setTimeout(() => (found ?? fresh.answer)(seen, response), SHADOW_MS);
    },
  });
  const members = [await site.start("one", { routes: ROUTES }), await site.start("two", { routes: ROUTES })];
  const dispatcher = new Agent();
  t.after(() => dispatcher.close());
  const chance = seeded(6);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(chance.next() * from.length)] as T;
  /** Of each name, all managers that legacy ever took for it. */
  const taken = new Map<string, Set<string | null>>();
  const people: { readonly id: number; readonly name: string }[] = [];

  async function send(method: "POST" | "PUT", path: string, body: unknown): Promise<{ readonly id: number }> {
    const { crossfade } = pick(members);
    const headers = { "content-type": "application/json" };
    const answer = await request(crossfade.proxyUrl + path, {
      dispatcher,
      method,
      headers,
      body: JSON.stringify(body),
    });
    const text = await answer.body.text();
    assert.ok(answer.statusCode < 300, text);
    return JSON.parse(text) as { id: number };
  }

  async function live(client: number): Promise<void> {
    for (let n = 0; n < WRITES_EACH; n++) {
      // The latest ones mostly: they are what is not at the shadow yet.
      const manager = people[people.length - Math.ceil(chance.next() ** 3 * people.length)] ?? null;
      const isCreate = people.length === 0 || chance.next() < 0.5;
      const name = isCreate ? `${client}.${n}` : pick(people).name;
      taken.set(name, (taken.get(name) ?? new Set()).add(manager?.name ?? null));
      if (isCreate) people.push({ ...(await send("POST", "/users", { name, managerId: manager?.id ?? null })), name });
      else {
        const { id } = people.find((one) => one.name === name) ?? { id: 0 };
        await send("PUT", `/users/${id}`, { managerId: manager?.id ?? null });
      }
    }
  }

  const isRight = (): void => {
    // One that was made without a manager who was not there yet has none for a while.
    const named = managers(fresh).filter(([, manager]) => manager !== null);
    const wrong = named.filter(([name, manager]) => taken.get(name)?.has(manager) !== true);
    assert.deepEqual(wrong, [], "somebody else's id");
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, client) => live(client)));
  const writes = CLIENTS * WRITES_EACH;
  await until(async () => {
    const { routes } = await (members[0] as TestMember).status();
    return routes[0]?.eligible === writes && routes[0].pending === 0;
  });
  isRight();
  const [left] = (await (members[0] as TestMember).status()).routes;
  t.diagnostic(JSON.stringify({ outcomes: left?.outcomes, reasons: left?.reasons, repairs: left?.repairs }));
  assert.ok((left?.repairs ?? 0) > 0, "nothing was left to repair");

  // By turns: what one has learnt the other finds in the store.
  for (let turn = 0; ; turn++) {
    const member = members[turn % 2] as TestMember;
    const { items } = await member.get<{ items: readonly RepairRecord[] }>("/api/v1/repairs");
    if (items.length === 0) break;
    assert.ok(turn < 20, items.map(({ key, lastError }) => `${key}: ${lastError}`).join("; "));
    await repairAll(member);
    isRight();
  }
  assert.deepEqual([...managers(fresh)].sort(), [...managers(old)].sort());
});
