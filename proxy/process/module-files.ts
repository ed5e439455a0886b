/** The files that a module of the user's consists of: its own, and those that it imports. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A file beside the module, as against a package and what Node brings: those do not change while a process runs. */
export function isUsersFile(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/");
}

/** Hex digest of all texts, and of where they stand. @throws what reading throws */
export function digestOfModule(file: string, imports: readonly string[]): string {
  const digest = createHash("sha256").update(readFileSync(file));
  for (const each of imports) {
    const text = readFileSync(each);
    digest.update(`\0${each}\0${text.length}\0`).update(text);
  }
  return digest.digest("hex");
}
