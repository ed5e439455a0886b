/** `collections`: which rows of legacy's database belong to which of next's. */
import { z } from "zod";
import { columnField, columnsSchema, marksSchema, rowValuesSchema } from "./columns-schema.ts";
import { compareSchema } from "./compare-schema.ts";
import { describeField, freeText, nameField, parsedText } from "./fields.ts";
import { HTTP_FIELDS, HTTP_ONLY, httpPlace } from "./http-rows-schema.ts";
import { showValue } from "./message.ts";
import type { RowPlace } from "./collection-settings.ts";
import type { Parsed } from "./units.ts";
import { scheduleSchema } from "./schedule-schema.ts";

const placeSchema = z
  .strictObject({
    postgres: parsedText(parsePostgresUrl, {
      effect: "A PostgreSQL database, best from the environment. Never shown with its password.",
      examples: ["${LEGACY_DB}", "postgres://shop@localhost/legacy"],
    }).optional(),
    primary: parsedText(parsePostgresUrl, {
      effect:
        "Of a PostgreSQL source that is a replica: the database that it follows, which is asked how far it has written. With it rows are read from the replica beside live writes too. Default: none, and a replica is read while no writes are mirrored alone.",
      examples: ["${LEGACY_PRIMARY}"],
    }).optional(),
    mysql: parsedText(parseMysqlUrl, {
      effect:
        "A MySQL or MariaDB database, best from the environment. Never shown with its password. Parameters: ssl-mode, ssl-ca, socket.",
      examples: ["${LEGACY_DB}", "mysql://shop@localhost/legacy"],
    }).optional(),
    sqlite: freeText(
      { effect: "An SQLite file, from the working directory.", examples: ["./legacy.db"] },
      { min: 1, max: 4096 },
    ).optional(),
    ...HTTP_FIELDS,
    table: columnField(
      "The table, with its schema where it needs one. As PostgreSQL reads it: unquoted, in lower case. Of every database, and not of http.",
      ["users", "shop.users"],
    ).optional(),
    key: z
      .union([
        columnField("One column.", ["id"]),
        z
          .array(columnField("A column.", ["tenant"]))
          .min(1)
          .max(16),
      ])
      .meta(
        describeField({
          effect:
            "The column, or columns, that tell rows apart: a primary key, or a unique index over them alone that are not null.",
        }),
      )
      .transform((key): readonly string[] => (typeof key === "string" ? [key] : key)),
    version: columnField(
      "Of a target: a column that grows with each change. A row is written over an older version only. Default: none, and a row is written over whatever is there.",
      ["version"],
    ).optional(),
    tombstone: columnField(
      "Of a table whose deleted rows stay: the column that marks them, a boolean or a time that is null in all others. They are no rows to whoever reads; at a target, which has a version too, only a newer row is written over one, and what a repair removes becomes one. Default: none, and deleted rows are gone.",
      ["deleted_at"],
    ).optional(),
  })
  .transform((written, context): RowPlace => {
    const { postgres, primary, mysql, sqlite, http, table, key, version = null, tombstone = null } = written;
    const named: readonly (readonly [kind: string, database: RowPlace["database"] | null])[] = [
      ...(postgres === undefined
        ? []
        : [["postgres", { kind: "postgres", url: postgres, ...(primary === undefined ? {} : { primary }) }] as const]),
      ...(mysql === undefined ? [] : [["mysql", { kind: "mysql", url: mysql }] as const]),
      ...(sqlite === undefined ? [] : [["sqlite", { kind: "sqlite", file: sqlite }] as const]),
      ...(http === undefined ? [] : [["http", null] as const]),
    ];
    const refuse = (message: string, path: readonly string[] = []): never => {
      context.addIssue({ code: "custom", message, path: [...path] });
      return z.NEVER;
    };
    const [first, another] = named;
    if (another !== undefined) {
      return refuse(`names ${named.length} databases; leave one of ${named.map(([kind]) => kind).join(", ")}`);
    }
    // What was told already is not told in other words.
    if (first === undefined && context.issues.length > 0) return z.NEVER;
    if (first === undefined) {
      return refuse("names no database; write postgres: URL, mysql: URL, sqlite: FILE or http: URL");
    }
    const [kind, database] = first;
    if (primary !== undefined && kind !== "postgres") {
      const why = "is of a postgres: source; of other replicas nothing tells how far they are";
      return refuse(`${why}: read their primary itself`, ["primary"]);
    }
    if (database === null) return httpPlace({ ...written, http: http ?? "" }, refuse);
    const foreign = HTTP_ONLY.find((name) => written[name] !== undefined);
    if (foreign !== undefined) return refuse(`is of an http: place, and this one is ${kind}:; leave it out`, [foreign]);
    if (table === undefined) return refuse("is missing; write the table's name", ["table"]);
    return { database, table, key, version, tombstone };
  });

export const collectionSchema = z.strictObject({
  name: nameField({ effect: "What crossfade backfill and crossfade reconcile are told.", examples: ["users"] }),
  route: nameField({ effect: "The route whose writes change these rows.", examples: ["users"] }),
  source: placeSchema.describe("Where the rows are: legacy's table."),
  target: placeSchema
    .describe("Where they are to be: next's table. Not of a route with sharedDatabase, whose services have one.")
    .optional(),
  entityId: columnField(
    "The source's column that holds what the route's keys call a row: 42 of users/42. A backfill beside live writes asks for it. Default: the source's key, where that is one column.",
    ["slug"],
  ).optional(),
  transform: freeText(
    {
      effect:
        "A file (.mjs or .mts, from the folder of this one) whose default export makes the target's row, rows or null of one of the source. Default: the row as it is.",
      examples: ["./transforms/users.mjs"],
    },
    { min: 1, max: 1024 },
  ).optional(),
  columns: columnsSchema.optional(),
  values: rowValuesSchema.optional(),
  changedAt: columnField(
    "The source's column that says when a row was changed last, for crossfade backfill --since. Default: changedAt of marks, or none.",
    ["updated_at"],
  ).optional(),
  marks: marksSchema.optional(),
  reconcile: scheduleSchema.optional(),
  compare: compareSchema
    .pick({ ignore: true, normalise: true, tolerance: true, unordered: true, equivalent: true, shapes: true })
    .describe("What crossfade reconcile takes for equal, in the rules of a route; places are columns: /email.")
    .optional(),
});

export type WrittenCollection = z.output<typeof collectionSchema>;

function parsePostgresUrl(text: string): Parsed<string> {
  return parseUrl(text, ["postgres:", "postgresql:"], "PostgreSQL URL; write postgres://user@host/database");
}

function parseMysqlUrl(text: string): Parsed<string> {
  return parseUrl(text, ["mysql:", "mariadb:"], "MySQL URL; write mysql://user@host/database");
}

/** What is wrong is told without what is secret in it. */
function parseUrl(text: string, protocols: readonly string[], wanted: string): Parsed<string> {
  const url = URL.parse(text);
  if (url !== null && protocols.includes(url.protocol)) return { ok: true, value: text };
  const shown = showValue(text.replace(/\/\/.*@/, "//***@").slice(0, 60));
  return { ok: false, error: `is ${shown}, which is no ${wanted}` };
}
