/**
 * What a write may change, beyond the lane that it is delivered in: what a backfill beside live writes has to know of it
 * (docs/semantics.md, "Rows racing live writes"). Values; route/write-reach.ts reads them off a write.
 */

export interface Reach {
  /** Entity keys that are known: its own, and those that its route says it touches. */
  readonly keys: readonly string[];
  /** Entities of which one more, or several, are named by nothing but the request's body or the answer, not read yet. */
  readonly lateOf: readonly string[];
  /** Entities of which it may change any, since nothing says which. */
  readonly anyOf: readonly string[];
}

/** `users/42` is of `users`, and so are `users:/users/import` and `users:*`. */
export function entityOfKey(key: string): string {
  const end = key.search(/[/:]/);
  return end === -1 ? key : key.slice(0, end);
}

/** Whether the key names one entity, and is not a path or the lane of a whole route. */
export function namesEntity(key: string): boolean {
  return key[entityOfKey(key).length] === "/";
}

/**
 * One text for all spellings that a database may take for one id: case, zeros before a number, a UUID's braces and hyphens.
 * That two ids which are not the same become one here costs a row that is read again, and no more.
 */
export function foldId(id: string): string {
  const plain = id.trim().normalize("NFC").toLowerCase();
  const number = /^\+?0*(\d+)$/.exec(plain);
  if (number !== null) return number[1] as string;
  const hex = plain.replace(/[-{}]/g, "");
  return /^[0-9a-f]{32}$/.test(hex) ? hex : plain;
}
