/**
 * A comparison of rows that nobody has asked for by hand is `crossfade reconcile` all the same: a process of its own, which loads the
 * drivers, makes rows and holds what it compares, and gives way to traffic. One that outlives this process does no harm: it reads.
 */
import { spawn } from "node:child_process";
import { constants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import type { Environment } from "../config/environment.ts";
import type { Settings } from "../config/settings.ts";
import type { Store } from "../ports.ts";
import type { ReconcileOrder } from "../rows/reconcile-schedule.ts";

export interface ReconcileProcessParts {
  readonly settings: Settings;
  readonly store: Pick<Store, "rowJobs">;
  readonly adminUrl: string;
  readonly env: Environment;
}

const CLI = new URL(import.meta.url.endsWith(".ts") ? "../cli/main.ts" : "../cli/main.js", import.meta.url);

/** In words: it did not come to an end that the store knows of. */
export async function runReconcileProcess(
  { settings, store, adminUrl, env }: ReconcileProcessParts,
  { collection, sample }: ReconcileOrder,
  signal: AbortSignal,
): Promise<string | null> {
  const { file, admin } = settings;
  if (file === null) return "the configuration is in no file, which crossfade reconcile could read";
  const token = admin.tokens.find(({ role }) => role === "operate")?.token;
  if (admin.tokens.length > 0 && token === undefined) return "admin.tokens has none of role operate";
  const job = sample === null ? "reconcile" : "sample";
  const last = async (): Promise<string | undefined> => {
    return (await store.rowJobs()).find((end) => end.job === job && end.collection === collection)?.begunAt;
  };
  const before = await last();
  const drawn = sample === null ? [] : ["--sample", String(sample)];
  const child = spawn(
    process.execPath,
    [CLI.pathname, "reconcile", collection, "--config", file, "--admin", adminUrl, "--limit", "1", ...drawn],
    { stdio: ["ignore", "ignore", "pipe"], env: { ...env, CROSSFADE_TOKEN: token }, signal },
  );
  let said = "";
  createInterface({ input: child.stderr }).on("line", (line) => (said = line));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("spawn", () => {
      try {
        if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
      } catch {
        // It has ended, or the system does not let us: it runs as it is.
      }
    });
    child.once("error", (error) => {
      if (signal.aborted) resolve(null);
      else reject(error);
    });
    child.once("close", (status) => resolve(status));
  });
  if (signal.aborted) return null;
  // Both "equal" and "something differs" are ends, and so is what is no answer at all: what counts is that it was told.
  return (await last()) === before ? `crossfade reconcile ended with ${code}${said === "" ? "" : `: ${said}`}` : null;
}
