/** Divergence records, their groups and samples, within what is to be kept. */
import type { Database } from "better-sqlite3";
import type { GroupEvent } from "../../../proxy/evidence/evidence.ts";
import type { Retention } from "../retention.ts";
import { drawSample } from "../samples.ts";
import { type GroupedRow, prepareGroups } from "./groups.ts";
import type { EvidenceRow } from "../rows.ts";

const FIRST = 1;
const LAST = 2;
const DRAWN = 3;

/** One commit evicts no more than this, so that it stays short; what is over waits for the next. */
const EVICTED_AT_ONCE = 2_000;

interface Sizes {
  /** Records that are no samples. */
  records: number;
  /** Of all records. */
  bytes: number;
  groups: number;
}

interface SampleRow {
  readonly seq: number | bigint;
  readonly id: string;
}

/** A group's samples beside its first. */
interface Samples {
  last: SampleRow | null;
  drawn: readonly SampleRow[];
}

export interface Evidence {
  add(row: EvidenceRow): void;
  /** After the last of a batch; returns what is new about groups. */
  finish(): readonly GroupEvent[];
  evict(now: number): void;
  /** After a rollback. */
  reload(): void;
}

/** Every call is made inside a transaction, `reload` after one. */
export function prepareEvidence(db: Database, retention: Retention): Evidence {
  const insert = db.prepare(
    `INSERT INTO divergence (id, at_ms, route, outcome, group_id, kinds, bytes, sample, record)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  );
  const groups = prepareGroups(db);
  const readSamples = db.prepare<[string, number], SampleRow>(
    // "sample > 0" word for word, or SQLite does not see that the partial index serves (sqlite.org/partialindex.html).
    "SELECT seq, id FROM divergence WHERE group_id = ? AND sample = ? AND sample > 0",
  );
  const setSample = db.prepare("UPDATE divergence SET sample = ? WHERE seq = ?");
  const evictions = prepareEvictions(db);
  let sizes = evictions.measure();
  /** As the tables have them; reading them back for each record would cost more than all else. */
  const samples = new Map<string, Samples>();

  function samplesOf(group: string): Samples {
    let known = samples.get(group);
    if (known === undefined) {
      known = { last: readSamples.get(group, LAST) ?? null, drawn: readSamples.all(group, DRAWN) };
      samples.set(group, known);
    }
    return known;
  }

  /** The sample that was the last so far enters the draw. */
  function addLast(group: string, row: SampleRow): void {
    const known = samplesOf(group);
    const before = known.last;
    known.last = row;
    if (before === null) return;
    const { kept, pushedOut } = drawSample(
      before.id,
      known.drawn.map(({ id }) => id),
    );
    const out = kept ? known.drawn.find(({ id }) => id === pushedOut) : before;
    if (kept) {
      known.drawn = [...known.drawn.filter((drawn) => drawn !== out), before];
      setSample.run(DRAWN, before.seq);
    }
    if (out === undefined) return;
    setSample.run(0, out.seq);
    sizes.records += 1;
  }

  function add(row: EvidenceRow): void {
    const { id, at, route, outcome, group, kinds, record } = row;
    const bytes = Buffer.byteLength(record);
    const added = insert.run(id, at, route, outcome, group, kinds, bytes, isGrouped(row) ? LAST : 0, record);
    if (added.changes === 0) return;
    sizes.bytes += bytes;
    const seq = added.lastInsertRowid;
    if (!isGrouped(row)) {
      sizes.records += 1;
      if (group !== null) groups.taint(group);
    } else if (groups.add(row)) {
      setSample.run(FIRST, seq);
      samples.set(row.group, { last: null, drawn: [] });
      sizes.groups += 1;
    } else {
      addLast(row.group, { seq, id });
    }
  }

  function evict(now: number): void {
    let budget = EVICTED_AT_ONCE;
    const drop = (most: number, before: number): boolean => {
      const dropped = evictions.oldest(before, Math.min(most, budget));
      sizes.records -= dropped.count;
      sizes.bytes -= dropped.bytes;
      budget -= dropped.count;
      return dropped.count > 0;
    };
    if (sizes.records > 0) drop(budget, now - retention.keepMs);
    if (sizes.records > retention.keepRecords) drop(sizes.records - retention.keepRecords, Infinity);
    while (sizes.groups > retention.keepGroups || sizes.bytes > retention.keepBytes) {
      if (budget <= 0) return;
      // Bytes are freed from single records first; only where samples alone are too many does a whole group go.
      if (sizes.groups <= retention.keepGroups && drop(10, Infinity)) continue;
      const released = evictions.oldestGroup();
      if (released === null) return;
      samples.delete(released.id);
      sizes.groups -= 1;
      sizes.records += released.samples;
      budget -= 1;
    }
  }

  function reload(): void {
    sizes = evictions.measure();
    samples.clear();
    groups.forget();
  }

  return { add, finish: () => groups.finish(), evict, reload };
}

function isGrouped(row: EvidenceRow): row is GroupedRow {
  return row.group !== null && row.signature !== null;
}

function prepareEvictions(db: Database) {
  const deleteOldest = db
    .prepare<[number, number], number>(
      `DELETE FROM divergence WHERE seq IN (
         SELECT seq FROM divergence WHERE sample = 0 AND at_ms < ? ORDER BY at_ms LIMIT ?
       ) RETURNING bytes`,
    )
    .pluck();
  const oldestGroup = db.prepare<[], string>("SELECT id FROM divergence_group ORDER BY last_ms LIMIT 1").pluck();
  const deleteGroup = db.prepare("DELETE FROM divergence_group WHERE id = ?");
  const deleteHours = db.prepare("DELETE FROM group_hour WHERE group_id = ?");
  const releaseSamples = db.prepare("UPDATE divergence SET sample = 0 WHERE group_id = ? AND sample > 0");
  const plain = db
    .prepare<[], [number, number]>("SELECT count(*), total(bytes) FROM divergence WHERE sample = 0")
    .raw();
  const sampled = db.prepare<[], number>("SELECT total(bytes) FROM divergence WHERE sample > 0").pluck();
  const groups = db.prepare<[], number>("SELECT count(*) FROM divergence_group").pluck();

  return {
    measure(): Sizes {
      const [records, bytes] = plain.get() ?? [0, 0];
      return { records, bytes: bytes + (sampled.get() ?? 0), groups: groups.get() ?? 0 };
    },
    /** Of the records that are no samples. */
    oldest(before: number, most: number): { readonly count: number; readonly bytes: number } {
      if (most <= 0) return { count: 0, bytes: 0 };
      const dropped = deleteOldest.all(Math.min(before, Number.MAX_SAFE_INTEGER), most);
      return { count: dropped.length, bytes: dropped.reduce((sum, bytes) => sum + bytes, 0) };
    },
    /** Forgets the group that was not seen for the longest time; its samples become plain records. */
    oldestGroup(): { readonly id: string; readonly samples: number } | null {
      const id = oldestGroup.get();
      if (id === undefined) return null;
      deleteGroup.run(id);
      deleteHours.run(id);
      return { id, samples: releaseSamples.run(id).changes };
    },
  };
}
