/** The table that every database of the contract makes, and rows of it. */
import type { Row } from "../../proxy/rows/rows.ts";

export interface ContractTable {
  readonly key: readonly string[];
  readonly version?: string;
  readonly tombstone?: string;
}

/** A row with a value in every column. */
export function full(id: bigint, given: Row = {}): Row {
  const row = { id, tenant: "t", name: "n", price: "1.5", ratio: 2.5, done: false, meta: "{}", version: 1n };
  return { ...row, photo: Buffer.from([1]), ...given };
}
