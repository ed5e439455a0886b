/**
 * What a value is called by whom, once a route has been over the barrier. Of each pair clients hold the value of the service that
 * was the primary when the pair was learnt, since that is what they were answered, and they go on being told it: so they keep
 * what they hold, over a cutover and a rollback alike, and one thing never has two names for them. What has no pair passes
 * unchanged in both directions: it is what the primary that made it calls it. Pure.
 */
import type { RouteSettings } from "../../config/settings.ts";
import type { Snapshot } from "../../exchange.ts";
import { PHASE_ROLES } from "../../moves/phases.ts";
import type { PairBook, Sought } from "./pair-book.ts";
import type { Partner } from "./pair-cache.ts";
import { otherSide } from "./seal.ts";

/** as-it-is: it is called so there already. null: nobody knows until the store is asked for `bothSides` of it. */
export type Named = Partner | "as-it-is" | "unknown" | null;

type Pairs = Pick<PairBook, "partnerOf">;

/** What `text`, as a client says it, is to the service `side`. */
export function atService(pairs: Pairs, { kind, side, text }: Sought): Named {
  const theirs = pairs.partnerOf({ kind, text, side: otherSide(side) });
  if (isPair(theirs) && theirs.held !== side) return theirs;
  const own = pairs.partnerOf({ kind, text, side });
  if (isPair(own)) return "as-it-is";
  if (theirs === null || own === null) return null;
  // A value that no client was told: it was seen at a place that the configuration does not name.
  return theirs;
}

/** What `text`, as the service `side` says it, is to clients. */
export function forClients(pairs: Pairs, sought: Sought): Named {
  const own = pairs.partnerOf(sought);
  return isPair(own) && own.held === sought.side ? "as-it-is" : own;
}

export function bothSides({ kind, text }: Omit<Sought, "side">): readonly Sought[] {
  return [
    { kind, text, side: "legacy" },
    { kind, text, side: "next" },
  ];
}

export function isPair(partner: Named): partner is Partner {
  return typeof partner === "object" && partner !== null;
}

/** By the settings that act; they are few, and asked of each request. */
const turnedKinds = new WeakMap<Snapshot, ReadonlySet<string>>();

/**
 * Whether a value of the route may be called otherwise by clients than by its primary: next is the primary of some route that has
 * values of the kind, or has been.
 */
export function isTurned(snapshot: Snapshot, route: RouteSettings): boolean {
  let turned = turnedKinds.get(snapshot);
  if (turned === undefined) {
    const { settings, epochs } = snapshot;
    const over = settings.routes.filter(
      ({ name, phase }) => PHASE_ROLES[phase].primary === "next" || (epochs.get(name) ?? 1) > 1,
    );
    turnedKinds.set(snapshot, (turned = new Set(over.flatMap((one) => kindsOf(one)))));
  }
  return turned.size > 0 && kindsOf(route).some((kind) => turned.has(kind));
}

function kindsOf({ values: { learn, apply } }: RouteSettings): string[] {
  return [...learn, ...apply].map(({ kind }) => kind);
}
