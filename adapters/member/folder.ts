/**
 * A member's own folder, where the store is shared: who it is over all its process lives, and its journal. One file says who it
 * is and is locked for life, so that no two processes are one member.
 */
import Database from "better-sqlite3";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { CrossfadeError } from "../../proxy/errors.ts";

/** Long enough for a predecessor that is just ending, short enough for a start. */
const LOCK_WAIT_MS = 300;
/** "Cfm1": whose file it is. */
const APPLICATION_ID = 0x43_66_6d_31;

export interface MemberFolder {
  /** Its identity, a ULID: names it among the members, and its accounts in the store. */
  readonly run: string;
  /** Whether it has used a store before. */
  readonly hasRun: boolean;
  /** It has. Durable when it returns. */
  begun(): void;
  close(): void;
}

/**
 * `fresh`: who it is where nobody has been before.
 * @throws CrossfadeError `store-unavailable` or `store-locked` that names the folder and the way out.
 */
export function openMemberFolder(folder: string, fresh: string): MemberFolder {
  let db: Database.Database | null = null;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    db = new Database(join(folder, "member"), { timeout: LOCK_WAIT_MS });
    db.pragma("locking_mode = EXCLUSIVE");
    db.pragma("synchronous = FULL");
    const { run, hasRun } = identify(db, folder, fresh);
    const mark = db.prepare("UPDATE member SET has_run = 1");
    const open = db;
    return {
      run,
      hasRun,
      begun: () => void mark.run(),
      close: () => void open.close(),
    };
  } catch (thrown) {
    db?.close();
    if (thrown instanceof CrossfadeError) throw thrown;
    throw asUnusable(thrown, folder);
  }
}

function identify(
  db: Database.Database,
  folder: string,
  fresh: string,
): { readonly run: string; readonly hasRun: boolean } {
  db.exec("BEGIN EXCLUSIVE");
  const owner = Number(db.pragma("application_id", { simple: true }));
  const tables = db.prepare<[], number>("SELECT count(*) FROM sqlite_schema").pluck().get() ?? 0;
  if (owner !== APPLICATION_ID && tables > 0) {
    const message = `${join(folder, "member")} is a file of another program; name another folder (member.folder)`;
    throw new CrossfadeError("store-unavailable", message, { source: "store" });
  }
  db.exec(
    "CREATE TABLE IF NOT EXISTS member (only INTEGER PRIMARY KEY CHECK (only = 1), run TEXT NOT NULL, has_run INTEGER NOT NULL)",
  );
  db.prepare("INSERT OR IGNORE INTO member VALUES (1, ?, 0)").run(fresh);
  db.pragma(`application_id = ${APPLICATION_ID}`);
  db.exec("COMMIT");
  const row = db.prepare<[], { run: string; has_run: number }>("SELECT run, has_run FROM member").get();
  if (row === undefined) throw new Error("it says of nobody");
  return { run: row.run, hasRun: row.has_run === 1 };
}

function asUnusable(thrown: unknown, folder: string): CrossfadeError {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const details = { source: "store", cause: thrown } as const;
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    const message = `member folder ${folder} is in use by another Crossfade; give each process a folder of its own (member.folder, --member-folder)`;
    return new CrossfadeError("store-locked", message, details);
  }
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  const message =
    `member folder ${folder} cannot be used (${words}); let this user write there, name another one (member.folder), ` +
    "or set journal.survives: nothing";
  return new CrossfadeError("store-unavailable", message, details);
}
