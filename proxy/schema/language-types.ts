/** What a column's values need to be in a program, so that none is rounded or cut. Pure. */
import type { ColumnType, SchemaColumn } from "../rows/table-schema.ts";

export interface LanguageTypes {
  readonly typescript: string;
  readonly rust: string;
}

export function languageTypes({ type, nullable }: Pick<SchemaColumn, "type" | "nullable">): LanguageTypes {
  const { typescript, rust } = typesOf(type);
  return nullable ? { typescript: `${typescript} | null`, rust: `Option<${rust}>` } : { typescript, rust };
}

/** Digits that rust_decimal has; `Date` has milliseconds. */
const DECIMAL_DIGITS = 28;
const DATE_DIGITS = 3;
/** Enums with more members are told as texts. */
const MOST_MEMBERS = 8;

function typesOf(type: ColumnType): LanguageTypes {
  switch (type.is) {
    case "integer":
      return integers(type.bits, type.signed);
    case "decimal": {
      const fits = type.precision !== null && type.precision <= DECIMAL_DIGITS;
      return { typescript: "string", rust: fits ? "rust_decimal::Decimal" : "bigdecimal::BigDecimal" };
    }
    case "float":
      return { typescript: "number", rust: `f${type.bits}` };
    case "boolean":
      return { typescript: "boolean", rust: "bool" };
    case "bytes":
      return { typescript: "Uint8Array", rust: "Vec<u8>" };
    case "timestamp": {
      const isDate = type.zone && type.digits <= DATE_DIGITS;
      return {
        typescript: isDate ? "Date" : "string",
        rust: type.zone ? "chrono::DateTime<Utc>" : "chrono::NaiveDateTime",
      };
    }
    case "date":
      return { typescript: "string", rust: "chrono::NaiveDate" };
    case "time":
      return { typescript: "string", rust: "chrono::NaiveTime" };
    case "json":
      return { typescript: "unknown", rust: "Box<serde_json::value::RawValue>" };
    case "uuid":
      return { typescript: "string", rust: "uuid::Uuid" };
    case "enum": {
      const isFew = type.members.length > 0 && type.members.length <= MOST_MEMBERS;
      return {
        typescript: isFew ? type.members.map((each) => JSON.stringify(each)).join(" | ") : "string",
        rust: "enum",
      };
    }
    case "array": {
      // Any element may be null: no database keeps it from being so.
      const of = typesOf(type.of);
      return { typescript: `(${of.typescript} | null)[]`, rust: `Vec<Option<${of.rust}>>` };
    }
    case "text":
    case "other":
      return { typescript: "string", rust: "String" };
    default:
      return type satisfies never;
  }
}

/** A number of TypeScript holds 53 bits. */
const NUMBER_BITS = 53;

function integers(bits: number, signed: boolean): LanguageTypes {
  const width = [8, 16, 32, 64].find((each) => each >= bits) ?? 64;
  return { typescript: bits > NUMBER_BITS ? "bigint" : "number", rust: `${signed ? "i" : "u"}${width}` };
}
