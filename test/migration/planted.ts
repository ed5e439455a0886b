/** Differences that are made in next's table on purpose, a few of each kind, and what is to be said of each. */
import { seeded } from "../support/seeded.ts";
import type { RowDifference } from "./compare.ts";
import { growPlace, type Place } from "./rows.ts";
import type { Changes, PlaceTable } from "./tables.ts";

/** null: such a row has nothing of the kind. */
type Spoil = (row: Place) => Changes | null;

const SPOILED: Readonly<Record<string, Spoil>> = {
  stale: ({ n }) => ({ n: String(BigInt(n) - 1n) }),
  "stale text": ({ native }) => ({ native: `${native ?? ""} of before` }),
  rounded: ({ area }) => (area?.endsWith("00000000") === false ? { area: `${area.slice(0, -8)}00000000` } : null),
  "rounded beyond a double": ({ far }) => {
    const rounded = BigInt(Number(far));
    const held =
      rounded === BigInt(far) || rounded > 2n ** 63n - 1n ? BigInt(far) + (far.startsWith("-") ? 1n : -1n) : rounded;
    return { far: String(held) };
  },
  trimmed: ({ name }) => (name === name.trim() ? null : { name: name.trim() }),
  case: ({ name }) => (name === name.toUpperCase() ? null : { name: name.toUpperCase() }),
  "null for empty": ({ flag }) => (flag === null ? { flag: "" } : { flag: null }),
  "a byte": ({ code }) => (code === null ? null : { code: code.replace(/ff$/, "fe") }),
  "an hour": ({ seen }) =>
    seen === null ? null : { seen: seen.includes("T01") ? seen.replace("T01", "T02") : seen.replace(/T../, "T01") },
};

export const PLANTED_KINDS = ["missing", "extra", ...Object.keys(SPOILED)];

export interface Planted {
  readonly kind: string;
  readonly difference: RowDifference;
}

/** Rows that are the same on both sides become `each` of every kind. */
export async function plant(
  { legacy, next }: { readonly legacy: PlaceTable; readonly next: PlaceTable },
  { rows, each, seed }: { readonly rows: number; readonly each: number; readonly seed: number },
): Promise<readonly Planted[]> {
  const chance = seeded(seed);
  const used = new Set<string>();
  const planted: Planted[] = [];
  const another = async (): Promise<Place> => {
    for (;;) {
      const id = String(1 + Math.floor(chance.next() * rows));
      const row = used.has(id) ? null : await legacy.get(id);
      if (row === null) continue;
      used.add(id);
      return row;
    }
  };
  for (let count = 0; count < each; count += 1) {
    const { id } = await another();
    await next.remove(id);
    planted.push({ kind: "missing", difference: { kind: "missing", id } });
    const extra = String(rows * 10 + count);
    const { id: _, ...values } = growPlace(count + 1);
    await next.insert(extra, values);
    planted.push({ kind: "extra", difference: { kind: "extra", id: extra } });
    for (const [kind, spoil] of Object.entries(SPOILED)) {
      for (;;) {
        const row = await another();
        const changes = spoil(row);
        if (changes === null) continue;
        await next.update(row.id, changes);
        const columns = Object.keys(changes) as (keyof Changes)[];
        planted.push({ kind, difference: { kind: "mismatched", id: row.id, columns } });
        break;
      }
    }
  }
  return planted;
}
