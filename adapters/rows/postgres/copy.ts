/** Rows by COPY, which costs PostgreSQL a third of an upsert; but it only inserts, so rows that are there make it fail whole. */
import type { Client } from "pg";
import type { Row } from "../../../proxy/rows/rows.ts";
import { loadDriver } from "../driver.ts";
import { spellText } from "./values.ts";

/** Fewer rows are no quicker this way, and a batch that was refused is halved down to one. */
export const COPY_FROM_ROWS = 100;

/** Throws what the driver throws. `table` and `columns` are quoted; `names` are those of the columns. */
export async function copyRows(
  client: Client,
  table: string,
  columns: readonly string[],
  names: readonly string[],
  rows: readonly Row[],
): Promise<void> {
  const { from } = await loadDriver("pg-copy-streams", async () => await import("pg-copy-streams"));
  // Before it begins: a COPY that nobody ends holds the connection up.
  const text = copyText(names, rows);
  const stream = client.query(from(`COPY ${table} (${columns.join(", ")}) FROM STDIN`));
  await new Promise<void>((done, failed) => {
    stream.once("finish", done);
    stream.once("error", failed);
    stream.end(text);
  });
}

/** The text format of COPY (PostgreSQL manual, COPY, "Text Format"). @throws TypeError where a text has no bytes in UTF-8 */
export function copyText(names: readonly string[], rows: readonly Row[]): string {
  let text = "";
  for (const row of rows) {
    for (let i = 0; i < names.length; i += 1) {
      const value = row[names[i] as string] ?? null;
      if (i > 0) text += "\t";
      if (value === null) text += "\\N";
      else if (typeof value === "bigint" || typeof value === "boolean") text += String(value);
      else text += escaped(typeof value === "string" ? value : spellText(value), names[i] as string);
    }
    text += "\n";
  }
  return text;
}

const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escaped(text: string, column: string): string {
  if (!text.isWellFormed())
    throw new TypeError(`the text for column ${column} has half a character (a lone surrogate)`);
  return SPECIAL.test(text) ? text.replace(/[\\\n\r\t]/g, (c) => ESCAPES[c] ?? c) : text;
}

/**
 * When COPY is worth a try: not for some batches after one met rows that were there, twice as many each time. Over a table
 * that has its rows it then is tried now and then, and into an empty one always.
 */
export class CopyChoice {
  #rest = 0;
  #next = 1;
  #isPossible = true;

  isWorth(rows: number): boolean {
    if (!this.#isPossible || rows < COPY_FROM_ROWS) return false;
    if (this.#rest === 0) return true;
    this.#rest -= 1;
    return false;
  }

  passed(): void {
    this.#next = 1;
  }

  metRows(): void {
    this.#rest = this.#next;
    this.#next = Math.min(this.#next * 2, 64);
  }

  /** A table with row security takes none. */
  impossible(): void {
    this.#isPossible = false;
  }
}
