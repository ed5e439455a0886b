/** Rotated files of the divergence log: their names, and which of them have to go. */
import { readdir, stat, unlink } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";

const TIME = /^\.(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d)-(\d{3})Z(?:-(\d+))?$/;

/** `log.ndjson` rotated at `now` (epoch ms) is `log.2026-11-22T12-00-00-000Z.ndjson`; `copy` tells two of one ms apart. */
export function rotatedName(file: string, now: number, copy: number): string {
  const ending = extname(file);
  const time = new Date(now).toISOString().replaceAll(":", "-").replace(".", "-");
  return `${file.slice(0, file.length - ending.length)}.${time}${copy === 0 ? "" : `-${copy}`}${ending}`;
}

interface Rotated {
  readonly path: string;
  readonly rotatedAt: number;
  readonly copy: number;
}

/** When, and the how manieth of that ms, where `name` is what `file` was rotated to; else null. */
export function readRotatedName(file: string, name: string): Omit<Rotated, "path"> | null {
  const ending = extname(file);
  const stem = basename(file, ending);
  if (!name.startsWith(stem) || !name.endsWith(ending)) return null;
  const time = TIME.exec(name.slice(stem.length, name.length - ending.length));
  if (time === null) return null;
  const [, hour, minute, second, ms, copy = "0"] = time;
  return { rotatedAt: Date.parse(`${hour}:${minute}:${second}.${ms}Z`), copy: Number(copy) };
}

/** Oldest first. */
export async function listRotated(file: string): Promise<readonly Rotated[]> {
  const found: Rotated[] = [];
  for (const name of await readdir(dirname(file))) {
    const rotated = readRotatedName(file, name);
    if (rotated !== null) found.push({ path: join(dirname(file), name), ...rotated });
  }
  return found.sort((a, b) => a.rotatedAt - b.rotatedAt || a.copy - b.copy);
}

/** Removes what was rotated before `before` (epoch ms), then the oldest until the rest is at most `maxBytes`. */
export async function pruneRotated(file: string, before: number, maxBytes: number): Promise<void> {
  const kept: { readonly path: string; readonly size: number }[] = [];
  for (const { path, rotatedAt } of await listRotated(file)) {
    if (rotatedAt < before) await unlink(path);
    else kept.push({ path, size: (await stat(path)).size });
  }
  let total = kept.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of kept) {
    if (total <= maxBytes) return;
    await unlink(path);
    total -= size;
  }
}
