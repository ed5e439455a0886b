/**
 * Rows on their way between threads: the names of their columns once, and all values in one list. A list of objects costs the
 * structured clone more than twice as much, as it spells every name with every row. Pure.
 */
import { isSameNames, putColumn, type Row, type RowValue } from "../rows/rows.ts";
import type { Made } from "./made-rows.ts";

/** Rows one after another that have the same columns in the same order. */
interface Run {
  readonly columns: readonly string[];
  /** Row after row. Of no columns: as many nulls as there are rows. */
  readonly values: RowValue[];
}

export type RowBlock = readonly Run[];

export interface MadeBlock {
  /** Of each row that was asked about: how many were made of it, or -1: none can be, and `whys` has the next reason. */
  readonly counts: Int32Array;
  readonly whys: readonly string[];
  readonly rows: RowBlock;
}

export function packRows(rows: Iterable<Row>): RowBlock {
  const runs: Run[] = [];
  let run: Run | null = null;
  for (const row of rows) {
    const names = Object.keys(row);
    if (run === null || !isSameNames(names, run.columns)) {
      run = { columns: names, values: [] };
      runs.push(run);
    }
    if (names.length === 0) run.values.push(null);
    for (let i = 0; i < names.length; i += 1) run.values.push(row[names[i] as string] as RowValue);
  }
  return runs;
}

export function unpackRows(block: RowBlock): Row[] {
  const rows: Row[] = [];
  for (const { columns, values } of block) {
    const width = Math.max(columns.length, 1);
    for (let at = 0; at < values.length; at += width) {
      const row: Record<string, RowValue> = {};
      for (let i = 0; i < columns.length; i += 1) putColumn(row, columns[i] as string, values[at + i] as RowValue);
      rows.push(row);
    }
  }
  return rows;
}

export function packMade(made: readonly Made[]): MadeBlock {
  const counts = Int32Array.from(made, (of) => (of.ok ? of.rows.length : -1));
  const whys = made.flatMap((of) => (of.ok ? [] : [of.why]));
  return { counts, whys, rows: packRows(made.flatMap((of) => (of.ok ? of.rows : []))) };
}

export function unpackMade({ counts, whys, rows }: MadeBlock): Made[] {
  const all = unpackRows(rows);
  const made: Made[] = [];
  let [at, failed] = [0, 0];
  for (const count of counts) {
    if (count < 0) {
      made.push({ ok: false, why: whys[failed] ?? "" });
      failed += 1;
    } else {
      made.push({ ok: true, rows: all.slice(at, at + count) });
      at += count;
    }
  }
  return made;
}
