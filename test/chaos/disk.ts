/** A file system of a few MiB that can be filled to the last byte: a tmpfs, which only root may mount. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SIZE_MIB = 24;

export class SmallDisk {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws where it cannot be mounted; ask `whyNoDisk` first. */
  static at(folder: string): SmallDisk {
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE_MIB}m`, "crossfade-chaos", folder]);
    if (mounted.status !== 0) throw new Error(`mount of a tmpfs failed: ${String(mounted.stderr)}`);
    return new SmallDisk(folder);
  }

  /** Until a write ends in ENOSPC. */
  fill(): void {
    const file = openSync(this.#filling, "a");
    try {
      // The last pages go one by one.
      for (const bytes of [1 << 20, 4096, 512]) {
        const chunk = Buffer.alloc(bytes);
        try {
          for (;;) writeSync(file, chunk);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  empty(): void {
    rmSync(this.#filling, { force: true });
  }

  remove(): void {
    spawnSync("umount", ["-l", this.#folder]);
  }

  get #filling(): string {
    return join(this.#folder, "filling");
  }
}

/** null: a disk can be filled here. Else why not, in words. */
export function whyNoDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-disk-"));
  try {
    SmallDisk.at(folder).remove();
    return null;
  } catch {
    return "no tmpfs can be mounted here (that takes root)";
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
