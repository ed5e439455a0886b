/** Proposed `values` for people: YAML to paste under each route, with what speaks for it. Pure. */
import type { SuggestedValues } from "../suggest/ids.ts";
import { spellValues } from "../suggest/yaml.ts";
import { wrap } from "./columns.ts";
import type { Paint } from "./terminal.ts";
import { printable } from "../controls.ts";

/** Under `routes:`, beside `name:`. */
const YAML_INDENT = "    ";

/** Nothing where no route needs any. `why`: bodies and headers could not be looked at. */
export function formatValues(
  values: readonly SuggestedValues[],
  why: string | null,
  width: number,
  paint: Paint,
): readonly string[] {
  if (values.length === 0) return [];
  const lines = [paint("bold", "Ids and tokens that each service makes for itself")];
  const about =
    "Where a route has these values, the shadow is sent its own in place of the primary's. Paste them before rules that excuse the same places. Rows from before are sent as they are (unmapped: pass).";
  lines.push(...wrap(about, width));
  if (why !== null)
    lines.push(...wrap(`Looked at differences and paths alone, without bodies and headers: ${printable(why)}`, width));
  for (const { route, learn, apply, doubts } of values) {
    lines.push("", paint("bold", printable(route)));
    // Never cut: this is to be pasted.
    if (learn.length + apply.length > 0)
      for (const line of spellValues({ learn, apply })) lines.push(YAML_INDENT + line);
    for (const doubt of doubts) lines.push(...wrap(`  Look at this yourself: ${printable(doubt)}`, width));
  }
  return [...lines, ""];
}
