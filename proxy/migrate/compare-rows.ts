/** Rows of the source against what stands at the target, by their keys: what is missing, extra, or not the same. */
import { Findings } from "../compare/findings.ts";
import { diffJson } from "../compare/diff-json.ts";
import type { CompareSettings } from "../config/compare-settings.ts";
import type { DifferenceKind } from "../evidence/evidence.ts";
import { keyOf, type Row, type RowKey, type RowSource, spellKey } from "../rows/rows.ts";
import { type Kinds, rowJson } from "./row-json.ts";
import type { SourceKeys } from "./mapped-rows.ts";
import type { Transformer } from "./transformer.ts";

/** `differences` name places, and no values: those are not for a screen. */
export type RowDifference =
  | { readonly kind: "missing" | "extra"; readonly key: string }
  | { readonly kind: "mismatched"; readonly key: string; readonly differences: readonly FieldDifference[] }
  /** The source's row cannot be turned into one of the target. */
  | { readonly kind: "unmade"; readonly key: string; readonly why: string };

export interface FieldDifference {
  /** A column, or a place within its JSON: `/meta/tags/0`. */
  readonly at: string;
  readonly kind: DifferenceKind;
}

export interface TablePair {
  readonly source: RowSource;
  readonly target: RowSource;
  readonly transformer: Transformer;
  /** Absent: a row has one key on both sides. */
  readonly sourceKeys?: SourceKeys | undefined;
}

export interface ComparedPair extends TablePair {
  readonly compare: CompareSettings;
  /** Epoch ms: rules that are past excuse nothing. */
  readonly now: number;
}

export interface Suspect {
  readonly key: RowKey;
  /** null: of a row that cannot be made. */
  readonly targetKey: RowKey | null;
  /** Whose key it is. */
  readonly of: "source" | "target";
  readonly finding: RowDifference;
  /** When it was first seen, in ms of a clock that only goes forward. */
  readonly since: number;
}

interface Looked {
  readonly equal: number;
  readonly excused: number;
  readonly suspects: readonly Suspect[];
  /** A row was made whose key is not that of the row that it was made of. */
  readonly keysChange: boolean;
}

/** Keys that are asked for at once. */
export const PAGE_ROWS = 2_000;

export function* groupsOf(keys: readonly RowKey[]): Generator<readonly RowKey[]> {
  for (let from = 0; from < keys.length; from += PAGE_ROWS) yield keys.slice(from, from + PAGE_ROWS);
}

/** Why rows that only the target has are not looked for. */
export const KEYS_CHANGE =
  "the transform makes rows with keys of their own, so that nothing tells which row of the source one belongs to";

/** What stands at the target against these rows of the source. */
export async function lookAt(rows: readonly Row[], parts: ComparedPair, kinds: BothKinds): Promise<Looked> {
  const { source, target, transformer, compare, now } = parts;
  const made = await transformer.make(rows);
  const since = performance.now();
  const suspects: Suspect[] = [];
  const wanted: { readonly key: RowKey; readonly targetKey: RowKey; readonly row: Row }[] = [];
  const targetKeys: RowKey[] = [];
  let keysChange = false;
  for (const [i, row] of rows.entries()) {
    const key = keyOf(row, source.key);
    const of = made[i];
    if (of === undefined) throw new TypeError("the transform answered fewer rows than it was given");
    const problem = of.ok ? null : of.why;
    if (problem !== null) {
      suspects.push({
        key,
        targetKey: null,
        of: "source",
        since,
        finding: { kind: "unmade", key: spellKey(key), why: problem },
      });
      continue;
    }
    for (const each of of.ok ? of.rows : []) {
      const targetKey = keyOrWhy(each, target.key);
      if (typeof targetKey === "string") {
        suspects.push({
          key,
          targetKey: null,
          of: "source",
          since,
          finding: { kind: "unmade", key: spellKey(key), why: targetKey },
        });
        continue;
      }
      keysChange ||= parts.sourceKeys === undefined && spellKey(targetKey) !== spellKey(key);
      targetKeys.push(targetKey);
      wanted.push({ key, targetKey, row: each });
    }
  }
  const there = new Map((await target.byKeys(targetKeys)).map((row) => [spellKey(keyOf(row, target.key)), row]));
  let equal = 0;
  let excused = 0;
  for (const { key, targetKey, row } of wanted) {
    const spelled = spellKey(targetKey);
    const other = there.get(spelled);
    if (other === undefined) {
      suspects.push({ key, targetKey, of: "source", since, finding: { kind: "missing", key: spelled } });
      continue;
    }
    const findings = new Findings(compare, now);
    // What the row says nothing of is the target's own.
    const columns = Object.keys(row);
    diffJson(rowJson(row, columns, kinds.made), rowJson(other, columns, kinds.target), findings);
    const { outcome, differences } = findings.verdict();
    if (outcome === "match") equal += 1;
    else if (outcome === "ignored") excused += 1;
    else {
      const places = differences.map(({ at, kind }) => ({ at, kind }));
      suspects.push({
        key,
        targetKey,
        of: "source",
        since,
        finding: { kind: "mismatched", key: spelled, differences: places },
      });
    }
  }
  return { equal, excused, suspects, keysChange };
}

function keyOrWhy(row: Row, columns: readonly string[]): RowKey | string {
  try {
    return keyOf(row, columns);
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

/** Of these keys of the target those that no row of the source is turned into; what their keys are at the source has to be known. */
export async function unclaimed(keys: readonly RowKey[], { source, transformer, target, sourceKeys }: TablePair) {
  const atSource = sourceKeys === undefined ? keys : await sourceKeys(keys);
  const targetKeys = new Map<string, RowKey>();
  for (const [i, key] of keys.entries()) {
    const other = atSource[i] ?? null;
    if (other !== null) targetKeys.set(spellKey(other), key);
  }
  const rows = await source.byKeys(atSource.filter((key) => key !== null));
  const made = await transformer.make(rows);
  const claimed = new Set<string>();
  for (const [i, row] of rows.entries()) {
    const of = made[i];
    if (of?.ok === true) for (const each of of.rows) claimed.add(spellKey(keyOf(each, target.key)));
    // A row that cannot be made is told as such, and whatever stands in its place is not extra.
    else claimed.add(spellKey(targetKeys.get(spellKey(keyOf(row, source.key))) ?? []));
  }
  return keys.filter((key) => !claimed.has(spellKey(key)));
}

/** Those of them that still differ, as they are now. */
export async function lookAgain(
  suspects: readonly Suspect[],
  parts: ComparedPair,
  kinds: BothKinds,
): Promise<readonly Suspect[]> {
  const still: Suspect[] = [];
  const firstSeen = new Map(suspects.map(({ of, finding, since }) => [`${of} ${finding.key}`, since]));
  for (let from = 0; from < suspects.length; from += PAGE_ROWS) {
    const group = suspects.slice(from, from + PAGE_ROWS);
    const keys = new Map(group.filter(({ of }) => of === "source").map(({ key }) => [spellKey(key), key]));
    // A row that has gone from the source meanwhile is not missing any more.
    const rows = await parts.source.byKeys([...keys.values()]);
    still.push(...(await lookAt(rows, parts, kinds)).suspects);
    const extra = group.filter(({ of }) => of === "target");
    const present = await parts.target.byKeys(extra.map(({ key }) => key));
    const keysThere = present.map((row) => keyOf(row, parts.target.key));
    const unclaimedNow = new Set((await unclaimed(keysThere, parts)).map(spellKey));
    still.push(...extra.filter(({ key }) => unclaimedNow.has(spellKey(key))));
  }
  return still.map((each) => ({ ...each, since: firstSeen.get(`${each.of} ${each.finding.key}`) ?? each.since }));
}

export interface BothKinds {
  /** Of what the source's rows are turned into. */
  readonly made: Kinds;
  readonly target: Kinds;
}

/**
 * Each side's values are read by its own columns; a decimal that the transform made is a text, and known as one by the column
 * that it is for.
 */
export async function kindsOf({ source, target }: TablePair): Promise<BothKinds> {
  const of = (await target.describe()).columns;
  const made = new Map((await source.describe()).columns.map(({ name, kind }) => [name, kind]));
  for (const { name, kind } of of)
    if ((kind === "decimal" && made.get(name) !== "decimal") || !made.has(name)) made.set(name, kind);
  return { made, target: new Map(of.map(({ name, kind }) => [name, kind])) };
}
