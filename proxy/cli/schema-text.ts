/** Schemas and what is found in them, for people. Pure. */
import { alignColumns } from "../config/columns.ts";
import type { SchemaFinding, Severity } from "../schema/findings.ts";
import { languageTypes } from "../schema/language-types.ts";
import type { SchemaColumn, TableSchema } from "../rows/table-schema.ts";
import { wrap } from "./columns.ts";

const INDENT = 10;

/** `breaking  narrowed id: …`, wrapped. */
export function findingLines({ severity, kind, column, text }: SchemaFinding, width: number): readonly string[] {
  return wrap(`${severity.padEnd(INDENT - 1)} ${kind} ${column}: ${text}`, width, INDENT);
}

export interface ColumnValue extends Pick<SchemaColumn, "name" | "declared" | "nullable" | "held"> {
  readonly typescript: string;
  readonly rust: string;
}

export function columnValues({ columns }: TableSchema): readonly ColumnValue[] {
  return columns.map((column) => {
    const { name, declared, nullable, held } = column;
    return { name, declared, nullable, held, ...languageTypes(column) };
  });
}

export function columnLines(schema: TableSchema, width: number): readonly string[] {
  const rows = columnValues(schema).map(({ name, declared, nullable, typescript, rust, held }) => [
    name,
    `${declared || "any"}${nullable ? "" : " NOT NULL"}`,
    typescript,
    rust,
    held === null ? "" : `${held.least} to ${held.most}`,
  ]);
  return alignColumns([["column", "database", "TypeScript", "Rust", "holds"], ...rows], width);
}

export function sumText(collection: string, findings: readonly SchemaFinding[]): string {
  const count = (severity: Severity): number => findings.filter((one) => one.severity === severity).length;
  const [breaking, hazards, additive] = [count("breaking"), count("hazard"), count("additive")];
  const verdict = breaking === 0 ? "nothing breaks" : `${breaking} breaking`;
  return `${collection}  ${verdict}, ${hazards} ${hazards === 1 ? "hazard" : "hazards"}, ${additive} additive`;
}
