import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { SpooledBody } from "../exchange.ts";
import type { StoredBody } from "../evidence/stored-body.ts";
import { type BodyKeys, isTag, lastingFile, readSealed, TAG_BYTES, tagOf } from "./lasting-bodies.ts";

interface AdoptedParts {
  readonly folder: string;
  readonly keys: BodyKeys;
  /** It is needed no longer. */
  readonly discarded: () => void;
}

/** A body that an earlier process left in the spool. Whether it is whole is known once it has been read and its tag fits. */
export class AdoptedBody implements SpooledBody {
  readonly name: string;
  readonly length: number;
  sha256 = "";
  readonly #parts: AdoptedParts;
  #file: FileHandle | null = null;
  #whole: Promise<string | null> | null = null;
  #isLeft = false;
  #discarded = false;

  constructor(name: string, length: number, parts: AdoptedParts) {
    this.name = name;
    this.length = length;
    this.#parts = parts;
  }

  whole(): Promise<string | null> {
    return (this.#whole ??= this.#check().catch((error: unknown) => this.#words(wordsOf(error))));
  }

  async *read(): AsyncGenerator<Buffer> {
    yield* readSealed(await this.#readable(), this.length, this.#parts.keys);
  }

  async stored(): Promise<StoredBody> {
    const fd = await this.#readable();
    const { key, iv } = this.#parts.keys;
    return { kind: "stored", length: this.length, fd, key: Uint8Array.from(key), iv: Uint8Array.from(iv) };
  }

  leave(): void {
    this.#isLeft = true;
  }

  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    // Whoever opens it just now closes it.
    void this.#whole?.then(() => this.#file?.close()).catch(() => undefined);
    if (!this.#isLeft) this.#parts.discarded();
  }

  async #check(): Promise<string | null> {
    this.#file = await open(lastingFile(this.#parts.folder, this.name), "r");
    const { size } = await this.#file.stat();
    if (size !== this.length + TAG_BYTES) {
      return this.#words(
        `has ${size} bytes where ${this.length + TAG_BYTES} were to be: its process ended before it was whole`,
      );
    }
    const digest = createHash("sha256");
    for await (const piece of readSealed(this.#file.fd, this.length, this.#parts.keys)) digest.update(piece);
    const sha256 = digest.digest("hex");
    const found = Buffer.alloc(TAG_BYTES);
    await this.#file.read(found, 0, TAG_BYTES, this.length);
    if (!isTag(found, tagOf(this.#parts.keys.tagKey, sha256, this.length))) {
      return this.#words("is not as it was written: look at its disk");
    }
    this.sha256 = sha256;
    return null;
  }

  async #readable(): Promise<number> {
    const failure = await this.whole();
    if (failure !== null || this.#file === null) throw new Error(failure ?? "a spooled body is not whole");
    return this.#file.fd;
  }

  #words(why: string): string {
    return `a body that an earlier process left in the spool cannot be used: ${lastingFile(this.#parts.folder, this.name)} ${why}`;
  }
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && error.code === "ENOENT" ? "is gone" : `cannot be read (${error.message})`;
}
