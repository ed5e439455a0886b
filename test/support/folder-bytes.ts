import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** What every file in the folder and below it holds, by its name there. One that goes meanwhile is left out. */
export function bytesIn(folder: string): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = join(folder, name);
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
    try {
      found.set(name, readFileSync(file));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
    }
  }
  return found;
}
