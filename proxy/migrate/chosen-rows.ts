/** Sources that hold some of a source's rows alone: those of given keys, or those that were changed since a moment. */
import {
  type ChangedSince,
  keyOf,
  type Row,
  type RowColumn,
  type RowKey,
  type RowPage,
  type RowTarget,
  type RowValue,
  spellKey,
} from "../rows/rows.ts";
import { PAGE_ROWS } from "./compare-rows.ts";

/** In the order of `keys`, no two of which are the same; one that is not there is passed over. */
export function onlyKeys(source: RowTarget, keys: readonly RowKey[]): RowTarget {
  const places = new Map(keys.map((key, i) => [spellKey(key), i]));
  return {
    ...source,
    digests: null,
    describe: async () => ({ ...(await source.describe()), estimate: keys.length }),
    async page(after, limit) {
      const rows: Row[] = [];
      let at = after === null ? 0 : (places.get(spellKey(after)) ?? -1) + 1;
      while (rows.length < limit && at < keys.length) {
        const asked = keys.slice(at, at + Math.min(PAGE_ROWS, limit - rows.length));
        const found = new Map((await source.byKeys(asked)).map((row) => [spellKey(keyOf(row, source.key)), row]));
        for (const key of asked) {
          const row = found.get(spellKey(key));
          if (row !== undefined) rows.push(row);
        }
        at += asked.length;
      }
      return { rows, isFull: at < keys.length };
    },
  };
}

/** In the order of its keys. A row that does not say when it was changed is among them: rather twice than never. */
export function onlySince(source: RowTarget, since: ChangedSince): RowTarget {
  const from = Date.parse(since.at);
  const isSince = (value: RowValue | undefined): boolean => {
    const time =
      typeof value === "string" ? Date.parse(/[Zz]|[+-]\d\d:?\d\d$/.test(value) ? value : `${value}Z`) : Number.NaN;
    return !(time < from);
  };
  async function filtered(after: RowKey | null, limit: number): Promise<RowPage> {
    const rows: Row[] = [];
    for (let last = after; ;) {
      const page = await source.page(last, limit);
      rows.push(...page.rows.filter((row) => isSince(row[since.column])));
      const end = page.rows.at(-1);
      if (!page.isFull || end === undefined) return { rows, isFull: false };
      if (rows.length > 0) return { rows, isFull: true };
      last = keyOf(end, source.key);
    }
  }
  return {
    ...source,
    digests: null,
    describe: async () => ({ ...(await source.describe()), estimate: null }),
    page: async (after, limit) => (await source.pageSince?.(since, after, limit)) ?? (await filtered(after, limit)),
  };
}

/**
 * Keys as `spellKey` spells them, each once, in the order in which they come.
 * @throws TypeError with what is wrong and how it is written
 */
export function readKeys(
  texts: readonly string[],
  key: readonly string[],
  columns: readonly RowColumn[],
): readonly RowKey[] {
  const kinds = key.map((name) => columns.find((column) => column.name === name)?.kind ?? "other");
  const keys = new Map<string, RowKey>();
  for (const text of texts) {
    const parts = text.split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    if (parts.length !== key.length)
      throw new TypeError(
        `${JSON.stringify(text)} has ${parts.length} parts, and the key has ${key.length} columns (${key.join("/")}); within a part write ~1 for / and ~0 for ~`,
      );
    const read = parts.map((part, i) => readPart(part, kinds[i] ?? "other", text));
    keys.set(spellKey(read), read);
  }
  return [...keys.values()];
}

function readPart(part: string, kind: RowColumn["kind"], text: string): RowValue {
  switch (kind) {
    case "integer":
      if (/^-?\d+$/.test(part)) return BigInt(part);
      throw new TypeError(`${JSON.stringify(text)} is no whole number`);
    case "boolean":
      if (part === "true" || part === "false") return part === "true";
      throw new TypeError(`${JSON.stringify(text)} is neither true nor false`);
    case "double":
      return Number(part);
    case "bytes":
      if (/^\\x([0-9a-f]{2})*$/i.test(part)) return Buffer.from(part.slice(2), "hex");
      throw new TypeError(`${JSON.stringify(text)} are no bytes; write \\x00ff`);
    default:
      return part;
  }
}
