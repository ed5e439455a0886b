import { createCipheriv, createDecipheriv, createHash, randomBytes, type Hash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { ByteBudget } from "../byte-budget.ts";
import type { SpooledBody } from "../exchange.ts";
import { SPOOL_CIPHER, type StoredBody } from "../stored-body.ts";

/**
 * Bodies above the memory cap, on disk: encrypted with a key that lives in this process only, in files that are unlinked
 * as soon as they are open. What a crash leaves is neither found nor readable; the journal says what was lost.
 */
export class Spool {
  readonly #folder: string;
  readonly #disk: ByteBudget;
  readonly #memory: ByteBudget;
  readonly #key = randomBytes(32);
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
    const path = join(this.#folder, `crossfade-spool-${process.pid}-${Date.now().toString(36)}-${this.#made++}`);
    return new SpoolFile(path, this.#key, this.#disk, this.#memory, (why) => {
      this.problem = why;
    });
  }

  prepare(): void {
    mkdirSync(this.#folder, { recursive: true });
  }
}

/** What is put together for one write: below a millisecond's work, also for a disk that let many megabytes wait. */
const WRITE_BATCH_BYTES = 512 * 1024;

/** One body on its way to disk, then readable any number of times until it is discarded. */
export class SpoolFile implements SpooledBody {
  readonly #key: Buffer;
  readonly #iv = randomBytes(16);
  readonly #disk: ByteBudget;
  readonly #memory: ByteBudget;
  readonly #failed: (why: string) => void;
  readonly #cipher: ReturnType<typeof createCipheriv>;
  readonly #hash: Hash = createHash("sha256");
  readonly #opened: Promise<FileHandle>;
  /** Encrypted, not yet handed to the disk. */
  readonly #pending: Buffer[] = [];
  #written = 0;
  #writing: Promise<void> | null = null;
  #length = 0;
  #discarded = false;
  /** Why the copy is not whole, as far as is known yet. */
  failure: string | null = null;

  constructor(path: string, key: Buffer, disk: ByteBudget, memory: ByteBudget, failed: (why: string) => void) {
    this.#key = key;
    this.#disk = disk;
    this.#memory = memory;
    this.#failed = failed;
    this.#cipher = createCipheriv(SPOOL_CIPHER, key, this.#iv);
    this.#opened = open(path, "wx+", 0o600).then(async (handle) => {
      await unlink(path);
      return handle;
    });
    this.#opened.catch((error: Error) => this.#fail(error.message));
  }

  get length(): number {
    return this.#length;
  }

  /** Takes one chunk; false once the copy has failed or does not fit. Never throws, never waits. */
  write(chunk: Buffer): boolean {
    if (this.failure !== null || this.#discarded) return false;
    if (!this.#disk.take(chunk.length)) {
      this.#fail("the spool is full");
      return false;
    }
    this.#length += chunk.length;
    if (!this.#memory.take(chunk.length)) {
      this.#fail("the disk is slower than the bodies that come");
      return false;
    }
    this.#hash.update(chunk);
    this.#pending.push(this.#cipher.update(chunk));
    this.#writing ??= this.#writePending();
    return true;
  }

  /** Writes what has come so far, a bounded batch a call, and goes on until nothing more has come meanwhile. */
  async #writePending(): Promise<void> {
    while (this.#pending.length > 0) {
      let bytes = 0;
      let chunks = 0;
      for (; chunks < this.#pending.length && bytes < WRITE_BATCH_BYTES; chunks++) {
        bytes += (this.#pending[chunks] as Buffer).length;
      }
      const batch = this.#pending.splice(0, chunks);
      try {
        if (this.failure === null && !this.#discarded) {
          await writeFully(await this.#opened, batch, bytes, this.#written);
          this.#written += bytes;
        }
      } catch (error) {
        this.#fail((error as Error).message);
      } finally {
        this.#memory.give(bytes);
      }
    }
    this.#writing = null;
  }

  sha256(): string {
    return this.digest().digest("hex");
  }

  /** The running digest of everything written, to be continued elsewhere. */
  digest(): Hash {
    return this.#hash.copy();
  }

  async whole(): Promise<string | null> {
    await this.#writing;
    return this.failure;
  }

  async *read(): AsyncGenerator<Buffer> {
    if ((await this.whole()) !== null) throw new Error(`spooled body is not whole: ${this.failure}`);
    const handle = await this.#opened;
    const decipher = createDecipheriv(SPOOL_CIPHER, this.#key, this.#iv);
    const block = Buffer.allocUnsafe(256 * 1024);
    for (let at = 0; at < this.#length;) {
      const { bytesRead } = await handle.read(block, 0, Math.min(block.length, this.#length - at), at);
      if (bytesRead === 0) throw new Error("spooled body is shorter than it was");
      at += bytesRead;
      yield decipher.update(block.subarray(0, bytesRead));
    }
  }

  async stored(): Promise<StoredBody> {
    const { fd } = await this.#opened;
    return {
      kind: "stored",
      length: this.#length,
      fd,
      key: Uint8Array.from(this.#key),
      iv: Uint8Array.from(this.#iv),
    };
  }

  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#disk.give(this.#length);
    void (this.#writing ?? Promise.resolve()).then(async () => {
      try {
        await (await this.#opened).close();
      } catch {
        // It never opened: `failure` says why.
      }
    });
  }

  #fail(why: string): void {
    this.failure ??= why;
    this.#failed(why);
  }
}

/** Bodies come in chunks of 64 KiB: put together they would be as much memory again. */
const GATHERED_MAX = 64;

async function writeFully(
  handle: FileHandle,
  batch: readonly Buffer[],
  length: number,
  position: number,
): Promise<void> {
  let done = 0;
  if (batch.length <= GATHERED_MAX) done = (await handle.writev(batch, position)).bytesWritten;
  if (done === length) return;
  const bytes = Buffer.concat(batch, length);
  while (done < length) done += (await handle.write(bytes, done, length - done, position + done)).bytesWritten;
}
