import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openDatabase } from "../../../adapters/store/sqlite/opening.ts";
import { prepareCommit } from "../../../adapters/store/sqlite/commit.ts";
import { DEFAULT_RETENTION } from "../../../adapters/store/retention.ts";
import type { JournalAccount } from "../../../proxy/journal.ts";
import { evidenceFolder, NOON } from "../../support/evidence.ts";

const NOTHING: JournalAccount = {
  coversGeneration: 1,
  damage: null,
  upTo: 10,
  uncounted: [],
  open: [],
  unjournaled: [],
};

interface After {
  readonly counts: readonly unknown[];
  readonly totals: readonly unknown[];
  readonly gaps: readonly unknown[];
  readonly repairs: readonly unknown[];
  readonly asked: number | null;
  readonly mark: number;
}

/** A run that counted three writes, one of them matched, up to position 5, and then died or ended; and the next opening. */
function openAfter(t: TestContext, end: "killed" | "clean", account: Partial<JournalAccount> | null): After {
  const file = join(evidenceFolder(t), "crossfade.db");
  const order = { file, now: NOON, retention: DEFAULT_RETENTION, routes: ["users"], again: null };
  const { db } = openDatabase({ ...order, run: "first" });
  prepareCommit(
    db,
    DEFAULT_RETENTION,
    NOON,
  )({
    number: 1,
    sealedAt: NOON,
    essentials: {
      outcomes: [{ route: "users", outcome: "match", reason: null, count: 1 }],
      totals: [{ route: "users", eligible: 3, comparedReads: 0 }],
      repairs: [],
      gaps: [],
      journalMark: 5,
      controls: [],
      places: [],
      gateEvidence: [],
      rowJobs: [],
    },
    evidence: [],
    pairs: [],
  });
  if (end === "clean") db.exec("UPDATE life SET clean = 1");
  db.close();
  let asked: number | null = null;
  const next = openDatabase({ ...order, run: "second", now: NOON + 1000 }, (upTo) => {
    asked = upTo;
    return account === null ? null : { ...NOTHING, ...account };
  });
  t.after(() => next.db.close());
  const all = (sql: string): unknown[] => next.db.prepare(sql).raw().all();
  return {
    counts: all("SELECT outcome, reason, count FROM outcome_total ORDER BY outcome"),
    totals: all("SELECT eligible, settled FROM route_total"),
    gaps: all("SELECT why FROM gap"),
    repairs: all("SELECT key, reason FROM repair"),
    asked,
    mark: next.opened.journalMark,
  };
}

test("where the journal covers the end, what was not counted is counted from it, what is open stays open, and there is no gap", (t) => {
  const after = openAfter(t, "killed", {
    uncounted: [
      { position: 6, write: { type: "eligible", route: "users" } },
      { position: 7, write: { type: "count", route: "users", outcome: "dropped", reason: "queue-full" } },
      {
        position: 7,
        write: {
          type: "repair",
          route: "users",
          key: "users/1",
          reason: "dropped",
          exchangeId: "x",
          notBefore: null,
          place: null,
          at: "2026-11-22T12:00:00Z",
        },
      },
    ],
    open: [{ route: "users", count: 2 }],
  });
  assert.equal(after.asked, 5);
  assert.equal(after.mark, 10);
  assert.deepEqual(after.totals, [[4, 2]]);
  assert.deepEqual(after.counts, [
    ["dropped", "queue-full", 1],
    ["match", "", 1],
  ]);
  assert.deepEqual(after.repairs, [["users/1", "dropped"]]);
  assert.deepEqual(after.gaps, []);
});

test("without a journal, with another run's, or with a damaged one an unclean end is a gap", (t) => {
  for (const account of [null, { coversGeneration: 7 }, { coversGeneration: null, damage: "it is gone" }]) {
    const after = openAfter(t, "killed", account);
    assert.match(String(after.gaps), /^unclean end while unjournaled/);
    assert.deepEqual(after.totals, [[3, 3]]);
    assert.deepEqual(after.counts[1], ["unknown", "", 2]);
  }
});

test("a damaged journal is a gap after a clean end too", (t) => {
  const after = openAfter(t, "clean", { damage: "a segment is missing", open: [{ route: "users", count: 2 }] });
  assert.match(String(after.gaps), /^journal damaged: a segment is missing/);
  assert.deepEqual(after.totals, [[3, 1]]);
});

test("a clean end leaves what waits in the journal open, without a gap; what the journal does not have is unknown, inside one", (t) => {
  assert.deepEqual(openAfter(t, "clean", { open: [{ route: "users", count: 2 }] }).gaps, []);
  const after = openAfter(t, "clean", { open: [{ route: "users", count: 1 }] });
  assert.deepEqual(after.counts, [
    ["match", "", 1],
    ["unknown", "", 1],
  ]);
  assert.deepEqual(after.totals, [[3, 2]]);
  assert.match(String(after.gaps), /not journaled/);
});

test("more in the journal than the store knows of is counted as eligible, inside a gap: the sum holds", (t) => {
  const after = openAfter(t, "killed", {
    open: [
      { route: "users", count: 4 },
      { route: "orders", count: 1 },
    ],
  });
  assert.deepEqual(after.totals, [
    [1, 0],
    [5, 1],
  ]);
  assert.equal(after.gaps.length, 2);
});

test("routes whose writes were in no journal have a gap, and no others", (t) => {
  const after = openAfter(t, "killed", {
    open: [{ route: "users", count: 2 }],
    unjournaled: [{ route: "orders", from: NOON }],
  });
  assert.deepEqual(after.gaps, [["writes were not journaled when the run before ended"]]);
});
