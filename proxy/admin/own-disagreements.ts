/** A group with what is known of its places: whether the primary disagrees with itself there. Pure. */
import type { GroupRecord } from "../evidence/evidence.ts";
import type { OwnDisagreement } from "../evidence/places.ts";
import type { PlacesKnown } from "./parts.ts";

export interface OfGroup {
  /** Places of the group in which the primary was asked twice; others are absent. */
  readonly ownDisagreements: readonly OwnDisagreement[];
}

export function withOwnDisagreements<G extends GroupRecord>(group: G, places: PlacesKnown): G & OfGroup {
  const { route, method, signature } = group;
  const at = new Set(signature.map((part) => (part.kind === "status" ? "status" : part.at)));
  return { ...group, ownDisagreements: places.ownDisagreements(route, method, [...at]) };
}

/** `Asked the same twice, the primary differs with itself at /seen in 38 of 40 reads`; null: nothing is known. */
export function spellOwnDisagreements(found: readonly OwnDisagreement[]): string | null {
  if (found.length === 0) return null;
  const each = found.map(({ at, askedTwice, differedWithItself }) => {
    const times = differedWithItself === 0 ? "none" : String(differedWithItself);
    return `at ${at === "" ? "(whole)" : at} in ${times} of ${askedTwice} ${askedTwice === 1 ? "read" : "reads"}`;
  });
  return `Asked the same twice, the primary differs with itself ${each.join(", ")}`;
}
