/**
 * Makes rows of the target what the source says, one by one, each only while it is what was seen of it: the target's rows are
 * read first, then the source's, and under a lock a row that is another one by then is left. So whatever else writes to the
 * target is never undone by something older.
 */
import { isDeepStrictEqual } from "node:util";
import { CrossfadeError } from "../errors.ts";
import { keyOf, type Row, type RowKey, type RowTarget, spellKey } from "../rows/rows.ts";
import type { Made } from "./made-rows.ts";
import { type Suspect, type TablePair, unclaimed } from "./compare-rows.ts";

export interface RepairParts extends TablePair {
  readonly target: RowTarget;
  /** Rows that the source has not are left where they are. */
  readonly keepExtra: boolean;
  /** Of the rows that differ. Absent: nobody hears of it. */
  readonly progress?: (rows: number, of: number) => void;
}

export interface Repaired {
  readonly added: number;
  readonly replaced: number;
  readonly removed: number;
  /** Another one, or gone, by the time that it was to be written. */
  readonly changed: number;
  /** The target takes them as little as the source's row can be made. */
  readonly refused: readonly { readonly key: string; readonly why: string }[];
}

const ROWS_AT_ONCE = 200;

/** @throws CrossfadeError where a database or the transform fails */
export async function repairRows(suspects: readonly Suspect[], parts: RepairParts): Promise<Repaired> {
  const sum = { added: 0, replaced: 0, removed: 0, changed: 0 };
  const refused: { readonly key: string; readonly why: string }[] = [];
  for (let from = 0; from < suspects.length; from += ROWS_AT_ONCE) {
    const done = await repairGroup(suspects.slice(from, from + ROWS_AT_ONCE), parts);
    sum.added += done.added;
    sum.replaced += done.replaced;
    sum.removed += done.removed;
    sum.changed += done.changed;
    refused.push(...done.refused);
    parts.progress?.(Math.min(from + ROWS_AT_ONCE, suspects.length), suspects.length);
  }
  return { ...sum, refused };
}

/** Where the target refuses a group, its halves are tried, until the rows that it refuses stand alone. */
async function repairGroup(suspects: readonly Suspect[], parts: RepairParts): Promise<Repaired> {
  try {
    return await reviseGroup(suspects, parts);
  } catch (thrown) {
    const isOfRow = thrown instanceof TypeError || (thrown instanceof CrossfadeError && thrown.code === "rows-refused");
    if (!isOfRow) throw thrown;
    const [only] = suspects;
    if (only === undefined || suspects.length === 1) {
      const refused = only === undefined ? [] : [{ key: only.finding.key, why: thrown.message }];
      return { added: 0, replaced: 0, removed: 0, changed: 0, refused };
    }
    const middle = Math.ceil(suspects.length / 2);
    const first = await repairGroup(suspects.slice(0, middle), parts);
    const second = await repairGroup(suspects.slice(middle), parts);
    return {
      added: first.added + second.added,
      replaced: first.replaced + second.replaced,
      removed: first.removed + second.removed,
      changed: first.changed + second.changed,
      refused: [...first.refused, ...second.refused],
    };
  }
}

async function reviseGroup(suspects: readonly Suspect[], parts: RepairParts): Promise<Repaired> {
  const { source, target, transformer, keepExtra } = parts;
  const extra = keepExtra ? [] : suspects.filter(({ of }) => of === "target").map(({ key }) => key);
  const ours = suspects.filter(({ of }) => of === "source");
  const keys = [...ours.flatMap(({ targetKey }) => (targetKey === null ? [] : [targetKey])), ...extra];
  // The target before the source: what is written is then no older than what it is written over.
  const seen = byKey(await target.byKeys(keys), target);
  const rows = await source.byKeys([...new Map(ours.map(({ key }) => [spellKey(key), key])).values()]);
  const made = rows.length === 0 ? [] : await transformer.make(rows);
  const wanted = byKey(
    made.flatMap((of) => (of.ok ? of.rows : [])),
    target,
  );
  const toRemove = new Set((await unclaimed(extra, parts)).map(spellKey));
  const refused = rows.flatMap((row, i) => whyNot(made[i], spellKey(keyOf(row, source.key))));
  let counts = { added: 0, replaced: 0, removed: 0, changed: 0 };
  await target.revise(keys, (locked) => {
    const there = byKey(locked, target);
    const [add, replace, remove]: [Row[], Row[], RowKey[]] = [[], [], []];
    let changed = 0;
    for (const key of keys) {
      const spelled = spellKey(key);
      const row = wanted.get(spelled);
      const before = seen.get(spelled);
      if (!isDeepStrictEqual(before, there.get(spelled))) changed += 1;
      else if (row !== undefined && before === undefined) add.push(row);
      else if (row !== undefined) replace.push(row);
      else if (toRemove.has(spelled) && before !== undefined) remove.push(key);
      else changed += 1;
    }
    counts = { added: add.length, replaced: replace.length, removed: remove.length, changed };
    return { add, replace, remove };
  });
  return { ...counts, refused };
}

function whyNot(made: Made | undefined, key: string): readonly { readonly key: string; readonly why: string }[] {
  return made === undefined || made.ok ? [] : [{ key, why: made.why }];
}

function byKey(rows: readonly Row[], { key }: RowTarget): ReadonlyMap<string, Row> {
  return new Map(rows.map((row) => [spellKey(keyOf(row, key)), row]));
}
