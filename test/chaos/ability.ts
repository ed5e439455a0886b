/** What the build under test, and the machine, can do: chaos runs all of it and says what it leaves out. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNoDisk } from "./disk.ts";
import { whyNoRedis } from "./redis.ts";
import { hasRepair } from "./repair-run.ts";

export interface Ability {
  readonly redis: boolean;
  readonly fullDisk: boolean;
  readonly repair: boolean;
  /** One sentence for each that is false. */
  readonly without: readonly string[];
}

export function abilityOf(entry: string): Ability {
  const noRedis = whyNoRedis() ?? (takesRedis(entry) ? null : "this version takes no `--store redis://`");
  const noDisk = whyNoDisk();
  const repair = hasRepair(entry);
  const without = [
    noRedis === null ? null : `without Redis and without several members: ${noRedis}`,
    noDisk === null ? null : `without a full disk: ${noDisk}`,
    repair ? null : "without a repair at the end: this version has no `crossfade repair`",
  ];
  return {
    redis: noRedis === null,
    fullDisk: noDisk === null,
    repair,
    without: without.filter((words) => words !== null),
  };
}

/** `check` reads a config without connecting to anything. */
function takesRedis(entry: string): boolean {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-chaos-"));
  try {
    const file = join(folder, "crossfade.yaml");
    const services = `{ legacy: { url: "http://127.0.0.1:1" }, next: { url: "http://127.0.0.1:2", effects: suppressed } }`;
    writeFileSync(file, `store: "redis://127.0.0.1:1"\nservices: ${services}\n`);
    return spawnSync(process.execPath, [entry, "check", "--config", file]).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
