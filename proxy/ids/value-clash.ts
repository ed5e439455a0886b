/**
 * Whether clients could mean two things by one value once next makes new ones: they hold legacy's of what there was before, and
 * next's own of what it makes. That goes well as long as the two never make the same one.
 */
import type { RouteSettings } from "../config/settings.ts";
import type { Seal } from "../mirror/values/seal.ts";
import type { Store } from "../ports.ts";

export interface ClashCheckParts {
  readonly store: Pick<Store, "valuePairs">;
  readonly seal: Pick<Seal, "open">;
}

/** The newest of each kind. */
const LOOKED_AT = 500;
/** Database ids: those that both services count meet sooner or later. Longer ones are seldom counted. */
const COUNTED = /^\d{1,9}$/;

/** Rejects with a CrossfadeError where the store has no answer. */
export function createClashCheck({ store, seal }: ClashCheckParts) {
  return async (routes: readonly RouteSettings[]): Promise<string | null> => {
    const kinds = new Set(routes.flatMap(({ values }) => values.learn.map(({ kind }) => kind)));
    for (const kind of kinds) {
      const { items } = await store.valuePairs({ kind, limit: LOOKED_AT });
      const pairs = items
        .flatMap((row) => seal.open(row) ?? [])
        .filter(({ legacy, next }) => legacy.text !== next.text);
      const ofLegacy = new Set(pairs.map(({ legacy }) => legacy.text));
      const clashes = pairs.some(
        ({ legacy, next }) => ofLegacy.has(next.text) || (COUNTED.test(legacy.text) && COUNTED.test(next.text)),
      );
      if (!clashes) continue;
      const why = `both services make values of kind ${kind} that look alike, and different things would have one: what a client means by it could not be told once next makes new ones`;
      return `${why}; hand next legacy's (values.give), or let it make ids that legacy cannot have`;
    }
    return null;
  };
}
