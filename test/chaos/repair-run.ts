/** `crossfade repair` after an episode: then everything is equal, but for what only a reconcile can know of. */
import { execFile, spawnSync } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import type { Violation } from "./check-run.ts";
import type { RunRecord, ServiceRecord } from "./records.ts";
import type { Stage } from "./stage.ts";

/**
 * What a run may bring nothing for: keys are left alone for as long as a late attempt may land, and a run may find the
 * shadow's breaker open. A run itself takes as long as its keys do, at `repair.perSecond`.
 */
const WITHIN_MS = 60_000;
const AGAIN_EVERY_MS = 500;

/** Whether this build has the command. */
export function hasRepair(entry: string): boolean {
  const help = spawnSync(process.execPath, [entry, "repair", "--help"], { encoding: "utf8" });
  return help.status === 0 && help.stdout.includes("crossfade repair");
}

export async function repairEverything(stage: Stage, entry: string): Promise<readonly Violation[]> {
  const [member] = stage.members;
  if (member === undefined) return [];
  let until = performance.now() + WITHIN_MS;
  let left = Number.POSITIVE_INFINITY;
  for (;;) {
    const ended = await run([entry, "repair", "--admin", member.adminUrl]);
    const repairs = await member.list<RunRecord["repairs"][number]>("/api/v1/repairs");
    const ofKeys = repairs.filter(({ key }) => key !== null);
    const unequal = unequalIn({ primary: await stage.legacy.record(), shadow: await stage.next.record(), repairs });
    if (ofKeys.length === 0 && unequal.length === 0) return [];
    if (ofKeys.length < left) {
      left = ofKeys.length;
      until = performance.now() + WITHIN_MS;
    }
    if (performance.now() > until) {
      const keys = ofKeys.map(({ key, reason }) => `${key} (${reason})`);
      const words =
        `after repair (exit ${ended.code}) ${unequal.length} are unequal: ${unequal.slice(0, 8).join(", ")}; ` +
        `${left} left on the list: ${keys.slice(0, 8).join(", ")}; it said ${ended.stdout.slice(-600)}${ended.stderr}`;
      return [{ kind: "unaccounted", words }];
    }
    await wait(AGAIN_EVERY_MS);
  }
}

/** What stands between the members and Redis runs in this process: it must not be held up meanwhile. */
function run(
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

function createdIn({ lines }: ServiceRecord): ReadonlySet<string | null> {
  const creates = lines.filter(({ what, write }) => what === "applied" && write.method === "POST");
  return new Set(creates.map(({ id }) => id));
}

/**
 * Entities whose create never came to the shadow are no repair's business, as far as an entry for the collection stands for them:
 * also where a later write of theirs made them there, which nobody knows to be on the wrong ground.
 */
export function unequalIn({
  primary,
  shadow,
  repairs,
}: Pick<RunRecord, "primary" | "shadow" | "repairs">): readonly string[] {
  const there = new Map(shadow.entities.map((entity) => [entity.id, JSON.stringify(entity)]));
  const here = new Map(primary.entities.map((entity) => [entity.id, JSON.stringify(entity)]));
  const different = [...new Set([...here.keys(), ...there.keys()])].filter((id) => here.get(id) !== there.get(id));
  const [made, copied] = [createdIn(primary), createdIn(shadow)];
  const isMissing = (id: string): boolean => !there.has(id) || (made.has(id) && !copied.has(id));
  const entered = repairs.reduce((sum, { key, times }) => (key === null ? sum + times : sum), 0);
  return different.filter(isMissing).length <= entered ? different.filter((id) => !isMissing(id)) : different;
}
