/** `crossfade schema`: whether next's table takes what legacy's holds, and whether a migration breaks who uses a table. */
import { readFileSync } from "node:fs";
import { openRows } from "../../adapters/rows/open.ts";
import { printable } from "../controls.ts";
import { CrossfadeError } from "../errors.ts";
import { compareSchemas, worstFirst } from "../schema/compare-schemas.ts";
import type { SchemaFinding } from "../schema/findings.ts";
import { hazardsOf } from "../schema/hazards.ts";
import { readSaved, type SavedSchema, spellSaved } from "../schema/saved-schema.ts";
import type { RowPlace } from "../config/collection-settings.ts";
import type { SchemaLook, TableSchema } from "../rows/table-schema.ts";
import { writeWhole } from "../process/whole-file.ts";
import { findCollection } from "./collection.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { columnLines, columnValues, findingLines, sumText } from "./schema-text.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

export interface SchemaFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly save?: string;
  readonly before?: string;
  readonly after?: string;
  readonly scan?: boolean;
  readonly columns?: boolean;
}

/** Findings about one table, or about two that are held against each other. */
interface Compared {
  /** `legacy`, `next`, `both`, or `legacy → next`. */
  readonly of: string;
  readonly findings: readonly SchemaFinding[];
}

/** Exit 1: a breaking change. @throws Exit, CrossfadeError */
export async function runSchema(collection: string, options: SchemaFlags): Promise<ExitCode> {
  const { save, before, after } = options;
  if (after !== undefined && before === undefined)
    throw new Exit(EXIT.usage, "--after is held against --before; write both");
  if (save !== undefined && before !== undefined) {
    throw new Exit(EXIT.usage, "--save takes what is there now, and --before compares; write one of them");
  }
  const old = before === undefined ? null : readFile(before, collection);
  const known = after === undefined ? null : readFile(after, collection);
  const { saved, transformed } =
    known === null ? await look(collection, options) : { saved: known, transformed: false };
  if (save !== undefined) {
    writeSchema(save, saved);
    openTerminal(options).complain(`crossfade: the schema of ${collection} is in ${save}`);
    return EXIT.done;
  }
  return tell(saved, old === null ? ofSides(saved, transformed) : ofTimes(old, saved), options);
}

async function look(name: string, { config, scan }: SchemaFlags) {
  const { collection } = findCollection(name, config);
  const rows: SchemaLook = scan === true ? "all" : "indexed";
  const source = await schemaAt(collection.source, rows);
  const target = isShared(collection) ? null : await schemaAt(collection.target, rows);
  const saved: SavedSchema = { collection: name, taken: new Date().toISOString(), source, target };
  return { saved, transformed: collection.transform !== null || collection.columns.length > 0 };
}

/** Both services use one table. */
function isShared({ source, target }: { readonly source: RowPlace; readonly target: RowPlace }): boolean {
  return source === target;
}

async function schemaAt(place: RowPlace, rows: SchemaLook): Promise<TableSchema> {
  const open = await openRows(place, { write: false });
  try {
    if (open.schema === undefined) {
      throw new CrossfadeError("rows-unusable", `${open.name}: it has no schema to look at`, { source: "config" });
    }
    return await open.schema(rows);
  } finally {
    await open.close().catch(() => "it is gone already");
  }
}

function ofSides({ source, target }: SavedSchema, transformed: boolean): readonly Compared[] {
  if (target === null) return [{ of: "both", findings: hazardsOf(source) }];
  const findings = compareSchemas({ before: source, after: target, between: "sides", transformed });
  return [
    { of: "legacy → next", findings },
    { of: "legacy", findings: hazardsOf(source) },
    { of: "next", findings: hazardsOf(target) },
  ];
}

/** Each table with itself: what legacy's looks like is no matter of next's migration. */
function ofTimes(old: SavedSchema, now: SavedSchema): readonly Compared[] {
  const pairs = [
    { of: now.target === null ? "both" : "legacy", before: old.source, after: now.source },
    ...(old.target === null || now.target === null ? [] : [{ of: "next", before: old.target, after: now.target }]),
  ];
  return pairs.map(({ of, before, after }) => {
    const changes = compareSchemas({ before, after, between: "times", transformed: false });
    return { of, findings: worstFirst([...changes, ...hazardsOf(after)]) };
  });
}

function tell(saved: SavedSchema, compared: readonly Compared[], options: SchemaFlags): ExitCode {
  const terminal = openTerminal(options);
  const all = compared.flatMap(({ findings }) => findings);
  const isBroken = all.some(({ severity }) => severity === "breaking");
  const tables = [
    { of: saved.target === null ? "both" : "legacy", schema: saved.source },
    ...(saved.target === null ? [] : [{ of: "next", schema: saved.target }]),
  ];
  if (options.json === true) tellJson(saved.collection, compared, tables, terminal);
  else {
    for (const { of, findings } of compared) {
      if (findings.length === 0) continue;
      terminal.print(terminal.paint("bold", of));
      for (const finding of findings) {
        for (const line of findingLines(finding, terminal.width)) terminal.print(printable(line));
      }
    }
    if (options.columns === true) {
      for (const { of, schema } of tables) {
        terminal.print(`${of}: ${printable(schema.table)}`);
        for (const line of columnLines(schema, terminal.width)) terminal.print(printable(line));
      }
    }
    terminal.print(sumText(saved.collection, all));
  }
  return isBroken ? EXIT.no : EXIT.done;
}

function tellJson(
  collection: string,
  compared: readonly Compared[],
  tables: readonly { readonly of: string; readonly schema: TableSchema }[],
  terminal: Terminal,
): void {
  for (const { of, findings } of compared) {
    for (const finding of findings) terminal.print(JSON.stringify({ type: "finding", collection, of, ...finding }));
  }
  for (const { of, schema } of tables) {
    for (const column of columnValues(schema)) {
      terminal.print(JSON.stringify({ type: "column", collection, of, ...column }));
    }
  }
  const all = compared.flatMap(({ findings }) => findings);
  const count = (severity: SchemaFinding["severity"]): number => all.filter((one) => one.severity === severity).length;
  const sums = { breaking: count("breaking"), hazards: count("hazard"), additive: count("additive") };
  terminal.print(JSON.stringify({ type: "schema", collection, ...sums }));
}

function readFile(file: string, collection: string): SavedSchema {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (thrown) {
    throw new Exit(
      EXIT.failed,
      `${file} cannot be read: ${(thrown as Error).message}; crossfade schema --save makes it`,
    );
  }
  const read = readSaved(text);
  if (!read.ok) throw new Exit(EXIT.failed, `${file} ${read.why}; make it again with crossfade schema --save`);
  if (read.saved.collection !== collection) {
    throw new Exit(EXIT.usage, `${file} is of the collection ${read.saved.collection}, and not of ${collection}`);
  }
  return read.saved;
}

function writeSchema(file: string, saved: SavedSchema): void {
  try {
    writeWhole(file, spellSaved(saved));
  } catch (thrown) {
    throw new Exit(EXIT.failed, `${file} cannot be written: ${(thrown as Error).message}`);
  }
}
