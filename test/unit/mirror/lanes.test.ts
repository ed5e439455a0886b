import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { Lanes, type Ticket, type Turn } from "../../../proxy/mirror/lanes.ts";

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
    get waiting() {
      return [...release.keys()];
    },
  };
}

function lanesOn(shadow: ReturnType<typeof heldShadow>, now: () => number = () => 0): Lanes<string> {
  return new Lanes<string>({ deliver: shadow.deliver, intentWaitMs: 1000, monotonic: now });
}

test("writes of one key are delivered one at a time, in the order of their intents", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  for (const name of ["a", "b", "c"]) lanes.answered(lanes.intend("users/1", "write"), name);
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
  lanes.answered(lanes.intend("users/1", "write"), "a");
  lanes.answered(lanes.intend("users/2", "write"), "b");
  assert.deepEqual(shadow.begun, ["a", "b"]);
});

test("a create joins its entity's lane with its answer, before writes that begin afterwards", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  lanes.join("users/101", "create", "write");
  lanes.answered(lanes.intend("users/101", "write"), "update");
  assert.deepEqual(shadow.begun, ["create"]);
  await shadow.finish("create");
  assert.deepEqual(shadow.begun, ["create", "update"]);
  assert.equal(shadow.turns.get("update")?.overlapped, false);
});

test("a refused write leaves its lane and nothing waits for it", () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const refused = lanes.intend("users/1", "write");
  const accepted = lanes.intend("users/1", "write");
  lanes.answered(accepted, "b");
  assert.deepEqual(shadow.begun, [], "an earlier intent has no answer yet");
  lanes.withdraw(refused);
  assert.deepEqual(shadow.begun, ["b"]);
  assert.equal(shadow.turns.get("b")?.overlapped, false, "a refused rival changes nothing");
});

test("writes that overlapped at the primary are delivered in the order of their answers, and the later one is marked", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const first = lanes.intend("users/1", "write");
  const second = lanes.intend("users/1", "write");
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
  lanes.intend("users/1", "write");
  lanes.answered(lanes.intend("users/1", "write"), "b");
  assert.deepEqual(shadow.begun, []);
  now = 1000;
  while (shadow.begun.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(shadow.begun, ["b"]);
});

test("a sampled read that a write of its key crosses is spoiled; one that nothing crosses is not", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const clean = lanes.intend("users/1", "read");
  lanes.answered(clean, "clean read");
  assert.equal(shadow.turns.get("clean read")?.crossed, false);
  const early = lanes.intend("users/1", "read");
  const write = lanes.intend("users/1", "write");
  const during = lanes.intend("users/1", "read");
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
  for (const name of ["a", "b", "c"]) lanes.answered(lanes.intend("users/1", "write"), name);
  let idle = false;
  void lanes.whenIdle().then(() => (idle = true));
  assert.deepEqual(lanes.abandonWaiting(), ["b", "c"]);
  assert.equal(lanes.queued, 1);
  await shadow.finish("a");
  assert.deepEqual(shadow.begun, ["a"]);
  assert.equal(idle, true);
  assert.equal(lanes.laneCount, 0);
});

test("in any interleaving: exactly one delivery each, one at a time per key, never against a knowable order, and every unknowable order is marked", async () => {
  const step = fc.record({
    key: fc.constantFrom("k1", "k2"),
    kind: fc.constantFrom("begin", "answer", "refuse", "finish"),
    pick: fc.nat(20),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const shadow = heldShadow();
      const lanes = lanesOn(shadow);
      let clock = 0;
      interface Seen {
        name: string;
        key: string;
        begun: number;
        answered: number;
        ticket: Ticket;
      }
      const atPrimary: Seen[] = [];
      const accepted: Seen[] = [];
      for (const { key, kind, pick } of steps) {
        clock++;
        if (kind === "begin") {
          atPrimary.push({ name: `w${clock}`, key, begun: clock, answered: 0, ticket: lanes.intend(key, "write") });
        } else if (kind === "finish") {
          const { waiting } = shadow;
          if (waiting.length > 0) await shadow.finish(waiting[pick % waiting.length] as string);
          const keys = shadow.waiting.map((name) => accepted.find((one) => one.name === name)?.key);
          assert.equal(new Set(keys).size, keys.length, "two deliveries of one key at once");
        } else if (atPrimary.length > 0) {
          const [seen] = atPrimary.splice(pick % atPrimary.length, 1) as [Seen];
          if (kind === "refuse") lanes.withdraw(seen.ticket);
          else {
            seen.answered = clock;
            accepted.push(seen);
            lanes.answered(seen.ticket, seen.name);
          }
        }
      }
      for (const seen of atPrimary) lanes.withdraw(seen.ticket);
      while (shadow.waiting.length > 0) await shadow.finish(shadow.waiting[0] as string);
      assert.deepEqual([...shadow.begun].sort(), accepted.map((one) => one.name).sort());
      for (const a of accepted) {
        for (const b of accepted) {
          if (a.key !== b.key || a === b) continue;
          const aFirst = shadow.begun.indexOf(a.name) < shadow.begun.indexOf(b.name);
          if (a.answered < b.begun)
            assert.ok(aFirst, `${b.name} began after ${a.name} was answered, but was sent first`);
          else if (b.answered > a.begun && a.answered < b.answered) {
            assert.ok(shadow.turns.get(b.name)?.overlapped, `${a.name} and ${b.name} overlapped and nobody was told`);
          }
        }
      }
      assert.equal(lanes.queued, 0);
      assert.equal(lanes.laneCount, 0);
    }),
    { numRuns: 300 },
  );
});

test("a lane in which writes overlap without a break keeps nothing of those that are gone", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const gone: WeakRef<object>[] = [];
  const lanes = new Lanes<object>({ deliver: () => Promise.resolve(), intentWaitMs: 1000, monotonic: () => 0 });
  let open = lanes.intend("users/1", "write");
  for (let i = 0; i < 50; i++) {
    const overlapping = lanes.intend("users/1", "write");
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
  const atPrimary = lanes.intend("users/1", "write");
  let began = false;
  const visit = lanes.visit("users/1", 60_000, async ({ crossed }) => {
    began = true;
    return crossed();
  });
  await settle();
  assert.equal(began, false);
  lanes.answered(atPrimary, "a");
  lanes.answered(lanes.intend("users/1", "write"), "b");
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
  lanes.answered(lanes.intend("users/1", "write"), "a");
  assert.deepEqual(shadow.begun, []);
  leave();
  await visit;
  assert.deepEqual([told, shadow.begun], [[false, true], ["a"]]);
  await shadow.finish("a");
  assert.equal(lanes.laneCount, 0);
});

test("a visit to a key that does not become quiet in time is given up, and so are those that wait at the end", async () => {
  const lanes = lanesOn(heldShadow());
  const ticket = lanes.intend("users/1", "write");
  assert.equal(await lanes.visit("users/1", 1, () => Promise.resolve("never")), null);
  const waiting = lanes.visit("users/1", 60_000, () => Promise.resolve("never"));
  lanes.abandonWaiting();
  assert.equal(await waiting, null);
  lanes.withdraw(ticket);
  assert.equal(lanes.laneCount, 0);
});

test("a write whose key only its answer tells overlaps what of that key was answered, or visited, since it began", async () => {
  const shadow = heldShadow();
  const lanes = lanesOn(shadow);
  const began = lanes.begin();
  lanes.answered(lanes.intend("users/1", "write"), "a");
  await shadow.finish("a");
  await lanes.visit("users/2", 60_000, () => Promise.resolve());
  const join = async (work: string, key: string, since: number): Promise<void> => {
    lanes.join(key, work, "write", since);
    await shadow.finish(work);
  };
  await join("beside a write", "users/1", began);
  await join("beside a visit", "users/2", began);
  await join("beside nothing", "users/3", began);
  await join("after all of it", "users/1", lanes.begin());
  assert.deepEqual(
    [...shadow.turns].slice(1).map(([work, { overlapped }]) => [work, overlapped]),
    [
      ["beside a write", true],
      ["beside a visit", true],
      ["beside nothing", false],
      ["after all of it", false],
    ],
  );
});
