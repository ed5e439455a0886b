/** `crossfade backfill --keys` and `--since`: which rows of a collection are brought over. */
import { existsSync, readFileSync } from "node:fs";
import type { CollectionSettings } from "../config/collection-settings.ts";
import { onlyKeys, onlySince, readKeys } from "../migrate/chosen-rows.ts";
import type { RowTarget } from "../rows/rows.ts";
import { EXIT, Exit } from "./exit.ts";

export interface ChosenRows {
  readonly keys?: string;
  readonly since?: string;
}

/** @throws Exit where what is written names no rows of this source */
export async function chosenOf(
  source: RowTarget,
  { name, changedAt }: Pick<CollectionSettings, "name" | "changedAt">,
  chosen: ChosenRows,
): Promise<RowTarget> {
  const { columns } = await source.describe();
  if (chosen.keys !== undefined) {
    try {
      return onlyKeys(source, readKeys(keyTexts(chosen.keys), source.key, columns));
    } catch (thrown) {
      throw thrown instanceof TypeError ? new Exit(EXIT.usage, `--keys: ${thrown.message}`) : thrown;
    }
  }
  if (chosen.since === undefined) return source;
  if (changedAt === null)
    throw new Exit(EXIT.usage, `--since asks which column says when a row was changed; write changedAt at ${name}`);
  if (!columns.some((column) => column.name === changedAt))
    throw new Exit(EXIT.no, `changedAt: ${source.name} has no column ${changedAt}`);
  return onlySince(source, { column: changedAt, at: chosen.since });
}

/** Tells one choice from another; null: all rows. */
export function chosenText({ keys, since }: ChosenRows): string | null {
  if (keys !== undefined) return `keys ${JSON.stringify(keyTexts(keys))}`;
  return since === undefined ? null : `since ${since}`;
}

function keyTexts(list: string): readonly string[] {
  const isFile = existsSync(list);
  let text = list;
  try {
    if (isFile) text = readFileSync(list, "utf8");
  } catch (thrown) {
    throw new Exit(EXIT.failed, `${list} cannot be read: ${(thrown as Error).message}`);
  }
  const keys = text.split(isFile ? /\r?\n/ : ",").filter((key) => key !== "");
  if (keys.length === 0) throw new Exit(EXIT.usage, `--keys: ${list} holds no key`);
  return keys;
}
