import assert from "node:assert/strict";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Database } from "better-sqlite3";
import { DEFAULT_RETENTION, type Retention } from "../../../adapters/store/retention.ts";
import { prepareCommit } from "../../../adapters/store/sqlite/commit.ts";
import { asFailure } from "../../../adapters/store/sqlite/failures.ts";
import type { Batch, EvidenceRow } from "../../../adapters/store/rows.ts";
import type { Opened, OpeningOrder } from "../../../adapters/store/sqlite/messages.ts";
import { openDatabase } from "../../../adapters/store/sqlite/opening.ts";
import { evidenceFolder, NOON } from "../../support/evidence.ts";

interface Opening {
  readonly db: Database;
  readonly opened: Opened;
  readonly commit: (batch: Batch) => void;
}

function opener(t: TestContext, retention: Partial<Retention> = {}): (order?: Partial<OpeningOrder>) => Opening {
  const file = join(evidenceFolder(t), "crossfade.db");
  const kept = { ...DEFAULT_RETENTION, ...retention };
  return (order = {}) => {
    const { db, opened } = openDatabase({
      file,
      run: "run",
      now: NOON,
      retention: kept,
      routes: [],
      again: null,
      ...order,
    });
    t.after(() => db.close());
    return { db, opened, commit: prepareCommit(db, kept, NOON) };
  };
}

let records = 0;

function evidence(count: number, bytes = 100, group = "g1"): EvidenceRow[] {
  return Array.from({ length: count }, () => ({
    id: `record-${records++}`,
    at: NOON,
    route: "users",
    method: "PUT",
    outcome: "divergent",
    group,
    signature: "[]",
    kinds: ",value,",
    build: null,
    position: 0,
    record: "x".repeat(bytes),
  }));
}

function batch(number: number, rows: readonly EvidenceRow[]): Batch {
  return {
    number,
    sealedAt: NOON,
    essentials: {
      outcomes: [{ route: "users", outcome: "match", reason: null, count: 1 }],
      totals: [{ route: "users", eligible: 1, comparedReads: 0 }],
      repairs: [
        {
          route: "users",
          key: `users/${number}`,
          reason: "dropped",
          exchangeId: "A",
          since: "2026-11-22T12:00:00.000Z",
          times: 1,
          notBefore: null,
          place: null,
        },
      ],
      gaps: [],
      journalMark: null,
      controls: [],
      places: [],
      gateEvidence: [],
      rowJobs: [],
    },
    evidence: rows,
    pairs: [],
  };
}

const ask = (db: Database, sql: string): unknown => db.prepare(sql).pluck().get();

test("a batch that does not fit leaves nothing behind, and what comes after it is as if it had never been", (t) => {
  const { db, commit } = opener(t, { keepRecords: 20, repairKeys: 2 })();
  commit(batch(1, evidence(30)));
  db.pragma(`max_page_count = ${Number(db.pragma("page_count", { simple: true })) + 4}`);
  let failure: unknown = null;
  try {
    commit(batch(2, evidence(200, 4000)));
  } catch (thrown) {
    failure = thrown;
  }
  const told = asFailure(failure, "crossfade.db");
  assert.deepEqual([told.code, told.retryable], ["store-unavailable", true]);
  assert.match(told.message, /crossfade\.db: the disk is full: make room \(SQLITE_FULL/);
  assert.equal(ask(db, "SELECT count FROM outcome_total"), 1);
  assert.equal(ask(db, "SELECT last_batch FROM life"), 1);

  db.pragma("max_page_count = 100000");
  for (let number = 3; number < 8; number++) commit(batch(number, evidence(30)));
  assert.equal(ask(db, "SELECT count FROM outcome_total"), 6);
  assert.equal(ask(db, "SELECT count FROM divergence_group"), 180);
  const roles = db.prepare("SELECT sample, count(*) FROM divergence GROUP BY sample ORDER BY sample").raw().all();
  assert.deepEqual(roles, [
    [0, 20],
    [1, 1],
    [2, 1],
    [3, 8],
  ]);
  const repairs = db.prepare("SELECT key, times FROM repair ORDER BY seq").raw().all();
  assert.deepEqual(repairs, [
    ["users/1", 1],
    ["users/3", 1],
    ["", 4],
  ]);
});

test("opened again by the same run, it tells which of its batches it has, and there is no gap and nothing unknown", (t) => {
  const open = opener(t);
  const first = open();
  first.commit(batch(1, []));
  first.commit({ ...batch(2, []), essentials: { ...batch(2, []).essentials, outcomes: [] } });
  first.db.close();
  const { db, opened } = open({ again: { generation: 1, since: NOON, corrupt: false } });
  assert.deepEqual([opened.lastBatch, opened.generation, opened.previousEnd], [2, 1, "clean"]);
  assert.equal(ask(db, "SELECT count(*) FROM gap"), 0);
  assert.equal(ask(db, "SELECT count(*) FROM outcome_total"), 1);
});

test("opened again by the same run where its file has gone, it begins a new one, with a gap and the same generation", (t) => {
  const again = { generation: 7, since: NOON - 60_000, corrupt: false };
  const { db, opened } = opener(t)({ again, routes: ["users"] });
  assert.equal(ask(db, "SELECT from_ms FROM gap"), NOON - 60_000);
  assert.deepEqual([opened.lastBatch, opened.generation, opened.previousEnd], [0, 7, "unclean"]);
  assert.match(
    opened.notes.join("; "),
    /was removed or replaced; a new one was begun, without what was pinned.*1 route/,
  );
});

test("what runs of before left in a file that has gone is gone too: the gap begins where the store did", (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  writeFileSync(`${file}.key`, "made after the store's first opening");
  const began = NOON - 3_600_000;
  utimesSync(`${file}.key`, began / 1000, began / 1000);
  const again = { generation: 7, since: NOON - 60_000, corrupt: false };
  const order = { file, run: "run", now: NOON, retention: DEFAULT_RETENTION, routes: ["users"], again };
  const { db } = openDatabase(order);
  t.after(() => db.close());
  assert.equal(ask(db, "SELECT from_ms FROM gap"), began);
});

test("an error of the commit itself is no error where the batch is in the file", (t) => {
  const { db, commit } = opener(t)();
  commit(batch(1, []));
  // As after a COMMIT whose success could not be told: the file has the batch already.
  db.exec("CREATE TEMP TRIGGER fail BEFORE UPDATE ON life BEGIN SELECT RAISE(ABORT, 'told wrong'); END");
  commit(batch(1, []));
  assert.throws(() => commit(batch(2, [])), /told wrong/);
  assert.equal(ask(db, "SELECT count FROM outcome_total"), 1);
});
