import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPAIR_REASONS } from "../../proxy/evidence/evidence.ts";
import { DROP_REASONS, OUTCOME_KINDS, SKIP_REASONS } from "../../proxy/outcome.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/outcomes.md"), "utf8");

/** Cells of the table under a heading, without the table's own. */
function rowsUnder(heading: string): readonly (readonly string[])[] {
  const [, after = ""] = PAGE.split(`\n## ${heading}\n`);
  const [section = ""] = after.split("\n## ");
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

test("the page of outcomes has every one that there is, in order, and no other; each is explained", () => {
  const lists: readonly (readonly [heading: string, list: readonly string[]])[] = [
    ["Outcomes", OUTCOME_KINDS],
    ["Reasons of dropped", DROP_REASONS],
    ["Reasons of skipped", SKIP_REASONS],
    ["Reasons on the repair list", REPAIR_REASONS],
  ];
  for (const [heading, list] of lists) {
    const rows = rowsUnder(heading);
    assert.deepEqual(
      rows.map(([name]) => name),
      list.map((name) => `\`${name}\``),
      heading,
    );
    for (const [name = "", meaning = "", normal = "", action = "", ...more] of rows) {
      assert.deepEqual(more, [], `${name} has a cell too many`);
      if (meaning.startsWith("reserved:")) continue;
      for (const cell of [meaning, normal, action]) assert.ok(cell.length >= 5, `${name} is not explained`);
    }
  }
});
