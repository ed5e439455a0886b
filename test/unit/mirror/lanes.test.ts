import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Lanes, type Turn, type Ticket } from "../../../proxy/mirror/lanes.ts";

/** A shadow that answers when told to. */
function heldShadow() {
  const begun: string[] = [];
  const turns = new Map<string, Turn<string>>();
  const release = new Map<string, () => void>();
  return {
    begun,
    turns,
    deliver: (turn: Turn<string>) =>
      new Promise<void>((resolve) => {
        begun.push(turn.work);
        turns.set(turn.work, turn);
        release.set(turn.work, resolve);
      }),
    async finish(work: string) {
      release.get(work)?.();
      release.delete(work);
      for (let i = 0; i < 5; i++) await Promise.resolve();
    },
  };
}

function lanesOn(shadow: ReturnType<typeof heldShadow>, now: () => number = () => 0): Lanes<string> {
  return new Lanes<string>({ deliver: shadow.deliver, intentWaitMs: 1000, monotonic: now });
}

test("writes of one key are delivered one at a time, in the order of their intents", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  for (const name of ["a", "b", "c"]) lanes.answered(lanes.intend(["users/1"], "write"), name);
  assert.deepEqual(shadow.begun, ["a"]);
  await shadow.finish("a");
  assert.deepEqual(shadow.begun, ["a", "b"]);
  await shadow.finish("b");
  await shadow.finish("c");
  assert.deepEqual(shadow.begun, ["a", "b", "c"]);
  assert.equal(shadow.turns.get("c")?.overlapped, false);
  assert.equal(lanes.queued, 0);
  assert.equal(lanes.laneCount, 0);
});

test("writes of different keys do not wait for one another", () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  lanes.answered(lanes.intend(["users/1"], "write"), "a");
  lanes.answered(lanes.intend(["users/2"], "write"), "b");
  assert.deepEqual(shadow.begun, ["a", "b"]);
});

test("a create joins its entity's lane with its answer, before writes that begin afterwards", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  lanes.answered(lanes.intend([], "write"), "create", ["users/101"]);
  lanes.answered(lanes.intend(["users/101"], "write"), "update");
  assert.deepEqual(shadow.begun, ["create"]);
  await shadow.finish("create");
  assert.deepEqual(shadow.begun, ["create", "update"]);
  assert.equal(shadow.turns.get("update")?.overlapped, false);
});

test("a refused write leaves its lane and nothing waits for it", () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const refused = lanes.intend(["users/1"], "write");
  const accepted = lanes.intend(["users/1"], "write");
  lanes.answered(accepted, "b");
  assert.deepEqual(shadow.begun, [], "an earlier intent has no answer yet");
  lanes.withdraw(refused);
  assert.deepEqual(shadow.begun, ["b"]);
  assert.equal(shadow.turns.get("b")?.overlapped, false, "a refused rival changes nothing");
});

test("writes that overlapped at the primary are delivered in the order of their answers, and the later one is marked", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const first = lanes.intend(["users/1"], "write");
  const second = lanes.intend(["users/1"], "write");
  lanes.answered(second, "second");
  lanes.answered(first, "first");
  assert.deepEqual(shadow.begun, ["second"]);
  await shadow.finish("second");
  assert.deepEqual(shadow.begun, ["second", "first"]);
  assert.equal(shadow.turns.get("first")?.overlapped, true);
});

test("an earlier intent that stays without an answer holds up its lane for no longer than the bound", async () => {
  let now = 0;
  const shadow = heldShadow();
  const lanes = new Lanes<string>({ deliver: shadow.deliver, intentWaitMs: 20, monotonic: () => now });
  lanes.intend(["users/1"], "write");
  lanes.answered(lanes.intend(["users/1"], "write"), "b");
  assert.deepEqual(shadow.begun, []);
  now = 1000;
  while (shadow.begun.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(shadow.begun, ["b"]);
});

test("a sampled read that a write of its key crosses is spoiled; one that nothing crosses is not", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const clean = lanes.intend(["users/1"], "read");
  lanes.answered(clean, "clean read");
  assert.equal(shadow.turns.get("clean read")?.crossed, false);
  const early = lanes.intend(["users/1"], "read");
  const write = lanes.intend(["users/1"], "write");
  const during = lanes.intend(["users/1"], "read");
  lanes.answered(write, "write");
  lanes.answered(early, "early read");
  lanes.answered(during, "read during");
  await shadow.finish("clean read");
  await shadow.finish("write");
  await shadow.finish("early read");
  assert.equal(shadow.turns.get("early read")?.crossed, true);
  assert.equal(shadow.turns.get("read during")?.crossed, true);
  assert.equal(shadow.turns.get("write")?.overlapped, false, "reads are no rivals");
});

test("abandoning gives back all that waits and leaves what is on the wire", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  for (const name of ["a", "b", "c"]) lanes.answered(lanes.intend(["users/1"], "write"), name);
  let idle = false;
  void lanes.whenIdle().then(() => (idle = true));
  assert.deepEqual(lanes.abandonWaiting(), ["b", "c"]);
  assert.equal(lanes.queued, 1);
  await shadow.finish("a");
  assert.deepEqual(shadow.begun, ["a"]);
  assert.equal(idle, true);
  assert.equal(lanes.laneCount, 0);
});

test("a batch waits for all of its keys and blocks all of them", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  lanes.answered(lanes.intend(["users/1"], "write"), "one");
  lanes.answered(lanes.intend(["users/1", "users/2"], "write"), "batch");
  lanes.answered(lanes.intend(["users/2"], "write"), "two");
  lanes.answered(lanes.intend(["users/3"], "write"), "three");
  assert.deepEqual(shadow.begun, ["one", "three"]);
  await shadow.finish("one");
  assert.deepEqual(shadow.begun, ["one", "three", "batch"]);
  await shadow.finish("batch");
  assert.deepEqual(shadow.begun, ["one", "three", "batch", "two"]);
  assert.equal(lanes.laneCount, 2, "the lanes of two and three");
});

test("a batch that overlapped a write of one of its keys is marked, and waits for that intent", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const single = lanes.intend(["users/2"], "write");
  const batch = lanes.intend(["users/1", "users/2"], "write");
  lanes.answered(batch, "batch");
  assert.deepEqual(shadow.begun, []);
  lanes.answered(single, "single");
  assert.deepEqual(shadow.begun, ["batch"], "in the order of their answers");
  assert.equal(shadow.turns.get("batch")?.overlapped, true);
  await shadow.finish("batch");
  assert.equal(shadow.turns.get("single")?.overlapped, true);
});

test("a write whose key only the answer tells is marked where another of that key was at the primary meanwhile", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const late = lanes.intend([], "write");
  lanes.answered(lanes.intend(["users/1"], "write"), "gone by then");
  await shadow.finish("gone by then");
  lanes.answered(late, "late", ["users/1"]);
  assert.equal(shadow.turns.get("late")?.overlapped, true);
  await shadow.finish("late");
  const later = lanes.intend([], "write");
  lanes.answered(later, "alone", ["users/1"]);
  assert.equal(shadow.turns.get("alone")?.overlapped, false);
  await shadow.finish("alone");
  const read = lanes.intend([], "read");
  lanes.answered(lanes.intend(["users/1"], "write"), "write");
  await shadow.finish("write");
  lanes.answered(read, "read", ["users/1"]);
  assert.equal(shadow.turns.get("read")?.crossed, true);
});

test("what waits behind a lost write is taken out up to the next write that stands alone, in every lane that it reaches", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const send = (keys: string[], name: string) => lanes.answered(lanes.intend(keys, "write"), name);
  send(["a"], "lost");
  send(["b"], "before");
  send(["a", "b"], "batch");
  send(["b"], "patch b");
  lanes.answered(lanes.intend(["a"], "read"), "read a");
  send(["a"], "patch a");
  send(["a"], "put a");
  send(["a"], "patch again");
  const lost = shadow.turns.get("lost") as Turn<string>;
  assert.deepEqual(
    lanes.takeFollowers(lost, (work) => work.startsWith("put")),
    ["batch", "patch b", "patch a"],
  );
  await shadow.finish("lost");
  for (const name of ["read a", "put a", "patch again", "before"]) await shadow.finish(name);
  assert.deepEqual(shadow.begun, ["lost", "before", "read a", "put a", "patch again"]);
  assert.equal(lanes.queued, 0);
  assert.equal(lanes.laneCount, 0);
});

test("a lane in which writes overlap without a break keeps nothing of those that are gone", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const gone: WeakRef<object>[] = [];
  const lanes = new Lanes<object>({ deliver: () => Promise.resolve(), intentWaitMs: 1000, monotonic: () => 0 });
  let open = lanes.intend(["users/1"], "write");
  for (let i = 0; i < 50; i++) {
    const overlapping = lanes.intend(["users/1"], "write");
    const work = { held: new Array(1000).fill(i) };
    gone.push(new WeakRef(work));
    lanes.answered(open, work);
    open = overlapping;
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const kept = gone.filter((ref) => ref.deref() !== undefined).length;
  assert.ok(kept <= 2, `${kept} of 50 are still reachable`);
  lanes.withdraw(open);
});

/** Until what can go on has gone on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

test("a visit waits until no write of its key is at the primary, waits or is delivered; other keys go on", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const atPrimary = lanes.intend(["users/1"], "write");
  let began = false;
  const visit = lanes.visit("users/1", 60_000, async ({ crossed }) => {
    began = true;
    return crossed();
  });
  await settle();
  assert.equal(began, false);
  lanes.answered(atPrimary, "a");
  lanes.answered(lanes.intend(["users/1"], "write"), "b");
  assert.equal(await lanes.visit("users/2", 60_000, () => Promise.resolve("other")), "other");
  await shadow.finish("a");
  assert.deepEqual([shadow.begun, began], [["a", "b"], false]);
  await shadow.finish("b");
  assert.equal(await visit, false);
  assert.equal(lanes.laneCount, 0);
});

test("while a visit lasts its key's copies wait, and it is told that a write began", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const told: boolean[] = [];
  let leave = (): void => {};
  const visit = lanes.visit("users/1", 60_000, async ({ crossed }) => {
    told.push(crossed());
    await new Promise<void>((resolve) => (leave = resolve));
    told.push(crossed());
  });
  await settle();
  lanes.answered(lanes.intend(["users/1"], "write"), "a");
  assert.deepEqual(shadow.begun, []);
  leave();
  await visit;
  assert.deepEqual([told, shadow.begun], [[false, true], ["a"]]);
  await shadow.finish("a");
  assert.equal(lanes.laneCount, 0);
});

test("a visit to a key that does not become quiet in time is given up, and so are those that wait at the end", async () => {
  const lanes = lanesOn(heldShadow());
  const ticket = lanes.intend(["users/1"], "write");
  assert.equal(await lanes.visit("users/1", 1, () => Promise.resolve("never")), null);
  const waiting = lanes.visit("users/1", 60_000, () => Promise.resolve("never"));
  lanes.abandonWaiting();
  assert.equal(await waiting, null);
  lanes.withdraw(ticket);
  assert.equal(lanes.laneCount, 0);
});

test("a write whose key only its answer tells overlaps a visit of that key that was made since it began", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const visited = lanes.intend([], "write");
  const beside = lanes.intend([], "write");
  await lanes.visit("users/2", 60_000, () => Promise.resolve());
  let leave = (): void => {};
  const visit = lanes.visit("users/4", 60_000, () => new Promise<void>((resolve) => (leave = resolve)));
  await settle();
  const during = lanes.intend([], "write");
  const answer = async (work: string, key: string, ticket: Ticket): Promise<void> => {
    lanes.answered(ticket, work, [key]);
    await shadow.finish(work);
  };
  await answer("beside a visit", "users/2", visited);
  await answer("beside nothing", "users/3", beside);
  lanes.answered(during, "during a visit", ["users/4"]);
  leave();
  await visit;
  await shadow.finish("during a visit");
  await answer("after all of it", "users/4", lanes.intend([], "write"));
  assert.deepEqual(
    [...shadow.turns].map(([work, { overlapped }]) => [work, overlapped]),
    [
      ["beside a visit", true],
      ["beside nothing", false],
      ["during a visit", true],
      ["after all of it", false],
    ],
  );
});
