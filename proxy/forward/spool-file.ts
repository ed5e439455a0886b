import { close } from "node:fs";
import type { ByteBudget } from "../process/byte-budget.ts";
import type { SpooledBody } from "../exchange.ts";
import type { StoredBody } from "../evidence/stored-body.ts";
import { readSealed } from "./lasting-bodies.ts";
import type { SpoolThread, ThreadFile } from "./spool-thread.ts";

/** What a file has that is to outlive the process. */
interface LastingParts {
  readonly name: string;
  /** What its tag is made with. */
  readonly tagKey: Uint8Array;
  readonly isSynced: boolean;
  readonly left: (file: SpoolFile) => void;
  /** It is to be erased, once nobody writes it any more. */
  readonly discarded: (closed: Promise<void>) => void;
}

interface SpoolFileParts {
  readonly id: number;
  readonly path: string;
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly thread: SpoolThread;
  readonly disk: ByteBudget;
  readonly memory: ByteBudget;
  readonly failed: (why: string) => void;
  /** null: it is unlinked as soon as it is open. */
  readonly lasting: LastingParts | null;
}

/** One body on its way to disk, then readable any number of times until it is discarded. */
export class SpoolFile implements SpooledBody, ThreadFile {
  readonly id: number;
  readonly name: string | null;
  readonly #parts: SpoolFileParts;
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
  #isLeft = false;
  #discarded = false;
  /** Why the copy is not whole, as far as is known yet. */
  failure: string | null = null;

  constructor(parts: SpoolFileParts) {
    const { id, path, key, iv, lasting } = parts;
    this.id = id;
    this.name = lasting?.name ?? null;
    this.#parts = parts;
    parts.thread.open(this, { path, key, iv, lasting });
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
    yield* readSealed(await this.#readable(), this.#length, this.#parts);
  }

  async stored(): Promise<StoredBody> {
    const fd = await this.#readable();
    const [key, iv] = [Uint8Array.from(this.#parts.key), Uint8Array.from(this.#parts.iv)];
    return { kind: "stored", length: this.#length, fd, key, iv };
  }

  leave(): void {
    const { lasting } = this.#parts;
    if (lasting === null || this.#discarded) return;
    this.#isLeft = true;
    lasting.left(this);
  }

  takeBack(): void {
    this.#isLeft = false;
  }

  discard(): void {
    if (this.#discarded || this.#isLeft) return;
    this.#discarded = true;
    this.#giveDisk();
    const closed = this.close();
    this.#parts.lasting?.discarded(closed);
    this.#end("it was discarded");
  }

  /** Nobody reads it any more in this process. */
  async close(): Promise<void> {
    if (this.#isOurs) this.#close();
    else await new Promise<void>((resolve) => this.#parts.thread.close(this, resolve));
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
    if (this.#fd !== null) close(this.#fd, () => {});
    this.#fd = null;
  }
}
