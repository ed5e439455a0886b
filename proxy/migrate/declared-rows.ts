/** What the configuration says of columns (`columns`), in place of a module of the user's. Pure. */
import type { ColumnRule, ColumnStep } from "../config/collection-settings.ts";
import { putColumn, type Row, type RowValue } from "../rows/rows.ts";
import type { Made } from "./made-rows.ts";
import type { Transformer } from "./transformer.ts";

export function columnsTransformer(rules: readonly ColumnRule[]): Transformer {
  return {
    make: async (rows) => await Promise.resolve(rows.map((row) => makeByRules(row, rules))),
    close: async () => await Promise.resolve(),
  };
}

/** Columns that no rule names go over as they are. */
export function makeByRules(row: Row, rules: readonly ColumnRule[]): Made {
  const made: Record<string, RowValue> = {};
  const gone = new Set(
    rules.flatMap((rule) => ("leaveOut" in rule ? [rule.leaveOut] : "from" in rule ? [rule.from] : [])),
  );
  const given = new Set(rules.flatMap((rule) => ("to" in rule ? [rule.to] : [])));
  for (const [column, value] of Object.entries(row)) {
    if (!gone.has(column) && !given.has(column)) putColumn(made, column, value);
  }
  for (const rule of rules) {
    if ("leaveOut" in rule) continue;
    if ("value" in rule) {
      putColumn(made, rule.to, Number.isSafeInteger(rule.value) ? BigInt(rule.value as number) : rule.value);
      continue;
    }
    const { to, from, as } = rule;
    const value = Object.hasOwn(row, from) ? row[from] : undefined;
    if (value === undefined) return { ok: false, why: `column ${to} is made of ${from}, which the source has not` };
    if (value === null || as.length === 0) putColumn(made, to, value);
    else if (typeof value === "string") putColumn(made, to, stepped(value, as));
    else return { ok: false, why: `column ${to}: ${as.join(", ")} is of texts, and ${from} holds none` };
  }
  return { ok: true, rows: [made] };
}

function stepped(text: string, steps: readonly ColumnStep[]): string | null {
  let value = text;
  for (const step of steps) {
    switch (step) {
      case "trim":
        value = value.trim();
        break;
      case "lowercase":
        value = value.toLowerCase();
        break;
      case "uppercase":
        value = value.toUpperCase();
        break;
      case "empty-is-null":
        if (value === "") return null;
        break;
      default:
        return step satisfies never;
    }
  }
  return value;
}
