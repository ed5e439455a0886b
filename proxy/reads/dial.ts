/**
 * Whether next may answer a read while legacy is the primary (docs/reads.md): not while anything that the read may be about is
 * pinned, by a write that next has not confirmed, or rests, since next is not known to be right; and not where nobody can tell.
 */
import { type RouteSettings, serviceOf, type ServiceSettings, type Settings } from "../config/settings.ts";
import type { Locator } from "../config/terms.ts";
import type { DialCounts } from "./dial-counts.ts";
import type { DialRests } from "./dial-rests.ts";
import type { DialResult } from "./dial-results.ts";
import type { Identity, Snapshot } from "../exchange.ts";
import type { Pins } from "../mirror/pins.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { SharedPins } from "../members/pins.ts";

/**
 * How long a read waits to hear what other members have pinned; then its primary's answer counts. By who was to answer: where next was
 * to be asked first nothing is lost, where legacy was to be asked last the client is told that there is no such thing.
 */
const OTHERS_WITHIN_MS = { next: 20, legacy: 500 } as const;

export interface ConfirmedParts {
  readonly pins: Pick<Pins, "holdsAny" | "isWhole">;
  readonly rests: Pick<DialRests, "restsAny" | "others">;
  readonly shared: SharedPins | null;
  readonly mirroringEnabled: () => boolean;
}

export interface DialParts extends ConfirmedParts {
  readonly snapshot: () => Pick<Snapshot, "settings" | "revision">;
  readonly isBroken: (service: ServiceSettings) => boolean;
}

/** What a read has to find free, and of which route: that another service than its primary may answer it. */
export interface DialQuestion {
  /** Of the settings that it arrived under: others may pin by something else. */
  readonly revision: number;
  readonly route: string;
  readonly names: readonly string[];
}

export interface Dial {
  /** false: legacy answers. Never rejects. */
  mayAsk(question: DialQuestion): boolean | Promise<boolean>;
  /** What became of a read that fell to next. */
  count(route: string, result: DialResult): void;
}

export function createDial(parts: DialParts, counts: Pick<DialCounts, "count">): Dial {
  return {
    mayAsk({ route: name, names, revision }) {
      const { settings, revision: present } = parts.snapshot();
      if (revision !== present) return false;
      const route = settings.routes.find((one) => one.name === name);
      if (route === undefined || !isDialled(route)) return false;
      if (parts.isBroken(serviceOf(settings, route.next))) return false;
      // What is written is there for both.
      if (route.sharedDatabase) return true;
      return isConfirmed(parts, settings, names, "next");
    },
    count: (route, result) => counts.count(route, result),
  };
}

/**
 * Whether whoever is not the primary has all that the primary was told of what these name, for all that is known. Never rejects.
 */
export function isConfirmed(
  parts: ConfirmedParts,
  settings: Settings,
  names: readonly string[],
  service: Identity,
): boolean | Promise<boolean> {
  if (!parts.mirroringEnabled() || !parts.pins.isWhole) return false;
  if (parts.pins.holdsAny(names) || parts.rests.restsAny(names, service)) return false;
  const { shared } = parts;
  if (shared === null) return true;
  return within(shared.areFree(names, specOf(settings) ?? "", parts.rests.others()), OTHERS_WITHIN_MS[service]);
}

export function isDialled({ phase, reads }: RouteSettings): boolean {
  return reads.dialShare > 0 && PHASE_ROLES[phase].primary === "legacy" && PHASE_ROLES[phase].shadow !== null;
}

/** By what any route's reads stay on one side, each once. */
export function bysOf({ routes }: Settings): readonly Locator[] {
  const bys = new Map<string, Locator>();
  for (const route of routes) {
    const { by } = route.reads;
    if (by !== null && isDialled(route)) bys.set(spell(by), by);
  }
  return [...bys.values()];
}

/** Whether legacy may be asked for what next, the primary, has not. */
export function fallsBack({ phase, reads, sharedDatabase }: RouteSettings): boolean {
  const { primary, shadow } = PHASE_ROLES[phase];
  return reads.fallback && primary === "next" && shadow !== null && !sharedDatabase;
}

/** What has to be pinned for these settings; null: nothing, each read is its primary's. Equal texts pin alike. */
export function specOf(settings: Settings): string | null {
  const isNeeded = settings.routes.some((route) => (isDialled(route) && !route.sharedDatabase) || fallsBack(route));
  if (!isNeeded) return null;
  return ["key", ...bysOf(settings).map(spell).sort()].join(" ");
}

function spell({ source, name }: Locator): string {
  return `${source}:${name}`;
}

function within(answer: Promise<boolean>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms, false);
    void answer.then((isFree) => {
      clearTimeout(timer);
      resolve(isFree);
    });
  });
}
