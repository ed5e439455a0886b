import { createDecipheriv, randomBytes } from "node:crypto";
import { close, mkdirSync, read } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ByteBudget } from "../byte-budget.ts";
import type { SpooledBody } from "../exchange.ts";
import { SPOOL_CIPHER, type StoredBody } from "../stored-body.ts";
import { SpoolThread, type ThreadFile } from "./spool-thread.ts";

/**
 * Bodies above the memory cap, on disk: encrypted with a key that lives in this process only, in files that are unlinked
 * as soon as they are open. What a crash leaves is neither found nor readable; the journal says what was lost.
 */
export class Spool {
  readonly #folder: string;
  readonly #disk: ByteBudget;
  readonly #memory: ByteBudget;
  readonly #key = randomBytes(32);
  readonly #thread = new SpoolThread();
  #made = 0;
  /** The last failure, in words, or null while the spool works. */
  problem: string | null = null;

  /** `memory` pays for bytes that wait for the disk, `disk` for what the files hold. */
  constructor(folder: string, disk: ByteBudget, memory: ByteBudget) {
    this.#folder = folder;
    this.#disk = disk;
    this.#memory = memory;
  }

  get usedBytes(): number {
    return this.#disk.usedBytes;
  }

  begin(): SpoolFile {
    const id = this.#made++;
    const path = join(this.#folder, `crossfade-spool-${process.pid}-${Date.now().toString(36)}-${id}`);
    return new SpoolFile({
      id,
      path,
      key: this.#key,
      thread: this.#thread,
      disk: this.#disk,
      memory: this.#memory,
      failed: (why) => {
        this.problem = why;
      },
    });
  }

  prepare(): void {
    mkdirSync(this.#folder, { recursive: true });
  }

  /** Ends its thread. What was not whole by now never will be. */
  async close(): Promise<void> {
    await this.#thread.end();
  }
}

interface SpoolFileParts {
  readonly id: number;
  readonly path: string;
  readonly key: Buffer;
  readonly thread: SpoolThread;
  readonly disk: ByteBudget;
  readonly memory: ByteBudget;
  readonly failed: (why: string) => void;
}

const readFd = promisify(read);
const BLOCK_BYTES = 256 * 1024;

/** One body on its way to disk, then readable any number of times until it is discarded. */
export class SpoolFile implements SpooledBody, ThreadFile {
  readonly id: number;
  readonly #parts: SpoolFileParts;
  readonly #iv = randomBytes(16);
  #length = 0;
  /** What the disk's budget was charged for. */
  #onDisk = 0;
  #isDigestOnly = false;
  #fd: number | null = null;
  /** Its thread has ended. */
  #isOurs = false;
  #sha256: string | null = null;
  #whole: Promise<string | null> | null = null;
  #tell: ((failure: string | null) => void) | null = null;
  #discarded = false;
  /** Why the copy is not whole, as far as is known yet. */
  failure: string | null = null;

  constructor(parts: SpoolFileParts) {
    this.id = parts.id;
    this.#parts = parts;
    parts.thread.open(this, parts.path, parts.key, this.#iv);
  }

  get length(): number {
    return this.#length;
  }

  /** The digest of everything taken. Only of a file that is whole. */
  get sha256(): string {
    return this.#sha256 ?? "";
  }

  /** Takes a copy of one chunk; false once the copy has failed or does not fit. Never throws, never waits. */
  write(chunk: Buffer): boolean {
    if (this.failure !== null || this.#discarded) return false;
    const { disk, memory, thread } = this.#parts;
    if (!this.#isDigestOnly) {
      if (!disk.take(chunk.length)) {
        this.failed("the spool is full");
        return false;
      }
      this.#onDisk += chunk.length;
    }
    this.#length += chunk.length;
    if (!memory.take(chunk.length)) {
      this.failed("the disk is slower than the bodies that come");
      return false;
    }
    thread.write(this, chunk);
    return true;
  }

  /** Keeps nothing from here on; what is written is still digested. */
  digestOnly(): void {
    this.#isDigestOnly = true;
    this.#parts.thread.digestOnly(this);
    this.#giveDisk();
  }

  /** Not to be called before all of it was written. */
  whole(): Promise<string | null> {
    if (this.failure !== null || this.#sha256 !== null) return Promise.resolve(this.failure);
    this.#whole ??= new Promise((resolve) => {
      this.#tell = resolve;
      this.#parts.thread.ask(this);
    });
    return this.#whole;
  }

  async *read(): AsyncGenerator<Buffer> {
    const fd = await this.#readable();
    const decipher = createDecipheriv(SPOOL_CIPHER, this.#parts.key, this.#iv);
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let at = 0; at < this.#length;) {
      const { bytesRead } = await readFd(fd, block, 0, Math.min(block.length, this.#length - at), at);
      if (bytesRead === 0) throw new Error("spooled body is shorter than it was");
      at += bytesRead;
      yield decipher.update(block.subarray(0, bytesRead));
    }
  }

  async stored(): Promise<StoredBody> {
    const fd = await this.#readable();
    const [key, iv] = [Uint8Array.from(this.#parts.key), Uint8Array.from(this.#iv)];
    return { kind: "stored", length: this.#length, fd, key, iv };
  }

  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#giveDisk();
    if (this.#isOurs) this.#close();
    else this.#parts.thread.close(this);
    this.#end("it was discarded");
  }

  // ---------------------------------------------------------------- what its thread tells

  opened(fd: number): void {
    this.#fd = fd;
  }

  failed(why: string): void {
    this.failure ??= why;
    this.#parts.failed(why);
    this.#end(this.failure);
  }

  lost(why: string): void {
    this.#isOurs = true;
    if (this.#discarded) this.#close();
    else if (this.#sha256 === null) this.failed(why);
  }

  written(sha256: string): void {
    if (this.failure === null) this.#sha256 = sha256;
    this.#end(this.failure);
  }

  taken(bytes: number): void {
    this.#parts.memory.give(bytes);
  }

  async #readable(): Promise<number> {
    const failure = await this.whole();
    if (failure !== null || this.#fd === null) throw new Error(`spooled body is not whole: ${failure}`);
    return this.#fd;
  }

  #end(failure: string | null): void {
    this.#tell?.(failure);
    this.#tell = null;
  }

  #giveDisk(): void {
    this.#parts.disk.give(this.#onDisk);
    this.#onDisk = 0;
  }

  #close(): void {
    // Nothing hangs on it: its name is gone already.
    if (this.#fd !== null) close(this.#fd, () => {});
    this.#fd = null;
  }
}
