import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Lanes, type Ticket, type Turn } from "../../proxy/mirror/lanes.ts";
import { holdsAsync } from "./properties.ts";

/** One write in a schedule, as an observer of clients and shadow sees it. */
interface Seen {
  readonly name: string;
  /** What the answer tells, also where the head tells nothing. */
  readonly keys: readonly string[];
  readonly ticket: Ticket;
  readonly standsAlone: boolean;
  readonly begun: number;
  answered: number;
  end: "refused" | "delivered" | "lost" | "taken" | "abandoned" | null;
}

const KEYS = ["k1", "k2", "k3"];
const step = fc.record({
  kind: fc.constantFrom("begin", "begin", "answer", "answer", "refuse", "deliver", "deliver", "fail"),
  keys: fc.subarray(KEYS, { minLength: 1 }),
  late: fc.boolean(),
  standsAlone: fc.boolean(),
  pick: fc.nat(20),
});

class World {
  readonly writes: Seen[] = [];
  readonly sent: Seen[] = [];
  readonly marked = new Set<Seen>();
  readonly #onWire = new Map<Seen, { readonly turn: Turn<Seen>; readonly done: () => void }>();
  readonly lanes = new Lanes<Seen>({
    deliver: (turn) =>
      new Promise<void>((done) => {
        const busy = [...this.#onWire.keys()].flatMap(({ keys }) => keys);
        assert.ok(!turn.work.keys.some((key) => busy.includes(key)), "two deliveries of one key at once");
        this.#onWire.set(turn.work, { turn, done });
        this.sent.push(turn.work);
        if (turn.overlapped) this.marked.add(turn.work);
      }),
    intentWaitMs: 1_000,
    monotonic: () => 0,
  });
  #clock = 0;

  begin(keys: readonly string[], late: boolean, standsAlone: boolean): void {
    const begun = ++this.#clock;
    const ticket = this.lanes.intend(late ? [] : keys, "write");
    this.writes.push({ name: `w${begun}`, keys, ticket, standsAlone, begun, answered: 0, end: null });
  }

  atPrimary(): Seen[] {
    return this.writes.filter(({ answered, end }) => answered === 0 && end === null);
  }

  answer(write: Seen): void {
    write.answered = ++this.#clock;
    this.lanes.answered(write.ticket, write, write.keys);
  }

  refuse(write: Seen): void {
    write.end = "refused";
    this.lanes.withdraw(write.ticket);
  }

  onWire(): Seen[] {
    return [...this.#onWire.keys()];
  }

  async settle(write: Seen, end: "delivered" | "lost"): Promise<void> {
    const { turn, done } = this.#onWire.get(write) as { turn: Turn<Seen>; done: () => void };
    write.end = end;
    if (end === "lost") this.#takeFollowers(turn);
    this.#onWire.delete(write);
    done();
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }

  /** Those that wait behind it in any of its lanes, up to the next that stands alone there. */
  #takeFollowers(turn: Turn<Seen>): void {
    const waiting = this.writes.filter(({ answered, end }) => answered > 0 && end === null);
    const onWire = this.onWire();
    const taken = this.lanes.takeFollowers(turn, ({ standsAlone }) => standsAlone);
    for (const write of taken) {
      assert.ok(waiting.includes(write) && !onWire.includes(write), `${write.name} was not waiting`);
      assert.ok(write.answered > turn.work.answered, `${write.name} was answered before the lost one`);
      assert.ok(!write.standsAlone);
      write.end = "taken";
    }
    for (const write of waiting) {
      if (taken.includes(write) || onWire.includes(write) || write.standsAlone || write.answered < turn.work.answered)
        continue;
      // It was left: in each lane that it shares with the lost one something that stands alone comes in between.
      for (const key of write.keys.filter((one) => turn.work.keys.includes(one))) {
        const between = waiting.some(
          (other) =>
            other.standsAlone &&
            other.keys.includes(key) &&
            turn.work.answered < other.answered &&
            other.answered < write.answered,
        );
        assert.ok(between, `${write.name} follows the lost write and would be replayed`);
      }
    }
  }
}

/** Ends what is open, so that whatever still waits waits for nothing: a deadlock would show. */
async function runOut(world: World): Promise<void> {
  for (const write of world.atPrimary()) world.refuse(write);
  for (let wire = world.onWire(); wire.length > 0; wire = world.onWire()) {
    await world.settle(wire[0] as Seen, "delivered");
  }
}

test("in any schedule of writes with one key, several or keys that only the answer tells: each is sent once or ends without, never two of a key at once, never against a knowable order, every unknowable order is marked, nothing waits for ever", async (t) => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 80, size: "max" }), async (steps) => {
    const world = new World();
    for (const { kind, keys, late, standsAlone, pick } of steps) {
      const atPrimary = world.atPrimary();
      const onWire = world.onWire();
      if (kind === "begin") world.begin(keys, late, standsAlone);
      else if (kind === "deliver" || kind === "fail") {
        if (onWire.length === 0) continue;
        await world.settle(onWire[pick % onWire.length] as Seen, kind === "fail" ? "lost" : "delivered");
      } else if (atPrimary.length > 0) {
        const write = atPrimary[pick % atPrimary.length] as Seen;
        if (kind === "answer") world.answer(write);
        else world.refuse(write);
      }
    }
    await runOut(world);

    assert.equal(world.lanes.queued, 0);
    assert.equal(world.lanes.laneCount, 0);
    assert.ok(world.writes.every(({ end }) => end !== null));
    const sent = world.writes.filter(({ end }) => end === "delivered" || end === "lost");
    assert.deepEqual(world.sent.map(({ name }) => name).sort(), sent.map(({ name }) => name).sort());
    for (const [position, later] of world.sent.entries()) {
      for (const earlier of world.sent.slice(0, position)) {
        if (!earlier.keys.some((key) => later.keys.includes(key))) continue;
        assert.ok(!(later.answered < earlier.begun), `${later.name} was answered before ${earlier.name} began`);
        const overlapped = earlier.begun < later.answered && later.begun < earlier.answered;
        if (overlapped) {
          const told = world.marked.has(earlier) || world.marked.has(later);
          assert.ok(told, `${earlier.name} and ${later.name} overlapped and nobody was told`);
        }
      }
    }
    for (const write of world.marked) {
      const met = world.writes.some(
        (other) =>
          other !== write &&
          other.answered > 0 &&
          other.keys.some((key) => write.keys.includes(key)) &&
          other.begun < write.answered &&
          write.begun < other.answered,
      );
      assert.ok(met, `${write.name} overlapped nothing and is marked`);
    }
  });
  await holdsAsync(t, 1_500, property);
});

test("in any schedule: what is abandoned has not begun, and all that was answered is delivered or abandoned, never both", async (t) => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
    const world = new World();
    for (const { kind, keys, late, standsAlone, pick } of steps) {
      const atPrimary = world.atPrimary();
      const onWire = world.onWire();
      if (kind === "begin") world.begin(keys, late, standsAlone);
      else if (kind === "answer" && atPrimary.length > 0) world.answer(atPrimary[pick % atPrimary.length] as Seen);
      else if (kind === "deliver" && onWire.length > 0) {
        await world.settle(onWire[pick % onWire.length] as Seen, "delivered");
      }
    }
    for (const write of world.lanes.abandonWaiting()) {
      assert.equal(write.end, null);
      assert.ok(!world.sent.includes(write));
      write.end = "abandoned";
    }
    let idle = false;
    void world.lanes.whenIdle().then(() => (idle = true));
    await runOut(world);
    await Promise.resolve();
    assert.ok(idle);
    assert.ok(world.writes.every(({ end }) => end !== null));
    assert.equal(world.lanes.laneCount, 0);
  });
  await holdsAsync(t, 500, property);
});
