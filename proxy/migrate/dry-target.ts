import { CrossfadeError } from "../errors.ts";
import type { RowTarget } from "../rows.ts";

/** A target that is asked for its shape alone: what would be written is looked at, and nothing is. */
export function withoutWriting(target: RowTarget): RowTarget {
  return {
    ...target,
    async upsert(rows) {
      const { columns } = await target.describe();
      const byName = new Map(columns.map((column) => [column.name, column]));
      for (const row of rows) {
        for (const [column, value] of Object.entries(row)) {
          const of = byName.get(column);
          const why =
            of === undefined ? "there is no such column" : value === null && !of.nullable ? "it may not be null" : null;
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
