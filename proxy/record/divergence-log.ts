/**
 * The divergence log: newline-delimited JSON, appended in batches off the hot path, rotated by size and age, pruned.
 * It never stops anything: what cannot be written waits, bounded, and is counted as lost beyond that.
 */
import { rename, stat } from "node:fs/promises";
import { CrossfadeError } from "../errors.ts";
import type { Clock } from "../ports.ts";
import { countLines, type ErasedLines, eraseLines, type LineFate, removeUnfinished } from "./log-erasure.ts";
import { LogFile } from "./log-file.ts";
import { listRotated, pruneRotated, rotatedName } from "./log-retention.ts";

const SECOND = 1000;
const HOUR = 60 * 60 * SECOND;
const MIB = 1024 * 1024;

/** The log is kept in about this many files, so that pruning takes away an eighth of it at a time. */
const FILES = 8;
const BATCH_BYTES = MIB;
const PENDING_MAX_BYTES = 8 * MIB;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5 * SECOND;
const STALLED_MS = 5 * SECOND;
/** While lines pour in they are written this often: each writing looks at the file first, whatever it then writes. */
const WRITE_EVERY_MS = 20;

export interface DivergenceLogOptions {
  readonly file: string;
  /** Lines are removed, a file at a time, once all of the file is older. */
  readonly keepMs: number;
  /** Of all files of the log together. */
  readonly maxBytes: number;
  readonly clock: Clock;
  /** How long `flush` and `close` wait for the disk. Default 5 s. */
  readonly patienceMs?: number;
}

export interface DivergenceLogHealth {
  readonly file: string;
  /** null: well. Otherwise what is wrong, in words. */
  readonly problem: string | null;
  /** Since the process began. */
  readonly lostLines: number;
  readonly pendingLines: number;
}

export interface DivergenceLog {
  /** One line without its newline. Never throws, never waits. */
  append(line: string): void;
  /** Resolves when all lines so far are in the file or lost, or when writing them failed (`health` says so). */
  flush(): Promise<void>;
  health(): DivergenceLogHealth;
  /**
   * Takes lines out of the present and the rotated files; `dryRun` only counts them. Lines that are appended meanwhile are
   * written as ever, into a new file where the present one has to be written anew.
   * @throws CrossfadeError `log-unwritable`; what was not erased by then is whole, and it may be asked again.
   */
  erase(fateOf: (line: Buffer) => LineFate, dryRun: boolean): Promise<ErasedLines>;
  close(): Promise<void>;
}

/** Resolves once the file is open, or cannot be opened for now: the log starts all the same, and goes on trying. */
export async function openDivergenceLog(options: DivergenceLogOptions): Promise<DivergenceLog> {
  const log = new FileLog(options);
  await log.start();
  return log;
}

/** Lines on their way to the file; `offset` bytes of them are there already. */
interface Batch {
  readonly bytes: Buffer;
  readonly lines: number;
  offset: number;
}

class FileLog implements DivergenceLog {
  readonly #options: DivergenceLogOptions;
  readonly #patienceMs: number;
  readonly #fileBytes: number;
  readonly #fileMs: number;
  readonly #tending: NodeJS.Timeout;
  readonly #flushing = new Set<{ readonly target: number; readonly done: () => void }>();
  #file: LogFile | null = null;
  #lines: string[] = [];
  #pendingBytes = 0;
  #batch: Batch | null = null;
  #appended = 0;
  #written = 0;
  #lost = 0;
  #working: Promise<void> | null = null;
  #workingSince = 0;
  #wroteAt = -Infinity;
  #retry: NodeJS.Timeout | null = null;
  #retryMs = FIRST_RETRY_MS;
  #problem: string | null = null;
  /** The present file has to be rotated before its time. */
  #leaving = false;
  #closed = false;

  constructor(options: DivergenceLogOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? 5 * SECOND;
    this.#fileBytes = Math.max(1, Math.floor(options.maxBytes / FILES));
    this.#fileMs = Math.max(SECOND, options.keepMs / FILES);
    // An idle log ages too.
    this.#tending = setInterval(() => this.#work(), Math.min(HOUR, this.#fileMs));
    this.#tending.unref();
  }

  async start(): Promise<void> {
    await this.#patiently(removeUnfinished(this.#options.file));
    this.#work();
    await this.#patiently(this.#working ?? Promise.resolve());
  }

  append(line: string): void {
    this.#appended += 1;
    if (this.#closed || this.#pendingBytes + line.length > PENDING_MAX_BYTES) {
      this.#lost += 1;
      return;
    }
    this.#lines.push(line);
    this.#pendingBytes += line.length + 1;
    if (this.#retry === null) this.#work();
  }

  async flush(): Promise<void> {
    if (this.#written + this.#lost >= this.#appended) return;
    const done = new Promise<void>((resolve) => {
      this.#flushing.add({ target: this.#appended, done: resolve });
    });
    this.#work();
    await this.#patiently(done);
  }

  health(): DivergenceLogHealth {
    return {
      file: this.#options.file,
      problem: this.#problem ?? this.#stalled(),
      lostLines: this.#lost,
      pendingLines: this.#appended - this.#written - this.#lost,
    };
  }

  async erase(fateOf: (line: Buffer) => LineFate, dryRun: boolean): Promise<ErasedLines> {
    const { file } = this.#options;
    const appended = this.#appended;
    await this.flush();
    if (this.#written + this.#lost < appended) throw this.#unwritable(null);
    try {
      const present = await countLines(file, fateOf);
      if (!dryRun && present.erased > 0) await this.#leaveFile();
      // Left as it is, the present file is not among those that follow, unless it was rotated since.
      const parts: ErasedLines[] = dryRun || present.erased === 0 ? [present] : [];
      for (const { path } of await listRotated(file)) {
        if (!dryRun) parts.push(await eraseLines(path, fateOf));
        else {
          const { inode, ...counted } = await countLines(path, fateOf);
          if (inode !== present.inode) parts.push(counted);
        }
      }
      return {
        erased: parts.reduce((sum, { erased }) => sum + erased, 0),
        unreadable: parts.reduce((sum, { unreadable }) => sum + unreadable, 0),
      };
    } catch (thrown) {
      throw thrown instanceof CrossfadeError ? thrown : this.#unwritable(thrown);
    }
  }

  /** The next line goes to a new file: this one is written no more. */
  async #leaveFile(): Promise<void> {
    this.#leaving = true;
    try {
      while (this.#leaving) {
        if (this.#closed || this.#retry !== null) throw this.#unwritable(null);
        this.#work();
        await this.#working;
      }
    } finally {
      this.#leaving = false;
    }
  }

  #unwritable(cause: unknown): CrossfadeError {
    const { file } = this.#options;
    const why = cause instanceof Error ? `divergence log ${file}: ${cause.message}` : this.health().problem;
    const message = why ?? `divergence log ${file} is ${this.#closed ? "closed" : "behind with what it was given"}`;
    return new CrossfadeError("log-unwritable", message, { source: "store", retryable: true, cause });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.flush();
    this.#closed = true;
    clearInterval(this.#tending);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#lost = this.#appended - this.#written;
    await this.#patiently(this.#closeFile());
  }

  /** One worker at a time: it writes until nothing waits. */
  #work(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    if (this.#working !== null || this.#closed) return;
    this.#workingSince = this.#options.clock.monotonic();
    this.#working = this.#writeAll()
      .then(
        () => {
          this.#problem = null;
          this.#retryMs = FIRST_RETRY_MS;
        },
        (thrown: unknown) => this.#failed(thrown),
      )
      .then(() => {
        this.#working = null;
        if (this.#retry === null && (this.#batch !== null || this.#lines.length > 0)) this.#work();
      });
  }

  #failed(thrown: unknown): void {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    this.#problem = `divergence log ${this.#options.file} cannot be written: ${why}`;
    for (const waiting of this.#flushing) waiting.done();
    this.#flushing.clear();
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.#work(), this.#retryMs);
    this.#retry.unref();
    this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
  }

  async #writeAll(): Promise<void> {
    const { clock } = this.#options;
    const restMs = WRITE_EVERY_MS - (clock.monotonic() - this.#wroteAt);
    // Lines of one turn of the event loop go together in any case.
    await new Promise<void>((resolve) => {
      if (restMs > 0) setTimeout(resolve, restMs);
      else setImmediate(resolve);
    });
    do {
      // Taken before the file is looked at: what comes later is not written into a file that has gone meanwhile.
      this.#batch ??= this.#nextBatch();
      const file = await this.#currentFile();
      const batch = this.#batch;
      if (batch === null) return;
      batch.offset += await file.write(batch.bytes, batch.offset);
      this.#problem = null;
      this.#wroteAt = this.#workingSince = clock.monotonic();
      if (batch.offset < batch.bytes.length) continue;
      this.#batch = null;
      this.#written += batch.lines;
      this.#wakeFlushing();
      if (this.#pendingBytes < this.#batchBytes()) return;
    } while (!this.#closed);
  }

  /** The file to write to: opened where it is not, opened anew where it was moved away, rotated where it is full or old. */
  async #currentFile(): Promise<LogFile> {
    const { file: path, clock, keepMs, maxBytes } = this.#options;
    if (this.#file !== null && !(await this.#file.isInPlace())) {
      await this.#closeFile();
      // What is torn in the old file is written whole into the new one.
      if (this.#batch !== null) rewindToLine(this.#batch);
    }
    let file = this.#file;
    // In the middle of a line is no place to leave it; the next look is at a whole one.
    const leaves = this.#leaving && (this.#batch?.offset ?? 0) === 0;
    if (file !== null && (this.#isDue(file) || (leaves && file.size > 0))) {
      await this.#closeFile();
      await rename(path, await this.#freeName(path));
      file = null;
    }
    if (leaves) this.#leaving = false;
    if (file !== null) return file;
    await pruneRotated(path, clock.now() - keepMs, maxBytes - this.#fileBytes);
    this.#file = await LogFile.open(path, clock.now());
    return this.#isDue(this.#file) ? this.#currentFile() : this.#file;
  }

  #isDue(file: LogFile): boolean {
    if (file.size === 0 || (this.#batch?.offset ?? 0) > 0) return false;
    const next = this.#batch?.bytes.length ?? Math.min(this.#pendingBytes, this.#batchBytes());
    return file.size + next > this.#fileBytes || this.#options.clock.now() - file.createdAt > this.#fileMs;
  }

  async #freeName(path: string): Promise<string> {
    for (let copy = 0; ; copy++) {
      const name = rotatedName(path, this.#options.clock.now(), copy);
      if ((await stat(name).catch(() => null)) === null) return name;
    }
  }

  #batchBytes(): number {
    return Math.min(BATCH_BYTES, this.#fileBytes);
  }

  #nextBatch(): Batch | null {
    let count = 0;
    let length = 0;
    while (count < this.#lines.length) {
      length += (this.#lines[count] as string).length + 1;
      if (count > 0 && length > this.#batchBytes()) break;
      count += 1;
    }
    if (count === 0) return null;
    const lines = this.#lines.splice(0, count);
    for (const line of lines) this.#pendingBytes -= line.length + 1;
    return { bytes: Buffer.from(`${lines.join("\n")}\n`), lines: count, offset: 0 };
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  #wakeFlushing(): void {
    for (const waiting of this.#flushing) {
      if (this.#written + this.#lost < waiting.target) continue;
      this.#flushing.delete(waiting);
      waiting.done();
    }
  }

  #stalled(): string | null {
    if (this.#working === null) return null;
    const waitedMs = this.#options.clock.monotonic() - this.#workingSince;
    if (waitedMs < STALLED_MS) return null;
    return `divergence log ${this.#options.file} has not answered for ${Math.round(waitedMs / SECOND)} s: look at its disk`;
  }

  async #patiently(work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#patienceMs);
    });
    await Promise.race([work, late]).finally(() => clearTimeout(timer));
  }
}

function rewindToLine(batch: Batch): void {
  if (batch.offset > 0) batch.offset = batch.bytes.lastIndexOf(0x0a, batch.offset - 1) + 1;
}
