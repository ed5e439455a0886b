/**
 * What makes two differences the same one, whatever exchange they are of. Where a value is redacted only its place counts:
 * a stand-in says whether two values are the same, and nothing of what they are. Pure.
 */
import type { Difference } from "../evidence/evidence.ts";
import { generalPlace, groupSignature } from "../evidence/groups.ts";
import { withoutStandIns } from "../record/redaction.ts";
import { STAND_IN } from "../evidence/stored-pair.ts";

/** Whether a stand-in is in one of its values or in its place. */
export function isMasked({ at, primary, shadow }: Difference): boolean {
  return [at, primary ?? "", shadow ?? ""].some((text) => STAND_IN.test(text));
}

export class KnownDifferences {
  readonly #keys = new Set<string>();
  readonly #places = new Set<string>();
  readonly #maskedPlaces = new Set<string>();

  constructor(differences: readonly Difference[]) {
    for (const difference of differences) {
      const place = placeOf(difference);
      this.#places.add(place);
      if (isMasked(difference)) this.#maskedPlaces.add(place);
      else this.#keys.add(keyOf(difference));
    }
  }

  has(difference: Difference): boolean {
    const place = placeOf(difference);
    if (isMasked(difference))
      return this.#places.has(place) || [...this.#places].some((known) => mayBeOne(known, place));
    return this.#keys.has(keyOf(difference)) || this.#maskedPlaces.has(place);
  }
}

/** A `*` may stand for an index, an id, or a name that is redacted in one of them. */
function mayBeOne(a: string, b: string): boolean {
  if (!a.includes("*") && !b.includes("*")) return false;
  const [tokens, others] = [a.split("/"), b.split("/")];
  return (
    tokens.length === others.length &&
    tokens.every((token, i) => [token, others[i]].includes("*") || token === others[i])
  );
}

/** A status and a whole body have the same place. */
function placeOf({ at, kind }: Difference): string {
  return kind === "status" ? "status" : generalPlace(withoutStandIns(at));
}

function keyOf(difference: Difference): string {
  return JSON.stringify(groupSignature([difference]));
}
