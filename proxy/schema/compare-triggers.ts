/** Triggers of two tables, or of one at two times: what is done beside a write is no rule about rows, and can only be pointed at. Pure. */
import type { TableSchema, TableTrigger } from "../rows/table-schema.ts";
import type { SchemaFinding } from "./findings.ts";

/** One is the same where it has the same name and is called at the same events; what it does is not looked at. */
export function triggerChanges(
  before: TableSchema,
  after: TableSchema,
  between: "times" | "sides",
): readonly SchemaFinding[] {
  if (before.triggers === undefined || after.triggers === undefined) return [];
  const [was, is] = [new Set(before.triggers.map(spell)), new Set(after.triggers.map(spell))];
  const told = (kind: "lost-trigger" | "new-trigger", trigger: TableTrigger, why: string): SchemaFinding => {
    return { severity: "hazard", kind, column: "", text: `trigger ${trigger.name} (${trigger.when}): ${why}` };
  };
  const [lost, added] =
    between === "sides"
      ? [
          "next has none of this name and these events; what it does at legacy is left undone for rows that are written at next",
          "legacy has none of this name and these events; it runs also for rows that are brought over, mirrored and repaired",
        ]
      : ["gone; what it did is left undone", "new; it runs also for what is written by those who do not know it"];
  return [
    ...before.triggers.filter((each) => !is.has(spell(each))).map((each) => told("lost-trigger", each, lost ?? "")),
    ...after.triggers.filter((each) => !was.has(spell(each))).map((each) => told("new-trigger", each, added ?? "")),
  ];
}

function spell({ name, when }: TableTrigger): string {
  return `${name.toLowerCase()} ${when}`;
}
