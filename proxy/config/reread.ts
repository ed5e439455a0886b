/** A file that is read while a proxy runs under what it said before. */
import type { LoadInput } from "./load.ts";
import { loadSettings } from "./load.ts";
import type { ConfigMessage } from "./message.ts";
import { inOrder } from "./places.ts";
import { type ActingPhases, reloadProblems } from "./reload-rules.ts";
import type { Settings } from "./settings.ts";

/** Plain values: it crosses from one thread to another. */
export type Reading =
  | {
      readonly ok: true;
      readonly settings: Settings;
      /** As in `Loaded`. */
      readonly expired: readonly ConfigMessage[];
      readonly files: readonly string[];
    }
  | { readonly ok: false; readonly errors: readonly ConfigMessage[]; readonly files: readonly string[] };

/** Whole or not at all: what `running` cannot become without a restart refuses the file. */
export function reread(input: LoadInput, running: Settings, acting: ActingPhases): Reading {
  const loaded = loadSettings(input);
  const { files } = loaded;
  if (!loaded.ok) return { ok: false, errors: loaded.errors, files };
  const { settings, expired, places } = loaded;
  const problems = reloadProblems(running, settings, acting);
  if (problems.length === 0) return { ok: true, settings, expired, files };
  return { ok: false, errors: inOrder(problems.map(({ path, predicate }) => places.at(path, predicate))), files };
}
