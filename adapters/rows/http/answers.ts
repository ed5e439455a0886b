/** One answer of a list: its rows, and what it tells of itself. */
import type { HttpRows } from "../../../proxy/config/collection-settings.ts";
import type { Locator } from "../../../proxy/config/terms.ts";
import { parseExact } from "../../../proxy/json/parse-exact.ts";
import { parsePointer } from "../../../proxy/json/pointer.ts";
import { readPointer } from "../../../proxy/json/read-pointer.ts";
import { JsonObject, type JsonValue } from "../../../proxy/json/value.ts";
import { keyOf, type Row, type RowKey, type RowValue, spellKey } from "../../../proxy/rows/rows.ts";
import type { RowAnswer } from "./client.ts";
import { readRow } from "./values.ts";

export interface AnswerParts {
  readonly place: Pick<HttpRows, "items" | "kinds" | "leaveOut" | "paging">;
  readonly key: readonly string[];
  /** @throws CrossfadeError `rows-unusable` */
  readonly unusable: (why: string) => Error;
}

export interface AnswerReader {
  /** @throws CrossfadeError where it is no JSON */
  json(answer: RowAnswer, what: string): JsonValue;
  row(object: JsonObject): Row;
  key(row: Row): RowKey;
  /** In their order, each with a key of its own. */
  rows(answer: RowAnswer, what: string): readonly Row[];
}

export function answerReader({ place, key, unusable }: AnswerParts): AnswerReader {
  const items = parsePointer(place.items) ?? [];
  const leaveOut = new Set(place.leaveOut);

  const reader: AnswerReader = {
    json(answer, what) {
      const read = parseExact(answer.body);
      if (!read.ok) throw unusable(`${what} answered what is no JSON: ${read.why}`);
      return read.value;
    },
    row(object) {
      try {
        return readRow(object, place.kinds, leaveOut);
      } catch (thrown) {
        throw unusable((thrown as Error).message);
      }
    },
    key(row) {
      try {
        return keyOf(row, key);
      } catch (thrown) {
        const missing = key.find((column) => !Object.hasOwn(row, column));
        if (missing === undefined) throw unusable((thrown as Error).message);
        throw unusable(`it has no column ${missing}; it has ${Object.keys(row).join(", ")}`);
      }
    },
    rows(answer, what) {
      const list = valueAt(reader.json(answer, what), items);
      if (!Array.isArray(list)) {
        const where = place.items === "" ? "as the answer itself" : `at ${place.items} of the answer`;
        throw unusable(`${what} has no list ${where}; write where it is: list: { items: /… }`);
      }
      const rows = (list as readonly JsonValue[]).map((each) => {
        if (each instanceof JsonObject) return reader.row(each);
        throw unusable(`${what} lists something that is no object`);
      });
      checkKeys(rows);
      return rows;
    },
  };

  /** Rows of one key, or out of order, would be left out by pages. */
  function checkKeys(rows: readonly Row[]): void {
    const seen = new Set<string>();
    let last: RowValue = null;
    for (const row of rows) {
      const of = reader.key(row);
      const spelled = spellKey(of);
      if (seen.has(spelled))
        throw unusable(`two rows have the key ${spelled}: ${key.join(", ")} does not tell rows apart`);
      seen.add(spelled);
      const first = of.length === 1 ? (of[0] ?? null) : null;
      if (place.paging.by === "key" && typeof last === "bigint" && typeof first === "bigint" && first < last) {
        throw unusable(
          `the list is not sorted by ${key.join(", ")}: ${first} comes after ${last}; have its URL sort it`,
        );
      }
      last = first;
    }
  }

  return reader;
}

function valueAt(value: JsonValue, tokens: readonly string[]): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (const token of tokens) {
    if (at instanceof JsonObject) at = at.values[at.names.lastIndexOf(token)];
    else at = Array.isArray(at) ? (at as readonly JsonValue[])[Number(token)] : undefined;
    if (at === undefined) return undefined;
  }
  return at;
}

/** What an answer says at a place; null: nothing. Of a Link header the URL of `rel=next` (RFC 8288). */
export function toldBy(answer: RowAnswer, { source, name }: Locator): string | null {
  if (source === "answer") {
    const found = readPointer(answer.body, name);
    return found.found && (found.kind === "string" || found.kind === "number") && found.text !== "" ? found.text : null;
  }
  const text = answer.header(name);
  if (text === null || text === "") return null;
  return name === "link" ? nextLink(text) : text;
}

function nextLink(header: string): string | null {
  for (const [, url, parameters = ""] of header.matchAll(
    /<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:=(?:"[^"]*"|[^\s;,"]*))?)*)/g,
  )) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))/i.exec(parameters);
    const names = (rel?.[1] ?? rel?.[2] ?? "").toLowerCase().split(/\s+/);
    if (url !== undefined && names.includes("next")) return url;
  }
  return null;
}
