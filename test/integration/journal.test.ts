import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import type { Journal } from "../../proxy/journal.ts";
import { createMemoryJournal, createNullJournal } from "../../proxy/mirror/journal.ts";
import type { Rewrite } from "../../proxy/mirror/shadow-request.ts";
import { json } from "../support/service.ts";
import { connectTo } from "../support/wire.ts";
import { wire } from "../support/wired.ts";
import { until } from "../support/until.ts";

test("the primary is not called before the intent is durable, and each record of the journal's table is made once, in order", async (t) => {
  const calls: string[] = [];
  let durable = (): void => {};
  const journal: Journal = {
    ...createNullJournal(),
    kind: "durable",
    intend: ({ key }) => {
      calls.push(`intend ${key}`);
      return new Promise((resolve) => (durable = resolve));
    },
    answered: (_id, end, key) => void calls.push(`answered ${end} ${key}`),
    sent: (_id, attempt) => void calls.push(`sent ${attempt}`),
    settled: () => void calls.push("settled"),
  };
  const wired = await wire(t, journal);
  wired.legacy.answerWith((seen, response) => {
    calls.push("primary");
    json(200, {})(seen, response);
  });
  const answered = wired.put("/users/1");
  await until(() => calls.length > 0);
  calls.push("durable");
  durable();
  assert.equal(await answered, 200);
  await wired.settled();
  assert.deepEqual(calls, ["intend users/1", "durable", "primary", "answered accepted users/1", "sent 1", "settled"]);
});

test("where nothing is in a copy's way its acceptance stands for the first attempt, which waits until that is durable; behind another write of its key it does not", async (t) => {
  const accepted: unknown[] = [];
  const durable = Promise.withResolvers<void>();
  const journal: Journal = {
    ...createNullJournal(),
    kind: "durable",
    intend: () => Promise.resolve(),
    answered: (_id, _end, key, write) => void accepted.push([key, write?.sentAtOnce ?? false]),
    sent: () => durable.promise,
  };
  const wired = await wire(t, journal);
  for (const path of ["/users/1", "/users/1", "/users/2"]) assert.equal(await wired.put(path), 200);
  assert.deepEqual(accepted, [
    ["users/1", true],
    ["users/1", false],
    ["users/2", true],
  ]);
  assert.equal(wired.next.seen.length, 0);
  durable.resolve();
  await wired.settled();
  assert.equal(wired.next.seen.length, 3);
});

test("an answer that alone tells the key is whole once it is in the journal, or a moment later; no other waits for that", async (t) => {
  const asked: number[] = [];
  const journal: Journal = {
    ...createNullJournal(),
    kind: "durable",
    intend: () => Promise.resolve(),
    answered: (_id, end) => (end === "accepted" ? 7 : 8),
    whenReached(position) {
      asked.push(position);
      return new Promise(() => undefined);
    },
  };
  const wired = await wire(t, journal);
  const post = async (): Promise<number> => {
    const begun = performance.now();
    const answer = await fetch(`${wired.url}/users`, { method: "POST", body: "{}" });
    await answer.text();
    return performance.now() - begun;
  };
  wired.legacy.answerWith(json(201, { id: 42 }));
  // A timer may be a millisecond early.
  assert.ok((await post()) >= 4);
  assert.deepEqual(asked, [7]);
  assert.equal(await wired.put("/users/1"), 201);
  wired.legacy.answerWith(json(422, {}));
  await post();
  assert.deepEqual(asked, [7]);
  await wired.settled();
});

test("a refused write is journaled as refused and settled without being sent", async (t) => {
  const journal = createMemoryJournal();
  const wired = await wire(t, journal);
  wired.legacy.answerWith(json(422, {}));
  assert.equal(await wired.put("/users/1"), 422);
  await wired.settled();
  assert.equal(journal.depth(), 0);
  assert.equal(wired.next.seen.length, 0);
});

test("a write that the primary accepted before it had the whole body is journaled as unknown: a crash must not deliver half of it", async (t) => {
  const ends: string[] = [];
  const journal: Journal = { ...createNullJournal(), answered: (_id, end) => void ends.push(end) };
  const wired = await wire(t, journal);
  await wired.legacy.close();
  const early = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  });
  await new Promise<void>((resolve) => early.listen(wired.legacy.port, "127.0.0.1", resolve));
  t.after(() => early.close());
  const client = await connectTo(wired.url);
  client.write("PUT /users/1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  await client.until("200 OK");
  client.close();
  await wired.settled();
  assert.deepEqual(ends, ["unknown"]);
  assert.equal(wired.next.seen.length, 0);
});

test("a journal that does not take the intent in time holds up no client: the write goes on inside a gap, one for all of them, until the journal is back", async (t) => {
  let working = false;
  const journal: Journal = {
    ...createNullJournal(),
    kind: "durable",
    intend: () => (working ? Promise.resolve() : new Promise(() => {})),
  };
  const wired = await wire(t, journal);
  for (let i = 0; i < 5; i++) assert.equal(await wired.put(`/users/${i}`), 200);
  const open = await wired.store.gaps({ limit: 10 });
  assert.deepEqual(
    open.items.map(({ route, to }) => [route, to]),
    [["default", null]],
  );
  working = true;
  assert.equal(await wired.put("/users/1"), 200);
  const closed = await wired.store.gaps({ limit: 10 });
  assert.equal(closed.items.length, 1);
  assert.notEqual(closed.items[0]?.to, null);
  await wired.settled();
});

test("a journal that fails is a gap too, and the write goes on", async (t) => {
  const journal: Journal = { ...createNullJournal(), kind: "durable", intend: () => Promise.reject(new Error("gone")) };
  const wired = await wire(t, journal);
  assert.equal(await wired.put("/users/1"), 200);
  assert.equal((await wired.store.gaps({ limit: 10 })).items.length, 1);
  await wired.settled();
});

test("the rewrite stage changes what the shadow gets and nothing that the primary gets; the order stamp counts up within the generation", async (t) => {
  const rewrite: Rewrite = (copy) => ({
    ...copy,
    target: copy.target.replace("/v1/", "/"),
    headers: [...copy.headers, "x-rewritten", "yes"],
  });
  const wired = await wire(t, createNullJournal(), { rewrite });
  await wired.put("/v1/users/1");
  await wired.put("/v1/users/1");
  await wired.settled();
  assert.deepEqual(
    wired.legacy.seen.map(({ target }) => target),
    ["/v1/users/1", "/v1/users/1"],
  );
  assert.deepEqual(
    wired.next.seen.map(({ target }) => target),
    ["/users/1", "/users/1"],
  );
  assert.equal(wired.next.seen[0]?.header("x-rewritten"), "yes");
  const stamps = wired.next.seen.map((seen) => (seen.header("x-crossfade-order") ?? "").split(".").map(Number));
  assert.deepEqual(
    stamps.map(([generation]) => generation),
    [3, 3],
  );
  assert.ok((stamps[0]?.[1] ?? 0) < (stamps[1]?.[1] ?? 0));
});
