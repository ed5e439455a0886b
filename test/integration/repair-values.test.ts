/** Repairs between two services that give ids of their own: what they ask and write is mapped, and what they make is learnt. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { RepairRecord } from "../../proxy/evidence/evidence.ts";
import { createBlog } from "../support/blog-api.ts";
import { createRewrittenBlog } from "../support/blog-rewrite.ts";
import { type Bench, startBench } from "../support/crossfade.ts";
import { countedFrom, createIdApi, type IdApi, wordIds } from "../support/id-api.ts";
import { moveAll } from "../support/move-all.ts";
import { ownRequests, repair, repairsOf, resultsOf } from "../support/repairs.ts";
import { until } from "../support/until.ts";
import { type Answer, json, type SeenRequest } from "../support/service.ts";

const ROUTES = `routes:
  - name: user-orders
    match: { path: "/users/:user/orders" }
    entity: orders
    key: ["answer:/id"]
    verify: { readBack: "GET /orders/:id" }
    repair: { rate: 1000/s }
    values:
      learn: [{ at: "answer:/id", kind: order }]
      apply: [{ at: "path:user", kind: user }, { at: "answer:/userId", kind: user }]
  - name: users
    match: { path: "/users/:id?" }
    repair: { rate: 1000/s }
    values:
      learn: [{ at: "answer:/id", kind: user }, { at: "answer-header:location", kind: user }]
      apply: [{ at: "path:id", kind: user }, { at: "body:/managerId", kind: user }]
  - name: orders
    match: { path: "/orders/:id" }
    values: { apply: [{ at: "path:id", kind: order }, { at: "answer:/id", kind: order }] }
`;

interface Side {
  readonly api: IdApi;
  readonly answer: Answer;
  /** Asked first; whether it has answered, or will. */
  before: (seen: SeenRequest, response: Parameters<Answer>[1]) => boolean;
}

function sideOf(api: IdApi): Side {
  const side: Side = {
    api,
    before: () => false,
    answer(seen, response) {
      if (!side.before(seen, response)) api.answer(seen, response);
    },
  };
  return side;
}

function refuseWrites(status: number): Side["before"] {
  return (seen, response) => {
    if (seen.method === "GET") return false;
    json(status, { error: "not now" })(seen, response);
    return true;
  };
}

interface Pair {
  readonly bench: Bench;
  readonly old: Side;
  readonly fresh: Side;
  /** Sends what legacy or next accepts; resolves with what the client is told, once the copy has its outcome. */
  write(method: string, path: string, body?: unknown): Promise<{ readonly id: string | number }>;
}

async function pairOf(t: TestContext, routes = ROUTES): Promise<Pair> {
  const old = sideOf(createIdApi({ makeId: countedFrom(17), makeSecret: (name) => `old-${name}` }));
  const fresh = sideOf(createIdApi({ makeId: wordIds("n"), makeSecret: (name) => `new-${name}` }));
  const bench = await startBench(t, {
    routes,
    legacy: old.answer,
    next: fresh.answer,
    nextService: "effects: suppressed\nasShadow: { maxWork: 50ms }",
    legacyService: "asShadow: { maxWork: 50ms }",
  });
  let writes = 0;
  return {
    bench,
    old,
    fresh,
    async write(method, path, body) {
      writes += 1;
      const answer = await bench.send(method, path, body);
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
      await bench.settled(writes);
      return JSON.parse(answer.text) as { id: string | number };
    },
  };
}

const named = ({ api }: Side, name: string) => [...api.users.values()].filter((user) => user.name === name);
const idOf = (side: Side, name: string): string | number | undefined => named(side, name)[0]?.id;

/** Everybody is there once, with the manager of the same name. */
function assertSamePeople({ old, fresh }: Pair): void {
  const people = ({ api }: Side): unknown =>
    [...api.users.values()]
      .map(({ name, managerId }) => [name, managerId === null ? null : (api.users.get(String(managerId))?.name ?? "?")])
      .sort();
  assert.deepEqual(people(fresh), people(old));
}

test("what a shadow with ids of its own has missed is made, changed and deleted there under these, in both phases", async (t) => {
  const pair = await pairOf(t);
  const { bench, old, fresh, write } = pair;

  await t.test("creates that were lost are made anew, parents first, and what they are called is learnt", async () => {
    fresh.before = refuseWrites(422);
    const ann = await write("POST", "/users", { name: "Ann" });
    const bob = await write("POST", "/users", { name: "Bob", managerId: ann.id });
    await write("POST", `/users/${ann.id}/orders`, { note: "first" });
    await write("PUT", `/users/${ann.id}`, { name: "Anna" });
    assert.deepEqual([ann.id, bob.id], [17, 18]);
    fresh.before = () => false;
    const seen = bench.next.seen.length;
    // Before a POST that would make another one, were it sent again, the entry says so.
    const marks: Promise<readonly RepairRecord[]>[] = [];
    fresh.before = ({ method }) => {
      if (method === "POST") marks.push(repairsOf(bench));
      return false;
    };
    const dry = await repair(bench, { dryRun: true });
    assert.deepEqual(resultsOf(dry), { differs: 3 });
    assert.deepEqual(await repair(bench).then(resultsOf), { posted: 3 });
    fresh.before = () => false;
    assertSamePeople(pair);
    const [order] = fresh.api.orders.values();
    assert.deepEqual([order?.note, order?.userId], ["first", idOf(fresh, "Anna")]);
    // Nobody asked it for what legacy calls them, and its creates were told no id.
    const asked = ownRequests(bench.next, seen);
    assert.ok(
      asked.every((one) => !/\/(?:17|18|19)\b/.test(one)),
      asked.join(", "),
    );
    const made = bench.next.seen.slice(seen).filter(({ method }) => method === "POST");
    assert.deepEqual(
      made.map(({ body }) => Object.hasOwn(JSON.parse(body.toString()) as object, "id")),
      [false, false, false],
    );
    assert.ok((await Promise.all(marks)).flat().some(({ notBefore }) => notBefore !== null));
    await write("PUT", `/users/${bob.id}`, { name: "Bobby" });
    assertSamePeople(pair);
  });

  await t.test("two that name each other are made one without the other, and are whole with the next run", async () => {
    fresh.before = refuseWrites(422);
    const gil = await write("POST", "/users", { name: "Gil" });
    const hal = await write("POST", "/users", { name: "Hal", managerId: gil.id });
    await write("PUT", `/users/${gil.id}`, { managerId: hal.id });
    fresh.before = () => false;
    await repair(bench);
    assert.deepEqual([named(fresh, "Gil").length, named(fresh, "Hal").length], [1, 1]);
    await repair(bench);
    assert.deepEqual(await repairsOf(bench), []);
    assertSamePeople(pair);
  });

  await t.test("a change that was lost is put to the shadow's own id, with its own ids in the body", async () => {
    fresh.before = refuseWrites(503);
    await write("PUT", "/users/17", { name: "Anna", managerId: 18 });
    await write("PUT", "/users/18", { managerId: null });
    fresh.before = () => false;
    assert.deepEqual(resultsOf(await repair(bench)), { put: 2 });
    assertSamePeople(pair);
    const put = bench.next.seen.findLast(({ target }) => target === `/users/${idOf(fresh, "Anna")}`);
    assert.equal(idOf(fresh, "Bobby"), (named(fresh, "Anna")[0] ?? {}).managerId);
    assert.ok(put !== undefined);
  });

  await t.test("one that the primary has no more is deleted under the shadow's id", async () => {
    fresh.before = refuseWrites(503);
    const cid = await write("POST", "/users", { name: "Cid" });
    fresh.before = () => false;
    // Its create may have been done before next broke off: nobody makes it twice, and nobody says that it is gone.
    await until(async () => resultsOf(await repair(bench))["not-before"] === undefined);
    const [hidden] = await repairsOf(bench);
    assert.deepEqual([hidden?.state, named(fresh, "Cid").length], ["parked", 0]);
    assert.match(hidden?.lastError ?? "", /may have it under an id that nobody was told.*write values\.find/);
    await write("DELETE", `/users/${cid.id}`);
    fresh.before = refuseWrites(503);
    await write("DELETE", "/users/18");
    fresh.before = () => false;
    await repair(bench);
    assert.equal(idOf(fresh, "Bobby"), undefined);
    const left = (await repairsOf(bench)).map(({ lastError }) => lastError ?? "");
    assert.equal(left.length, 1, left.join("; "));
    assert.match(left[0] ?? "", /the primary has it no more, and the shadow may have it/);
  });

  await t.test("what a repair may have made is not made again: its answer never came, or said no id", async () => {
    const takes = (answer: (response: Parameters<Answer>[1]) => void): Side["before"] => {
      return (seen, response) => {
        if (seen.method !== "POST") return false;
        fresh.api.take(seen);
        answer(response);
        return true;
      };
    };
    const lost: readonly (readonly [name: string, before: Side["before"], first: RegExp])[] = [
      ["Eve", takes((response) => void response.destroy()), /^POST to the shadow: /],
      ["Fay", takes((response) => void response.writeHead(204).end()), /took the POST, and did not say what id/],
    ];
    for (const [name, before, first] of lost) {
      fresh.before = refuseWrites(422);
      const { id } = await write("POST", "/users", { name });
      fresh.before = before;
      const entry = async () => (await repairsOf(bench)).find(({ key }) => key === `users/${id}`);
      await repair(bench);
      assert.match((await entry())?.lastError ?? "", first);
      await until(async () => {
        await repair(bench);
        return /may have it under an id/.test((await entry())?.lastError ?? "");
      });
      assert.deepEqual([(await entry())?.state, named(fresh, name).length], ["parked", 1]);
    }
    fresh.before = () => false;
  });

  await t.test(
    "after the cutover legacy gets what it has missed under legacy's ids, and next's new ones are learnt",
    async () => {
      await moveAll(bench, "advance");
      old.before = refuseWrites(422);
      const dan = await write("POST", "/users", { name: "Dan", managerId: 17 });
      await write("PUT", "/users/17", { name: "Anna B" });
      assert.match(String(dan.id), /^n-/);
      old.before = () => false;
      const seen = bench.legacy.seen.length;
      await repair(bench);
      assert.deepEqual(named(old, "Dan"), [{ id: idOf(old, "Dan"), name: "Dan", managerId: 17 }]);
      assert.equal(idOf(old, "Anna B"), 17);
      assert.ok(ownRequests(bench.legacy, seen).every((one) => !one.includes("n-")));
      await write("PUT", `/users/${dan.id}`, { name: "Danny" });
      assert.equal(typeof idOf(old, "Danny"), "number");
    },
  );
});

const FIND = ROUTES.replace(
  `learn: [{ at: "answer:/id", kind: user }, { at: "answer-header:location", kind: user }]`,
  `learn: [{ at: "answer:/id", kind: user }]
      find: { read: "GET /users", by: [{ at: "answer:/name", query: name }], in: "answer:/found" }`,
);

test("a create whose shadow died before it answered is looked up by what it says of itself before anything is sent again", async (t) => {
  const pair = await pairOf(t, FIND);
  const { bench, fresh, write } = pair;
  /** Takes the next POST, or not, and hangs up. */
  const dieAt = (takes: boolean): void => {
    fresh.before = (seen, response) => {
      const query = new URL(seen.target, "http://next").searchParams;
      if (seen.method === "GET" && query.has("name")) {
        const name = query.get("name")?.toLowerCase();
        // It folds case, as databases do.
        json(200, { found: [...fresh.api.users.values()].filter((user) => user.name.toLowerCase() === name) })(
          seen,
          response,
        );
        return true;
      }
      if (seen.method !== "POST" || seen.header("idempotency-key")?.startsWith("repair-") === true) return false;
      if (takes) fresh.api.take(seen);
      response.destroy();
      return true;
    };
  };
  const mend = async (): Promise<readonly string[]> => {
    const seen = bench.next.seen.length;
    await until(async () => resultsOf(await repair(bench))["not-before"] === undefined);
    return ownRequests(bench.next, seen);
  };

  dieAt(true);
  const ann = await write("POST", "/users", { name: "Ann & Co" });
  assert.equal(named(fresh, "Ann & Co").length, 1);
  const asked = await mend();
  assert.deepEqual(await repairsOf(bench), []);
  assert.deepEqual([asked[0], asked.some((one) => one.startsWith("POST"))], ["GET /users?name=Ann%20%26%20Co", false]);
  await write("PUT", `/users/${ann.id}`, { name: "Ann" });
  assertSamePeople(pair);

  dieAt(false);
  const bob = await write("POST", "/users", { name: "Bob", managerId: ann.id });
  await mend();
  assert.deepEqual(await repairsOf(bench), []);
  assertSamePeople(pair);

  // Two that are alike: nobody knows which, and a third one would be worse.
  dieAt(true);
  await write("POST", "/users", { name: "Bob" });
  await mend();
  const [parked] = await repairsOf(bench);
  assert.equal(parked?.state, "parked");
  assert.match(parked?.lastError ?? "", /values\.find: the shadow has 2 that are alike/);
  assert.equal(named(fresh, "Bob").length, 2);
  assert.notEqual(parked?.key, `users/${bob.id}`);

  // What is found is not what was asked for: that says nothing of what was.
  dieAt(false);
  const other = await write("POST", "/users", { name: "BOB" });
  await mend();
  const told = (await repairsOf(bench)).find(({ key }) => key === `users/${other.id}`);
  assert.match(told?.lastError ?? "", /values\.find: the shadow answered with others than were asked for/);
  assert.deepEqual([told?.state, named(fresh, "BOB").length], ["parked", 0]);

  fresh.before = (seen, response) => {
    if (seen.method === "POST") response.destroy();
    else json(404, {})(seen, response);
    return true;
  };
  const nowhere = await write("POST", "/users", { name: "Cid" });
  await mend();
  const why = (await repairsOf(bench)).find(({ key }) => key === `users/${nowhere.id}`)?.lastError ?? "";
  assert.match(why, /the shadow answered 404, as to a path that is wrong/);
});

test("what a rewrite with other paths, methods and members has missed is put there its own way", async (t) => {
  const same = (text: string): string => text;
  const old = createBlog({ makeId: countedFrom(17), makeSuffix: () => "x", key: "old", store: same });
  const fresh = createRewrittenBlog(same);
  let isDown = true;
  const bench = await startBench(t, {
    legacy: old.answer,
    next: (seen, response) => (isDown ? json(422, {})(seen, response) : fresh.answer(seen, response)),
    routes: `routes:
  - name: users
    match: { path: "/users/:id?" }
    values: { learn: [{ at: "answer-header:location", kind: user }, { at: "answer:/id", kind: user }], apply: [{ at: "path:id", kind: user }] }
    transform:
      path: "/v2/people/:id?"
      methods: { PUT: PATCH }
      body: [{ legacy: /id, next: /uuid }, { legacy: /name, next: /person/name }]
`,
  });
  await bench.send("POST", "/users", { name: "Ann" });
  await bench.send("PUT", "/users/17", { name: "Anna" });
  await bench.settled(2);
  isDown = false;
  assert.deepEqual(resultsOf(await repair(bench)), { posted: 1 });
  isDown = true;
  await bench.send("PUT", "/users/17", { name: "Annabel" });
  await bench.settled(3);
  isDown = false;
  assert.deepEqual(resultsOf(await repair(bench)), { put: 1 });
  assert.deepEqual(fresh.state(), old.state());
  const writes = fresh.asked
    .filter((asked) => !asked.startsWith("GET"))
    .map((asked) => asked.replace(/[0-9a-f-]{36}/, "ID"));
  assert.deepEqual(writes, ["POST /v2/people", "PATCH /v2/people/ID"]);
});
