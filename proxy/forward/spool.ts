import { randomBytes } from "node:crypto";
import { readdirSync, unlinkSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { ByteBudget } from "../process/byte-budget.ts";
import type { SpooledBody } from "../exchange.ts";
import { AdoptedBody } from "./adopted-body.ts";
import type { LastingBodies } from "../journal.ts";
import { keysOf, lastingFile, lastingName, NAME_BYTES } from "./lasting-bodies.ts";
import { SpoolFile } from "./spool-file.ts";
import { SpoolThread } from "./spool-thread.ts";

/** How long the end of the process waits for what is left to be whole, and for what has settled to be erased. */
const CLOSE_PATIENCE_MS = 5_000;

/** Bodies of writes that are to outlive the process, beside the journal that knows of them. */
interface LastingSpool extends LastingBodies {
  /** Resolves when what the journal was told until now is written, rejects where it cannot be; null: it is. */
  readonly recorded: () => Promise<void> | null;
}

/**
 * Bodies above the memory cap, on disk, encrypted. Most are of files that are unlinked as soon as they are open, under a key that lives
 * in this process only: what a crash leaves of them is neither found nor readable. Those of writes that a journal has (`lasting`)
 * outlive the process, under the journal's key: the next one brings them back with their writes.
 */
export class Spool {
  readonly #folder: string;
  readonly #disk: ByteBudget;
  readonly #memory: ByteBudget;
  readonly #key = randomBytes(32);
  readonly #thread = new SpoolThread();
  readonly #lasting: LastingSpool | null;
  #made = 0;
  /** Of this process; the journal alone needs them, until they are brought back. */
  readonly #left = new Map<string, SpoolFile>();
  /** Bytes of files that earlier processes left, by name: what the disk's budget was charged for. */
  readonly #adopted = new Map<string, number>();
  readonly #erasing = new Set<Promise<void>>();
  /** The last failure, in words, or null while the spool works. */
  problem: string | null = null;

  /**
   * `memory` pays for bytes that wait for the disk, `disk` for what the files hold. `lasting`, null: nothing outlives the process.
   * What lies there and no write needs is erased.
   */
  constructor(folder: string, disk: ByteBudget, memory: ByteBudget, lasting: LastingSpool | null = null) {
    this.#folder = folder;
    this.#disk = disk;
    this.#memory = memory;
    this.#lasting = lasting;
    if (lasting !== null) this.#adopt(lasting);
  }

  get usedBytes(): number {
    return this.#disk.usedBytes;
  }

  /** `lasting`: of a write that the journal has. */
  begin(lasting = false): SpoolFile {
    const id = this.#made++;
    const parts = {
      id,
      thread: this.#thread,
      disk: this.#disk,
      memory: this.#memory,
      failed: (why: string) => {
        this.problem = why;
      },
    };
    if (!lasting || this.#lasting === null) {
      const path = join(this.#folder, `crossfade-spool-${process.pid}-${Date.now().toString(36)}-${id}`);
      return new SpoolFile({ ...parts, path, key: this.#key, iv: randomBytes(16), lasting: null });
    }
    const { folder, key: journalKey, survives } = this.#lasting;
    const name = randomBytes(NAME_BYTES).toString("hex");
    const path = lastingFile(folder, name);
    const { key, iv, tagKey } = keysOf(journalKey, name);
    return new SpoolFile({
      ...parts,
      path,
      key,
      iv,
      lasting: {
        name,
        tagKey,
        isSynced: survives === "power",
        left: (file) => void this.#left.set(name, file),
        discarded: (closed) => this.#erase(path, closed),
      },
    });
  }

  /** A body that was left, in this process life or an earlier one, is its caller's to discard from here on. */
  bring(name: string, length: number): SpooledBody {
    const left = this.#left.get(name);
    this.#left.delete(name);
    if (left !== undefined) {
      left.takeBack();
      return left;
    }
    if (this.#lasting === null) throw new TypeError(`no journal has a body ${name}`);
    const { folder, key } = this.#lasting;
    const discarded = (): void => {
      this.#disk.give(this.#adopted.get(name) ?? 0);
      this.#adopted.delete(name);
      this.#erase(lastingFile(folder, name), Promise.resolve());
    };
    return new AdoptedBody(name, length, { folder, keys: keysOf(key, name), discarded });
  }

  /** What was left is whole by then, as far as the disk has taken it; what was not whole by now otherwise never will be. */
  async close(): Promise<void> {
    const left = [...this.#left.values()];
    await within(Promise.all([...left.map((file) => file.whole()), ...this.#erasing]));
    await this.#thread.end();
    await Promise.all(left.map((file) => file.close()));
  }

  #adopt({ folder, needed }: LastingSpool): void {
    const wanted = new Map(needed.map(({ name, length }) => [name, length]));
    for (const file of readdirSync(folder)) {
      const name = lastingName(file);
      if (name === null) continue;
      const length = wanted.get(name);
      if (length === undefined) this.#eraseNow(join(folder, file));
      else {
        // It is there, whatever fits.
        this.#disk.take(length, Infinity);
        this.#adopted.set(name, length);
      }
    }
  }

  /**
   * Not before it is recorded what became of the write: a crash in between would find a write without its body. Where the disk refuses
   * that record the body goes all the same: it may be what fills the disk.
   */
  #erase(path: string, closed: Promise<void>): void {
    const recorded = this.#lasting?.recorded() ?? null;
    const erasing = Promise.all([closed, recorded?.catch(() => undefined)])
      .then(() => unlink(path))
      .catch((error: unknown) => this.#notErased(path, error))
      .finally(() => this.#erasing.delete(erasing));
    this.#erasing.add(erasing);
  }

  #eraseNow(path: string): void {
    try {
      unlinkSync(path);
    } catch (error) {
      this.#notErased(path, error);
    }
  }

  #notErased(path: string, error: unknown): void {
    // It may have been none: its disk was full.
    if (!(error instanceof Error) || ("code" in error && error.code === "ENOENT")) return;
    this.problem = `${path} cannot be erased: ${error.message}`;
  }
}

async function within(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_PATIENCE_MS);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
