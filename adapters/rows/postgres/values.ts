/** Values as PostgreSQL spells them on the wire, and back; nothing is rounded, because the driver parses nothing. */
import type { ColumnKind, RowValue } from "../../../proxy/rows/rows.ts";

/** What a type is to us, by its name in pg_type; an array's is that of its elements. */
export interface PostgresType {
  readonly kind: ColumnKind;
  /** Of an array: of its elements. */
  readonly element: ColumnKind | null;
}

const KINDS: Readonly<Record<string, ColumnKind>> = {
  int2: "integer",
  int4: "integer",
  int8: "integer",
  oid: "integer",
  numeric: "decimal",
  float4: "double",
  float8: "double",
  bool: "boolean",
  text: "text",
  varchar: "text",
  bpchar: "text",
  name: "text",
  citext: "text",
  uuid: "text",
  bytea: "bytes",
  timestamptz: "instant",
  timestamp: "datetime",
  json: "json",
  jsonb: "json",
};

/** `element`: the name of the elements' type, null where it is no array. */
export function typeFor(name: string, element: string | null): PostgresType {
  if (element !== null) return { kind: "array", element: KINDS[element] ?? "other" };
  return { kind: KINDS[name] ?? "other", element: null };
}

/** Of text as PostgreSQL sends it, with TimeZone UTC, DateStyle ISO and bytea_output hex. One for each column, made once. */
export function readerFor({ kind, element }: PostgresType): (text: string) => RowValue {
  // With bounds of its own (`[0:1]={…}`) an array is no list: it goes over as its text.
  if (kind === "array")
    return (text) => (text.startsWith("{") ? readArray(text, scalarReader(element ?? "other")) : text);
  return scalarReader(kind);
}

function scalarReader(kind: ColumnKind): (text: string) => RowValue {
  switch (kind) {
    case "integer":
      return BigInt;
    case "double":
      return Number;
    case "boolean":
      return (text) => text === "t";
    case "bytes":
      return (text) => Buffer.from(text.slice(2), "hex");
    case "instant":
      // `infinity`, and years before Christ, which end in BC, are left as they are.
      return (text) => (text.endsWith("+00") ? `${text.slice(0, -3).replace(" ", "T")}Z` : text);
    case "datetime":
      return (text) => (/^\d+-\d\d-\d\d \d/.test(text) ? text.replace(" ", "T") : text);
    case "array":
    case "decimal":
    case "json":
    case "other":
    case "text":
      return (text) => text;
    default:
      return kind satisfies never;
  }
}

/** `{1,NULL,"a,\"b"}` and arrays of arrays (PostgreSQL manual, 8.15.6). */
function readArray(text: string, readItemText: (text: string) => RowValue): RowValue {
  const open: RowValue[][] = [];
  let at = 0;
  for (;;) {
    const c = text[at];
    if (c === undefined) throw new TypeError(`an array ends in the middle: ${text.slice(0, 40)}`);
    if (c === "{") {
      open.push([]);
      at += 1;
    } else if (c === "}") {
      const ended = open.pop() as RowValue[];
      at += 1;
      const outer = open.at(-1);
      if (outer === undefined) return ended;
      outer.push(ended);
    } else if (c === "," || c === ";") {
      // box alone has the semicolon, and its commas stand in parentheses.
      at += 1;
    } else {
      const item = readItem(text, at);
      (open.at(-1) as RowValue[]).push(item.text === null ? null : readItemText(item.text));
      at = item.end;
    }
  }
}

function readItem(text: string, from: number): { readonly text: string | null; readonly end: number } {
  if (text[from] !== '"') {
    let end = from;
    let depth = 0;
    for (; end < text.length; end += 1) {
      const c = text[end] as string;
      if (c === "(") depth += 1;
      else if (c === ")") depth -= 1;
      else if (depth === 0 && (c === "," || c === ";" || c === "}")) break;
    }
    const bare = text.slice(from, end);
    return { text: bare === "NULL" ? null : bare, end };
  }
  let read = "";
  let at = from + 1;
  for (; at < text.length && text[at] !== '"'; at += 1) {
    if (text[at] === "\\") at += 1;
    read += text[at];
  }
  return { text: read, end: at + 1 };
}

/** As JSON for `json_to_recordset`, which gives each text to the input function of its column; numbers by their digits. */
export function spellJson(value: RowValue): string {
  switch (typeof value) {
    case "bigint":
      return String(value);
    case "number":
      // -0 and what is not finite have no JSON number; as texts the column reads them.
      return Number.isFinite(value) && !Object.is(value, -0) ? String(value) : JSON.stringify(spellText(value));
    case "boolean":
      return String(value);
    case "string":
      return JSON.stringify(value);
    case "object":
      // As PostgreSQL's own text, and not as a JSON array: that would make texts of the JSON in a jsonb[].
      return value === null ? "null" : JSON.stringify(spellText(value));
    default:
      return value satisfies never;
  }
}

/** As the input functions of PostgreSQL read it. */
export function spellText(value: Exclude<RowValue, null>): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  return Array.isArray(value) ? spellArray(value) : String(value);
}

function spellArray(values: readonly RowValue[]): string {
  const items = values.map((value) => {
    if (value === null) return "NULL";
    if (Array.isArray(value)) return spellArray(value);
    return `"${spellText(value).replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${items.join(",")}}`;
}
