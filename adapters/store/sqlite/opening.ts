/**
 * Opens the store's file, in this order: take its lock for life, see whose file it is, examine it, set it aside if it
 * is damaged, bring its tables forward, and account for what the run before left.
 */
import Database from "better-sqlite3";
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { asFailure, isCorrupt } from "./failures.ts";
import type { Opened, OpeningOrder } from "./messages.ts";
import { createStoreFile } from "./place.ts";
import { accountForPreviousRun, type AskJournal, type Lost } from "./previous-run.ts";
import { hasTable, salvage } from "./salvage.ts";
import { APPLICATION_ID, ESSENTIAL_TABLES, MIGRATIONS, OLDEST_READER } from "./schema.ts";

/** Long enough for a predecessor that is just ending, short enough for a start. */
const LOCK_WAIT_MS = 300;
/** The file of the write-ahead log shrinks back to this after a burst. */
const WAL_LIMIT_BYTES = 64 * 1024 * 1024;

const NO_JOURNAL: AskJournal = () => null;

/** @throws CrossfadeError for another program's database and for a newer schema; SqliteError for what SQLite refuses. */
export function openDatabase(
  order: OpeningOrder,
  ask: AskJournal = NO_JOURNAL,
): { readonly db: Database.Database; readonly opened: Opened } {
  if (order.again?.corrupt === true) return replaceDamaged(order, "SQLite found it corrupt while it was in use", ask);
  const whole = openWhole(order, ask);
  return typeof whole === "string" ? replaceDamaged(order, whole, ask) : whole;
}

/** The words in which the file is damaged, where it is. */
function openWhole(
  order: OpeningOrder,
  ask: AskJournal,
): { readonly db: Database.Database; readonly opened: Opened } | string {
  let db: Database.Database | null = null;
  try {
    db = lock(order.file);
    const damage = examine(db, order.file);
    if (damage === null) return { db, opened: start(db, order, null, ask) };
    db.close();
    return damage;
  } catch (thrown) {
    db?.close();
    if (isCorrupt(thrown) && thrown instanceof Error) return thrown.message;
    throw thrown;
  }
}

/**
 * WAL with an exclusive lock set before the first access: the lock is the first thing taken and never given back, and
 * the wal index stays in memory instead of a shared file (sqlite.org/wal.html, "Use of WAL Without Shared-Memory").
 */
function lock(file: string): Database.Database {
  createStoreFile(file);
  const db = new Database(file, { timeout: LOCK_WAIT_MS });
  try {
    db.pragma("locking_mode = EXCLUSIVE");
    db.exec("BEGIN EXCLUSIVE; COMMIT");
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

function numberOf(db: Database.Database, pragma: string): number {
  return Number(db.pragma(pragma, { simple: true }));
}

/** Refuses files that are not ours to touch; returns what is damaged, or null. */
function examine(db: Database.Database, file: string): string | null {
  const owner = numberOf(db, "application_id");
  const version = numberOf(db, "user_version");
  const tables = db.prepare<[], number>("SELECT count(*) FROM sqlite_schema").pluck().get() ?? 0;
  if (owner !== APPLICATION_ID && tables > 0) {
    const message = `store ${file} is a SQLite database of another program; name another file with --store sqlite:FILE`;
    throw new CrossfadeError("store-unavailable", message, { source: "store" });
  }
  if (version > MIGRATIONS.length && oldestReader(db) > MIGRATIONS.length) {
    const message =
      `store ${file} was written by a newer Crossfade: its schema is ${version}, this one knows ${MIGRATIONS.length}; ` +
      `run that version again, or name another file with --store sqlite:FILE`;
    throw new CrossfadeError("store-unavailable", message, { source: "store" });
  }
  if (tables === 0) return null;
  // What must not be forgotten is small and examined at each start. Evidence may be large, and a start after a crash is
  // no time to read all of it: where it is damaged, that is found when it is used, and treated the same.
  for (const table of ESSENTIAL_TABLES.filter((name) => hasTable(db, name))) {
    const found = String(db.pragma(`quick_check(${table})`, { simple: true }));
    if (found !== "ok") return found;
  }
  return null;
}

/** The oldest schema whose Crossfade can work with the file, as the one that wrote it said. */
function oldestReader(db: Database.Database): number {
  const said = hasTable(db, "reader") ? db.prepare<[], number>("SELECT oldest FROM reader").pluck().get() : undefined;
  return said ?? Infinity;
}

function start(db: Database.Database, order: OpeningOrder, lost: Lost | null, ask: AskJournal): Opened {
  const mode = db.pragma("journal_mode = WAL", { simple: true });
  if (mode !== "wal") throw new Error(`SQLite keeps journal_mode ${String(mode)} where wal is needed`);
  // A killed process loses nothing that was committed; a power cut may lose the last commits, never the file.
  db.pragma("synchronous = NORMAL");
  db.pragma(`journal_size_limit = ${WAL_LIMIT_BYTES}`);
  const begin = db.transaction(() => {
    migrate(db);
    return accountForPreviousRun(db, order, lost, ask);
  });
  return { ...begin.immediate(), inode: statSync(order.file).ino };
}

function migrate(db: Database.Database): void {
  const found = numberOf(db, "user_version");
  for (let version = found; version < MIGRATIONS.length; version++) {
    db.exec(MIGRATIONS[version] as string);
    db.pragma(`user_version = ${version + 1}`);
  }
  if (found < MIGRATIONS.length)
    db.prepare("INSERT OR REPLACE INTO reader (only, oldest) VALUES (1, ?)").run(OLDEST_READER);
  db.pragma(`application_id = ${APPLICATION_ID}`);
}

/**
 * Sets the file aside, begins a new one, and takes over what can still be read of the old one. Where that fails the old
 * one is put back: the next start must find the damage again, not an absence that says nothing.
 */
export function replaceDamaged(
  order: OpeningOrder,
  damage: string,
  ask: AskJournal = NO_JOURNAL,
): { db: Database.Database; opened: Opened } {
  const { file, now } = order;
  const { birthtimeMs, mtimeMs } = statSync(file);
  const from = Math.min(birthtimeMs > 0 ? birthtimeMs : mtimeMs, now);
  const setAside = freeName(`${file}.corrupt-${new Date(now).toISOString().replaceAll(":", "-")}`);
  let db: Database.Database | null = null;
  try {
    move(file, setAside);
    const fresh = lock(file);
    db = fresh;
    const copy = fresh.transaction(() => {
      migrate(fresh);
      return salvage(setAside, fresh);
    });
    const saved = copy.exclusive();
    const lost = { setAside, damage, from, damagedTables: saved.damaged, journalMarkKnown: saved.journalMark !== null };
    return { db: fresh, opened: start(fresh, order, lost, ask) };
  } catch (thrown) {
    db?.close();
    // A process that came in between has begun a store of its own there.
    if (asFailure(thrown, file).code !== "store-locked") putBack(setAside, file);
    throw thrown;
  }
}

function move(from: string, to: string): void {
  for (const suffix of ["", "-wal"]) {
    if (existsSync(from + suffix)) renameSync(from + suffix, to + suffix);
  }
}

function putBack(setAside: string, file: string): void {
  if (!existsSync(setAside)) return;
  // The log of the one that failed must not be taken for the old one's. Where there is no new file, it is the old one's.
  if (existsSync(file)) {
    for (const suffix of ["-journal", "-wal", ""]) rmSync(file + suffix, { force: true });
  }
  move(setAside, file);
}

function freeName(wanted: string): string {
  let name = wanted;
  for (let n = 2; existsSync(name); n++) name = `${wanted}-${n}`;
  return name;
}
