import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { FRAME_HEAD_BYTES, SEGMENT_HEAD_BYTES, segmentKey, type SegmentHead } from "./frames.ts";

const NAME = /^(\d{10})\.lane$/;

export function segmentFile(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(10, "0")}.lane`);
}

/** null: no segment's name. */
export function segmentNumber(name: string): number | null {
  const found = NAME.exec(name);
  return found === null ? null : Number(found[1]);
}

/** One file of the log, and what of it is still needed. */
export class Segment {
  readonly head: SegmentHead;
  readonly file: string;
  readonly key: KeyObject;
  /** Written whole; 0: there is no file yet. */
  bytes = 0;
  frames = 0;
  /** Of its last record. */
  lastPosition = 0;
  /** Records that a crash would need, and their bytes. */
  live = 0;
  liveBytes = 0;
  /** Where the log stood when a record here was last let go. */
  freedAt = 0;
  /** Where it stood when one was last repeated elsewhere. */
  carriedAt = 0;
  /** Why not all of it could be read at the start, or null. */
  damage: string | null = null;
  /** Records of writes that wait here and nowhere else, not taken back yet. */
  waiting = 0;
  readonly begunAt: number;

  constructor(folder: string, head: SegmentHead, journalKey: Buffer, begunAt: number) {
    this.head = head;
    this.file = segmentFile(folder, head.number);
    this.key = segmentKey(journalKey, head.salt);
    this.begunAt = begunAt;
  }

  /** It holds its head and the empty frame that it begins with. */
  get isEmpty(): boolean {
    return this.bytes <= SEGMENT_HEAD_BYTES + FRAME_HEAD_BYTES;
  }

  pin(bytes: number): void {
    this.live += 1;
    this.liveBytes += bytes;
  }

  /** It has settled, or a later record takes its place. */
  free(bytes: number, position: number): void {
    this.#unpin(bytes);
    this.freedAt = position;
  }

  /** It is repeated elsewhere. */
  carry(bytes: number, position: number): void {
    this.#unpin(bytes);
    this.carriedAt = position;
  }

  #unpin(bytes: number): void {
    this.live -= 1;
    this.liveBytes -= bytes;
  }
}
