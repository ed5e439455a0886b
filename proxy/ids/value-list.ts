/** Pairs of values as they are shown to those who may see bodies; what is secret is shown to nobody. */
import type { LearnPlace, RouteSettings, ValuePlace } from "../config/settings.ts";
import type { Seal } from "../mirror/values/seal.ts";
import { parsePointer } from "../json/pointer.ts";
import type { Page, Store } from "../ports.ts";
import { isSecretHeader, isSecretName } from "../record/secret-names.ts";
import type { ListedValue, PairsQuery } from "./value-pairs.ts";

export interface ValueListParts {
  readonly store: Pick<Store, "valuePairs">;
  readonly seal: Seal;
  readonly routes: () => readonly RouteSettings[];
}

/** Rejects with a CrossfadeError where the store has no answer. */
export function createValueList({ store, seal, routes }: ValueListParts) {
  return async (query: PairsQuery): Promise<Page<ListedValue>> => {
    const secret = secretKinds(routes());
    const { items, next } = await store.valuePairs(query);
    return {
      items: items.map((row) => {
        const isSecret = secret.has(row.kind);
        const texts = isSecret ? null : seal.open(row);
        return {
          kind: row.kind,
          legacy: texts?.legacy.text ?? null,
          next: texts?.next.text ?? null,
          same: row.legacy === row.next,
          secret: isSecret,
          held: texts?.held ?? null,
          since: new Date(row.at).toISOString(),
          until: row.until === null ? null : new Date(row.until).toISOString(),
        };
      }),
      next,
    };
  };
}

/** A kind is secret for all routes if at one of its places it is. */
function secretKinds(routes: readonly RouteSettings[]): ReadonlySet<string> {
  const secret = new Set<string>();
  for (const { values, redact } of routes) {
    for (const place of [...values.learn, ...values.apply]) {
      const listed = redact.some(({ source, name }) => source === place.at.source && name === place.at.name);
      if (listed || isSecretPlace(place)) secret.add(place.kind);
    }
  }
  return secret;
}

function isSecretPlace({ at: { source, name }, part }: LearnPlace | ValuePlace): boolean {
  if (part.kind === "query" && isSecretName(part.name)) return true;
  switch (source) {
    case "cookie":
      return true;
    case "header":
    case "answer-header":
      return isSecretHeader(name);
    case "query":
    case "path":
      return isSecretName(name);
    case "body":
    case "answer":
      return (parsePointer(name) ?? []).some(isSecretName);
  }
}
