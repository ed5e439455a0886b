/** Values as MySQL and MariaDB send them in texts, and as literals of a statement that their columns take without rounding. */
import { Buffer } from "node:buffer";
import type { ColumnKind, RowValue } from "../../../proxy/rows/rows.ts";

export interface MysqlColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  /** As the database declares it: `bigint(20) unsigned`. */
  readonly declared: string;
}

const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)Z?$/;
const DIGITS = /^[-+]?\d+$/;
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;

/** `dataType` is information_schema's; `isJson`: a check says so, which is all that MariaDB knows of JSON. */
export function kindOf(dataType: string, declared: string, isJson: boolean): ColumnKind {
  if (isJson) return "json";
  const type = dataType.toLowerCase();
  // What BOOLEAN and BOOL are declared as; a number of any other width is one.
  if (/^(tinyint|bit)\(1\)$/i.test(declared)) return "boolean";
  if (/^((tiny|small|medium|big)?int|year|bit)$/.test(type)) return "integer";
  if (/(blob|binary)$|^(geometry|point|linestring|polygon|multi.*|geom.*)$/.test(type)) return "bytes";
  if (/(char|text)$|^uuid$/.test(type)) return "text";
  return OTHERS[type] ?? "other";
}

const OTHERS: Readonly<Record<string, ColumnKind>> = {
  decimal: "decimal",
  float: "double",
  double: "double",
  timestamp: "instant",
  datetime: "datetime",
  json: "json",
};

/** What is selected of a column: bits as a number, and a float with all its digits, of which its text has six. */
export function selected({ name, declared }: MysqlColumn): string {
  if (/^bit\(/i.test(declared)) return `${quote(name)} + 0`;
  return isFloat(declared) ? `${quote(name)} + 0e0` : quote(name);
}

/** `sent`: of a session in UTF-8 and UTC. */
export function readSent(sent: Buffer | null, { kind, declared }: MysqlColumn): RowValue {
  if (sent === null) return null;
  switch (kind) {
    case "bytes":
      return sent;
    case "integer":
      return BigInt(sent.toString("latin1"));
    case "boolean": {
      const number = BigInt(sent.toString("latin1"));
      return number === 0n || number === 1n ? number === 1n : number;
    }
    case "double": {
      const number = Number(sent.toString("latin1"));
      return isFloat(declared) ? shortestFloat(number) : number;
    }
    case "instant":
      return `${withoutZeros(sent.toString("latin1")).replace(" ", "T")}Z`;
    case "datetime":
      return withoutZeros(sent.toString("latin1")).replace(" ", "T");
    case "decimal":
      return sent.toString("latin1");
    case "other":
      return /^time\b/i.test(declared) ? withoutZeros(sent.toString("latin1")) : sent.toString("utf8");
    case "array":
    case "json":
    case "text":
      return sent.toString("utf8");
    default:
      return kind satisfies never;
  }
}

function isFloat(declared: string): boolean {
  return /^float\b/i.test(declared);
}

/** The fewest digits that are this float and no other, as other databases spell it: 1.1, and not 1.10000002384185791. */
function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** Of a time: a column of six digits has zeros where one of three has none, and other databases leave them out. */
function withoutZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/**
 * A literal that the column stores as it is. The database itself rounds, cuts and counts members without a word: a value that
 * it would do that to is refused here.
 * @throws TypeError
 */
export function literalFor(value: RowValue, column: MysqlColumn, escape: (text: string) => string): string {
  if (value === null) return "NULL";
  if (value instanceof Uint8Array)
    return `X'${Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex")}'`;
  if (Array.isArray(value)) return escape(wellFormed(spellList(value), column));
  const plain = value as bigint | boolean | number | string;
  switch (column.kind) {
    case "integer":
    case "boolean":
      return wholeLiteral(plain, column);
    case "decimal":
    case "double":
      return numberLiteral(plain, column, escape);
    case "instant":
    case "datetime":
      return escape(timeText(String(plain)));
    case "other":
    case "text":
    case "json":
    case "array":
    case "bytes":
      return escape(wellFormed(memberOf(spellPlain(plain), column), column));
    default:
      return column.kind satisfies never;
  }
}

/** The same, to look a row up by: of a value that no row can have there is nothing to compare. @throws TypeError */
export function keyLiteral(value: RowValue, column: MysqlColumn, escape: (text: string) => string): string {
  const literal = literalFor(value, column, escape);
  if ((column.kind === "instant" || column.kind === "datetime") && !/^'\d{4}-\d\d-\d\d/.test(literal)) {
    throw new TypeError(`column ${column.name} (${column.declared}) holds times, and the key is none`);
  }
  return literal;
}

function wholeLiteral(value: bigint | boolean | number | string, { name, declared }: MysqlColumn): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  const text = typeof value === "number" && Number.isInteger(value) ? String(BigInt(value)) : String(value);
  if (DIGITS.test(text)) return text;
  throw new TypeError(`column ${name} (${declared}) holds whole numbers, and would round or cut this ${typeof value}`);
}

function numberLiteral(
  value: bigint | boolean | number | string,
  { name, declared }: MysqlColumn,
  escape: (text: string) => string,
): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "number" && Object.is(value, -0)) return "-0e0";
  const text = String(value);
  if (!NUMBER.test(text)) {
    throw new TypeError(`column ${name} (${declared}) holds numbers, and this ${typeof value} is none`);
  }
  // A text: as a literal a number of many digits with an exponent would be a double on its way to a decimal.
  return typeof value === "string" ? escape(text) : text;
}

function timeText(text: string): string {
  const [, date, clock] = TIME.exec(text) ?? [];
  return date === undefined || clock === undefined ? text : `${date} ${clock}`;
}

function spellPlain(value: bigint | boolean | number | string): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Where a text of digits is no member of an enum, MySQL takes the member with that number. */
function memberOf(text: string, { name, declared }: MysqlColumn): string {
  if (/^(enum|set)\(/i.test(declared) && DIGITS.test(text) && !declared.includes(`'${text}'`)) {
    throw new TypeError(`column ${name} has no such member: ${declared}`);
  }
  return text;
}

/** Half a character has no bytes in UTF-8: it would become another one. */
function wellFormed(text: string, { name }: MysqlColumn): string {
  if (text.isWellFormed()) return text;
  throw new TypeError(`the text for column ${name} has half a character (a lone surrogate)`);
}

/** As JSON, integers by their digits: there are no arrays. */
function spellList(values: readonly RowValue[]): string {
  const spelled = values.map((value) => {
    if (typeof value === "bigint") return String(value);
    if (value instanceof Uint8Array) return JSON.stringify(`\\x${Buffer.from(value).toString("hex")}`);
    return Array.isArray(value) ? spellList(value) : JSON.stringify(value);
  });
  return `[${spelled.join(",")}]`;
}

export function quote(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}
