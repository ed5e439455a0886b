/** `crossfade backfill --try` and `--types`: what writes no row. */
import { writeFileSync } from "node:fs";
import { spellRowTypes } from "../migrate/row-types.ts";
import { keyOf, spellKey } from "../rows/rows.ts";
import { printable } from "../controls.ts";
import type { BackfillFlags } from "./backfill-flags.ts";
import { type NamedCollection, type OpenCollection, openCollection } from "./collection.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { rowShown } from "./row-text.ts";
import { openTerminal } from "./terminal.ts";

export async function tryRows(
  { source, transformer }: OpenCollection,
  { collection, route }: NamedCollection,
  count: number,
  options: BackfillFlags,
): Promise<ExitCode> {
  const terminal = openTerminal(options);
  const { rows } = await source.page(null, count);
  const made = await transformer.make(rows);
  let failed = 0;
  for (const [i, row] of rows.entries()) {
    const of = made[i];
    if (of === undefined) continue;
    if (!of.ok) failed += 1;
    const key = spellKey(keyOf(row, source.key));
    const before = rowShown(row, route.redact);
    const after = of.ok ? of.rows.map((each) => rowShown(each, route.redact)) : [];
    const why = of.ok ? null : of.why;
    if (options.json === true) {
      terminal.print(JSON.stringify({ type: "tried", collection: collection.name, key, before, after, why }));
      continue;
    }
    terminal.print(printable(`${key}  ${before}`));
    for (const each of after) terminal.print(printable(`  → ${each}`));
    if (why !== null) terminal.print(printable(`  ! ${why}`));
    else if (after.length === 0) terminal.print("  → left out");
  }
  return failed > 0 ? EXIT.no : EXIT.done;
}

/** No transform is loaded: it may be the one that is to be written. */
export async function writeTypes(
  { collection }: NamedCollection,
  file: string,
  options: BackfillFlags,
): Promise<ExitCode> {
  const open = await openCollection({ ...collection, transform: null }, { write: false });
  try {
    const typed = async (table: OpenCollection["source"]) => ({
      name: table.name,
      key: table.key,
      shape: await table.describe(),
    });
    const text = spellRowTypes(collection.name, await typed(open.source), await typed(open.target));
    try {
      writeFileSync(file, text);
    } catch (thrown) {
      throw new Exit(EXIT.failed, `${file} cannot be written: ${(thrown as Error).message}; name another with --types`);
    }
    openTerminal(options).complain(`crossfade: the types of the rows of ${collection.name} are in ${file}`);
    return EXIT.done;
  } finally {
    await open.close();
  }
}
