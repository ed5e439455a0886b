/** `crossfade repair` after an episode: then everything is equal, or it says of what it could not make so. */
import { spawnSync } from "node:child_process";
import type { Violation } from "./check-run.ts";
import type { Stage } from "./stage.ts";

/** Whether this build has the command. */
export function hasRepair(entry: string): boolean {
  const help = spawnSync(process.execPath, [entry, "repair", "--help"], { encoding: "utf8" });
  return help.status === 0 && help.stdout.includes("crossfade repair");
}

export async function repairEverything(stage: Stage, entry: string): Promise<readonly Violation[]> {
  const [member] = stage.members;
  if (member === undefined) return [];
  const ended = spawnSync(process.execPath, [entry, "repair", "--admin", member.adminUrl], { encoding: "utf8" });
  const [primary, shadow] = [await stage.legacy.record(), await stage.next.record()];
  const states = new Map(shadow.entities.map((entity) => [entity.id, entity]));
  const unequal = primary.entities.filter((entity) => {
    const there = states.get(entity.id);
    states.delete(entity.id);
    // How often an entity was written is the services' own matter once a repair has written it anew.
    return there === undefined || there.value !== entity.value;
  });
  const names = [...unequal.map(({ id }) => id), ...states.keys()];
  if (ended.status === 0 && names.length === 0) return [];
  const words = `after repair (exit ${ended.status}) unequal: ${names.slice(0, 10).join(", ")} ${ended.stdout}${ended.stderr}`;
  return [{ kind: "unaccounted", words }];
}
