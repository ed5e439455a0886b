import assert from "node:assert/strict";
import { test } from "node:test";
import { columnLines, findingLines, sumText } from "../../../proxy/cli/schema-text.ts";
import { compareSchemas } from "../../../proxy/schema/compare-schemas.ts";
import { BIGINT, column, INT, schemaOf, TEXT } from "../../support/schema.ts";

const before = schemaOf([column("id", BIGINT), column("a_name_that_is_rather_long_for_a_column", TEXT)]);
const after = schemaOf([
  column("id", INT, { held: { least: "-9223372036854775808", most: "9223372036854775807" } }),
  column("another_name_that_is_as_long_as_that_one", { is: "decimal", precision: 30, scale: 10 }, { nullable: true }),
]);
const findings = compareSchemas({ before, after, between: "times", transformed: false });

test("what is told of a schema fits 80 and 160 columns, and nothing is cut", () => {
  for (const width of [80, 160]) {
    const lines = [...findings.flatMap((one) => findingLines(one, width)), ...columnLines(after, width)];
    for (const line of lines) assert.ok(line.length <= width, `${line.length} > ${width}: ${line}`);
    const text = lines.join("\n");
    for (const word of ["narrowed", "bigdecimal::BigDecimal", "9223372036854775807"])
      assert.ok(text.includes(word), text);
    assert.doesNotMatch(text, /…/);
  }
});

test("the sum says what matters first", () => {
  assert.equal(sumText("users", findings), "users  2 breaking, 0 hazards, 1 additive");
  assert.equal(sumText("users", []), "users  nothing breaks, 0 hazards, 0 additive");
});
