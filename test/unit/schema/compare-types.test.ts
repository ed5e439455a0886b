import assert from "node:assert/strict";
import { test } from "node:test";
import { compareTypes, type TypeVerdict } from "../../../proxy/schema/compare-types.ts";
import { languageTypes } from "../../../proxy/schema/language-types.ts";
import type { ColumnType } from "../../../proxy/rows/table-schema.ts";
import { BIGINT, INT, TEXT } from "../../support/schema.ts";

const decimal = (precision: number | null, scale: number | null = 0): ColumnType => ({
  is: "decimal",
  precision,
  scale,
});
const varchar = (length: number): ColumnType => ({ is: "text", length });
const timestamp = (digits: number, zone = true): ColumnType => ({ is: "timestamp", zone, digits });
const members = (...names: string[]): ColumnType => ({ is: "enum", members: names });
const DOUBLE: ColumnType = { is: "float", bits: 64 };
const UNSIGNED: ColumnType = { is: "integer", bits: 32, signed: false };

const CASES: readonly (readonly [ColumnType, ColumnType, TypeVerdict])[] = [
  [INT, INT, "same"],
  [INT, BIGINT, "widened"],
  [BIGINT, INT, "narrowed"],
  [UNSIGNED, INT, "narrowed"],
  [INT, UNSIGNED, "narrowed"],
  [UNSIGNED, BIGINT, "widened"],
  [varchar(10), varchar(9), "narrowed"],
  [varchar(10), TEXT, "widened"],
  [TEXT, varchar(255), "narrowed"],
  [decimal(10, 2), decimal(12, 4), "widened"],
  [decimal(10, 2), decimal(11, 4), "narrowed"],
  [decimal(10, 4), decimal(12, 2), "lossy"],
  [decimal(10, 2), decimal(null, null), "widened"],
  [decimal(null, null), decimal(38, 10), "lossy"],
  [decimal(30, 10), DOUBLE, "lossy"],
  [DOUBLE, { is: "float", bits: 32 }, "lossy"],
  [INT, DOUBLE, "holds"],
  [BIGINT, DOUBLE, "lossy"],
  [BIGINT, decimal(19), "holds"],
  [BIGINT, decimal(18), "narrowed"],
  [timestamp(6), timestamp(3), "lossy"],
  [timestamp(3), timestamp(6), "widened"],
  [timestamp(6), timestamp(6, false), "zone"],
  [timestamp(6), { is: "date" }, "lossy"],
  [members("a", "b"), members("a"), "narrowed"],
  [members("a"), members("a", "b"), "widened"],
  [members("a"), TEXT, "holds"],
  [{ is: "uuid" }, TEXT, "holds"],
  [TEXT, { is: "uuid" }, "retyped"],
  [TEXT, INT, "retyped"],
  [{ is: "array", of: INT }, { is: "array", of: BIGINT }, "widened"],
  [{ is: "other", name: "inet" }, { is: "other", name: "inet" }, "same"],
  [{ is: "other", name: "inet" }, TEXT, "unknown"],
];

test("a type takes what another one took, or is told why not", () => {
  for (const [before, after, verdict] of CASES) {
    assert.equal(compareTypes(before, after), verdict, `${JSON.stringify(before)} → ${JSON.stringify(after)}`);
  }
});

test("each column has the type that rounds and cuts nothing", () => {
  const of = (type: ColumnType, nullable = false): readonly string[] => {
    const { typescript, rust } = languageTypes({ type, nullable });
    return [typescript, rust];
  };
  assert.deepEqual(of(INT), ["number", "i32"]);
  assert.deepEqual(of(UNSIGNED, true), ["number | null", "Option<u32>"]);
  assert.deepEqual(of(BIGINT), ["bigint", "i64"]);
  assert.deepEqual(of({ is: "integer", bits: 24, signed: true }), ["number", "i32"]);
  assert.deepEqual(of(decimal(28, 2)), ["string", "rust_decimal::Decimal"]);
  assert.deepEqual(of(decimal(30, 10)), ["string", "bigdecimal::BigDecimal"]);
  assert.deepEqual(of(timestamp(3)), ["Date", "chrono::DateTime<Utc>"]);
  assert.deepEqual(of(timestamp(6)), ["string", "chrono::DateTime<Utc>"]);
  assert.deepEqual(of(timestamp(3, false)), ["string", "chrono::NaiveDateTime"]);
  assert.deepEqual(of(members("a", 'b"')), ['"a" | "b\\""', "enum"]);
  assert.deepEqual(of({ is: "array", of: BIGINT }), ["(bigint | null)[]", "Vec<Option<i64>>"]);
});
