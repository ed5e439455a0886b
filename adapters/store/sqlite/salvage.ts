/** Brings what must not be forgotten out of a damaged file: totals, repairs, gaps, overrides, the audit, pairs of values, its life. Evidence is left there. */
import Database from "better-sqlite3";
import { SALVAGED_TABLES } from "./schema.ts";

/** Without the numbers that a table counts its rows with: they are given anew. */
const COLUMNS: Readonly<Record<(typeof SALVAGED_TABLES)[number], string>> = {
  life: "only, generation, run, last_batch, heartbeat, clean",
  route_total: "route, eligible, settled, compared_reads, balanced_at",
  outcome_total: "route, outcome, reason, count",
  repair:
    "route, whole, key, reason, exchange_id, since, times, revision, not_before_ms, place, part, uncreated, parked, attempts, next_try_ms, last_error, evidence, misses, misses_of",
  gap: "id, route, from_ms, to_ms, why, unclean_end, misses",
  override: "route, setting, override",
  audit: "entry",
  value_pair: "kind, legacy, next, sealed, at_ms, until_ms",
  gate_evidence: "route, known",
  row_job: "name, ended",
  phase: "route, kept",
  leaning: "route, kind, times, first_ms, last_ms",
};
/** As the file counted the journal's records; a file from before the journal has none. */
const JOURNAL_MARK = "SELECT position FROM journal_mark";

export interface Salvaged {
  /** Tables of which some or all could not be read. */
  readonly damaged: readonly string[];
  /** null: it could not be read. */
  readonly journalMark: number | null;
}

/** @throws where the file cannot be read */
export function hasTable(db: Database.Database, name: string): boolean {
  return db.prepare<[string], number>("SELECT count(*) FROM sqlite_schema WHERE name = ?").pluck().get(name) === 1;
}

/** Copies row by row until a table cannot be read any further. Never throws for what is wrong with `from`. */
export function salvage(from: string, into: Database.Database): Salvaged {
  const damaged: string[] = [];
  let source: Database.Database | null = null;
  let journalMark: number | null = null;
  try {
    source = new Database(from, { fileMustExist: true });
    // As its owner had it open: then its -wal is read without a shared-memory file beside it.
    source.pragma("locking_mode = EXCLUSIVE");
    for (const name of SALVAGED_TABLES) {
      // An older file has not all of them.
      if (!hasTable(source, name)) continue;
      try {
        const columns = columnsOf(source, name);
        const marks = columns.split(", ").map(() => "?");
        const insert = into.prepare(`INSERT OR IGNORE INTO ${name} (${columns}) VALUES (${marks.join(", ")})`);
        for (const row of source.prepare<[], unknown[]>(`SELECT ${columns} FROM ${name}`).raw().iterate()) {
          insert.run(...row);
        }
      } catch {
        damaged.push(name);
      }
    }
    try {
      journalMark = source.prepare<[], number>(JOURNAL_MARK).pluck().get() ?? null;
      if (journalMark !== null) into.prepare("UPDATE journal_mark SET position = ?").run(journalMark);
    } catch {
      // Whatever the journal counts is uncertain then, and the gap that a lost store leaves says so.
    }
  } catch {
    return { damaged: SALVAGED_TABLES, journalMark };
  } finally {
    source?.close();
  }
  return { damaged, journalMark };
}

/** Those that the damaged file has: it may be of an earlier version. */
function columnsOf(source: Database.Database, table: (typeof SALVAGED_TABLES)[number]): string {
  const found = new Set(source.prepare<[string], string>("SELECT name FROM pragma_table_info(?)").pluck().all(table));
  return COLUMNS[table]
    .split(", ")
    .filter((column) => found.has(column))
    .join(", ");
}
