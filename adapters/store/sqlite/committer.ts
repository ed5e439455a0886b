/**
 * Keeps the backlog moving: one batch at a time is with the thread, and whatever came meanwhile is the next one (group
 * commit by itself: the slower the disk, the larger the batches). What fails is tried again, little at a time; what
 * cannot be kept is counted and said.
 */
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { CrossfadeError } from "../../../proxy/errors.ts";
import type { JournalAccount } from "../../../proxy/journal.ts";
import type { Clock, StoreHealth, StoreWrite } from "../../../proxy/ports.ts";
import type { PairsKept } from "../../../proxy/evidence/stored-pair.ts";
import { GroupListeners } from "../listeners.ts";
import type { Retention } from "../retention.ts";
import { Backlog, Room, type BacklogLimits, type BacklogMark } from "../backlog.ts";
import { WorkerLink } from "./link.ts";
import type { PairSizes } from "../rows.ts";
import type { Opened, Questions } from "./messages.ts";

const SECOND = 1000;

/** An idle store says so often that it is alive: what a later unclean end leaves open is no longer than this. */
const HEARTBEAT_MS = 5 * SECOND;
/** What a process that is killed may lose of the evidence, in time; its gap covers the writes among it. */
const COMMIT_EVERY_MS = 20;
/** Nothing is lost of counts alone: the journal has them, or the gap after an unclean end stands for them. */
const COUNTS_EVERY_MS = 100;
const ASK_AFTER_MS = 250;
const RETRY_MS = SECOND;
const STALLED_MS = 5 * SECOND;

export interface CommitterSettings {
  /** Absolute; it exists. */
  readonly file: string;
  readonly clock: Clock;
  readonly routes: readonly string[];
  readonly retention: Retention;
  readonly backlog: BacklogLimits;
  readonly patienceMs: number;
  /** Asked once, when the file is this process's and before anything is counted; null: there is no journal. */
  readonly journalAccount: ((countedUpTo: number) => Promise<JournalAccount>) | null;
}

interface Flushing {
  readonly mark: BacklogMark;
  /** An attempt that began later and failed ends the waiting. */
  readonly afterBatch: number;
  readonly done: () => void;
}

export class Committer {
  /** Resolves with the first opening; rejects where the file was refused, and then everything is closed. */
  readonly opened: Promise<Opened>;
  readonly listeners = new GroupListeners();
  readonly #settings: CommitterSettings;
  readonly #backlog: Backlog;
  readonly #link: WorkerLink;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #flushing = new Set<Flushing>();
  #scheduled: NodeJS.Timeout | null = null;
  /** Monotonic ms. */
  #dueAt = Infinity;
  #retry: NodeJS.Timeout | null = null;
  #attempts = 0;
  #sentAt = 0;
  /** Batch that was out when the thread died; twice means that it is the cause. */
  #deadly = 0;
  #failure: string | null = null;
  #displaced: string | null = null;
  #setAside: string | null = null;
  #inode = 0;
  #pairs: PairSizes = { kept: 0, bytes: 0 };
  #closing: Promise<void> | null = null;

  constructor(settings: CommitterSettings) {
    const { file, clock, routes, retention } = settings;
    this.#settings = settings;
    this.#backlog = new Backlog(new Room(settings.backlog));
    const journal = settings.journalAccount === null ? {} : { journal: new SharedArrayBuffer(8) };
    const order = { file, run: randomUUID(), now: clock.now(), retention, routes, ...journal, again: null };
    const { promise, resolve, reject } = Promise.withResolvers<Opened>();
    this.opened = promise;
    let first = true;
    this.#link = new WorkerLink(order, () => clock.now(), {
      locked: (journalMark) => {
        const asked = settings.journalAccount?.(journalMark) ?? Promise.reject(new Error("there is no journal"));
        asked.then(
          (account) => this.#link.account(account),
          (thrown: Error) => this.#link.account(unreadable(thrown, journalMark)),
        );
      },
      opened: (opened, pairs) => {
        this.#pairs = pairs;
        this.#onOpened(opened);
        resolve(opened);
        first = false;
      },
      committed: (_, { events, pairs }) => {
        this.#pairs = pairs;
        this.#onCommitted();
        this.listeners.tell(events);
      },
      failed: (number, error) => this.#onFailed(number, error),
      down: (error) => {
        if (!first) return this.#onDown(error);
        void this.close().then(() => reject(error));
      },
    });
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  append(writes: readonly StoreWrite[]): void {
    if (this.#closing !== null) {
      this.#backlog.refuse(writes.length);
      return;
    }
    for (const write of writes) this.#backlog.add(write);
    this.#schedule();
  }

  flush(): Promise<void> {
    return this.#flushWithin(this.#settings.patienceMs);
  }

  #flushWithin(patienceMs: number): Promise<void> {
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
      const timer = setTimeout(waiting.done, patienceMs);
      this.#flushing.add(waiting);
      this.#post();
    });
  }

  journalMark(): number {
    return this.#backlog.journalMark;
  }

  health(): StoreHealth {
    const present = this.#failure ?? this.#stalled() ?? this.#displaced;
    return {
      kind: "sqlite",
      problem: present ?? this.#setAside,
      isKeeping: present === null,
      lostWrites: this.#backlog.lostWrites,
      pendingWrites: this.#backlog.pendingWrites,
    };
  }

  pairsKept(): PairsKept {
    return { ...this.#pairs, limitBytes: this.#settings.retention.keepPairBytes, lost: this.#backlog.lostPairs };
  }

  /** Sees what was appended before it, unless the disk is slower than ASK_AFTER_MS. */
  async ask<Name extends keyof Questions>(
    name: Name,
    args: Questions[Name]["args"],
    patienceMs: number = this.#settings.patienceMs,
  ): Promise<Questions[Name]["value"]> {
    if (this.#backlog.pendingWrites > 0) await this.#flushWithin(ASK_AFTER_MS);
    return this.#link.ask(name, args, patienceMs);
  }

  /** Asks without waiting for what was appended before it. */
  askAtOnce<Name extends keyof Questions>(
    name: Name,
    args: Questions[Name]["args"],
    patienceMs: number = this.#settings.patienceMs,
  ): Promise<Questions[Name]["value"]> {
    return this.#link.ask(name, args, patienceMs);
  }

  /** @throws CrossfadeError `store-unavailable` where what was appended so far does not become durable in time. */
  async allDurable(): Promise<void> {
    const mark = this.#backlog.mark();
    await this.flush();
    if (this.#backlog.reached(mark)) return;
    const why = this.health().problem ?? `store ${this.#settings.file} is behind with what it was given`;
    throw new CrossfadeError("store-unavailable", why, { source: "store", retryable: true });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#heartbeat);
    if (this.#link.up) await this.flush();
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#scheduled !== null) clearTimeout(this.#scheduled);
    // Lost evidence is only evidence; a lost count or repair is what the gap after an unclean end stands for.
    const clean = this.#backlog.pendingEssentials === 0;
    this.#backlog.abandon();
    await this.#link.close(clean, this.#settings.patienceMs);
    for (const waiting of this.#flushing) waiting.done();
  }

  /**
   * At most one batch a COMMIT_EVERY_MS, and the next one only when the one before is through. Handing a batch over costs
   * both threads more than what is in it: a batch each turn of the event loop took a quarter of the process's CPU.
   */
  #schedule(): void {
    if (this.#retry !== null || this.#backlog.sealed !== null) return;
    const dueAt = this.#sentAt + (this.#backlog.hasCountsOnly ? COUNTS_EVERY_MS : COMMIT_EVERY_MS);
    if (dueAt >= this.#dueAt) return;
    if (this.#scheduled !== null) clearTimeout(this.#scheduled);
    this.#dueAt = dueAt;
    this.#scheduled = setTimeout(() => this.#post(), Math.max(0, dueAt - this.#settings.clock.monotonic()));
  }

  #post(): void {
    if (this.#scheduled !== null) clearTimeout(this.#scheduled);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#scheduled = null;
    this.#dueAt = Infinity;
    this.#retry = null;
    if (!this.#link.up || this.#backlog.sealed !== null) return;
    const batch = this.#backlog.seal(this.#settings.clock.now());
    this.#attempts = batch.number;
    this.#sentAt = this.#settings.clock.monotonic();
    this.#link.commit(batch);
  }

  #onOpened(opened: Opened): void {
    if (opened.setAside !== null) this.#setAside = opened.notes.join("; ");
    this.#failure = null;
    this.#inode = opened.inode;
    this.#backlog.journalMark = Math.max(this.#backlog.journalMark, opened.journalMark);
    this.#displaced = null;
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
    // Whoever still waits asked after this attempt had begun, and is owed one of their own.
    if (this.#flushing.size > 0) return this.#post();
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
    void this.#lookAtFile();
    if (this.#retry === null) this.#post();
  }

  #stalled(): string | null {
    if (this.#backlog.sealed === null) return null;
    const waitedMs = this.#settings.clock.monotonic() - this.#sentAt;
    if (waitedMs < STALLED_MS) return null;
    return `store ${this.#settings.file} has not answered for ${Math.round(waitedMs / SECOND)} s: look at its disk`;
  }

  /** SQLite goes on writing into a file that was removed: nobody else would notice. */
  async #lookAtFile(): Promise<void> {
    const { file } = this.#settings;
    const found = await stat(file).catch(() => null);
    const words = `store ${file} was removed or replaced while in use: what is recorded since is lost at the end`;
    this.#displaced = found?.ino === this.#inode ? null : `${words}; restart Crossfade`;
  }
}

/** A journal that cannot be read is one that is lost. */
function unreadable(thrown: Error, upTo: number): JournalAccount {
  const damage = `it cannot be read (${thrown.message})`;
  return { coversGeneration: null, damage, upTo, uncounted: [], open: [], unjournaled: [] };
}
