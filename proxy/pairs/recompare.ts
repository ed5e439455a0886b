/** What other rules would make of the pairs that are kept: causes that vanish, and causes that appear. */
import type { Comparer } from "../compare/comparer.ts";
import type { RouteSettings } from "../config/settings.ts";
import type { DivergenceRecord, SignaturePart } from "../evidence/evidence.ts";
import type { RequestHead, Router } from "../exchange.ts";
import { groupId, groupSignature } from "../evidence/groups.ts";
import { withoutStandIns } from "../record/redaction.ts";
import type { PairOutcome, StoredPair } from "../evidence/stored-pair.ts";
import { type ComparedAgain, compareAgain } from "./compare-again.ts";

export interface RecompareParts {
  /** Under the rules that are asked about. */
  readonly router: Router;
  readonly comparer: Pick<Comparer, "compare">;
  /** Epoch ms: decides which rules have expired. */
  readonly now: number;
}

/** Every pair is in exactly one of them: `pairs` is the sum of the others. */
export interface RecompareSums {
  readonly pairs: number;
  /** The same differences as before, or none as before. */
  readonly unchanged: number;
  /** No difference is left. */
  readonly vanished: number;
  /** Fewer differences than before, and no new one. */
  readonly fewer: number;
  /** With a difference that was none before. */
  readonly appeared: number;
  /** Differences at redacted places that a rule looks at, and no other new one. */
  readonly undecided: number;
  /** Its route is gone, or it could not be compared. */
  readonly notCompared: number;
}

export interface Vanished {
  /** The group that its pairs were of; null: they were of none. */
  readonly group: string | null;
  readonly route: string;
  readonly method: string;
  readonly signature: readonly SignaturePart[];
  /** Its pairs; those without a difference now; those with fewer. */
  readonly pairs: number;
  readonly vanished: number;
  readonly fewer: number;
}

export interface Appeared {
  /** As the proxy would call it. */
  readonly group: string;
  readonly route: string;
  readonly method: string;
  readonly signature: readonly SignaturePart[];
  readonly pairs: number;
  /** What those pairs were when they were recorded. */
  readonly were: Readonly<Partial<Record<PairOutcome, number>>>;
  /** With the differences that are new. */
  readonly sample: DivergenceRecord;
}

export interface RecompareReport {
  readonly sums: RecompareSums;
  /** The most pairs first, as in `appeared`. */
  readonly vanished: readonly Vanished[];
  readonly appeared: readonly Appeared[];
  /** Compared by status and headers alone, since a body was not kept. */
  readonly headsOnly: number;
  /** Why pairs were not compared, with how many. */
  readonly notCompared: readonly { readonly why: string; readonly pairs: number }[];
}

type Kind = Exclude<keyof RecompareSums, "pairs">;
type Counted<T> = { -readonly [Key in keyof T]: T[Key] };

export class Recomparison {
  readonly #parts: RecompareParts;
  readonly #sums: Counted<RecompareSums> = {
    pairs: 0,
    unchanged: 0,
    vanished: 0,
    fewer: 0,
    appeared: 0,
    undecided: 0,
    notCompared: 0,
  };
  readonly #before = new Map<string, Counted<Vanished>>();
  readonly #appeared = new Map<string, Counted<Appeared> & { were: Partial<Record<PairOutcome, number>> }>();
  readonly #notCompared = new Map<string, number>();
  #headsOnly = 0;

  constructor(parts: RecompareParts) {
    this.#parts = parts;
  }

  async add(pair: StoredPair): Promise<void> {
    const { router, comparer, now } = this.#parts;
    const route = routeOf(pair, router);
    this.#sums.pairs += 1;
    if (route === null) return this.#leaveOut(`no route takes what was of ${pair.route}`);
    const again = await compareAgain(pair, route, comparer, now);
    if ("failed" in again) return this.#leaveOut(again.failed);
    if (again.headsOnly) this.#headsOnly += 1;
    const kind = kindOf(again);
    this.#sums[kind] += 1;
    if (pair.outcome === "divergent") this.#countBefore(pair, kind);
    if (kind === "appeared") this.#addAppeared(pair, route, again);
  }

  report(): RecompareReport {
    const byPairs = (a: { readonly pairs: number }, b: { readonly pairs: number }): number => b.pairs - a.pairs;
    return {
      sums: { ...this.#sums },
      vanished: [...this.#before.values()].filter(({ vanished, fewer }) => vanished + fewer > 0).sort(byPairs),
      appeared: [...this.#appeared.values()].sort(byPairs),
      headsOnly: this.#headsOnly,
      notCompared: [...this.#notCompared].map(([why, pairs]) => ({ why, pairs })).sort(byPairs),
    };
  }

  #leaveOut(why: string): void {
    this.#sums.notCompared += 1;
    this.#notCompared.set(why, (this.#notCompared.get(why) ?? 0) + 1);
  }

  #countBefore(pair: StoredPair, kind: Kind): void {
    const { route, request } = pair;
    const signature = signatureOf(pair.differences);
    const group = pair.group;
    const name = group ?? JSON.stringify([route, request.method]);
    let cause = this.#before.get(name);
    if (cause === undefined) {
      cause = { group, route, method: request.method, signature, pairs: 0, vanished: 0, fewer: 0 };
      this.#before.set(name, cause);
    }
    cause.pairs += 1;
    if (kind === "vanished" || kind === "fewer") cause[kind] += 1;
  }

  #addAppeared(pair: StoredPair, route: RouteSettings, again: ComparedAgain): void {
    const { method } = pair.request;
    const signature = signatureOf(again.differences);
    const group = groupId(route.name, method, signature);
    let cause = this.#appeared.get(group);
    if (cause === undefined) {
      const sample = recordOf(pair, route.name, group, again);
      cause = { group, route: route.name, method, signature: signatureOf(again.appeared), pairs: 0, were: {}, sample };
      this.#appeared.set(group, cause);
    }
    cause.pairs += 1;
    cause.were[pair.outcome] = (cause.were[pair.outcome] ?? 0) + 1;
  }
}

function kindOf({ appeared, vanished, undecided, differences, moreDifferences }: ComparedAgain): Kind {
  if (appeared.length > 0) return "appeared";
  if (undecided.length > 0) return "undecided";
  if (vanished.length === 0) return "unchanged";
  return differences.length + moreDifferences === 0 ? "vanished" : "fewer";
}

/** The route that would take the request; where what it is chosen by is redacted, the one of the same name. null: none. */
function routeOf({ request, route: name }: StoredPair, router: Router): RouteSettings | null {
  const { redacted } = request;
  const isHidden = router.routes.some(({ match }) =>
    match.headers.some(([header]) => redacted.includes(`header:${header}`)),
  );
  if (!isHidden && !redacted.includes("target")) return router.match(headOf(request))?.route ?? null;
  return router.routes.find((route) => route.name === name) ?? null;
}

export function headOf({ method, target, headers, scheme }: StoredPair["request"]): RequestHead {
  const mark = target.indexOf("?");
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? "" : target.slice(mark + 1);
  return { method, target, path, query, headers, remoteAddress: "127.0.0.1", scheme };
}

function signatureOf(differences: ComparedAgain["differences"]): readonly SignaturePart[] {
  return groupSignature(differences.map((difference) => ({ ...difference, at: withoutStandIns(difference.at) })));
}

function recordOf(pair: StoredPair, route: string, group: string, { appeared }: ComparedAgain): DivergenceRecord {
  const { path, query } = headOf(pair.request);
  const leg = ({ service, status }: StoredPair["primary"]) => ({ service, status, ms: null, bytes: null });
  return {
    id: pair.id,
    time: pair.time,
    route,
    phase: pair.phase,
    outcome: "divergent",
    reason: null,
    key: pair.key,
    method: pair.request.method,
    path,
    query: query === "" ? null : query,
    traceId: "",
    group,
    taintedBy: null,
    build: pair.build,
    primary: leg(pair.primary),
    shadow: { ...leg(pair.shadow), attempts: 1 },
    differences: appeared,
    moreDifferences: 0,
    error: null,
  };
}
