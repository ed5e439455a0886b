import assert from "node:assert/strict";
import fs, { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type LogJournal, openLogJournal, readLog } from "../../../adapters/journal/log.ts";
import { dueOf, intentOf, MATCH, writeOf } from "../../contract/journal.ts";

const KEY = Buffer.alloc(32, 7);
const LITTLE_SEGMENT = 4096;

interface World {
  readonly folder: string;
  /** The store has counted everything that is recorded. */
  count(): void;
  /** Looks after the segments, as it does twice a second. */
  look(): Promise<void>;
  open(folder?: string): Promise<LogJournal>;
}

function world(t: TestContext): World {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-lanes-"));
  const journals: LogJournal[] = [];
  /** The one whose folder it is; others read copies of it. */
  let current: LogJournal | null = null;
  let now = 0;
  let counted = 0;
  t.mock.timers.enable({ apis: ["setInterval"] });
  t.after(async () => {
    for (const journal of journals) await journal.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    count() {
      counted = current?.position() ?? 0;
    },
    async look() {
      await written(current as LogJournal);
      now += 2_000;
      t.mock.timers.tick(500);
      await written(current as LogJournal);
    },
    async open(at = folder) {
      const settings = {
        folder: at,
        journalKey: KEY,
        survives: "process" as const,
        limitBytes: () => 1 << 30,
        monotonic: () => now,
        segmentBytes: LITTLE_SEGMENT,
      };
      const read = await readLog(settings, counted);
      const journal = await openLogJournal({
        ...settings,
        read,
        countedUpTo: Math.max(counted, read.account().upTo),
        generation: journals.length + 1,
        counted: () => counted,
      });
      journals.push(journal);
      if (at === folder) current = journal;
      return journal;
    },
  };
}

async function written(journal: LogJournal): Promise<void> {
  for (let quiet = 0; quiet < 20; quiet++) {
    if (!journal.reached(Infinity)) quiet = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("that a write has settled is written with what comes next, and at once where somebody waits for it", async (t) => {
  const { open } = world(t);
  const journal = await open();
  const frames = t.mock.method(fs, "writev");
  for (let n = 0; n < 30; n++) {
    const id = `01${n}`;
    await journal.intend(intentOf(id));
    const accepted = journal.answered(id, "accepted", "users/1", writeOf(id));
    await journal.whenReached(accepted as number);
    journal.settled(id, MATCH);
    // As long as a frame takes to be begun.
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
  }
  const count = frames.mock.callCount();
  // Two of each, and the last end. Now and then this process is held up for those 3 ms.
  assert.ok(count < 75, `${count} frames of 30 writes`);
  const last = journal.position();
  await journal.whenReached(last);
  assert.equal(journal.reached(last), true);
});

/** Lengths of the files that there are. */
function sizes(folder: string): number {
  const files = readdirSync(folder).filter((name) => name.endsWith(".lane"));
  // One may go meanwhile.
  return files.reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** As they are at one moment: where a file goes meanwhile, all of it again. */
function copyFiles(from: string, to: string): void {
  for (;;) {
    try {
      for (const name of readdirSync(to)) rmSync(join(to, name));
      for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name));
      return;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
    }
  }
}

async function waitingIn(journal: LogJournal): Promise<[id: string, attempts: number][]> {
  const found: [string, number][] = [];
  while (journal.waiting() > 0) {
    for (const write of await journal.nextWaiting()) {
      journal.take(write);
      found.push([write.intent.exchangeId, write.attempts]);
    }
  }
  return found;
}

/** Numbers that look random and are the same each time. */
function dice(seed: number): (sides: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (sides) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) ^ Math.imul(state ^ (state >>> 12), 0x297a2d39);
    return (state >>> 0) % sides;
  };
}

test("whatever was recorded, counted, looked after and interrupted: the next process finds exactly the writes without an outcome, in the order of their answers", async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    await t.test(`schedule ${seed}`, async (schedule) => {
      const { folder, count, look, open } = world(schedule);
      const roll = dice(seed);
      let journal = await open();
      let made = 0;
      const intended = new Set<string>();
      const accepted = new Map<string, number>();
      const kept = new Set<string>();
      /** Their record stands for attempt 1, which is not made yet. */
      const atOnce = new Set<string>();
      const due = new Set<string>();
      const pick = (from: Iterable<string>): string | undefined => [...from][roll(Math.max(1, [...from].length))];
      for (let step = 0; step < 150; step++) {
        const what = roll(20);
        if (what < 6) {
          const id = `w${made++}`;
          intended.add(id);
          void journal.intend(intentOf(id));
        } else if (what < 10) {
          const id = pick(intended);
          if (id === undefined) continue;
          intended.delete(id);
          accepted.set(id, 0);
          // Behind what waits in the journal everything does.
          if (journal.waiting() > 0 || roll(8) === 0) {
            kept.add(id);
            void journal.keep(id, writeOf("x".repeat(roll(900))));
          } else {
            const sentAtOnce = roll(2) === 0;
            if (sentAtOnce) {
              atOnce.add(id);
              accepted.set(id, 1);
            }
            journal.answered(id, "accepted", "users/1", { ...writeOf("x".repeat(roll(900))), sentAtOnce });
          }
        } else if (what < 12) {
          const id = pick([...accepted.keys()].filter((one) => !kept.has(one)));
          if (id === undefined) continue;
          if (!atOnce.delete(id)) {
            accepted.set(id, (accepted.get(id) ?? 0) + 1);
          } else if (roll(2) === 0) {
            accepted.set(id, 0);
            journal.heldUp(id);
            continue;
          }
          void journal.sent(id, accepted.get(id) ?? 0);
        } else if (what < 16) {
          const id = pick([...intended, ...accepted.keys()].filter((one) => !kept.has(one)));
          if (id === undefined) continue;
          intended.delete(id);
          accepted.delete(id);
          if (roll(4) === 0) {
            due.add(id);
            journal.readBackDue(id, dueOf(id));
          }
          journal.settled(id, MATCH);
          const read = roll(3) === 0 ? pick(due) : undefined;
          if (read !== undefined && due.delete(read)) journal.readBackEnded(read, null);
        } else if (what < 18) {
          if (roll(2) === 0) count();
          await look();
        } else if (what === 18 && kept.size > 0) {
          await written(journal);
          for (const [id] of await waitingIn(journal)) kept.delete(id);
        } else {
          await written(journal);
          // The process dies here; what it did to its files is all that is left.
          const copy = mkdtempSync(join(tmpdir(), "crossfade-lanes-"));
          schedule.after(() => rmSync(copy, { recursive: true, force: true }));
          copyFiles(folder, copy);
          const next = await open(copy);
          assert.deepEqual(new Set(next.leftOver.map(({ intent }) => intent.exchangeId)), intended);
          assert.deepEqual(next.readBacksLeft, [...due].map(dueOf), `seed ${seed}, step ${step}`);
          assert.deepEqual(await waitingIn(next), [...accepted], `seed ${seed}, step ${step}`);
          await next.close();
          if (roll(2) === 0) continue;
          await journal.close();
          journal = await open();
          for (const { intent } of journal.leftOver) journal.settled(intent.exchangeId, MATCH);
          intended.clear();
          await waitingIn(journal);
          kept.clear();
          atOnce.clear();
        }
      }
    });
  }
});

test("one write that waits long pins no more than itself: what settled around it is removed", async (t) => {
  const { folder, count, look, open } = world(t);
  const journal = await open();
  await journal.intend(intentOf("long"));
  journal.answered("long", "accepted", "users/1", writeOf("long"));
  await journal.sent("long", 1);
  for (let n = 0; n < 100; n++) {
    await journal.intend(intentOf(`w${n}`));
    journal.answered(`w${n}`, "accepted", "users/1", writeOf("x".repeat(1_000)));
    journal.settled(`w${n}`, MATCH);
    count();
    if (n % 10 === 0) await look();
  }
  while (sizes(folder) > 3 * LITTLE_SEGMENT) await look();
  await journal.close();
  const next = await open();
  assert.deepEqual(await waitingIn(next), [["long", 1]]);
});

test("a write that was taken up and carried on is not handed out again among those that wait later", async (t) => {
  const { count, look, open } = world(t);
  const journal = await open();
  const keep = async (id: string): Promise<void> => {
    await journal.intend(intentOf(id));
    assert.equal(await journal.keep(id, writeOf(id)), true);
  };
  await keep("long");
  assert.deepEqual(await waitingIn(journal), [["long", 0]]);
  // Enough around it that less than half of its segment is still needed.
  for (let n = 0; n < 60; n++) {
    await journal.intend(intentOf(`short-${n}`));
    journal.answered(`short-${n}`, "refused", null);
    journal.settled(`short-${n}`, MATCH);
    if (n % 10 === 9) {
      count();
      await look();
      await keep(`later-${n}`);
      assert.deepEqual(await waitingIn(journal), [[`later-${n}`, 0]]);
      journal.settled(`later-${n}`, MATCH);
    }
  }
  assert.deepEqual([journal.waiting(), journal.depth(), journal.holds("long")], [0, 1, true]);
});

test("a write in the last frame of a segment is handed out, though whoever reads was there before the disk had taken it", async (t) => {
  const { open } = world(t);
  const journal = await open();
  const keep = (id: string, bytes: number): Promise<boolean> | null => {
    void journal.intend(intentOf(id));
    return journal.keep(id, writeOf("x".repeat(bytes)));
  };
  assert.equal(await keep("first", 10), true);
  const [first] = await journal.nextWaiting();
  assert.ok(first);
  journal.take(first);
  // It fills the segment: the next one has begun, and the frame is still on its way to this one.
  const kept = keep("second", LITTLE_SEGMENT);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await journal.nextWaiting(), []);
  assert.equal(await kept, true);
  assert.deepEqual(
    (await journal.nextWaiting()).map(({ intent }) => intent.exchangeId),
    ["second"],
  );
});

test("what the store has not counted stays, whether it has settled or not", async (t) => {
  const { folder, count, look, open } = world(t);
  const journal = await open();
  await journal.intend(intentOf("a"));
  journal.settled("a", MATCH);
  await look();
  await look();
  const before = sizes(folder);
  count();
  while (sizes(folder) >= before) await look();
  assert.ok(sizes(folder) > 0, "there is a file that tells of this process life");
});

test("records beyond what the store has counted are counted once, those before not at all", async (t) => {
  const { folder, count, open } = world(t);
  const journal = await open();
  await journal.intend(intentOf("a"));
  journal.settled("a", MATCH);
  count();
  const upTo = journal.position();
  await journal.intend(intentOf("b"));
  const repair = {
    key: "users/1",
    reason: "unknown",
    at: "2026-11-26T00:00:00.000Z",
    place: null,
    notBefore: null,
  } as const;
  journal.settled("b", { outcome: "unknown", reason: null, repairs: [repair] });
  await journal.intend(intentOf("c"));
  const { mark } = dueOf("c");
  for (const left of [null, mark]) {
    journal.readBackDue("c", dueOf("c"));
    journal.readBackEnded("c", left);
  }
  const settings = { folder, journalKey: KEY, survives: "process", limitBytes: () => 1, monotonic: () => 0 } as const;
  const read = await readLog(settings, upTo);
  const { uncounted, open: stillOpen, coversGeneration } = read.account();
  assert.deepEqual(uncounted, [
    { position: 3, write: { type: "eligible", route: "users" } },
    { position: 4, write: { type: "count", route: "users", outcome: "unknown", reason: null } },
    { position: 4, write: { type: "repair", route: "users", exchangeId: "b", ...repair } },
    { position: 5, write: { type: "eligible", route: "users" } },
    { position: 9, write: mark },
  ]);
  assert.deepEqual(stillOpen, [{ route: "users", count: 1 }]);
  assert.equal(coversGeneration, 1);
  assert.equal((await readLog(settings, journal.position() + 5)).account().coversGeneration, null);
});
