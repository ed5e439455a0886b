/**
 * Reads what waits in the log and nowhere else, in the order in which it was answered: first what earlier process lives
 * left, then what this one kept. Holds a quarter of a MiB of it at a time, or a frame that is larger, however much waits.
 */
import { open, type FileHandle } from "node:fs/promises";
import type { WaitingWrite } from "../../proxy/journal.ts";
import { FRAME_HEAD_BYTES, nextFrame, openFrame, SEGMENT_HEAD_BYTES } from "./frames.ts";
import { decodeRecords, type JournalRecord } from "./records.ts";
import type { CarriedPlace, Scanned } from "./scan.ts";
import type { Segment } from "./segment.ts";

const AHEAD_BYTES = 256 * 1024;
const NOTHING_AHEAD = { at: 0, bytes: Buffer.alloc(0) };

/** A waiting write with its place in the log. */
export interface Found extends WaitingWrite {
  readonly entry: number;
  readonly position: number;
  readonly segment: Segment;
  readonly bytes: number;
}

export interface WaitingOptions {
  readonly scanned: Scanned;
  /** Oldest first; those of the process life before come first. */
  readonly segments: () => readonly Segment[];
  /** More of it may come: it is the present one, or its last frame is with the disk. */
  readonly isGrowing: (segment: Segment) => boolean;
  /** Kept, but then settled by whoever wanted to keep it. */
  readonly isTakenBack: (position: number) => boolean;
}

export class WaitingReader {
  readonly #options: WaitingOptions;
  readonly #carried: CarriedPlace[];
  readonly #earlier: ReadonlySet<Segment>;
  #file: { readonly segment: Segment; readonly handle: FileHandle } | null = null;
  #segment: Segment | null = null;
  #at = SEGMENT_HEAD_BYTES;
  /** Of the open file. */
  #ahead: { readonly at: number; readonly bytes: Buffer } = NOTHING_AHEAD;
  #roomMade: Buffer | null = null;

  constructor(options: WaitingOptions) {
    this.#options = options;
    this.#carried = [...options.scanned.carried];
    this.#earlier = new Set(options.scanned.segments);
  }

  /** Those of the next frame that has any; none: nothing more is written yet. */
  async next(): Promise<readonly Found[]> {
    for (let carried = this.#carried.shift(); carried !== undefined; carried = this.#carried.shift()) {
      const { segment, at, position } = carried;
      const frame = await this.#frameAt(segment, at);
      const found = frame === null ? [] : this.#found(frame.records, segment, (record) => record.position === position);
      if (found.length > 0) return found;
    }
    for (;;) {
      const segment = this.#present();
      if (segment === null) return [];
      if (this.#at >= segment.bytes || segment.waiting === 0) {
        if (this.#options.isGrowing(segment)) return [];
        this.#at = Infinity;
        continue;
      }
      const frame = await this.#frameAt(segment, this.#at);
      if (frame === null) {
        this.#at = await this.#behindDamage(segment);
        continue;
      }
      this.#at = frame.end;
      const found = this.#found(frame.records, segment, this.#earlier.has(segment) ? isLeftOver : isKept);
      if (found.length > 0) return found;
    }
  }

  async close(): Promise<void> {
    this.#ahead = NOTHING_AHEAD;
    await this.#file?.handle.close();
    this.#file = null;
  }

  /** Made when something waits for the first time. */
  get #room(): Buffer {
    return (this.#roomMade ??= Buffer.allocUnsafeSlow(AHEAD_BYTES));
  }

  /** The segment that is being read: the first that may hold more. */
  #present(): Segment | null {
    const segments = this.#options.segments();
    const last = this.#segment;
    if (last !== null && this.#at !== Infinity && segments.includes(last)) return last;
    const next = segments.find(({ head }) => last === null || head.number > last.head.number) ?? null;
    if (next === null) return null;
    this.#segment = next;
    this.#at = SEGMENT_HEAD_BYTES;
    return next;
  }

  #found(records: Buffer, segment: Segment, isWanted: (record: JournalRecord) => boolean): Found[] {
    const found: Found[] = [];
    const { scanned, isTakenBack } = this.#options;
    for (const record of decodeRecords(records)) {
      if (record.type !== "accepted" || !isWanted(record)) continue;
      const { entry, position, intent, write, generation, bytes, sentAtOnce } = record;
      if (scanned.settled.has(entry) || isTakenBack(position)) continue;
      const attempts = scanned.sent.get(entry)?.attempt ?? (sentAtOnce ? 1 : 0);
      const order = `${generation}.${position}`;
      found.push({ intent, write, order, attempts, entry, position, segment, bytes: bytes.length });
    }
    return found;
  }

  async #frameAt(segment: Segment, at: number): Promise<{ readonly records: Buffer; readonly end: number } | null> {
    const head = await this.#read(segment, at, FRAME_HEAD_BYTES);
    const length = head.length < FRAME_HEAD_BYTES ? Infinity : head.readUInt32LE(4);
    if (at + FRAME_HEAD_BYTES + length > segment.bytes) return null;
    const frame = openFrame(segment.key, await this.#read(segment, at, FRAME_HEAD_BYTES + length), 0);
    return frame === null ? null : { records: frame.records, end: at + frame.end };
  }

  async #behindDamage(segment: Segment): Promise<number> {
    const rest = await this.#read(segment, this.#at, segment.bytes - this.#at);
    const next = nextFrame(segment.key, rest, 0);
    return next === -1 ? segment.bytes : this.#at + next;
  }

  /** What is given is valid until the next call. */
  async #read(segment: Segment, at: number, bytes: number): Promise<Buffer> {
    if (this.#file?.segment !== segment) {
      await this.close();
      this.#file = { segment, handle: await open(segment.file, "r") };
    }
    const ahead = this.#ahead;
    const from = at - ahead.at;
    if (from < 0 || from + bytes > ahead.bytes.length) {
      // Frames are as small as a turn's records: read one by one, a backlog would come back slower than it grows.
      const wanted = Math.max(bytes, Math.min(AHEAD_BYTES, segment.bytes - at));
      const room = wanted <= AHEAD_BYTES ? this.#room : Buffer.allocUnsafe(wanted);
      const { bytesRead } = await this.#file.handle.read(room, 0, wanted, at);
      this.#ahead = { at, bytes: room.subarray(0, bytesRead) };
      return this.#ahead.bytes.subarray(0, bytes);
    }
    return ahead.bytes.subarray(from, from + bytes);
  }
}

function isLeftOver(record: JournalRecord): boolean {
  return !record.carried;
}

/** What was carried on had been taken before: it is pinned by a copy in memory. */
function isKept(record: JournalRecord): boolean {
  return record.type === "accepted" && record.kept && !record.carried;
}
