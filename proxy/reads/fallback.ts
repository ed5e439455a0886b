/**
 * Whether legacy may be asked for an entity that next, the primary, answers 404 to (docs/reads.md): not while a write of it is not
 * confirmed by legacy, which a deletion may be, or anything of it rests there; and not any more once all rows are known to be at next.
 */
import { serviceOf, type ServiceSettings } from "../config/settings.ts";
import { type ConfirmedParts, type DialQuestion, fallsBack, isConfirmed } from "./dial.ts";
import type { Snapshot } from "../exchange.ts";
import type { FallbackCounts } from "./fallback-counts.ts";
import type { FallbackEnds } from "./fallback-ends.ts";
import type { FallbackResult } from "./fallback-results.ts";

/** An entity that legacy has and next has not. */
export interface Miss {
  readonly route: string;
  /** Exact, as the path of the read. */
  readonly key: string;
  readonly path: string;
  /** The client's Host; null: it sent none. */
  readonly host: string | null;
  /** What has to be confirmed by legacy before anything of it counts. */
  readonly names: readonly string[];
}

export interface Fallback {
  /** Never rejects. */
  mayAsk(question: DialQuestion): boolean | Promise<boolean>;
  /** What became of a read that next had nothing for. */
  count(route: string, result: FallbackResult): void;
  /** It is to be brought over. */
  missed(miss: Miss): void;
}

export interface FallbackParts extends ConfirmedParts {
  readonly snapshot: () => Pick<Snapshot, "settings" | "revision">;
  readonly isBroken: (service: ServiceSettings) => boolean;
  readonly ends: Pick<FallbackEnds, "isOver">;
  readonly counts: Pick<FallbackCounts, "count">;
  readonly missed: (miss: Miss) => void;
}

export function createFallback(parts: FallbackParts): Fallback {
  return {
    mayAsk({ route: name, names, revision }) {
      const { settings, revision: present } = parts.snapshot();
      if (revision !== present) return false;
      const route = settings.routes.find((one) => one.name === name);
      if (route === undefined || !fallsBack(route) || parts.ends.isOver(name)) return false;
      if (parts.isBroken(serviceOf(settings, "legacy"))) return false;
      return isConfirmed(parts, settings, names, "legacy");
    },
    count: (route, result) => parts.counts.count(route, result),
    missed: (miss) => parts.missed(miss),
  };
}
