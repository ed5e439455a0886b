/** Takes lines out of a file of the divergence log. Errors are those of the file system. */
import { open, readdir, realpath, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readRotatedName } from "./log-retention.ts";

const NEWLINE = 0x0a;
const CHUNK_BYTES = 256 * 1024;
/** No line of ours is as long: what is, is passed on in pieces and never held whole. */
const LINE_MAX_BYTES = 16 * 1024 * 1024;
const BESIDE = ".rewriting";

/** What becomes of a line: `unreadable` ones are kept, and counted because they may hold what had to go. */
export type LineFate = "kept" | "erased" | "unreadable";

export interface ErasedLines {
  readonly erased: number;
  readonly unreadable: number;
}

/** Counts what would go. A file that is not there, or is /dev/null or its like, has no lines. */
export async function countLines(
  path: string,
  fateOf: (line: Buffer) => LineFate,
): Promise<ErasedLines & { inode: number | null }> {
  const source = await openIfThere(path);
  if (source === null) return { erased: 0, unreadable: 0, inode: null };
  try {
    const { ino: inode } = await source.stat();
    const sieve = new Sieve(fateOf);
    for await (const chunk of chunksOf(source)) sieve.pass(chunk);
    sieve.end();
    return { erased: sieve.erased, unreadable: sieve.unreadable, inode };
  } finally {
    await source.close();
  }
}

/**
 * Writes the file anew without the lines that go: beside it, made durable, then put in its place, so that a crash leaves
 * the one or the other whole. Nobody may be appending to it. A file without such lines is not touched.
 */
export async function eraseLines(path: string, fateOf: (line: Buffer) => LineFate): Promise<ErasedLines> {
  const { inode: _, ...counted } = await countLines(path, fateOf);
  if (counted.erased === 0) return counted;
  const source = await openIfThere(path);
  if (source === null) return { erased: 0, unreadable: 0 };
  // A link would be replaced, and what it leads to would stay.
  const place = await realpath(path).catch(() => path);
  const beside = place + BESIDE;
  const sieve = new Sieve(fateOf);
  try {
    const target = await open(beside, "w", 0o600);
    try {
      await target.chmod((await source.stat()).mode & 0o777);
      for await (const chunk of chunksOf(source)) await writeAll(target, sieve.pass(chunk));
      await writeAll(target, sieve.end());
      await target.sync();
    } finally {
      await target.close();
    }
    await rename(beside, place);
  } catch (thrown) {
    await unlink(beside).catch(() => {});
    throw thrown;
  } finally {
    await source.close();
  }
  await syncFolder(dirname(place));
  return { erased: sieve.erased, unreadable: sieve.unreadable };
}

/** Removes what a process that died had begun to write beside files of this log. */
export async function removeUnfinished(file: string): Promise<void> {
  const names = await readdir(dirname(file)).catch(() => []);
  for (const name of names) {
    if (!name.endsWith(BESIDE) || readRotatedName(file, name.slice(0, -BESIDE.length)) === null) continue;
    await unlink(join(dirname(file), name)).catch(() => {});
  }
}

/** Chunks in, what is kept of them out, cut at newlines. */
class Sieve {
  readonly #fateOf: (line: Buffer) => LineFate;
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** Within a line that is too long. */
  #passing = false;
  erased = 0;
  unreadable = 0;

  constructor(fateOf: (line: Buffer) => LineFate) {
    this.#fateOf = fateOf;
  }

  pass(chunk: Buffer): readonly Buffer[] {
    const kept: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#line(chunk.subarray(from, at + 1), kept);
      from = at + 1;
    }
    if (from === chunk.length) return kept;
    const rest = chunk.subarray(from);
    if (this.#passing) kept.push(rest);
    else this.#begin(rest, kept);
    return kept;
  }

  /** A last line without its newline, if there is one. */
  end(): readonly Buffer[] {
    const kept: Buffer[] = [];
    if (this.#begunBytes > 0) this.#line(Buffer.alloc(0), kept);
    return kept;
  }

  #line(end: Buffer, kept: Buffer[]): void {
    if (this.#passing) {
      this.#passing = false;
      kept.push(end);
      return;
    }
    const line = this.#begunBytes === 0 ? end : Buffer.concat([...this.#begun, end]);
    this.#begun = [];
    this.#begunBytes = 0;
    const fate = this.#fateOf(line);
    if (fate === "erased") this.erased += 1;
    else kept.push(line);
    if (fate === "unreadable") this.unreadable += 1;
  }

  #begin(rest: Buffer, kept: Buffer[]): void {
    this.#begun.push(rest);
    this.#begunBytes += rest.length;
    if (this.#begunBytes <= LINE_MAX_BYTES) return;
    kept.push(...this.#begun);
    this.#begun = [];
    this.#begunBytes = 0;
    this.#passing = true;
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    // Opening a FIFO waits for its writer, in a thread that others need.
    return (await stat(path)).isFile() ? await open(path, "r") : null;
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return null;
    throw thrown;
  }
}

async function* chunksOf(source: FileHandle): AsyncGenerator<Buffer> {
  for (;;) {
    // A new one each time: pieces of the one before may be held still.
    const { bytesRead, buffer } = await source.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function writeAll(target: FileHandle, pieces: readonly Buffer[]): Promise<void> {
  const bytes = Buffer.concat(pieces);
  for (let offset = 0; offset < bytes.length;) offset += (await target.write(bytes, offset)).bytesWritten;
}

/** So that the new name is durable as well; a file system that cannot do this with folders does without. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
