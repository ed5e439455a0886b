/** A schema that was saved, for CI and for later: what the file has, and what is wrong with one that is none. Pure. */
import { z } from "zod";
import { type ColumnType, DATABASES, type TableSchema } from "../rows/table-schema.ts";

export interface SavedSchema {
  readonly collection: string;
  /** ISO 8601, UTC. */
  readonly taken: string;
  readonly source: TableSchema;
  /** null: both services use one table. */
  readonly target: TableSchema | null;
}

const FORMAT = 1;
const count = z.int().min(0);
const digits = z.string().regex(/^-?\d+$/);

const typeSchema: z.ZodType<ColumnType> = z.lazy(() =>
  z.discriminatedUnion("is", [
    z.strictObject({ is: z.literal("integer"), bits: z.int().min(1).max(64), signed: z.boolean() }),
    z.strictObject({ is: z.literal("decimal"), precision: count.nullable(), scale: z.int().nullable() }),
    z.strictObject({ is: z.literal("float"), bits: z.union([z.literal(32), z.literal(64)]) }),
    z.strictObject({ is: z.literal("text"), length: count.nullable() }),
    z.strictObject({ is: z.literal("bytes"), length: count.nullable() }),
    z.strictObject({ is: z.literal("timestamp"), zone: z.boolean(), digits: count }),
    z.strictObject({ is: z.literal("time"), digits: count }),
    z.strictObject({ is: z.literal("boolean") }),
    z.strictObject({ is: z.literal("date") }),
    z.strictObject({ is: z.literal("json") }),
    z.strictObject({ is: z.literal("uuid") }),
    z.strictObject({ is: z.literal("enum"), members: z.array(z.string()) }),
    z.strictObject({ is: z.literal("array"), of: typeSchema }),
    z.strictObject({ is: z.literal("other"), name: z.string() }),
  ]),
);

const tableSchema: z.ZodType<TableSchema> = z.strictObject({
  database: z.enum(DATABASES),
  table: z.string(),
  columns: z.array(
    z.strictObject({
      name: z.string(),
      declared: z.string(),
      type: typeSchema,
      nullable: z.boolean(),
      filled: z.boolean(),
      generated: z.boolean(),
      collation: z.strictObject({ name: z.string(), ignoresCase: z.boolean() }).nullable(),
      held: z.strictObject({ least: digits, most: digits }).nullable(),
    }),
  ),
  unique: z.array(
    z.strictObject({
      name: z.string(),
      parts: z.array(z.string()),
      where: z.string().nullable(),
      primary: z.boolean(),
    }),
  ),
  rules: z
    .array(
      z.strictObject({
        kind: z.enum(["check", "foreign-key"]),
        name: z.string(),
        columns: z.array(z.string()),
        says: z.string(),
      }),
    )
    .optional(),
  triggers: z.array(z.strictObject({ name: z.string(), when: z.string() })).optional(),
});

const savedSchema = z.strictObject({
  crossfadeSchema: z.literal(FORMAT, { error: `is not ${FORMAT}, the format of this version` }),
  collection: z.string(),
  taken: z.iso.datetime(),
  source: tableSchema,
  target: tableSchema.nullable(),
});

export function spellSaved(saved: SavedSchema): string {
  return `${JSON.stringify({ crossfadeSchema: FORMAT, ...saved }, null, 2)}\n`;
}

export type ReadSaved =
  | { readonly ok: true; readonly saved: SavedSchema }
  /** A predicate. */
  | { readonly ok: false; readonly why: string };

export function readSaved(text: string): ReadSaved {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    return { ok: false, why: `is no JSON: ${(thrown as Error).message}` };
  }
  const parsed = savedSchema.safeParse(value);
  if (parsed.success) {
    const { crossfadeSchema: _, ...saved } = parsed.data;
    return { ok: true, saved };
  }
  const [issue] = parsed.error.issues;
  return { ok: false, why: `is no saved schema: /${issue?.path.join("/") ?? ""} ${issue?.message ?? "is wrong"}` };
}
