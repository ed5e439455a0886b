/**
 * The durable journal: an append-only log in a folder of its own (docs/decisions/0007).
 *
 * A write is an *entry*, named by the position of its intent. What a crash would need of it is *pinned* in the segment that
 * holds it: the intent until there is an answer, then the accepted record, and that an attempt was made; all of it is free
 * once the write has settled (upkeep.ts).
 */
import { truncate } from "node:fs/promises";
import type {
  AcceptedWrite,
  DeliveredWrite,
  DueReadBack,
  Intent,
  Journal,
  JournalAccount,
  LastingName,
  LeftOver,
  WaitingWrite,
} from "../../proxy/journal.ts";
import { DueReadBacks } from "./due-read-backs.ts";
import type { Entry, Pin } from "./entry.ts";
import { spellIntent } from "./records.ts";
import { scanFolder, type Scanned } from "./scan.ts";
import type { Segment } from "./segment.ts";
import { Upkeep } from "./upkeep.ts";
import { type Found, WaitingReader } from "./waiting.ts";
import { WaitingSince } from "./waiting-since.ts";
import { LogWriter } from "./writer.ts";

const SEGMENT_BYTES = 16 * 1024 * 1024;
const CLOSE_PATIENCE_MS = 5_000;

export interface LogSettings {
  /** Mode 0700, and nobody else's: the store beside it is locked. */
  readonly folder: string;
  readonly journalKey: Buffer;
  readonly survives: "process" | "power";
  readonly limitBytes: () => number;
  readonly monotonic: () => number;
  readonly segmentBytes?: number;
}

/** What earlier lives left, as it was read; nothing is changed yet. */
export interface ReadLog {
  readonly scanned: Scanned;
  account(): Pick<JournalAccount, "coversGeneration" | "damage" | "upTo" | "uncounted" | "open">;
}

export async function readLog(settings: LogSettings, countedUpTo: number): Promise<ReadLog> {
  const scanned = await scanFolder(settings.folder, settings.journalKey, countedUpTo);
  return {
    scanned,
    account() {
      const { lastPosition, lastGeneration, uncounted, open, segments } = scanned;
      const counted = `the store has counted up to ${countedUpTo}`;
      const first = segments[0]?.head.firstPosition ?? 0;
      // What a store had confirmed, and lost, was given up here too.
      const begins = first > countedUpTo + 1 ? `it begins at ${first}, and ${counted}` : null;
      const ends =
        lastGeneration !== null && lastPosition < countedUpTo ? `it ends at ${lastPosition}, and ${counted}` : null;
      const damage = scanned.damage ?? begins ?? ends;
      return {
        coversGeneration: damage === null ? lastGeneration : null,
        damage,
        upTo: Math.max(lastPosition, countedUpTo),
        uncounted,
        open: [...open].map(([route, count]) => ({ route, count })),
      };
    },
  };
}

export interface LogJournal extends Journal {
  readonly kind: "durable";
  /** Without a copy that could be delivered; each is to be settled. */
  readonly leftOver: readonly LeftOver[];
  /** Bodies in files of their own that writes of earlier lives need. */
  readonly spooled: readonly LastingName[];
  /** Of writes of earlier lives, oldest first: each is to be ended. */
  readonly readBacksLeft: readonly DueReadBack[];
}

export interface LogOptions extends LogSettings {
  readonly read: ReadLog;
  readonly countedUpTo: number;
  readonly generation: number;
  /** What the store has counted by now. */
  readonly counted: () => number;
}

/** @throws where the folder cannot be written. */
export async function openLogJournal(options: LogOptions): Promise<LogJournal> {
  const { scanned } = options.read;
  if (scanned.cutOff !== null) await truncate(scanned.cutOff.file, scanned.cutOff.at);
  const journal = new Log(options);
  await journal.begin();
  return journal;
}

class Log implements LogJournal {
  readonly kind = "durable";
  readonly leftOver: readonly LeftOver[];
  readonly spooled: readonly LastingName[];
  readonly readBacksLeft: readonly DueReadBack[];
  readonly #options: LogOptions;
  readonly #segments: Segment[];
  readonly #writer: LogWriter;
  readonly #reader: WaitingReader;
  readonly #entries = new Map<string, Entry>();
  readonly #takenBack = new Set<number>();
  readonly #readBacks: DueReadBacks;
  readonly #upkeep: Upkeep;
  /** Of those that wait on disk. */
  #waiting: number;
  readonly #waitingSince: WaitingSince;
  #closing: Promise<void> | null = null;

  constructor(options: LogOptions) {
    const { scanned } = options.read;
    this.#options = options;
    this.#segments = [...scanned.segments];
    this.#waiting = scanned.waiting;
    this.#waitingSince = scanned.waitingSince;
    this.#writer = new LogWriter({
      ...options,
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
      position: Math.max(scanned.lastPosition, options.countedUpTo),
      number: scanned.nextNumber,
      segmentBegun: (segment) => this.#segments.push(segment),
    });
    this.#reader = new WaitingReader({
      scanned,
      segments: () => this.#segments,
      isGrowing: (segment) => this.#writer.isGrowing(segment),
      isTakenBack: (position) => this.#takenBack.has(position),
    });
    for (const { entry, intent, segment, bytes } of scanned.intents) {
      const { exchangeId, route } = intent;
      this.#entries.set(exchangeId, {
        entry,
        exchangeId,
        route,
        isWhole: false,
        spelled: null,
        intent: { position: entry, segment, bytes },
        accepted: null,
        sentAtOnce: false,
        isTold: false,
        sent: null,
      });
    }
    this.spooled = scanned.spooled;
    this.leftOver = scanned.intents.map(({ intent, end, key }) => ({ intent, end, key }));
    this.readBacksLeft = scanned.readBacks.map(({ due }) => due);
    this.#readBacks = new DueReadBacks(this.#writer, scanned.readBacks);
    this.#upkeep = new Upkeep({
      folder: options.folder,
      segments: this.#segments,
      entries: this.#entries,
      readBacks: this.#readBacks,
      writer: this.#writer,
      counted: options.counted,
      monotonic: options.monotonic,
    });
  }

  begin(): Promise<void> {
    return this.#writer.begin();
  }

  intend(intent: Intent): Promise<void> {
    if (this.#writer.isStuck) return Promise.reject(new Error("the journal's disk does not take what it is given"));
    if (this.#isFull()) return Promise.reject(new Error("the journal is full"));
    const spelled = spellIntent(intent);
    const bytes = this.#writer.append((records, position) => records.intended(position, spelled));
    const { exchangeId, route } = intent;
    this.#entries.set(exchangeId, {
      entry: this.#writer.position,
      exchangeId,
      route,
      isWhole: false,
      spelled,
      intent: this.#pin(bytes),
      accepted: null,
      sentAtOnce: false,
      isTold: false,
      sent: null,
    });
    return this.#writer.whenWritten();
  }

  answered(
    exchangeId: string,
    end: "accepted" | "refused" | "unknown",
    key: string | null,
    write?: DeliveredWrite,
  ): number {
    const entry = this.#entries.get(exchangeId);
    if (entry === undefined) return this.#writer.nextPosition();
    if (end !== "accepted") this.#writer.append((records, position) => records.ended(position, entry.entry, end, key));
    else if (write !== undefined) this.#accept(entry, write, false);
    return this.#writer.position;
  }

  keep(exchangeId: string, write: AcceptedWrite): Promise<boolean> | null {
    const entry = this.#entries.get(exchangeId);
    if (entry === undefined || this.#writer.isStuck || this.#isFull()) return null;
    const pin = this.#accept(entry, write, true);
    const { position } = this.#writer;
    this.#entries.delete(exchangeId);
    pin.segment.waiting += 1;
    this.#waiting += 1;
    this.#waitingSince.add(entry.route, write.answeredAt);
    return this.#writer.whenWritten().then(
      () => true,
      () => {
        // It may be written yet: then the reader must not take it for one that waits.
        this.#takenBack.add(position);
        this.#entries.set(exchangeId, entry);
        pin.segment.waiting -= 1;
        this.#waiting -= 1;
        this.#waitingSince.leave(entry.route);
        return false;
      },
    );
  }

  sent(exchangeId: string, attempt: number): Promise<void> | undefined {
    const entry = this.#entries.get(exchangeId);
    if (entry === undefined) return undefined;
    const { accepted, sentAtOnce } = entry;
    if (attempt === 1 && sentAtOnce && accepted !== null) return this.#until(accepted.position);
    if (isUntold(entry)) {
      entry.isTold = true;
      return this.#tellForSure(entry, attempt);
    }
    this.#recordSent(entry, attempt);
    return this.#until(this.#writer.position);
  }

  canTellOfFirst(exchangeId: string): boolean {
    if (!this.#writer.isStuck) return true;
    const entry = this.#entries.get(exchangeId);
    return entry === undefined || !isUntold(entry);
  }

  heldUp(exchangeId: string): void {
    const entry = this.#entries.get(exchangeId);
    if (entry?.sentAtOnce !== true) return;
    entry.sentAtOnce = false;
    this.#recordSent(entry, 0);
  }

  readBackDue(exchangeId: string, due: DueReadBack): void {
    const entry = this.#entries.get(exchangeId);
    if (entry !== undefined) this.#readBacks.add(entry, due);
  }

  readBackEnded(exchangeId: string, mark: DueReadBack["mark"] | null): void {
    this.#readBacks.end(exchangeId, mark);
  }

  settled(exchangeId: string, end: Parameters<Journal["settled"]>[1]): void {
    const entry = this.#entries.get(exchangeId);
    if (entry === undefined) return;
    this.#entries.delete(exchangeId);
    // A crash within these milliseconds finds it sent, as it would a little earlier.
    this.#writer.append((records, position) => records.settled(position, entry.entry, entry, end), false);
    this.#free(entry.intent);
    this.#free(entry.accepted);
    this.#free(entry.sent);
  }

  waiting(route?: string): number {
    return route === undefined ? this.#waiting : this.#waitingSince.count(route);
  }

  waitingSince(route: string): number | null {
    return this.#waitingSince.of(route);
  }

  nextWaiting(): Promise<readonly WaitingWrite[]> {
    return this.#waiting === 0 ? Promise.resolve([]) : this.#reader.next();
  }

  take(write: WaitingWrite): void {
    const { entry, position, segment, bytes, intent, attempts } = write as Found;
    this.#entries.set(intent.exchangeId, {
      entry,
      exchangeId: intent.exchangeId,
      route: intent.route,
      isWhole: true,
      spelled: null,
      intent: null,
      accepted: { position, segment, bytes },
      // Of this process's attempts: those of an earlier one are counted already.
      sentAtOnce: false,
      isTold: attempts > 0,
      sent: this.#options.read.scanned.sent.get(entry) ?? null,
    });
    segment.waiting -= 1;
    this.#waiting -= 1;
    this.#waitingSince.taken(intent.route, write.write.answeredAt);
  }

  holds(exchangeId: string): boolean {
    return this.#entries.get(exchangeId)?.isWhole === true;
  }

  position(): number {
    return this.#writer.recorded;
  }

  nextPosition(): number {
    return this.#writer.nextPosition();
  }

  reached(position: number): boolean {
    return this.#writer.reached(position);
  }

  whenReached(position: number): Promise<void> | null {
    return this.#until(position) ?? null;
  }

  depth(): number {
    return this.#entries.size + this.#waiting;
  }

  health(): ReturnType<Journal["health"]> {
    const full = this.#isFull()
      ? `the journal holds its limit of ${this.#options.limitBytes()} bytes (limits.journal)`
      : null;
    return {
      problem: this.#writer.problem() ?? full ?? this.#upkeep.problem,
      bytes: this.#upkeep.bytes(),
      pendingBytes: this.#writer.pendingBytes,
      limitBytes: this.#options.limitBytes(),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#upkeep.close();
    await this.#reader.close();
    await this.#writer.close(CLOSE_PATIENCE_MS);
  }

  /** Whether there was room for the record. */
  #recordSent(entry: Entry, attempt: number): boolean {
    const bytes = this.#writer.append((records, position) => records.sent(position, entry.entry, attempt));
    this.#free(entry.sent);
    entry.sent = this.#pin(bytes);
    return bytes > 0;
  }

  /** However long the disk takes: after a crash this would be sent again. */
  async #tellForSure(entry: Entry, attempt: number): Promise<void> {
    for (;;) {
      const isRecorded = this.#recordSent(entry, attempt);
      const { position } = this.#writer;
      // Rejects each time that a write fails.
      while (!this.#writer.reached(position)) await this.#writer.whenReached(position)?.catch(() => undefined);
      if (isRecorded) return;
    }
  }

  /** Of a disk that does not answer nobody waits; nor does anybody of one that refuses. */
  #until(position: number): Promise<void> | undefined {
    if (this.#writer.isStuck) return undefined;
    return this.#writer.whenReached(position)?.catch(() => undefined);
  }

  #accept(entry: Entry, write: DeliveredWrite, kept: boolean): Pin {
    const generation = write.orderBase ?? this.#options.generation;
    const intent = entry.spelled as string;
    const bytes = this.#writer.append((records, position) =>
      records.accepted(position, entry.entry, { intent, write, generation, kept }),
    );
    const pin = this.#pin(bytes);
    entry.accepted = pin;
    entry.isWhole = bytes > 0 && write.body.kind !== "digest";
    entry.sentAtOnce = bytes > 0 && write.sentAtOnce === true;
    entry.spelled = null;
    this.#free(entry.intent);
    entry.intent = null;
    return pin;
  }

  #pin(bytes: number): Pin {
    const { segment } = this.#writer;
    segment.pin(bytes);
    return { position: this.#writer.position, segment, bytes };
  }

  #free(pin: Pin | null): void {
    pin?.segment.free(pin.bytes, this.#writer.position);
  }

  #isFull(): boolean {
    return this.#upkeep.bytes() >= this.#options.limitBytes();
  }
}

/** A crash would find it, and nothing that says that an attempt was made. */
function isUntold({ isWhole, sentAtOnce, isTold }: Entry): boolean {
  return isWhole && !sentAtOnce && !isTold;
}
