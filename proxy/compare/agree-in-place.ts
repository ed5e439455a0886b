import { compareNumbers } from "../json/number.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";
import { type Effort, pairMembers, RULE_EFFORT } from "./equal-json.ts";
import { rulesThatExcuse } from "./rules/excuse.ts";
import { NOWHERE, type Place } from "./rules/places.ts";

/**
 * Whether two values differ in nothing but what rules excuse, arrays taken index by index: true is certain, false may be
 * wrong about arrays whose elements moved. null: it would take more than `effort`. Cheaper than numbering both.
 */
export function agreeInPlace(a: JsonValue, b: JsonValue, place: Place, effort: Effort): boolean | null {
  const pending: (readonly [JsonValue | undefined, JsonValue | undefined, Place])[] = [[a, b, place]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    effort.left -= 1;
    if (effort.left < 0) return null;
    const [x, y, at] = next;
    if (x === y) continue;
    if (x instanceof JsonObject && y instanceof JsonObject) {
      const pairs = pairMembers(x, y);
      for (const [i, name] of x.names.entries()) {
        const j = pairs === null ? i : (pairs.partner[i] as number);
        pending.push([x.values[i], j < 0 ? undefined : y.values[j], inside(at, name)]);
      }
      for (const j of pairs?.surplus ?? []) pending.push([undefined, y.values[j], inside(at, y.names[j] as string)]);
    } else if (Array.isArray(x) && Array.isArray(y)) {
      if (x.length !== y.length) return false;
      for (const i of x.keys()) pending.push([x[i] as JsonValue, y[i] as JsonValue, inside(at, i)]);
    } else if (x instanceof JsonNumber && y instanceof JsonNumber && compareNumbers(x.raw, y.raw) === "equal") {
      continue;
    } else {
      if (at.rules === null) return false;
      effort.left -= RULE_EFFORT;
      if (rulesThatExcuse(at.rules, x, y) === null) return false;
    }
  }
  return true;
}

function inside(place: Place, token: string | number): Place {
  return place.isBare ? NOWHERE : place.child(token);
}
