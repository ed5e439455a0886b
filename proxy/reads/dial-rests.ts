/**
 * Where one service is not known to hold what the other holds: names of keys on the repair list and of routes with gaps, looked up
 * again and again while any route's reads may be answered by what is not their primary. A look that is too old says nothing, and
 * then the primary alone answers.
 */
import type { RouteSettings, Settings } from "../config/settings.ts";
import { isMissingAt, type RepairWork } from "../evidence/evidence.ts";
import type { Identity } from "../exchange.ts";
import { lookEvery, type Looks } from "../looks.ts";
import type { Member } from "../members/members.ts";
import type { Doubtful, Pins } from "../mirror/pins.ts";
import type { OpenWork, Store } from "../ports.ts";
import { ALL, nameOfAny, nameOfKey, nameOfSome } from "../route/pin-names.ts";
import { entityOfKey, namesEntity } from "../reach.ts";

const LOOK_EVERY_MS = 1_000;
/** From the beginning of a look. */
const TRUSTED_FOR_MS = 3_000;
/** From when what a write left is kept in the store: every member has looked since, or trusts its last look no more. */
const SEEN_BY_ALL_MS = TRUSTED_FOR_MS + LOOK_EVERY_MS;
/** Of one route, by key; a route with more rests whole. */
const MOST_KEYS = 1_000;

export interface RestParts {
  readonly store: Pick<Store, "openWork" | "repairWork" | "flush" | "health">;
  readonly members: { list(): Promise<readonly Pick<Member, "id" | "state" | "isSelf">[]> };
  readonly pins: Pick<Pins, "takeDoubtful" | "letGo" | "caughtUp">;
  readonly settings: () => Settings;
  /** Accepted writes that are in the journal alone. */
  readonly waiting: () => number;
  /** All that an earlier life of this member had open is delivered, or on the repair list. */
  readonly earlierSettled: () => void;
  readonly monotonic: () => number;
}

export interface DialRests extends Looks {
  /** Whether one of them rests at the service that is to answer, or nobody knows. */
  restsAny(names: readonly string[], service: Identity): boolean;
  /** Ids of the other members, as of the last look. */
  others(): readonly string[];
}

interface Look {
  readonly begunAt: number;
  readonly names: Readonly<Record<Identity, ReadonlySet<string>>>;
  readonly others: readonly string[];
}

export function createDialRests(parts: RestParts): DialRests {
  let look: Look | null = null;
  let isFirst = true;
  /** Of writes that ended in doubt whose rest is kept in the store, and until when (monotonic ms) they stay pinned all the same. */
  let kept: { readonly names: readonly string[]; readonly until: number }[] = [];
  let unkept: Doubtful[] = [];

  async function lookNow(): Promise<void> {
    unkept.push(...parts.pins.takeDoubtful());
    if (unkept.length > 0 || isFirst) await parts.store.flush();
    const { problem } = parts.store.health();
    const begunAt = parts.monotonic();
    if (problem === null) {
      kept.push(
        ...unkept.map(({ names, unsureForMs }) => ({ names, until: begunAt + Math.max(SEEN_BY_ALL_MS, unsureForMs) })),
      );
      unkept = [];
    }
    const [work, members] = await Promise.all([parts.store.openWork(), parts.members.list()]);
    const keysOf = memoised((route) => parts.store.repairWork({ route, after: 0, dueAt: null, limit: MOST_KEYS + 1 }));
    const settings = parts.settings();
    const names = {
      next: await restsOf(settings, work, "next", keysOf),
      legacy: await restsOf(settings, work, "legacy", keysOf),
    };
    const others = members.filter(({ isSelf, state }) => !isSelf && state !== "left").map(({ id }) => id);
    look = { begunAt, names, others };
    const now = parts.monotonic();
    for (const { names: seen } of kept.filter(({ until }) => now >= until)) parts.pins.letGo(seen);
    kept = kept.filter(({ until }) => now < until);
    if (parts.waiting() === 0) parts.pins.caughtUp();
    if (isFirst && parts.waiting() === 0 && problem === null) {
      isFirst = false;
      parts.earlierSettled();
    }
  }

  return {
    // What was seen last counts for a while, and then the primaries alone answer.
    ...lookEvery(LOOK_EVERY_MS, lookNow),
    restsAny(names, service) {
      if (look === null || parts.monotonic() - look.begunAt > TRUSTED_FOR_MS || parts.waiting() > 0) return true;
      const resting = look.names[service];
      return resting.size > 0 && names.some((name) => resting.has(name));
    },
    others: () => look?.others ?? [],
  };
}

type KeysOf = (route: string) => Promise<readonly Pick<RepairWork, "key" | "misses">[]>;

/** Both services are asked about. */
function memoised(keysOf: KeysOf): KeysOf {
  const known = new Map<string, ReturnType<KeysOf>>();
  return (route) => {
    const keys = known.get(route) ?? keysOf(route);
    known.set(route, keys);
    return keys;
  };
}

/**
 * The names that rest at a service. next rests wherever the two may differ: it is asked while legacy is right. legacy rests where it may
 * miss something itself; what next alone misses is what it is asked for. Pure, but for `keysOf`: what the store has to repair of
 * a route.
 */
export async function restsOf(
  { routes }: Settings,
  work: readonly Pick<OpenWork, "route" | "repairs" | "gaps" | "legacyMisses">[],
  service: Identity,
  keysOf: KeysOf,
): Promise<ReadonlySet<string>> {
  const resting = new Set<string>();
  const restEntity = (entity: string | null): void => {
    if (entity === null) resting.add(ALL);
    else for (const name of [nameOfAny(entity), nameOfSome(entity)]) resting.add(name);
  };
  for (const { route: name, legacyMisses, ...both } of work) {
    const { repairs, gaps } = service === "next" ? both : legacyMisses;
    if (repairs + gaps === 0) continue;
    const route = routes.find((one) => one.name === name);
    if (gaps > 0) {
      restAll(route, restEntity);
      continue;
    }
    const listed = await keysOf(name);
    const keys = service === "next" ? listed : listed.filter(({ misses }) => isMissingAt("legacy", misses));
    if (listed.length > MOST_KEYS || keys.some(({ key }) => key === null || !namesEntity(key)))
      restAll(route, restEntity);
    else {
      for (const { key } of keys) {
        resting.add(nameOfKey(key as string));
        resting.add(nameOfSome(entityOfKey(key as string)));
      }
      for (const { entity } of route?.touches ?? []) restEntity(entity);
    }
  }
  return resting;
}

/** A route that the settings no longer have may have been about anything. */
function restAll(route: RouteSettings | undefined, restEntity: (entity: string | null) => void): void {
  restEntity(route?.entity ?? null);
  for (const { entity } of route?.touches ?? []) restEntity(entity);
}
