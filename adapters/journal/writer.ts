/**
 * Appends: what one turn of the event loop records is one frame, and one write is with the disk at a time; what comes
 * meanwhile is the next frame (group commit by itself: the slower the disk, the larger the frames). No call waits for the
 * disk. A write that fails is repeated, the same bytes at the same place, until it succeeds: nothing follows it before.
 */
import fs from "node:fs";
import { encodeSegmentHead, newSegmentHead, sealFrame } from "./frames.ts";
import { RecordBuffer } from "./records.ts";
import { Segment } from "./segment.ts";

const RETRY_MS = 1_000;
/** What nobody waits for goes with what comes next, or alone after this. */
const LATER_MS = 3;
/** A write that takes longer than this is not waited for by anyone new. */
const STALLED_MS = 250;
/** What is recorded while nothing can be written; past it records are lost, and it is said. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;

export interface WriterOptions {
  readonly folder: string;
  readonly journalKey: Buffer;
  readonly generation: number;
  /** power: a frame counts as written once the disk says that it would survive a power cut. */
  readonly survives: "process" | "power";
  readonly segmentBytes: number;
  /** Of the last record that there is. */
  readonly position: number;
  /** Of the first segment to write. */
  readonly number: number;
  readonly monotonic: () => number;
  readonly segmentBegun: (segment: Segment) => void;
}

interface Waiters {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Batch {
  readonly segment: Segment;
  readonly chunks: readonly Buffer[];
  readonly bytes: number;
  readonly position: number;
  waiters: Waiters | null;
}

export class LogWriter {
  readonly #options: WriterOptions;
  readonly #pending = new RecordBuffer();
  #segment: Segment;
  #fd: { readonly segment: Segment; readonly descriptor: number } | null = null;
  #position: number;
  #written: number;
  #recorded: number;
  #waiters: Waiters | null = null;
  #batch: Batch | null = null;
  #begunAt = 0;
  #scheduled = false;
  #later: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #failure: string | null = null;
  #rotate = false;
  /** Records that could not even be kept in memory. */
  lost = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#position = options.position;
    this.#written = options.position;
    this.#recorded = options.position;
    this.#segment = this.#newSegment(options.number);
  }

  /** In which what is recorded now will lie. */
  get segment(): Segment {
    return this.#segment;
  }

  /** More of it may come: it is the present one, or its last frame is with the disk. */
  isGrowing(segment: Segment): boolean {
    return segment === this.#segment || segment === this.#batch?.segment;
  }

  get position(): number {
    return this.#position;
  }

  /** Of the last record that is no repetition. */
  get recorded(): number {
    return this.#recorded;
  }

  /** Whether everything up to that position that has a record is written. */
  reached(position: number): boolean {
    return this.#written >= position || (this.#batch === null && this.#pending.used === 0);
  }

  get pendingBytes(): number {
    return this.#pending.used + (this.#batch?.bytes ?? 0);
  }

  /** Why nothing new should wait for the disk, or null. */
  problem(): string | null {
    if (this.#failure !== null) return `journal ${this.#segment.file}: ${this.#failure}; make room or repair its disk`;
    if (this.lost > 0)
      return `journal ${this.#segment.file}: ${this.lost} records were lost while its disk did not take them`;
    if (this.#batch === null) return null;
    const waited = this.#options.monotonic() - this.#begunAt;
    if (waited < STALLED_MS) return null;
    return `journal ${this.#segment.file} has not been written for ${Math.round(waited)} ms: look at its disk`;
  }

  /** Whether intents are not to wait for the disk. */
  get isStuck(): boolean {
    return this.#failure !== null || (this.#batch !== null && this.#options.monotonic() - this.#begunAt > STALLED_MS);
  }

  /**
   * `write` puts one record at this position and returns its length; so does this. 0: there was no room for it. `hurries`: else it is
   * written with what comes next, within 3 ms, or as soon as somebody waits for it.
   */
  append(write: (records: RecordBuffer, position: number) => number, hurries = true): number {
    const position = ++this.#position;
    if (this.#pending.used > MAX_PENDING_BYTES && this.isStuck) {
      this.lost += 1;
      return 0;
    }
    const bytes = write(this.#pending, position);
    this.#recorded = position;
    this.#segment.lastPosition = position;
    if (hurries) this.#schedule();
    else this.#later ??= setTimeout(() => this.#schedule(), LATER_MS);
    return bytes;
  }

  /** Puts a record of an older segment here once more. Takes a position, so that it can be told when it is written. */
  carry(record: Buffer): number {
    this.#position++;
    const bytes = this.#pending.carry(record);
    this.#schedule();
    return bytes;
  }

  #schedule(): void {
    if (this.#later !== null) clearTimeout(this.#later);
    this.#later = null;
    if (!this.#scheduled && this.#batch === null) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
  }

  /** Resolves when what was recorded so far is written; rejects when the first attempt to write it fails. */
  whenWritten(): Promise<void> {
    if (this.#pending.used === 0) {
      if (this.#batch === null) return Promise.resolve();
      return (this.#batch.waiters ??= newWaiters()).promise;
    }
    return this.#whenPending();
  }

  #whenPending(): Promise<void> {
    this.#schedule();
    return (this.#waiters ??= newWaiters()).promise;
  }

  /** The same of what was recorded up to that position; null: it is written. */
  whenReached(position: number): Promise<void> | null {
    if (this.#written >= position) return null;
    const batch = this.#batch;
    return batch !== null && batch.position >= position
      ? (batch.waiters ??= newWaiters()).promise
      : this.#whenPending();
  }

  /** A position that has no record. */
  nextPosition(): number {
    return ++this.#position;
  }

  /** What is recorded from the next frame on lies in a new segment. */
  rotate(): void {
    this.#rotate = true;
    if (this.#pending.used > 0 || this.#batch !== null) return;
    this.#begin();
    void this.begin();
  }

  /** Writes the present segment's head, so that there is a file that tells of this process life. */
  begin(): Promise<void> {
    if (this.#batch === null && this.#segment.bytes === 0) this.#seal();
    return this.whenWritten();
  }

  /** Ends with what could be written within the time. Whether that was all. */
  async close(patienceMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), patienceMs);
    });
    const all = this.whenWritten().then(
      () => true,
      () => false,
    );
    const done = await Promise.race([all, late]);
    clearTimeout(timer);
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (done && this.#fd !== null) fs.closeSync(this.#fd.descriptor);
    return done && this.lost === 0;
  }

  #flush(): void {
    if (this.#batch === null && this.#pending.used > 0) this.#seal();
  }

  #seal(): void {
    const segment = this.#segment;
    const frame = sealFrame(segment.key, segment.frames++, this.#pending.records());
    const { journalKey } = this.#options;
    const chunks = [...(segment.bytes === 0 ? [encodeSegmentHead(segment.head, journalKey)] : []), ...frame];
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#pending.clear();
    this.#batch = { segment, chunks, bytes, position: this.#position, waiters: this.#waiters };
    this.#waiters = null;
    if (this.#rotate || segment.bytes + bytes >= this.#options.segmentBytes) this.#begin();
    this.#write();
  }

  #begin(): void {
    this.#rotate = false;
    this.#segment = this.#newSegment(this.#segment.head.number + 1);
  }

  #newSegment(number: number): Segment {
    const { folder, journalKey, generation } = this.#options;
    const head = newSegmentHead({ generation, number, firstPosition: this.#position + 1 });
    const segment = new Segment(folder, head, journalKey, this.#options.monotonic());
    segment.lastPosition = this.#position;
    this.#options.segmentBegun(segment);
    return segment;
  }

  #write(): void {
    const batch = this.#batch;
    if (batch === null) return;
    this.#begunAt = this.#options.monotonic();
    this.#descriptorOf(batch.segment, (descriptor) => {
      fs.writev(descriptor, batch.chunks, batch.segment.bytes, (error, written) => {
        if (error !== null) return this.#failed(error.message);
        // A disk that is full takes a part, and says so at the next attempt.
        if (written < batch.bytes) return this.#failed(`only ${written} of ${batch.bytes} bytes were taken`);
        if (this.#options.survives === "process") return this.#done(batch);
        fs.fdatasync(descriptor, (failed) => {
          if (failed === null) this.#done(batch);
          else this.#failed(failed.message);
        });
      });
    });
  }

  #descriptorOf(segment: Segment, use: (descriptor: number) => void): void {
    if (this.#fd?.segment === segment) return use(this.#fd.descriptor);
    if (this.#fd !== null) fs.close(this.#fd.descriptor, () => undefined);
    this.#fd = null;
    // Not "wx": it may be the second attempt.
    fs.open(segment.file, fs.constants.O_CREAT | fs.constants.O_WRONLY, 0o600, (error, descriptor) => {
      if (error !== null) return this.#failed(error.message);
      this.#fd = { segment, descriptor };
      if (this.#options.survives === "process") return use(descriptor);
      syncFolder(this.#options.folder, (failed) => {
        if (failed === null) use(descriptor);
        else this.#failed(failed.message);
      });
    });
  }

  #done(batch: Batch): void {
    batch.segment.bytes += batch.bytes;
    this.#written = batch.position;
    this.#failure = null;
    this.#batch = null;
    batch.waiters?.resolve();
    this.#flush();
  }

  #failed(why: string): void {
    this.#failure = why;
    const batch = this.#batch as Batch;
    batch.waiters?.reject(new Error(why));
    batch.waiters = null;
    this.#waiters?.reject(new Error(why));
    this.#waiters = null;
    this.#retry = setTimeout(() => this.#write(), RETRY_MS);
    this.#retry.unref();
  }
}

function newWaiters(): Waiters {
  const waiters = Promise.withResolvers<void>();
  // Some only want to know when it is written.
  waiters.promise.catch(() => undefined);
  return waiters;
}

/** A new file survives a power cut once its folder does. */
function syncFolder(folder: string, done: (error: Error | null) => void): void {
  fs.open(folder, fs.constants.O_RDONLY, (error, descriptor) => {
    if (error !== null) return done(error);
    fs.fsync(descriptor, (failed) => fs.close(descriptor, () => done(failed)));
  });
}
