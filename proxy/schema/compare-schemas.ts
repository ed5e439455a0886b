/** Whether what works with one schema works with another: a migration is additive, or next's table takes all of legacy's rows. Pure. */
import type { ColumnType, SchemaColumn, TableRule, TableSchema, UniqueIndex } from "../rows/table-schema.ts";
import { triggerChanges } from "./compare-triggers.ts";
import { compareTypes } from "./compare-types.ts";
import type { FindingKind, SchemaFinding, Severity } from "./findings.ts";

export interface Comparison {
  readonly before: TableSchema;
  readonly after: TableSchema;
  /** times: one table, earlier and later, which the same programs use. sides: legacy's table and next's. */
  readonly between: "times" | "sides";
  /** Of sides: a transform makes the rows, so that columns need not have the same names and types. */
  readonly transformed: boolean;
}

/** The worst first, then in the order of the columns. */
export function compareSchemas(comparison: Comparison): readonly SchemaFinding[] {
  const { before, after } = comparison;
  const now = new Map(after.columns.map((column) => [column.name, column]));
  const was = new Set(before.columns.map(({ name }) => name));
  const added = after.columns.filter(({ name }) => !was.has(name));
  const gone = before.columns.filter(({ name }) => !now.has(name));
  const heirs =
    comparison.between === "times" ? heirsOf(gone, added, comparison) : new Map<SchemaColumn, SchemaColumn>();
  const renamed = new Set(heirs.values());
  const found = [
    ...gone.flatMap((column) => goneColumn(column, heirs.get(column) ?? null, comparison)),
    ...before.columns.flatMap((column) => {
      const same = now.get(column.name);
      return same === undefined ? [] : changedColumn(column, same, comparison);
    }),
    ...added.filter((column) => !renamed.has(column)).flatMap((column) => addedColumn(column, comparison)),
    ...uniqueChanges(comparison, added),
    ...newRules(comparison, added),
    ...triggerChanges(before, after, comparison.between),
  ];
  return worstFirst(found);
}

const RANK: Readonly<Record<Severity, number>> = { breaking: 0, hazard: 1, additive: 2 };

export function worstFirst(found: readonly SchemaFinding[]): readonly SchemaFinding[] {
  return found.toSorted((a, b) => RANK[a.severity] - RANK[b.severity]);
}

function finding(severity: Severity, kind: FindingKind, column: string, text: string): SchemaFinding {
  return { severity, kind, column, text };
}

/** A renamed column keeps its type and its place: after the column that it was after. Else the only one that it can have become. */
function heirsOf(
  gone: readonly SchemaColumn[],
  added: readonly SchemaColumn[],
  { before, after }: Comparison,
): ReadonlyMap<SchemaColumn, SchemaColumn> {
  const heirs = new Map<SchemaColumn, SchemaColumn>();
  const taken = new Set<SchemaColumn>();
  for (const column of gone) {
    const alike = added.filter(
      (one) => !taken.has(one) && one.nullable === column.nullable && compareTypes(column.type, one.type) === "same",
    );
    const inPlace = alike.find((one) => previousName(after, one) === previousName(before, column));
    const heir = inPlace ?? (alike.length === 1 ? alike[0] : undefined);
    if (heir === undefined) continue;
    heirs.set(column, heir);
    taken.add(heir);
  }
  return heirs;
}

function previousName({ columns }: TableSchema, column: SchemaColumn): string | null {
  return columns[columns.indexOf(column) - 1]?.name ?? null;
}

function goneColumn(
  { name, declared, generated }: SchemaColumn,
  heir: SchemaColumn | null,
  { between, transformed }: Comparison,
): readonly SchemaFinding[] {
  if (between === "sides") {
    // What is computed on one side is not written to the other.
    if (generated) return [];
    const severity = transformed ? "hazard" : "breaking";
    const why = transformed ? "the transform has to carry what it holds" : "what it holds has no place";
    return [finding(severity, "dropped", name, `${declared}: next has no such column; ${why}`)];
  }
  if (heir === null) return [finding("breaking", "dropped", name, `${declared}: gone; whoever names it fails`)];
  const text = `${declared}: gone, and ${heir.name} is new in its place; whoever names it fails. Add, copy, and drop later`;
  return [finding("breaking", "renamed", name, text)];
}

function addedColumn(column: SchemaColumn, { between, transformed }: Comparison): readonly SchemaFinding[] {
  const { name, declared, nullable, filled, generated } = column;
  if (nullable || filled || generated) return [finding("additive", "added", name, `${declared}: ${whyFree(column)}`)];
  if (transformed) {
    return [
      finding("hazard", "not-null", name, `${declared}: NOT NULL without a default; the transform has to give it`),
    ];
  }
  const who =
    between === "sides" ? "a row of legacy's has no value for it" : "whoever does not know it can insert no row";
  return [finding("breaking", "not-null", name, `${declared}: new, NOT NULL, without a default; ${who}`)];
}

function whyFree({ nullable, generated }: SchemaColumn): string {
  if (generated) return "the database computes it";
  return nullable ? "it may be null" : "it has a default";
}

function changedColumn(was: SchemaColumn, now: SchemaColumn, comparison: Comparison): readonly SchemaFinding[] {
  return [
    ...typeChange(was, now, comparison),
    ...nullChange(was, now, comparison),
    ...collationChange(was, now),
    ...(now.generated && !was.generated
      ? [finding("breaking", "generated", now.name, "the database computes it now; whoever writes it fails")]
      : []),
  ];
}

function typeChange(was: SchemaColumn, now: SchemaColumn, { before, after, between, transformed }: Comparison) {
  const change = `${was.declared || "any"} → ${now.declared || "any"}`;
  const told = (severity: Severity, kind: FindingKind, why: string): readonly SchemaFinding[] => [
    finding(severity, kind, now.name, `${change}: ${why}`),
  ];
  // A transform may make it fit.
  const worst: Severity = transformed ? "hazard" : "breaking";
  const verdict = compareTypes(was.type, now.type);
  switch (verdict) {
    case "same":
      return [];
    case "widened":
      return widened(was.type, now.type, between, told);
    case "narrowed":
      return told(worst, "narrowed", heldText(was, "it does not take all that was taken before"));
    case "lossy":
      return told(worst, "rounded", "values lose digits");
    case "zone":
      return told(
        "hazard",
        "zone",
        "an instant and a time without a zone: it is read as UTC by one and as local time by the other",
      );
    case "holds":
      return told(between === "sides" ? "hazard" : "breaking", "retyped", "every value fits, spelled in another way");
    case "retyped":
      return told(worst, "retyped", "another type");
    case "unknown":
      return told(
        before.database === after.database ? worst : "hazard",
        "retyped",
        "another type, of which nothing is known here",
      );
    default:
      return verdict satisfies never;
  }
}

type Told = (severity: Severity, kind: FindingKind, why: string) => readonly SchemaFinding[];

/** Between sides next's table may take more than it is ever given. */
function widened(
  was: ColumnType,
  now: ColumnType,
  between: Comparison["between"],
  told: Told,
): readonly SchemaFinding[] {
  if (between === "sides") return [];
  if (was.is === "integer" && now.is === "integer" && now.bits > was.bits) {
    const why = `whoever reads it into ${was.bits} bits${now.bits > 53 ? ", or into a number of JSON," : ""} fails on the first larger one`;
    return told("hazard", "widened", why);
  }
  if (was.is === "enum") return told("hazard", "widened", "readers meet members that they do not know");
  return told("additive", "widened", "it takes all that it took, and more");
}

function heldText({ held }: SchemaColumn, why: string): string {
  return held === null ? why : `${why}; there are ${held.least} to ${held.most}`;
}

function nullChange(
  was: SchemaColumn,
  now: SchemaColumn,
  { between, transformed }: Comparison,
): readonly SchemaFinding[] {
  if (was.nullable && !now.nullable) {
    const why = "it may be null before, and is NOT NULL after";
    return [finding(transformed ? "hazard" : "breaking", "not-null", now.name, why)];
  }
  if (between === "sides") return [];
  if (!was.nullable && now.nullable) {
    return [finding("hazard", "nullable", now.name, "it was NOT NULL; readers may meet null")];
  }
  if (!now.nullable && was.filled && !now.filled) {
    const why = "NOT NULL, and its default is gone; whoever leaves it out can insert no row";
    return [finding("breaking", "no-default", now.name, why)];
  }
  return [];
}

/** Names differ between databases: there it counts whether `Z` and `z` are one. */
function collationChange(was: SchemaColumn, now: SchemaColumn): readonly SchemaFinding[] {
  const [before, after] = [was.collation, now.collation];
  if (before === null || after === null || before.ignoresCase === after.ignoresCase) return [];
  const why = after.ignoresCase
    ? "takes Z and z for one, and did not: searches find more, and unique values may clash"
    : "tells Z from z, and did not: searches find less, and there may be two where there was one";
  return [finding("hazard", "collation", now.name, `${before.name} → ${after.name}: ${why}`)];
}

/** Whoever does not know such a column leaves it null: nulls are not equal, name nothing, and make no condition false. */
function leftNull(added: readonly SchemaColumn[]): ReadonlySet<string> {
  return new Set(added.filter(({ nullable, filled }) => nullable && !filled).map(({ name }) => name));
}

function newRules({ before, after, between, transformed }: Comparison, added: readonly SchemaColumn[]) {
  if (before.rules === undefined || after.rules === undefined) return [];
  const unknown = leftNull(added);
  const said = new Set(before.rules.map(gistOf));
  // Two databases spell one condition in two ways.
  const isSure = before.database === after.database;
  const sideText = between === "sides" ? "next has it and legacy has not" : "new";
  return after.rules
    .filter((rule) => !said.has(gistOf(rule)) && !isLeftOut(rule, unknown))
    .map(({ kind, name, columns, says }) => {
      const isCheck = kind === "check";
      const severity: Severity = transformed || (isCheck && !isSure) ? "hazard" : "breaking";
      const what = isCheck ? `check ${name} (${says})` : `foreign key ${name} to ${says}`;
      const why = isCheck ? "rows that were taken are refused" : "rows that name nothing there are refused";
      return finding(
        severity,
        isCheck ? "new-check" : "new-foreign-key",
        columns.join(", "),
        `${what}: ${sideText}; ${why}`,
      );
    });
}

/** A foreign key says nothing of a row with one null; a condition over columns that are all null is not false. */
function isLeftOut({ kind, columns }: TableRule, unknown: ReadonlySet<string>): boolean {
  const isNull = (column: string): boolean => unknown.has(column);
  return columns.length > 0 && (kind === "check" ? columns.every(isNull) : columns.some(isNull));
}

/** Without what databases put around it by themselves: casts, parentheses, quotation marks of names, spaces. */
function gistOf({ kind, columns, says }: TableRule): string {
  const gist = says.replaceAll(/'(?:[^']|'')*'|::[a-z]+( varying| precision)?|[\s()"`]/g, (part) =>
    part.startsWith("'") ? part : "",
  );
  return JSON.stringify(kind === "check" ? [kind, gist] : [kind, gist, columns]);
}

function uniqueChanges({ before, after, between, transformed }: Comparison, added: readonly SchemaColumn[]) {
  const unknown = leftNull(added);
  const isNew = after.unique.filter(
    (index) => !before.unique.some((old) => implies(old, index)) && !index.parts.some((part) => unknown.has(part)),
  );
  const isLost =
    between === "sides" ? [] : before.unique.filter((old) => !after.unique.some((index) => implies(index, old)));
  const severity = transformed ? "hazard" : "breaking";
  const sideText = between === "sides" ? "next has it and legacy has not" : "new";
  return [
    ...isNew.map((index) =>
      finding(
        severity,
        "new-unique",
        index.parts.join(", "),
        `unique ${index.name}${whereText(index)}: ${sideText}; rows that were taken are refused`,
      ),
    ),
    ...isLost.map((index) =>
      finding(
        "hazard",
        "lost-unique",
        index.parts.join(", "),
        `unique ${index.name}${whereText(index)}: gone; rows can clash, and ON CONFLICT on it fails`,
      ),
    ),
  ];
}

/** Where `one` holds, `other` does: what is unique by some columns is so by more of them. */
function implies(one: UniqueIndex, other: UniqueIndex): boolean {
  return (one.where === null || one.where === other.where) && one.parts.every((part) => other.parts.includes(part));
}

function whereText({ where }: UniqueIndex): string {
  return where === null ? "" : ` (where ${where})`;
}
