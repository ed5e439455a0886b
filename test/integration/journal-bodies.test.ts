/** Bodies larger than `limits.bodyInMemory` and a process that is killed: beside the journal they are there for the next one. */
import assert from "node:assert/strict";
import { hash, randomBytes } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { SmallDisk, whyNoDisk } from "../chaos/disk.ts";
import { TAG_BYTES } from "../../proxy/forward/lasting-bodies.ts";
import {
  accounts,
  eventually,
  heldAnswer,
  type Journaled,
  type JournaledOptions,
  startJournaled,
} from "../support/journaled.ts";
import { redisServer } from "../support/redis.ts";
import { json } from "../support/service.ts";

const LARGE = 300_000;
const LITTLE_MEMORY = "limits: { bodyInMemory: 16KiB }";

/** Of a write that is told from all others. */
function large(n: number, bytes = LARGE): string {
  return JSON.stringify({ n, pad: randomBytes(bytes / 2).toString("hex") });
}

const digestOf = (body: Buffer | string): string => hash("sha256", body, "hex");

/** Names of the files beside the journal. */
function filesOf(it: Journaled): readonly string[] {
  return readdirSync(join(it.lanes, "bodies"));
}

/** All that was answered survives a kill, large bodies too: each has its tag behind it. */
async function recorded(it: Journaled): Promise<void> {
  await it.recorded();
  for (;;) {
    const { spoolBytes } = (await it.api<{ queue: { spoolBytes: number } }>("/api/v1/status")).queue;
    const sizes = filesOf(it).map((name) => statSync(join(it.lanes, "bodies", name)).size);
    if (sizes.reduce((sum, size) => sum + size - TAG_BYTES, 0) === spoolBytes) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What has settled is erased, and given back. */
async function nothingLeft(it: Journaled): Promise<void> {
  await eventually(() => filesOf(it).length === 0);
  const { spoolBytes } = (await it.api<{ queue: { spoolBytes: number } }>("/api/v1/status")).queue;
  assert.equal(spoolBytes, 0);
}

async function start(t: TestContext, store: "sqlite" | "redis", options: JournaledOptions = {}): Promise<Journaled> {
  const whole = { config: LITTLE_MEMORY, ...options };
  if (store === "sqlite") return await startJournaled(t, whole);
  const redis = await redisServer(t, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
  return await startJournaled(t, { ...whole, redis: redis.url });
}

/** What the shadow was sent: keys on the repair list may be read besides. */
function writes(it: Journaled): Journaled["next"]["seen"] {
  return it.next.seen.filter(({ method }) => method === "PUT");
}

/** Numbers of the bodies in the order in which they came. */
function numbers(it: Journaled): readonly number[] {
  return writes(it).map(({ body }) => (JSON.parse(String(body)) as { n: number }).n);
}

for (const store of ["sqlite", "redis"] as const) {
  test(`${store}: accepted: a large body that waited for the shadow is delivered whole by the next process, in the order of its lane, and is erased then`, async (t) => {
    const it = await start(t, store, { config: `${LITTLE_MEMORY}\njournal: { survives: power }` });
    const held = heldAnswer();
    it.next.answerWith(held.answer);
    const bodies = [0, 1, 2, 3].map((n) => (n === 2 ? `{"n":2}` : large(n)));
    for (const body of bodies) assert.equal(await it.send("PUT", "/users/1", body), 200);
    await it.next.sawAtLeast(1);
    await recorded(it);
    const files = filesOf(it);
    assert.equal(files.length, 3);
    for (const name of files) {
      const path = join(it.lanes, "bodies", name);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.ok(!readFileSync(path).includes('"pad"'), "sealed");
    }
    assert.equal(statSync(join(it.lanes, "bodies")).mode & 0o777, 0o700);
    await it.kill();
    held.release();
    it.next.seen.length = 0;
    it.next.answerWith(json(200, { ok: true }));
    await it.start();
    const route = await it.settled(4);
    assert.deepEqual(accounts(route), [4, 4]);
    assert.equal(route.outcomes["match"], 4);
    assert.deepEqual(
      writes(it).map(({ body }) => digestOf(body)),
      bodies.map(digestOf),
    );
    // The first was on the wire: it may have been applied twice.
    const listed = (await it.repairs()).filter(([, reason]) => reason !== "overlap");
    if (store === "sqlite") assert.deepEqual(listed, [["users/1", "late-attempt"]]);
    await nothingLeft(it);
  });
}

test("an answer that lay in the spool is compared by the next process", async (t) => {
  const it = await start(t, "sqlite", { next: "effects: suppressed\nidempotency: honoured" });
  const answer = { rows: "x".repeat(LARGE) };
  it.legacy.answerWith(json(200, answer));
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  for (const key of [1, 2]) await it.send("PUT", `/users/${key}`, "{}");
  await it.next.sawAtLeast(2);
  await recorded(it);
  await it.kill();
  held.release();
  it.next.answerWith((seen, response) => {
    json(200, seen.target === "/users/1" ? answer : { rows: "y".repeat(LARGE) })(seen, response);
  });
  await it.start();
  const route = await it.settled(2);
  assert.deepEqual([route.outcomes["match"], route.outcomes["divergent"]], [1, 1]);
  await nothingLeft(it);
});

test("killed while the write is at the primary: unknown, its key on the repair list, and nobody's body is left on the disk", async (t) => {
  const it = await start(t, "sqlite");
  const held = heldAnswer();
  it.legacy.answerWith(held.answer);
  const sent = it.send("PUT", "/users/1", large(1)).catch(() => 0);
  await it.legacy.sawAtLeast(1);
  await eventually(() => filesOf(it).length === 1);
  await it.kill();
  await sent;
  held.release();
  await it.start();
  const route = await it.settled(1);
  assert.equal(route.outcomes["unknown"], 1);
  assert.deepEqual(await it.repairs(), [["users/1", "unknown"]]);
  await nothingLeft(it);
  assert.equal(writes(it).length, 0);
});

const DAMAGE: readonly (readonly [name: string, damage: (path: string) => void])[] = [
  ["whose last bytes were not written", (path) => truncateSync(path, LARGE)],
  ["that is gone", (path) => rmSync(path)],
  [
    "that the disk has changed",
    (path) => {
      const bytes = readFileSync(path);
      bytes[LARGE - 1] = (bytes[LARGE - 1] as number) ^ 1;
      writeFileSync(path, bytes);
    },
  ],
];

for (const [name, damage] of DAMAGE) {
  test(`after a kill a body ${name} is not sent: dropped(spool-full), its key on the repair list, and its lane goes on`, async (t) => {
    const it = await start(t, "sqlite");
    const held = heldAnswer();
    it.next.answerWith(held.answer);
    // The first holds the lane, so that nothing of the second was sent.
    for (const body of [`{"n":0}`, large(1), `{"n":2}`]) assert.equal(await it.send("PUT", "/users/1", body), 200);
    assert.equal(await it.send("PUT", "/users/2", `{"n":3}`), 200);
    await it.next.sawAtLeast(2);
    await recorded(it);
    await it.kill();
    const [file] = filesOf(it);
    damage(join(it.lanes, "bodies", file as string));
    held.release();
    it.next.seen.length = 0;
    it.next.answerWith(json(200, { ok: true }));
    await it.start();
    const route = await it.settled(4);
    assert.deepEqual(accounts(route), [4, 4]);
    assert.deepEqual([route.outcomes["match"], route.reasons["spool-full"]], [3, 1]);
    assert.deepEqual([...numbers(it)].sort(), [0, 2, 3]);
    assert.ok((await it.repairs()).some(([key]) => key === "users/1"));
    await nothingLeft(it);
  });
}

test("a body that is gone after a kill while its copy was on the wire: given up, and its key not judged while what was sent may land", async (t) => {
  const it = await start(t, "sqlite");
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  assert.equal(await it.send("PUT", "/users/1", large(1)), 200);
  await it.next.sawAtLeast(1);
  await recorded(it);
  await it.kill();
  for (const name of filesOf(it)) rmSync(join(it.lanes, "bodies", name));
  held.release();
  await it.start();
  assert.equal((await it.settled(1)).reasons["spool-full"], 1);
  assert.equal(writes(it).length, 1);
  const { items } = await it.api<{ items: { key: string; reason: string; notBefore: string | null }[] }>(
    "/api/v1/repairs",
  );
  assert.deepEqual(
    items.map(({ key, reason }) => [key, reason]),
    [["users/1", "dropped"]],
  );
  // By default the shadow may work for 30 s on what it was sent.
  assert.ok(Date.parse(items[0]?.notBefore ?? "") > Date.now() + 20_000, String(items[0]?.notBefore));
});

test("what memory has no room for waits in the journal with its large body, and comes back in order: in the same process, in the next one, and after a clean end", async (t) => {
  const config = "limits: { queued: 4MiB, bodyInMemory: 64KiB }";
  const it = await start(t, "sqlite", { config, next: "effects: suppressed\nasShadow: { timeout: 60s }" });
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  const count = 120;
  // Small ones fill the memory, so that large ones wait in the journal alone; these need some of it on their way to the disk.
  const write = async (n: number): Promise<void> => {
    const isLarge = n % 10 === 9;
    const body = isLarge ? large(n) : JSON.stringify({ n, pad: "x".repeat(40_000) });
    assert.equal(await it.send("PUT", "/users/1", body), 200);
    if (isLarge) await recorded(it);
  };
  for (let n = 0; n < count; n++) await write(n);
  const { journal } = await it.status();
  assert.ok(journal.waiting > 30, String(journal.waiting));
  assert.equal(filesOf(it).length, 12);
  await recorded(it);
  await it.kill();
  held.release();
  const again = heldAnswer();
  it.next.answerWith(again.answer);
  await it.start();
  for (let n = count; n < count + 20; n++) await write(n);
  await recorded(it);
  await it.stop();
  again.release();
  it.next.seen.length = 0;
  it.next.answerWith(json(200, { ok: true }));
  await it.start();
  const route = await it.settled(count + 20);
  assert.deepEqual(accounts(route), [count + 20, count + 20]);
  assert.deepEqual([route.outcomes["match"], route.reasons["spool-full"] ?? 0], [count + 20, 0]);
  assert.deepEqual(
    [...new Set(numbers(it))],
    Array.from({ length: count + 20 }, (_, n) => n),
  );
  await nothingLeft(it);
});

test("killed again and again at any moment while large bodies come: what the primary accepted reaches the shadow whole or is on the repair list, and the outcomes sum", async (t) => {
  const it = await start(t, "sqlite", { next: "effects: suppressed\nidempotency: honoured" });
  const answered = new Map<string, { readonly digest: string; readonly from: number; readonly to: number }>();
  let key = 0;
  for (let life = 0; life < 5; life++) {
    let alive = true;
    const clients = Array.from({ length: 6 }, async () => {
      while (alive) {
        const path = `/users/${key++}`;
        const body = large(key);
        const from = Date.now();
        const status = await it.send("PUT", path, body).catch(() => null);
        if (status === 200) answered.set(path, { digest: digestOf(body), from, to: Date.now() });
      }
    });
    const before = answered.size;
    await eventually(() => answered.size > before + 25);
    await it.kill();
    alive = false;
    await Promise.all(clients);
    await it.start();
  }
  const { routes } = await it.until(({ routes: [route] }) => route?.pending === 0);
  const [route] = routes;
  assert.ok(route !== undefined);
  const [eligible, accounted] = accounts(route);
  assert.equal(accounted, eligible);
  const delivered = new Set(writes(it).map(({ target, body }) => `${target} ${digestOf(body)}`));
  // A key on the list is read by the proxy before long, and leaves it where both sides answer alike.
  const read = it.next.seen.filter(({ method }) => method === "GET").map(({ target }) => target);
  const repaired = new Set([...(await it.repairs()).map(([repairKey]) => `/${repairKey}`), ...read]);
  // A machine that is too busy to make an intent durable in time says so with a gap: the kill itself leaves none.
  const gaps = (await it.gaps()).map(({ why, from, to }) => {
    return { why, from: Date.parse(from), to: to === null ? Infinity : Date.parse(to) };
  });
  assert.deepEqual(
    gaps.filter(({ why }) => !/did not take intents in time|were not journaled/.test(why)),
    [],
  );
  const lost = [...answered].filter(([path, { digest, from, to }]) => {
    const isInGap = gaps.some((gap) => from <= gap.to && to >= gap.from);
    return !delivered.has(`${path} ${digest}`) && !repaired.has(path) && !isInGap;
  });
  assert.deepEqual(lost, [], JSON.stringify(gaps));
  await nothingLeft(it);
});

test(
  "a disk that is full does not cost a client its answer: the large body is dropped(spool-full) with its key listed, before and after a kill",
  { skip: whyNoDisk() ?? false },
  async (t) => {
    const root = mkdtempSync(join(tmpdir(), "crossfade-full-"));
    const folder = join(root, "disk");
    mkdirSync(folder);
    const disk = SmallDisk.at(folder);
    t.after(() => {
      disk.remove();
      rmSync(root, { recursive: true, force: true });
    });
    const it = await start(t, "sqlite", { folder });
    await it.send("PUT", "/users/1", large(1));
    await it.settled(1);
    disk.fill();
    // What the first body and the journal give back yet is no room for the second.
    assert.equal(await it.send("PUT", "/users/2", large(2, 10 * LARGE)), 200);
    disk.empty();
    await it.until(({ journal, routes: [route] }) => journal.problem === null && route?.pending === 0);
    await it.kill();
    await it.start();
    const route = await it.settled(2);
    assert.deepEqual(accounts(route), [2, 2]);
    // Where the last bytes of the body alone did not fit it may be known a little late; in any case the key is listed.
    assert.deepEqual([route.outcomes["match"], route.reasons["spool-full"]], [1, 1]);
    assert.ok((await it.repairs()).some(([key]) => key === "users/2"));
    assert.equal(writes(it).length, 1);
    await nothingLeft(it);
  },
);
