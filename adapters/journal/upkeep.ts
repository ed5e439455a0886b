/**
 * Which segments there are, and which may go. They go oldest first, each once nothing in it is pinned and the store has
 * counted what it records, so that a record that settles a write always outlives the one that would have it delivered. The
 * oldest, where less than half of it is still pinned, is carried on: those records are repeated at the end.
 */
import { readFile, rename, unlink } from "node:fs/promises";
import type { DueReadBacks } from "./due-read-backs.ts";
import type { Entry, Pin } from "./entry.ts";
import { openFrame, SEGMENT_HEAD_BYTES } from "./frames.ts";
import { type RecordHead, recordHeads } from "./records.ts";
import type { Segment } from "./segment.ts";
import type { LogWriter } from "./writer.ts";

const LOOK_EVERY_MS = 500;
/** A segment lives at least so long: files are not made and removed with every write. */
const LEAST_AGE_MS = 1_000;

export interface UpkeepParts {
  readonly folder: string;
  /** Oldest first. */
  readonly segments: Segment[];
  readonly entries: ReadonlyMap<string, Entry>;
  readonly readBacks: Pick<DueReadBacks, "pinOf">;
  readonly writer: LogWriter;
  /** The position up to which the store has counted. */
  readonly counted: () => number;
  readonly monotonic: () => number;
}

export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #timer: NodeJS.Timeout;
  #closedBytes = 0;
  #underway: Promise<void> | null = null;
  /** What went wrong when they were last looked after, or null. */
  problem: string | null = null;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    this.#sum();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Of all segments, and of what is on its way to one. */
  bytes(): number {
    const { writer } = this.#parts;
    return this.#closedBytes + writer.segment.bytes + writer.pendingBytes;
  }

  /** Leaves no more on disk than the next process needs. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#underway;
    const { writer } = this.#parts;
    if (writer.segment.live === 0 && !writer.segment.isEmpty && !writer.isStuck) {
      writer.rotate();
      await writer.whenWritten().catch(() => undefined);
    }
    await this.#removeFreed().catch(() => undefined);
  }

  /** Of all segments but the present one, whose length changes with each write. */
  #sum(): void {
    const closed = this.#parts.segments.filter((segment) => segment !== this.#parts.writer.segment);
    this.#closedBytes = closed.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Gives up what is no longer needed: the store has counted it, and nothing in it is pinned. */
  #look(): void {
    this.#sum();
    const { segment } = this.#parts.writer;
    const ageMs = this.#parts.monotonic() - segment.begunAt;
    const halfFree = segment.liveBytes * 2 < segment.bytes;
    if (!segment.isEmpty && halfFree && ageMs > LEAST_AGE_MS && segment.waiting === 0) this.#parts.writer.rotate();
    // Of the last segment that goes there must be one that follows.
    if (segment.bytes === 0) this.#parts.writer.begin().catch(() => undefined);
    this.#underway ??= this.#tidy().finally(() => (this.#underway = null));
  }

  async #tidy(): Promise<void> {
    try {
      await this.#removeFreed();
      await this.#carryHead();
      this.problem = null;
    } catch (thrown) {
      this.problem = `journal ${this.#parts.folder}: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    }
  }

  async #removeFreed(): Promise<void> {
    for (let head = this.#parts.segments[0]; head !== undefined && this.#mayGo(head); head = this.#parts.segments[0]) {
      if (head.damage === null) await unlink(head.file);
      else await rename(head.file, `${head.file}.damaged`);
      this.#parts.segments.shift();
    }
  }

  #mayGo(segment: Segment): boolean {
    if (segment === this.#parts.writer.segment || this.#parts.writer.segment.bytes === 0) return false;
    if (segment.live > 0 || segment.waiting > 0) return false;
    const needed = Math.max(segment.freedAt, segment.lastPosition);
    return this.#parts.writer.reached(Math.max(needed, segment.carriedAt)) && this.#parts.counted() >= needed;
  }

  async #carryHead(): Promise<void> {
    const head = this.#parts.segments[0];
    if (head === undefined || head === this.#parts.writer.segment || head.waiting > 0 || head.live === 0) return;
    if (head.liveBytes * 2 >= head.bytes || this.#parts.writer.isStuck) return;
    const file = await readFile(head.file);
    const pinned = new Map([...this.#parts.entries.values()].map((entry) => [entry.entry, entry]));
    for (let at = SEGMENT_HEAD_BYTES; at < file.length;) {
      const frame = openFrame(head.key, file, at);
      if (frame === null) return;
      for (const record of recordHeads(frame.records)) {
        const entry = pinned.get(record.entry);
        const isOpen = entry !== undefined && this.#parts.entries.get(entry.exchangeId) === entry;
        const pin = record.type === "due" ? this.#parts.readBacks.pinOf(record.entry) : isOpen && pinOf(entry, record);
        if (pin) this.#carry(pin, record, head);
      }
      at = frame.end;
      // A frame a turn: clients must not wait for all of them.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #carry(pin: Pin, record: RecordHead, from: Segment): void {
    if (pin.segment !== from || pin.position !== record.position) return;
    const bytes = this.#parts.writer.carry(record.bytes);
    from.carry(pin.bytes, this.#parts.writer.position);
    pin.segment = this.#parts.writer.segment;
    pin.segment.pin(bytes);
  }
}

function pinOf(entry: Entry, record: RecordHead): Pin | null {
  switch (record.type) {
    case "intended":
      return entry.intent;
    case "accepted":
      return entry.accepted;
    case "sent":
      return entry.sent;
    default:
      return null;
  }
}
