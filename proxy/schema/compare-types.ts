/** Whether a column that holds one type can become another. Pure. */
import type { ColumnType } from "../rows/table-schema.ts";

/**
 * same · widened: it takes all that it took, and more · narrowed: it does not take all that it took · lossy: it takes it, and
 * rounds · zone: an instant is no longer one, or the other way · holds: another type that takes every value, spelled otherwise ·
 * retyped: another type · unknown: nothing tells.
 */
export type TypeVerdict = "same" | "widened" | "narrowed" | "lossy" | "zone" | "holds" | "retyped" | "unknown";

export function compareTypes(before: ColumnType, after: ColumnType): TypeVerdict {
  if (before.is !== after.is) return acrossTypes(before, after);
  switch (before.is) {
    case "integer": {
      const [was, now] = [boundsOf(before), boundsOf(after as typeof before)];
      return wider(now.least <= was.least && now.most >= was.most, was.least === now.least && was.most === now.most);
    }
    case "decimal":
      return decimals(before, after as typeof before);
    case "float":
    case "timestamp":
    case "time":
      return sized(before, after as typeof before);
    case "text":
    case "bytes":
      return bounded(before.length, (after as typeof before).length);
    case "enum": {
      const now = (after as typeof before).members;
      return wider(
        before.members.every((member) => now.includes(member)),
        before.members.length === now.length,
      );
    }
    case "array":
      return compareTypes(before.of, (after as typeof before).of);
    case "other":
      return before.name === (after as typeof before).name ? "same" : "unknown";
    case "boolean":
    case "date":
    case "json":
    case "uuid":
      return "same";
    default:
      return before satisfies never;
  }
}

type Of<Kind extends ColumnType["is"]> = Extract<ColumnType, { readonly is: Kind }>;

function wider(holdsAll: boolean, isSame: boolean): TypeVerdict {
  if (!holdsAll) return "narrowed";
  return isSame ? "same" : "widened";
}

/** null: no bound. */
function bounded(was: number | null, now: number | null): TypeVerdict {
  return wider(now === null || (was !== null && now >= was), was === now);
}

function sized(before: Of<"float" | "timestamp" | "time">, after: Of<"float" | "timestamp" | "time">): TypeVerdict {
  if (before.is === "float" || after.is === "float") {
    const [was, now] = [(before as Of<"float">).bits, (after as Of<"float">).bits];
    return now < was ? "lossy" : wider(true, was === now);
  }
  if (after.digits < before.digits) return "lossy";
  if (before.is === "timestamp" && after.is === "timestamp" && before.zone !== after.zone) return "zone";
  return wider(true, before.digits === after.digits);
}

function decimals(before: Of<"decimal">, after: Of<"decimal">): TypeVerdict {
  if (after.precision === null) return wider(true, before.precision === null);
  if (before.precision === null) return "lossy";
  const [wasScale, nowScale] = [before.scale ?? 0, after.scale ?? 0];
  if (nowScale < wasScale) return "lossy";
  const holds = after.precision - nowScale >= before.precision - wasScale;
  return wider(holds, before.precision === after.precision && wasScale === nowScale);
}

/** What a double holds of a whole number. */
const FLOAT_BITS = { 32: 24, 64: 53 } as const;

function acrossTypes(before: ColumnType, after: ColumnType): TypeVerdict {
  if (before.is === "other" || after.is === "other") return "unknown";
  if (after.is === "text") return isTextual(before) && after.length === null ? "holds" : "retyped";
  if (before.is === "integer" && after.is === "decimal") {
    const room = after.precision === null ? Number.POSITIVE_INFINITY : after.precision - (after.scale ?? 0);
    return String(boundsOf(before).most).length <= room ? "holds" : "narrowed";
  }
  if (before.is === "integer" && after.is === "float") {
    return before.bits <= FLOAT_BITS[after.bits] ? "holds" : "lossy";
  }
  if (before.is === "decimal" && (after.is === "float" || after.is === "integer")) return "lossy";
  if (before.is === "float" && after.is === "decimal" && after.precision === null) return "holds";
  if (before.is === "float" && (after.is === "decimal" || after.is === "integer")) return "lossy";
  if (before.is === "timestamp" && after.is === "date") return "lossy";
  return "retyped";
}

/** What both databases spell in the same way, so that its text is the value. */
function isTextual({ is }: ColumnType): boolean {
  return is === "uuid" || is === "enum" || is === "date" || is === "json";
}

export function boundsOf({ bits, signed }: Of<"integer">): { readonly least: bigint; readonly most: bigint } {
  return signed
    ? { least: -(2n ** BigInt(bits - 1)), most: 2n ** BigInt(bits - 1) - 1n }
    : { least: 0n, most: 2n ** BigInt(bits) - 1n };
}
