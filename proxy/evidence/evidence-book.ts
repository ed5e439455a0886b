/**
 * The evidence of every route as exchanges settle: in memory, a batch of what changed to the store each second. Nothing here
 * is waited for, and nothing throws into the life of an exchange. A process that is killed loses what came in its last second,
 * of both kinds; what it left without an outcome the next one settles as unknown, against.
 */
import type { GateSettings, RouteSettings } from "../config/settings.ts";
import type { Settled, Snapshot } from "../exchange.ts";
import { barrierOf, type GateTally, type KeptGateEvidence, type StratumName } from "../moves/gate-evidence.ts";
import { reasonOf } from "../outcome.ts";
import { beginEpoch, blockMsOf, blockStart, closeBlock, mergeTallies, NO_TALLY, verdictOf } from "../phase/epochs.ts";
import { countMs } from "../phase/latency.ts";
import { hashOfKey, UnitBlock } from "../phase/unit-block.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { Clock, Store } from "../ports.ts";
import { rulesDigest } from "./rules-digest.ts";

export interface EvidenceBookParts {
  readonly store: Pick<Store, "append">;
  readonly clock: Pick<Clock, "now">;
  /** What earlier processes left. */
  readonly kept: readonly KeptGateEvidence[];
  /** Members that had ever counted when this process began, itself among them; 0: nobody shares the store. */
  readonly claims: number;
  /** 32 bits by chance: which keys are followed where there are too many is nobody's to choose. */
  readonly seed: number;
}

export interface EvidenceBook {
  /** An eligible exchange has its outcome. */
  settled(settled: Settled): void;
  /** As of now, under the rules and in the phase that act. */
  of(route: RouteSettings, snapshot: Pick<Snapshot, "revision" | "epochs">): KeptGateEvidence;
  /** Hands over what has not reached the store yet. */
  close(): void;
}

const KEPT_EVERY_MS = 1_000;
/** Builds of next that are told apart within one block. */
const MOST_BUILDS = 8;
/** All exchanges without a key are one unit of their block. */
const NO_KEY = "";

/** A route while it is counted. */
interface Counted {
  kept: KeptGateEvidence;
  gate: GateSettings;
  /** Of the newest settings seen. */
  revision: number;
  block: UnitBlock;
  builds: string[];
  tally: OpenTally;
}

interface OpenTally {
  readonly against: Record<string, number>;
  readonly methods: Record<string, number>;
  readonly latency: { readonly primary: number[]; readonly shadow: number[] };
}

export function createEvidenceBook(parts: EvidenceBookParts): EvidenceBook {
  const routes = new Map<string, Counted>();
  const earlier = new Map(parts.kept.map((kept) => [kept.route, kept]));
  const changed = new Set<Counted>();
  let timer: NodeJS.Timeout | null = null;

  /** null: the route is followed under newer rules already. */
  function countedOf(
    route: RouteSettings,
    { revision, epochs }: Pick<Snapshot, "revision" | "epochs">,
    now: number,
  ): Counted | null {
    const rules = epochRules(route);
    const barrier = epochs.get(route.name) ?? 1;
    let counted = routes.get(route.name);
    if (counted === undefined) {
      const kept = earlier.get(route.name) ?? begin(route, { rules, barrier, epoch: 1, why: "first" }, now);
      const { from, divergent, tally } = kept.block;
      counted = {
        kept,
        gate: route.gate,
        revision,
        block: new UnitBlock(from, divergent),
        builds: [],
        tally: openTally(tally),
      };
      routes.set(route.name, counted);
    }
    // While next is the source of truth nothing is counted, and what had been stays to be seen.
    const wasAway = PHASE_ROLES[route.phase].shadow === "next" && barrierOf(counted.kept) !== barrier;
    if (counted.kept.rules !== rules || wasAway) {
      if (revision < counted.revision || barrier < barrierOf(counted.kept)) return null;
      const why = wasAway ? "rollback" : "rules";
      const kept = begin(route, { rules, barrier, epoch: counted.kept.epoch + 1, why }, now);
      Object.assign(counted, { kept, block: new UnitBlock(kept.block.from), builds: [], tally: openTally(NO_TALLY) });
    }
    if (revision >= counted.revision) Object.assign(counted, { gate: route.gate, revision });
    closeWhatIsOver(counted, now);
    return counted;
  }

  function begin(
    { name, gate }: RouteSettings,
    given: Pick<KeptGateEvidence, "rules" | "barrier" | "epoch" | "why">,
    since: number,
  ): KeptGateEvidence {
    return beginEpoch(name, gate, { ...given, build: null, since });
  }

  /** A clock that was set back leaves the block open until it has caught up. */
  function closeWhatIsOver(counted: Counted, now: number): void {
    const { kept, block, builds, tally, gate } = counted;
    if (now < block.from + kept.blockMs) return;
    const closed = closeBlock(kept, { counts: block.counts(), tally, builds }, gate, parts.claims);
    const from = blockStart(now, blockMsOf(gate));
    counted.kept = { ...closed, block: { from, divergent: {}, tally: NO_TALLY } };
    counted.block = new UnitBlock(from);
    counted.builds = [];
    counted.tally = openTally(NO_TALLY);
    noteChange(counted);
  }

  function noteChange(counted: Counted): void {
    changed.add(counted);
    timer ??= setTimeout(keep, KEPT_EVERY_MS).unref();
  }

  function keep(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const rows = [...changed].map(snapshotOf);
    changed.clear();
    if (rows.length > 0) parts.store.append([{ type: "gate-evidence", rows }]);
  }

  return {
    settled(settled) {
      const { exchange, outcome } = settled;
      const { plan, route, snapshot } = exchange;
      const verdict = verdictOf(outcome);
      // The gate is about next: what it answers as a shadow.
      if (verdict === null || !plan.mirror || plan.shadow !== "next") return;
      const counted = countedOf(route, snapshot, parts.clock.now());
      if (counted === null) return;
      const { status } = settled.primary;
      counted.block.add(hashOfKey(settled.key ?? NO_KEY, parts.seed), status, verdict);
      for (const key of settled.moreKeys) counted.block.add(hashOfKey(key, parts.seed), status, verdict);
      tallyUp(counted, settled, verdict === "divergent");
      noteChange(counted);
    },
    of(route, snapshot) {
      const now = parts.clock.now();
      const isKnown = routes.has(route.name) || earlier.has(route.name);
      const counted = isKnown ? countedOf(route, snapshot, now) : null;
      if (counted !== null) return withOpenTally(counted);
      const barrier = snapshot.epochs.get(route.name) ?? 1;
      return begin(route, { rules: epochRules(route), barrier, epoch: 1, why: "first" }, now);
    },
    close: keep,
  };
}

const rulesOf = new WeakMap<RouteSettings, string>();

/** All that makes evidence comparable with what is added to it. */
function epochRules(route: RouteSettings): string {
  let rules = rulesOf.get(route);
  if (rules === undefined) {
    const { divergenceBelow, confidence, spanMs } = route.gate;
    rules = [rulesDigest(route.compare), divergenceBelow, confidence, spanMs].join(" ");
    rulesOf.set(route, rules);
  }
  return rules;
}

function tallyUp({ tally, builds }: Counted, settled: Settled, against: boolean): void {
  const { outcome, exchange, primary, shadow, build } = settled;
  if (against) {
    const reason = reasonOf(outcome);
    addOne(tally.against, reason === null ? outcome.kind : `${outcome.kind}(${reason})`);
  }
  if (outcome.kind !== "match" && outcome.kind !== "ignored" && outcome.kind !== "divergent") return;
  addOne(tally.methods, exchange.request.method);
  if (primary.ms !== null && shadow !== null && shadow.ms !== null) {
    countMs(tally.latency.primary, primary.ms);
    countMs(tally.latency.shadow, shadow.ms);
  }
  if (build !== null && !builds.includes(build) && builds.length < MOST_BUILDS) builds.push(build);
}

function addOne(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function openTally({ against, methods, latency }: GateTally): OpenTally {
  return {
    against: { ...against },
    methods: { ...methods },
    latency: { primary: [...latency.primary], shadow: [...latency.shadow] },
  };
}

/** As it is kept: of the open block what speaks against, so that a restart loses none of that. */
function snapshotOf({ kept, block, tally }: Counted): KeptGateEvidence {
  const counts = Object.entries(block.counts()).filter(([, { divergent }]) => divergent > 0);
  const divergent: Partial<Record<StratumName, number>> = Object.fromEntries(
    counts.map(([name, count]) => [name, count.divergent]),
  );
  return { ...kept, block: { from: block.from, divergent, tally: openTally(tally) } };
}

/** As it is shown: exchanges count at once, units when their block is closed. */
function withOpenTally({ kept, tally }: Counted): KeptGateEvidence {
  return { ...kept, tally: mergeTallies(kept.tally, tally) };
}
