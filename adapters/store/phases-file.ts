/**
 * A copy of the phases in a file beside the store. A store that is lost, or set aside as corrupt, must not send clients back to a
 * service that has missed their writes since.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../../proxy/config/settings.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import type { KeptPhase } from "../../proxy/moves/kept-phase.ts";
import { writeWhole } from "../../proxy/process/whole-file.ts";

export interface PhasesFile {
  readonly file: string;
  /** Empty where there is none. @throws CrossfadeError `store-unavailable` where it cannot be read: what it says is then unknown */
  read(): readonly KeptPhase[];
  /** @throws as the disk does */
  write(rows: readonly KeptPhase[]): void;
}

/** The file beside what is this process's own; null: nothing is. */
export function phasesFileOf({ store, journal, member }: Settings): PhasesFile | null {
  if (store.kind === "sqlite") return phasesFile(`${store.file}.phases`);
  return store.kind === "redis" && journal.survives !== "nothing" ? phasesFile(join(member.folder, "phases")) : null;
}

export function phasesFile(file: string): PhasesFile {
  return {
    file,
    read() {
      if (!existsSync(file)) return [];
      try {
        return JSON.parse(readFileSync(file, "utf8")) as readonly KeptPhase[];
      } catch (cause) {
        const why = `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
        const way =
          "it says which service is the source of truth of each route; put it back from a copy, or remove it where no route was moved";
        throw new CrossfadeError("store-unavailable", `${why}; ${way}`, { source: "store" });
      }
    },
    write(rows) {
      writeWhole(file, `${JSON.stringify(rows, null, 2)}\n`);
    },
  };
}
