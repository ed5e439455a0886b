/** A HAR on disk: looked through once, then read again request by request. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { HarFault, HarScanner, type RequestSpan } from "./har-scan.ts";

const CHUNK_BYTES = 1024 * 1024;

export class HarFile {
  readonly #descriptor: number;

  /** @throws HarFault: it cannot be read */
  constructor(file: string) {
    try {
      this.#descriptor = openSync(file, "r");
    } catch (thrown) {
      throw new HarFault(`cannot be read: ${readProblem(thrown)}`);
    }
    if (fstatSync(this.#descriptor).isFile()) return;
    this.close();
    throw new HarFault("is no regular file; name the HAR that the browser or proxy exported");
  }

  /**
   * Tells of each request in the file's order, and returns how many entries there are.
   * @throws HarFault, and what `told` throws
   */
  scan(told: (span: RequestSpan, read: () => Buffer) => void): number {
    const scanner = new HarScanner();
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let base = 0; ;) {
      const length = this.#readAt(chunk, base);
      if (length === 0) break;
      const bytes = chunk.subarray(0, length);
      for (const span of scanner.push(bytes)) {
        told(span, () => (span.start >= base ? bytes.subarray(span.start - base, span.end - base) : this.read(span)));
      }
      base += length;
    }
    scanner.end();
    return scanner.entries;
  }

  /** @throws HarFault: the file has become shorter */
  read({ start, end }: Pick<RequestSpan, "start" | "end">): Buffer {
    const bytes = Buffer.alloc(end - start);
    if (this.#readAt(bytes, start) < bytes.length) throw new HarFault("was changed while it was read; try it again");
    return bytes;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** Fills the buffer as far as the file goes. */
  #readAt(into: Buffer, position: number): number {
    let length = 0;
    while (length < into.length) {
      const more = readSync(this.#descriptor, into, length, into.length - length, position + length);
      if (more === 0) break;
      length += more;
    }
    return length;
  }
}

function readProblem(thrown: unknown): string {
  const { code, message } = thrown as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "reading it is not permitted";
  return message;
}
