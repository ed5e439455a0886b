import { CrossfadeError } from "../errors.ts";
import type { RowColumn, RowTarget, RowValue } from "../rows/rows.ts";

/** A target that is asked for its shape alone: what would be written is looked at, and nothing is. */
export function withoutWriting(target: RowTarget): RowTarget {
  return {
    ...target,
    async upsert(rows) {
      const { columns, sampled = false } = await target.describe();
      const byName = new Map(columns.map((column) => [column.name, column]));
      for (const row of rows) {
        for (const [column, value] of Object.entries(row)) {
          const of = byName.get(column);
          const why = of === undefined ? (sampled ? null : "there is no such column") : whyNotNull(value, of);
          if (why !== null)
            throw new CrossfadeError("rows-refused", `column ${column}: ${why}`, { source: "upstream" });
        }
      }
      return { written: rows.length, kept: 0 };
    },
    revise: async () => await Promise.resolve(),
    remove: async (keys) => await Promise.resolve(keys.length),
    settleCounters: async () => await Promise.resolve(),
  };
}

function whyNotNull(value: RowValue, { nullable }: RowColumn): string | null {
  return value === null && !nullable ? "it may not be null" : null;
}
