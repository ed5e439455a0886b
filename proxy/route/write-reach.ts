/** What a write may change: its keys, and what its route says it touches beside them. Pure. */
import type { About } from "../exchange.ts";
import { entityOfKey, namesEntity, type Reach } from "../reach.ts";
import { entityAtHead, isAtHead, type KeySources, type LateKeySources, touchedKeys } from "./entity-key.ts";

/** Before the primary is called; `keys` as the head tells them. */
export function reachAtHead(from: KeySources, keys: readonly string[]): Reach {
  const { touches } = from.route;
  const own = keys.length > 0 ? ofKeys(keys) : { keys: [], lateOf: [entityAtHead(from)], anyOf: [] };
  if (touches.length === 0) return own;
  const sums = { keys: [...own.keys], lateOf: [...own.lateOf], anyOf: [...own.anyOf] };
  for (const touch of touches) {
    if (touch.at === null) sums.anyOf.push(touch.entity);
    else if (!isAtHead(touch.at)) sums.lateOf.push(touch.entity);
    else add(sums, touch.entity, touchedKeys(touch, headOnly(from)));
  }
  return sums;
}

/** Once body and answer are there. */
export function reachAtAnswer(from: LateKeySources, about: About): Reach {
  const isKnown = about.entity && about.unfollowed === null;
  const own = isKnown ? ofKeys(about.keys) : { keys: [], lateOf: [], anyOf: about.keys.map(entityOfKey) };
  const { touches } = from.route;
  if (touches.length === 0) return own;
  const sums = { keys: [...own.keys], lateOf: [], anyOf: [...own.anyOf] };
  for (const touch of touches) {
    if (touch.at === null) sums.anyOf.push(touch.entity);
    else add(sums, touch.entity, touchedKeys(touch, from));
  }
  return sums;
}

/** A path, or the lane of a whole route, names no entity. */
function ofKeys(keys: readonly string[]): Reach {
  return {
    keys: keys.filter(namesEntity),
    lateOf: [],
    anyOf: keys.filter((key) => !namesEntity(key)).map(entityOfKey),
  };
}

/** `touched` null: they could not all be read. */
function add(sums: { keys: string[]; anyOf: string[] }, entity: string, touched: readonly string[] | null): void {
  if (touched === null) sums.anyOf.push(entity);
  else sums.keys.push(...touched);
}

function headOnly(from: KeySources): LateKeySources {
  return { ...from, requestBody: () => null, answerHeaders: [], answerBody: () => null };
}
