/**
 * A member's own folder, where the store is shared: who it is over all its process lives, and its journal. One file says who it
 * is and is locked for life, so that no two processes are one member. A file that is removed meanwhile is written again:
 * otherwise the next process would be another member, and this one silent for good.
 */
import Database from "better-sqlite3";
import { chmodSync, mkdirSync, statSync, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { CrossfadeError } from "../../proxy/errors.ts";

/** Long enough for a predecessor that is just ending, short enough for a start. */
const LOCK_WAIT_MS = 300;
const LOOK_EVERY_MS = 1_000;
/** "Cfm1": whose file it is. */
const APPLICATION_ID = 0x43_66_6d_31;

export interface MemberFolder {
  /** Its identity, a ULID: names it among the members, and its accounts in the store. */
  readonly run: string;
  /** Whether it has used a store before. */
  readonly hasRun: boolean;
  /** It has. Durable when it returns. From here on it is looked after. */
  begun(): void;
  /** What an operator should know of it, in words; null: it is there. */
  problem(): string | null;
  close(): void;
}

interface Identity {
  readonly run: string;
  readonly hasRun: boolean;
}

interface Opened extends Identity {
  readonly db: Database.Database;
  readonly file: Pick<Stats, "dev" | "ino">;
}

/**
 * `fresh`: who it is where nobody has been before.
 * @throws CrossfadeError `store-unavailable` or `store-locked` that names the folder and the way out.
 */
export function openMemberFolder(folder: string, fresh: string): MemberFolder {
  return new Folder(folder, open(folder, { run: fresh, hasRun: false }, LOCK_WAIT_MS));
}

class Folder implements MemberFolder {
  readonly run: string;
  readonly hasRun: boolean;
  readonly #folder: string;
  #opened: Opened;
  #timer: NodeJS.Timeout | null = null;
  #removedAt: string | null = null;
  /** Why it could not be written again. */
  #refusal: string | null = null;
  #isClosed = false;

  constructor(folder: string, opened: Opened) {
    this.#folder = folder;
    this.#opened = opened;
    this.run = opened.run;
    this.hasRun = opened.hasRun;
  }

  begun(): void {
    markRun(this.#opened.db);
    this.#timer ??= setInterval(() => void this.#look(), LOOK_EVERY_MS).unref();
  }

  problem(): string | null {
    if (this.#removedAt === null) return null;
    const removed = `member folder ${this.#folder} was removed at ${this.#removedAt}, while its member runs`;
    if (this.#refusal !== null) {
      return `${removed}, and it cannot be written again (${this.#refusal}): the next process would be another member`;
    }
    return (
      `${removed}; who it is was written there again, its journal is gone: start the process again. Until then, writes ` +
      "without an outcome are lost with it, inside a gap"
    );
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#opened.db.close();
  }

  /** A disk that does not answer holds up nobody: only what is gone is written at once. */
  async #look(): Promise<void> {
    const { file } = this.#opened;
    const now = await stat(join(this.#folder, "member")).catch((error: NodeJS.ErrnoException) => {
      return error.code === "ENOENT" ? null : file;
    });
    if (this.#isClosed || (now !== null && isSame(now, file))) return;
    this.#removedAt ??= new Date().toISOString();
    try {
      this.#writeAgain();
      this.#refusal = null;
    } catch (error) {
      this.#refusal = error instanceof Error ? error.message : String(error);
    }
  }

  #writeAgain(): void {
    const again = open(this.#folder, { run: this.run, hasRun: true }, 0);
    if (again.run !== this.run) {
      again.db.close();
      throw new Error(`the one that is there now is member ${again.run}'s`);
    }
    this.#opened.db.close();
    this.#opened = again;
  }
}

function isSame(one: Pick<Stats, "dev" | "ino">, other: Pick<Stats, "dev" | "ino">): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

function open(folder: string, fresh: Identity, lockWaitMs: number): Opened {
  let db: Database.Database | null = null;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    const name = join(folder, "member");
    db = new Database(name, { timeout: lockWaitMs });
    db.pragma("locking_mode = EXCLUSIVE");
    db.pragma("synchronous = FULL");
    return { ...identify(db, folder, fresh), db, file: statSync(name) };
  } catch (thrown) {
    db?.close();
    if (thrown instanceof CrossfadeError) throw thrown;
    throw asUnusable(thrown, folder);
  }
}

function markRun(db: Database.Database): void {
  db.prepare("UPDATE member SET has_run = 1").run();
}

function identify(db: Database.Database, folder: string, fresh: Identity): Identity {
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
  db.prepare("INSERT OR IGNORE INTO member VALUES (1, ?, ?)").run(fresh.run, Number(fresh.hasRun));
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
