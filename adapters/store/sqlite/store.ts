/**
 * The embedded store: one SQLite file, owned by a thread of its own. Appending puts writes into the backlog; one batch
 * at a time is with the thread, and whatever came meanwhile is the next one (group commit by itself: the slower the
 * disk, the larger the batches). What fails is tried again; what cannot be kept is counted and said.
 */
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import type { CrossfadeError } from "../../../proxy/errors.ts";
import type { DivergenceRecord } from "../../../proxy/evidence.ts";
import type { Clock, DivergenceQuery, Page, Store, StoreHealth, StoreWrite } from "../../../proxy/ports.ts";
import { pageLimit } from "../cursor.ts";
import { DEFAULT_RETENTION, type Retention } from "../retention.ts";
import { Backlog, DEFAULT_BACKLOG, type BacklogLimits, type BacklogMark } from "./backlog.ts";
import { WorkerLink } from "./link.ts";
import type { ListQuery, Opened, Questions } from "./messages.ts";
import { prepareStoreFile } from "./place.ts";

const SECOND = 1000;

/** An idle store says so often that it is alive: what a later unclean end leaves open is no longer than this. */
const HEARTBEAT_MS = 5 * SECOND;
const RETRY_MS = SECOND;
const STALLED_MS = 5 * SECOND;

export interface SqliteStoreOptions {
  readonly file: string;
  readonly clock: Clock;
  /** Routes whose writes are mirrored: they get a gap after an unclean end even if the store never saw one of theirs. */
  readonly routes?: readonly string[];
  readonly retention?: Partial<Retention>;
  readonly backlog?: Partial<BacklogLimits>;
  /** How long a question, a flush or the end may wait for the disk. Default 10 s. */
  readonly patienceMs?: number;
}

export interface SqliteStore extends Store {
  readonly opened: Pick<Opened, "previousEnd" | "setAside" | "notes">;
}

/**
 * @throws CrossfadeError `store-locked` where another process has the file; `store-unavailable` where it cannot be used
 * (no folder, no permission, network file system, another program's database, a newer schema). A corrupt file is no
 * error: it is set aside, and `opened` and `health` say so.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const file = await prepareStoreFile(options.file);
  return new Promise((resolve, reject) => {
    new OpenSqliteStore(file, options, resolve, reject);
  });
}

interface Flushing {
  readonly mark: BacklogMark;
  /** An attempt that began later and failed ends the waiting. */
  readonly afterBatch: number;
  readonly done: () => void;
}

class OpenSqliteStore implements SqliteStore {
  generation = 0;
  opened: Opened = { generation: 0, previousEnd: "none", setAside: null, lastBatch: 0, notes: [] };
  readonly #file: string;
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #backlog: Backlog;
  readonly #link: WorkerLink;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #flushing = new Set<Flushing>();
  #scheduled: NodeJS.Immediate | null = null;
  #retry: NodeJS.Timeout | null = null;
  #attempts = 0;
  #sentAt = 0;
  /** Batch that was out when the thread died; twice means that it is the cause. */
  #deadly = 0;
  #failure: string | null = null;
  #displaced: string | null = null;
  #setAside: string | null = null;
  #inode: number | null = null;
  #closing: Promise<void> | null = null;

  constructor(
    file: string,
    options: SqliteStoreOptions,
    onOpen: (store: SqliteStore) => void,
    onRefused: (error: CrossfadeError) => void,
  ) {
    this.#file = file;
    this.#clock = options.clock;
    this.#patienceMs = options.patienceMs ?? 10 * SECOND;
    this.#backlog = new Backlog({ ...DEFAULT_BACKLOG, ...options.backlog });
    const order = {
      file,
      run: randomUUID(),
      now: this.#clock.now(),
      retention: { ...DEFAULT_RETENTION, ...options.retention },
      routes: options.routes ?? [],
      again: null,
    };
    let first = true;
    this.#link = new WorkerLink(order, () => this.#clock.now(), {
      opened: (opened) => {
        this.#onOpened(opened, first);
        if (first) onOpen(this);
        first = false;
      },
      committed: () => this.#onCommitted(),
      failed: (number, error) => this.#onFailed(number, error),
      down: (error) => {
        if (!first) return this.#onDown(error);
        void this.close();
        onRefused(error);
      },
    });
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  append(writes: readonly StoreWrite[]): void {
    for (const write of writes) this.#backlog.add(write);
    if (this.#closing === null) this.#schedule();
    else this.#backlog.abandon();
  }

  flush(): Promise<void> {
    const mark = this.#backlog.mark();
    if (this.#backlog.reached(mark)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting: Flushing = {
        mark,
        afterBatch: this.#attempts,
        done: () => {
          clearTimeout(timer);
          this.#flushing.delete(waiting);
          resolve();
        },
      };
      const timer = setTimeout(waiting.done, this.#patienceMs);
      this.#flushing.add(waiting);
      this.#post();
    });
  }

  health(): StoreHealth {
    return {
      kind: "sqlite",
      problem: this.#failure ?? this.#stalled() ?? this.#displaced ?? this.#setAside,
      lostWrites: this.#backlog.lostWrites,
      pendingWrites: this.#backlog.pendingWrites,
    };
  }

  outcomeCounts(): Promise<Questions["outcomeCounts"]["value"]> {
    return this.#ask("outcomeCounts", null);
  }

  eligibleCounts(): Promise<Questions["eligibleCounts"]["value"]> {
    return this.#ask("eligibleCounts", null);
  }

  async divergences(query: DivergenceQuery): Promise<Page<DivergenceRecord>> {
    const limit = pageLimit(query.limit);
    const items: DivergenceRecord[] = [];
    let cursor = query.cursor;
    for (;;) {
      // Each answer looks into so many records at most, and commits go on between two answers.
      const rest = { ...query, limit: limit - items.length, ...(cursor === undefined ? {} : { cursor }) };
      const { records, more } = await this.#ask("divergences", rest);
      for (const record of records) items.push(JSON.parse(record) as DivergenceRecord);
      if (more === null || items.length >= limit) return { items, next: more };
      cursor = more;
    }
  }

  async divergence(id: string): Promise<DivergenceRecord | null> {
    const record = await this.#ask("divergence", id);
    return record === null ? null : (JSON.parse(record) as DivergenceRecord);
  }

  groups(query: ListQuery): Promise<Questions["groups"]["value"]> {
    return this.#ask("groups", query);
  }

  async group(id: string): ReturnType<Store["group"]> {
    const found = await this.#ask("group", id);
    if (found === null) return null;
    return { group: found.group, samples: found.samples.map((record) => JSON.parse(record) as DivergenceRecord) };
  }

  repairs(query: ListQuery): Promise<Questions["repairs"]["value"]> {
    return this.#ask("repairs", query);
  }

  gaps(query: ListQuery): Promise<Questions["gaps"]["value"]> {
    return this.#ask("gaps", query);
  }

  openWork(): Promise<Questions["openWork"]["value"]> {
    return this.#ask("openWork", null);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#heartbeat);
    if (this.#link.up) await this.flush();
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    // Lost evidence is only evidence; a lost count or repair is what the gap after an unclean end stands for.
    const clean = this.#backlog.pendingEssentials === 0;
    this.#backlog.abandon();
    await this.#link.close(clean, this.#patienceMs);
    for (const waiting of this.#flushing) waiting.done();
  }

  async #ask<Name extends keyof Questions>(name: Name, args: Questions[Name]["args"]): Promise<Questions[Name]["value"]> {
    return this.#link.ask(name, args, this.#patienceMs);
  }

  /** At most one batch a turn of the event loop, and the next one only when the one before is through. */
  #schedule(): void {
    if (this.#scheduled !== null || this.#retry !== null || this.#backlog.sealed !== null) return;
    this.#scheduled = setImmediate(() => this.#post());
  }

  #post(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#scheduled = null;
    this.#retry = null;
    if (!this.#link.up || this.#backlog.sealed !== null) return;
    const batch = this.#backlog.seal(this.#clock.now());
    this.#attempts = batch.number;
    this.#sentAt = this.#clock.monotonic();
    this.#link.commit(batch);
  }

  #onOpened(opened: Opened, first: boolean): void {
    if (first) {
      this.opened = opened;
      this.generation = opened.generation;
    }
    if (opened.setAside !== null) this.#setAside = opened.notes.join("; ");
    this.#failure = null;
    void this.#lookAtFile(true);
    const out = this.#backlog.sealed;
    if (out !== null) {
      // The thread died with this batch in its hands; its number in the file says whether it had committed it.
      if (opened.lastBatch >= out.number) this.#backlog.settle();
      else this.#backlog.giveBack({ withoutEvidence: this.#deadly > 1 });
    }
    this.#wakeFlushing();
    if (this.#backlog.pendingWrites > 0) this.#schedule();
  }

  #onCommitted(): void {
    this.#backlog.settle();
    this.#failure = null;
    this.#deadly = 0;
    this.#wakeFlushing();
    if (this.#backlog.pendingWrites > 0) this.#schedule();
  }

  #onFailed(number: number, error: CrossfadeError): void {
    this.#failure = error.message;
    // Nothing in the world outside can make it succeed: then it is the records, which must not stop what follows.
    this.#backlog.giveBack({ withoutEvidence: !error.retryable && error.code !== "store-corrupt" });
    this.#wakeFlushing(number);
    if (this.#closing !== null) return;
    this.#retry ??= setTimeout(() => this.#post(), RETRY_MS);
    this.#retry.unref();
  }

  #onDown(error: CrossfadeError): void {
    this.#failure = error.message;
    if (this.#backlog.sealed !== null) this.#deadly += 1;
    this.#wakeFlushing(Infinity);
  }

  #wakeFlushing(failedBatch = 0): void {
    for (const waiting of this.#flushing) {
      if (failedBatch > waiting.afterBatch || this.#backlog.reached(waiting.mark)) waiting.done();
    }
  }

  #beat(): void {
    void this.#lookAtFile(false);
    if (this.#retry === null) this.#post();
  }

  #stalled(): string | null {
    if (this.#backlog.sealed === null) return null;
    const waitedMs = this.#clock.monotonic() - this.#sentAt;
    if (waitedMs < STALLED_MS) return null;
    return `store ${this.#file} has not answered for ${Math.round(waitedMs / SECOND)} s: look at its disk`;
  }

  /** SQLite goes on writing into a file that was removed: nobody else would notice. */
  async #lookAtFile(opened: boolean): Promise<void> {
    const inode = await stat(this.#file).then(
      (found) => found.ino,
      () => null,
    );
    if (opened) this.#inode = inode;
    const problem = `store ${this.#file} was removed or replaced while in use: what is recorded since is lost at the end`;
    this.#displaced = inode === this.#inode ? null : `${problem}; restart Crossfade`;
  }
}

