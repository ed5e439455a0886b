/** One open file of the divergence log. Errors are those of the file system. */
import type { Stats } from "node:fs";
import { constants, open, stat, type FileHandle } from "node:fs/promises";

const NEWLINE = 0x0a;

export class LogFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #inode: number;
  /** False for /dev/null and its like: nothing grows, and nothing must ever be renamed. */
  readonly #isRegular: boolean;
  /** Epoch ms. */
  readonly createdAt: number;
  #size: number;

  private constructor(path: string, handle: FileHandle, found: Stats, now: number) {
    this.path = path;
    this.#handle = handle;
    this.#inode = found.ino;
    this.#isRegular = found.isFile();
    this.#size = found.size;
    this.createdAt = found.size === 0 || found.birthtimeMs <= 0 ? now : Math.min(found.birthtimeMs, now);
  }

  /** Creates it (mode 0600) or goes on where it ends; a line that a kill left torn is closed first. */
  static async open(path: string, now: number): Promise<LogFile> {
    const before = await stat(path).catch(() => null);
    // Opening a FIFO waits for its reader, in a thread that others need.
    if (before !== null && !before.isFile() && !before.isCharacterDevice()) throw new Error("it is not a regular file");
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
    const handle = await open(path, flags, 0o600);
    try {
      const file = new LogFile(path, handle, await handle.stat(), now);
      if (file.size > 0) await file.#closeTornLine();
      return file;
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
  }

  get size(): number {
    return this.#size;
  }

  /** How many bytes from `offset` on were written, perhaps fewer than asked for. */
  async write(bytes: Buffer, offset: number): Promise<number> {
    const { bytesWritten } = await this.#handle.write(bytes, offset);
    if (this.#isRegular) this.#size += bytesWritten;
    return bytesWritten;
  }

  /** False where the path leads elsewhere by now: the file was moved, removed or replaced. */
  async isInPlace(): Promise<boolean> {
    const found = await stat(this.path).catch(() => null);
    return found !== null && found.ino === this.#inode;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #closeTornLine(): Promise<void> {
    const last = Buffer.alloc(1);
    const { bytesRead } = await this.#handle.read(last, 0, 1, this.#size - 1);
    if (bytesRead === 1 && last[0] !== NEWLINE) await this.write(Buffer.from([NEWLINE]), 0);
  }
}
