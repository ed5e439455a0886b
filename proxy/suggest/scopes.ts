/** Which exchanges are of one kind: one method, and paths that differ in nothing but ids. Pure. */
import type { DivergenceRecord } from "../evidence/evidence.ts";
import { generalPlace } from "../evidence/groups.ts";

/** More different segments than this in one place of a path are ids, whatever they look like. */
const MOST_NAMES = 8;

/** `PUT /users/*` for each record. */
export function scopesOf(records: readonly DivergenceRecord[]): ReadonlyMap<DivergenceRecord, string> {
  const segmentsOf = new Map(records.map((record) => [record, generalPlace(record.path).split("/").slice(1)]));
  const scopes = new Map(records.map((record) => [record, record.method]));
  for (let depth = 0; depth < MOST_DEPTH; depth += 1) {
    const names = new Map<string, Set<string>>();
    for (const [record, segments] of segmentsOf) {
      const segment = segments[depth];
      if (segment === undefined) continue;
      const scope = scopes.get(record) as string;
      const known = names.get(scope);
      if (known === undefined) names.set(scope, new Set([segment]));
      else if (known.size <= MOST_NAMES) known.add(segment);
    }
    for (const [record, segments] of segmentsOf) {
      const segment = segments[depth];
      if (segment === undefined) continue;
      const scope = scopes.get(record) as string;
      const isId = (names.get(scope)?.size ?? 0) > MOST_NAMES;
      scopes.set(record, `${scope}/${isId ? "*" : segment}`);
    }
  }
  return scopes;
}

/** Paths of more segments than this are not told apart beyond it. */
const MOST_DEPTH = 16;
