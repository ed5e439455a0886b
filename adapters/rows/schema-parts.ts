/** What reading a schema has in common over databases. */
import type { SchemaColumn, SchemaLook } from "../../proxy/rows/table-schema.ts";

/** `character varying(10)`, `timestamp(3) with time zone`, `bigint(20) unsigned`: the words without the numbers, in lower case. */
export function parseDeclared(declared: string): { readonly word: string; readonly numbers: readonly number[] } {
  const numbers = /\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\)/.exec(declared)?.slice(1) ?? [];
  return {
    word: declared
      .replace(/\([^)]*\)/, "")
      .replaceAll(/\s+/g, " ")
      .trim()
      .toLowerCase(),
    numbers: numbers.flatMap((digits: string | undefined) => (digits === undefined ? [] : [Number(digits)])),
  };
}

interface ReadColumn {
  readonly column: SchemaColumn;
  /** An index begins with it. */
  readonly isIndexed: boolean;
}

/** The columns, with what integers hold. `ask` answers the least and the greatest of each name, one after the other. */
export async function held(
  read: readonly ReadColumn[],
  look: SchemaLook,
  ask: (names: readonly string[]) => Promise<readonly (string | null)[]> | readonly (string | null)[],
): Promise<readonly SchemaColumn[]> {
  const names = read
    .filter(
      ({ column, isIndexed }) => column.type.is === "integer" && (look === "all" || (look === "indexed" && isIndexed)),
    )
    .map(({ column }) => column.name);
  if (names.length === 0) return read.map(({ column }) => column);
  const answered = await ask(names);
  return read.map(({ column }) => {
    const i = names.indexOf(column.name);
    const [least = null, most = null] = i < 0 ? [] : answered.slice(2 * i, 2 * i + 2);
    return least === null || most === null ? column : { ...column, held: { least, most } };
  });
}
