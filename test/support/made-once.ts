/**
 * Folders that take long to make and are alike each time: one whole run of all tests makes each once (CROSSFADE_TEST_MADE_ONCE names
 * where), and every test copies it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Fills `folder`, an empty one, by `make` or with what that made before under this name. */
export function madeOnce(name: string, folder: string, make: () => void): void {
  const place = process.env["CROSSFADE_TEST_MADE_ONCE"];
  const made = place === undefined ? null : join(place, name);
  if (made !== null && existsSync(made)) {
    copy(made, folder);
    return;
  }
  make();
  if (made === null) return;
  const fresh = mkdtempSync(`${made}-`);
  copy(folder, fresh);
  try {
    renameSync(fresh, made);
  } catch {
    // Another test was first.
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** By `cp`: Node's own copy does not keep whom the files belong to. */
function copy(from: string, to: string): void {
  const { status, stderr } = spawnSync("cp", ["-a", `${from}/.`, to], { encoding: "utf8" });
  if (status !== 0) throw new Error(`cp failed: ${stderr}`);
}
