import assert from "node:assert/strict";
import { test } from "node:test";
import { compareSchemas } from "../../../proxy/schema/compare-schemas.ts";
import { hazardsOf } from "../../../proxy/schema/hazards.ts";
import { readSaved, spellSaved } from "../../../proxy/schema/saved-schema.ts";
import type { SchemaColumn, TableRule, TableSchema, TableTrigger } from "../../../proxy/rows/table-schema.ts";
import { BIGINT, column, INT, schemaOf, TEXT, unique } from "../../support/schema.ts";

const ID = column("id", INT);

function told(
  before: TableSchema,
  after: TableSchema,
  between: "times" | "sides" = "times",
  transformed = false,
): string[] {
  return compareSchemas({ before, after, between, transformed }).map(
    ({ severity, kind, column: of }) => `${severity} ${kind} ${of}`,
  );
}

function times(before: readonly SchemaColumn[], after: readonly SchemaColumn[]): string[] {
  return told(schemaOf(before), schemaOf(after));
}

test("a migration that only adds breaks nobody", () => {
  const nullable = { nullable: true };
  const added = [
    column("a", TEXT, nullable),
    column("b", INT, { filled: true }),
    column("c", INT, { generated: true }),
  ];
  assert.deepEqual(times([ID], [ID, ...added]), ["additive added a", "additive added b", "additive added c"]);
  assert.deepEqual(times([ID], [ID]), []);
});

test("each change that breaks whoever uses the table as it was is told", () => {
  const name = column("name", TEXT);
  assert.deepEqual(times([ID, name], [ID]), ["breaking dropped name"]);
  assert.deepEqual(times([ID, name], [ID, column("title", TEXT)]), ["breaking renamed name"]);
  assert.deepEqual(times([ID, name], [ID, column("title", TEXT, { nullable: true })]), [
    "breaking dropped name",
    "additive added title",
  ]);
  const others = [column("a", TEXT), column("b", TEXT)];
  assert.deepEqual(times([ID, name, ...others], [ID, column("title", TEXT), ...others, column("c", TEXT)]), [
    "breaking renamed name",
    "breaking not-null c",
  ]);
  assert.deepEqual(times([ID], [ID, name]), ["breaking not-null name"]);
  assert.deepEqual(times([column("id", BIGINT)], [ID]), ["breaking narrowed id"]);
  assert.deepEqual(times([name], [column("name", INT)]), ["breaking retyped name"]);
  assert.deepEqual(times([column("u", { is: "uuid" })], [column("u", TEXT)]), ["breaking retyped u"]);
  assert.deepEqual(times([column("n", TEXT, { nullable: true })], [column("n", TEXT)]), ["breaking not-null n"]);
  assert.deepEqual(times([column("n", TEXT, { filled: true })], [column("n", TEXT)]), ["breaking no-default n"]);
  assert.deepEqual(times([name], [column("name", TEXT, { generated: true })]), ["breaking generated name"]);
  const money = { is: "decimal", precision: 30, scale: 10 } as const;
  assert.deepEqual(times([column("m", money)], [column("m", { is: "float", bits: 64 })]), ["breaking rounded m"]);
});

test("what works and is to be looked at is a hazard", () => {
  assert.deepEqual(times([ID], [column("id", BIGINT)]), ["hazard widened id"]);
  assert.deepEqual(times([ID], [column("id", INT, { nullable: true })]), ["hazard nullable id"]);
  const at = (zone: boolean): SchemaColumn => column("at", { is: "timestamp", zone, digits: 6 });
  assert.deepEqual(times([at(true)], [at(false)]), ["hazard zone at"]);
  const text = (ignoresCase: boolean): SchemaColumn => column("n", TEXT, { collation: { name: "x", ignoresCase } });
  assert.deepEqual(times([text(true)], [text(false)]), ["hazard collation n"]);
});

test("an index is new where no older one says as much, and not where old writers never meet it", () => {
  const mail = column("mail", TEXT);
  const with_ = (...indexes: ReturnType<typeof unique>[]): TableSchema => schemaOf([ID, mail], { unique: indexes });
  assert.deepEqual(told(with_(), with_(unique(["mail"]))), ["breaking new-unique mail"]);
  assert.deepEqual(told(with_(unique(["id"])), with_(unique(["id"]), unique(["mail", "id"]))), []);
  assert.deepEqual(told(with_(unique(["mail"], "id > 0")), with_(unique(["mail"]))), ["breaking new-unique mail"]);
  assert.deepEqual(told(with_(unique(["mail"])), with_()), ["hazard lost-unique mail"]);
  const extra = schemaOf([ID, mail, column("code", TEXT, { nullable: true })], { unique: [unique(["code"])] });
  assert.deepEqual(told(with_(), extra), ["additive added code"]);
});

test("next's table has to take legacy's rows, and a transform may see to it", () => {
  const legacy = schemaOf([column("id", BIGINT), column("full_name", TEXT), column("u", { is: "uuid" })]);
  const next = schemaOf([ID, column("first", TEXT), column("u", TEXT)], { unique: [unique(["first"])] });
  assert.deepEqual(told(legacy, next, "sides"), [
    "breaking dropped full_name",
    "breaking narrowed id",
    "breaking not-null first",
    "breaking new-unique first",
    "hazard retyped u",
  ]);
  assert.deepEqual(
    told(legacy, next, "sides", true).filter((line) => line.startsWith("breaking")),
    [],
  );
  assert.deepEqual(told(schemaOf([ID]), schemaOf([column("id", BIGINT)]), "sides"), []);
});

test("widths that JSON and programs do not have are told, by what is there", () => {
  const of = (type: typeof INT | typeof BIGINT, most: string | null): string[] =>
    hazardsOf(schemaOf([column("id", type, { held: most === null ? null : { least: "1", most } })])).map(
      ({ kind, text }) => `${kind}: ${text}`,
    );
  assert.deepEqual(of(INT, "1000"), []);
  assert.deepEqual(of(INT, null), []);
  assert.match(of(INT, "2040109466").join(), /^near-the-end: .*the greatest is 2040109466, 95.0 % of 2147483647$/);
  assert.match(of(BIGINT, null).join(), /^beyond-2\^53: integer: may pass 2\^53, where JSON.parse rounds$/);
  assert.match(of(BIGINT, "9007199254740993").join(), /9007199254740993 is there, which JSON.parse rounds/);
  const sqlite = schemaOf([column("id", BIGINT, { held: { least: "1", most: "2040109466" } })], { database: "sqlite" });
  assert.deepEqual(
    hazardsOf(sqlite).map(({ kind }) => kind),
    ["beyond-2^53", "near-the-end"],
  );
  const price = schemaOf([column("unit_price", { is: "float", bits: 64 }), column("ratio", { is: "float", bits: 64 })]);
  assert.deepEqual(
    hazardsOf(price).map(({ column: name }) => name),
    ["unit_price"],
  );
});

test("a saved schema is read as it was, and what is none is told by its place", () => {
  const source = schemaOf([
    column("id", BIGINT, { held: { least: "-1", most: "9223372036854775807" } }),
    column(
      "tags",
      { is: "array", of: { is: "enum", members: ["a"] } },
      { collation: { name: "C", ignoresCase: false } },
    ),
  ]);
  const saved = { collection: "users", taken: "2026-11-27T12:00:00.000Z", source, target: null };
  assert.deepEqual(readSaved(spellSaved(saved)), { ok: true, saved });
  const why = (text: string): string => {
    const read = readSaved(text);
    return read.ok ? assert.fail("it was taken") : read.why;
  };
  assert.match(why("{"), /^is no JSON/);
  assert.match(
    why(spellSaved(saved).replace('"crossfadeSchema": 1', '"crossfadeSchema": 2')),
    /\/crossfadeSchema is not 1/,
  );
  assert.match(why(spellSaved(saved).replace('"bits": 64', '"bits": "64"')), /\/source\/columns\/0\/type\/bits /);
});

test("new conditions and foreign keys break, but for columns that old writers leave null; spellings of one are one", () => {
  const price = column("price", INT);
  const rule = (says: string, columns: readonly string[], kind: TableRule["kind"] = "check"): TableRule => ({
    kind,
    name: "r",
    columns,
    says,
  });
  const with_ = (rules: readonly TableRule[] | undefined, more: Partial<TableSchema> = {}): TableSchema =>
    schemaOf([ID, price], { rules, ...more });
  const positive = rule("price > 0", ["price"]);
  const named = rule("orders (id)", ["price"], "foreign-key");
  assert.deepEqual(told(with_([]), with_([positive, named])), [
    "breaking new-check price",
    "breaking new-foreign-key price",
  ]);
  assert.deepEqual(told(with_([positive]), with_([rule("((`price` > 0))", ["price"])])), []);
  const called = (name: string): TableSchema => with_([rule(name, ["name"])]);
  assert.deepEqual(told(called("name = 'A b'::text"), called("((name) = 'A b')")), []);
  assert.deepEqual(told(called("name = 'A b'"), called("name = 'Ab'")), ["breaking new-check name"]);
  assert.deepEqual(told(with_([named]), with_([rule("orders (code)", ["price"], "foreign-key")])), [
    "breaking new-foreign-key price",
  ]);
  assert.deepEqual(told(with_([positive]), with_([])), []);
  assert.deepEqual(
    told(with_(undefined), with_([positive])),
    [],
    "a schema that was saved before they were looked for",
  );
  const extra = column("code", TEXT, { nullable: true });
  const added = (...rules: readonly TableRule[]): readonly string[] =>
    told(with_([]), schemaOf([ID, price, extra], { rules }));
  assert.deepEqual(added(rule("code <> ''", ["code"]), rule("codes (id)", ["code", "id"], "foreign-key")), [
    "additive added code",
  ]);
  assert.deepEqual(added(rule("code IS NOT NULL OR price > 0", ["code", "price"])), [
    "breaking new-check code, price",
    "additive added code",
  ]);
  const other = with_([positive], { database: "mysql" });
  assert.deepEqual(told(with_([]), other, "sides"), ["hazard new-check price"]);
  assert.deepEqual(told(with_([]), with_([named]), "sides", true), ["hazard new-foreign-key price"]);
});

test("a trigger that one side, or one time, lacks is a hazard, by its name and what it runs at", () => {
  const touch = { name: "touch", when: "before update" };
  const withAll = (...triggers: readonly TableTrigger[]): TableSchema => schemaOf([ID], { triggers });
  for (const between of ["times", "sides"] as const) {
    assert.deepEqual(told(withAll(touch), withAll({ ...touch, name: "TOUCH" }), between), []);
    assert.deepEqual(told(withAll(touch), withAll(), between), ["hazard lost-trigger "]);
    assert.deepEqual(told(withAll(), withAll(touch), between), ["hazard new-trigger "]);
    const other = { ...touch, when: "after update" };
    assert.deepEqual(told(withAll(touch), withAll(other), between), ["hazard lost-trigger ", "hazard new-trigger "]);
  }
  // One that was saved before they were looked for says nothing of them.
  assert.deepEqual(told(schemaOf([ID]), withAll(touch)), []);
  const saved = { collection: "users", taken: "2026-11-28T00:00:00.000Z", source: withAll(touch), target: null };
  assert.deepEqual(readSaved(spellSaved(saved)), { ok: true, saved });
});
