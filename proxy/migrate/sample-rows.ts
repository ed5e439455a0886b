/**
 * Compares rows that are drawn at random from either side, and tells how many of all may differ. It sees causes that many rows
 * share, and no single row: that takes a comparison of all.
 */
import { type RowSource, spellKey } from "../rows/rows.ts";
import { type ComparedPair, groupsOf, KEYS_CHANGE, kindsOf, lookAt, type Suspect, unclaimed } from "./compare-rows.ts";
import { drawRows } from "./draw-rows.ts";
import type { RowFinding } from "./reconcile.ts";
import { shareAtMost } from "./sample-bound.ts";
import { settleSuspects } from "./settle-suspects.ts";

export interface SampledSide {
  /** Rows that were drawn, and were still there when they were looked at. */
  readonly drawn: number;
  readonly differing: number;
  /** Of all its rows, 0 to 1, with the confidence of sample-bound.ts; where all rows were drawn it is what differs of them. */
  readonly shareAtMost: number;
  /** How many rows it has, where they were counted or the database says about how many; null: nobody knows. */
  readonly rows: number | null;
}

export interface Sampled {
  /** Rows that the target lacks or has otherwise, and those that cannot be made. */
  readonly source: SampledSide;
  /** Rows that the source has not. null: they could not be looked for, and `extraUnknown` says why. */
  readonly target: SampledSide | null;
  readonly missing: number;
  readonly mismatched: number;
  readonly extra: number;
  readonly unmade: number;
  /** Differed, and no longer did when they were looked at again. */
  readonly settled: number;
  readonly extraUnknown: string | null;
}

export interface SampleParts extends ComparedPair {
  /** Drawn from each side. */
  readonly rows: number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly tell: (finding: RowFinding) => void;
  /** Rows of either side that were looked at. */
  readonly progress: (rows: number) => void;
}

/** @throws CrossfadeError where a database or the transform fails */
export async function sampleRows(parts: SampleParts): Promise<Sampled> {
  const { source, target } = parts;
  const kinds = await kindsOf(parts);
  const suspects: Suspect[] = [];
  let [looked, keysChange] = [0, false];

  const ours = await drawRows(source, parts.rows, parts.random);
  for (const keys of groupsOf(ours.keys)) {
    const rows = await source.byKeys(keys);
    const found = await lookAt(rows, parts, kinds);
    keysChange ||= found.keysChange;
    suspects.push(...found.suspects);
    looked += rows.length;
    parts.progress(looked);
  }
  const sourceDrawn = looked;
  const theirs = keysChange ? null : await drawRows(target, parts.rows, parts.random);
  for (const keys of groupsOf(theirs?.keys ?? [])) {
    const since = performance.now();
    for (const key of await unclaimed(keys, parts)) {
      suspects.push({ key, targetKey: key, of: "target", since, finding: { kind: "extra", key: spellKey(key) } });
    }
    looked += keys.length;
    parts.progress(looked);
  }

  const open = await settleSuspects(suspects, parts, kinds);
  const counts = { missing: 0, mismatched: 0, extra: 0, unmade: 0 };
  for (const { finding, since } of open) {
    counts[finding.kind] += 1;
    parts.tell({ ...finding, ageMs: Math.round(performance.now() - since) });
  }
  const differing = (of: Suspect["of"]): number =>
    new Set(open.filter((each) => each.of === of).map(({ key }) => spellKey(key))).size;
  return {
    source: await sideOf(source, sourceDrawn, differing("source"), ours.of),
    target: theirs === null ? null : await sideOf(target, theirs.keys.length, differing("target"), theirs.of),
    ...counts,
    settled: Math.max(0, suspects.length - open.length),
    extraUnknown: keysChange ? KEYS_CHANGE : null,
  };

  async function sideOf(of: RowSource, drawn: number, found: number, counted: number | null): Promise<SampledSide> {
    const isWhole = counted !== null && counted <= parts.rows;
    const share = isWhole ? found / Math.max(1, drawn) : shareAtMost(found, drawn);
    return { drawn, differing: found, shareAtMost: share, rows: counted ?? (await of.describe()).estimate };
  }
}
