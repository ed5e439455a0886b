/**
 * Rows of one version that are not the same: somebody changed one without a new version, or two did at once. Neither is the
 * newer one, so nothing is written, and it is told.
 */
import { diffJson } from "../compare/diff-json.ts";
import { Findings } from "../compare/findings.ts";
import type { CompareSettings } from "../config/compare-settings.ts";
import { keyOf, type Row, type RowSource, spellKey } from "../rows/rows.ts";
import { type Kinds, rowJson } from "./row-json.ts";

/** `now`: epoch ms; rules that are past excuse nothing. Returns keys of the target. */
export async function versionConflicts(
  rows: readonly Row[],
  target: RowSource,
  { version, compare, now }: { readonly version: string; readonly compare: CompareSettings; readonly now: number },
): Promise<readonly string[]> {
  const { columns } = await target.describe();
  const kinds: Kinds = new Map(columns.map(({ name, kind }) => [name, kind]));
  const wanted = rows.map((row) => keyOf(row, target.key));
  const byKey = (found: readonly Row[]) => new Map(found.map((row) => [spellKey(keyOf(row, target.key)), row]));
  const [there, deleted] = [byKey(await target.byKeys(wanted)), byKey((await target.tombstones?.(wanted)) ?? [])];
  const spell = (row: Row, names: readonly string[]) => rowJson(row, names, kinds);
  return rows.flatMap((row) => {
    const key = spellKey(keyOf(row, target.key));
    const other = there.get(key) ?? deleted.get(key);
    if (other === undefined || !isSame(spell(row, [version]), spell(other, [version]), compare, now)) return [];
    // There for one, and deleted for the other.
    if (deleted.has(key)) return [key];
    // What the row says nothing of is the target's own.
    const names = Object.keys(row);
    return isSame(spell(row, names), spell(other, names), compare, now) ? [] : [key];
  });
}

function isSame(
  one: ReturnType<typeof rowJson>,
  other: ReturnType<typeof rowJson>,
  compare: CompareSettings,
  now: number,
): boolean {
  const findings = new Findings(compare, now);
  diffJson(one, other, findings);
  return findings.verdict().outcome !== "divergent";
}
