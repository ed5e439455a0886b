/** Whether a member may rely on its own copy of the phases while the store is away: a file beside that copy. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Standing, StandingFile } from "../../proxy/members/standing.ts";
import type { Settings } from "../../proxy/config/settings.ts";
import { writeWhole } from "../../proxy/process/whole-file.ts";

/** null: nobody shares the store, or its identity ends with the process. */
export function standingFileOf({ store, journal, member }: Settings): StandingFile | null {
  if (store.kind !== "redis" || journal.survives === "nothing") return null;
  const file = join(member.folder, "standing");
  return {
    // What is not there, or not whole, allows nothing.
    read() {
      try {
        return JSON.parse(readFileSync(file, "utf8")) as Standing;
      } catch {
        return null;
      }
    },
    write: (standing) => writeWhole(file, `${JSON.stringify(standing)}\n`),
  };
}
