/**
 * What values of rows are at the other service (docs/rows.md, "Ids that differ"), as jobs that copy and compare rows ask the value
 * map. Values.
 */

/** How a service spells a value in JSON. */
export type JsonSpelling = "string" | "number";

/** One of them is known, or both are and are a pair unless the map knows better. */
export interface RowValueAsked {
  readonly kind: string;
  readonly legacy?: string;
  readonly next?: string;
  /** How legacy and next spell them in JSON, where both are given. */
  readonly spelled?: readonly [JsonSpelling, JsonSpelling];
}

/** As the map has it. null: it has no partner. */
export interface RowValuePair {
  readonly legacy: string | null;
  readonly next: string | null;
}

/** Values in one question. */
export const MOST_ROW_VALUES = 2_000;

export type RowValues = (asked: readonly RowValueAsked[]) => Promise<readonly RowValuePair[]>;
