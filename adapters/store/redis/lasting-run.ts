/**
 * A lasting run: one member's accounts over all its process lives, beside a journal that outlives them. What Redis knows of
 * it is read when a life begins; what the journal has and Redis had not counted is counted then, and what does not come out
 * even gets a gap (docs/semantics.md, "Journal"). The same as previous-run.ts of SQLite does, as writes.
 */
import type { OutcomeKind, OutcomeReason } from "../../../proxy/outcome.ts";
import type { Missing, OutcomeCount } from "../../../proxy/evidence/evidence.ts";
import { makeUlid } from "../../../proxy/identity.ts";
import type { JournalAccount } from "../../../proxy/journal.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import type { EssentialRows } from "../rows.ts";

/** Of one partition, as its life before has left it. */
export interface RunBefore {
  /** null: Redis knows nothing of it. */
  readonly generation: number | null;
  /** The last batch that was applied. */
  readonly batch: number;
  /** The journal's position up to which its counts are here. */
  readonly mark: number;
  /** Epoch ms: when it was last heard; since when it has had writes without an outcome. */
  readonly heartbeat: number;
  readonly balanced: number;
  readonly leftCleanly: boolean;
  /** Others had taken its silence for its end: they counted its open writes as unknown and recorded gaps. */
  readonly wasGivenUp: boolean;
  readonly pending: ReadonlyMap<string, number>;
  readonly totals: Pick<EssentialRows, "outcomes" | "totals">;
  /** Who got the copies of a route, as that life said last. */
  readonly shadows: ReadonlyMap<string, Missing>;
}

/** Replied by run.lua: fields and values in turn. */
export function readRun(fields: readonly string[]): RunBefore {
  const one = new Map<string, string>();
  const outcomes: OutcomeCount[] = [];
  const totals = new Map<string, { route: string; eligible: number; comparedReads: number }>();
  const pending = new Map<string, number>();
  const shadows = new Map<string, [life: string, service: string]>();
  const totalOf = (route: string): { eligible: number; comparedReads: number } => {
    const total = totals.get(route) ?? { route, eligible: 0, comparedReads: 0 };
    totals.set(route, total);
    return total;
  };
  for (let i = 0; i < fields.length; i += 2) {
    const [field, value] = [fields[i] as string, fields[i + 1] as string];
    const colon = field.indexOf(":");
    const [kind, name] = [field.slice(0, colon), field.slice(colon + 1)];
    if (colon === -1) one.set(field, value);
    else if (kind === "pending") pending.set(name, Number(value));
    else if (kind === "eligible") totalOf(name).eligible = Number(value);
    else if (kind === "shadow") shadows.set(name, value.split(" ") as [string, string]);
    else if (kind === "reads") totalOf(name).comparedReads = Number(value);
    else if (kind === "outcome") {
      const [route, outcome, reason] = JSON.parse(name) as [string, OutcomeKind, string];
      outcomes.push({ route, outcome, reason: reason === "" ? null : (reason as OutcomeReason), count: Number(value) });
    }
  }
  const number = (name: string): number => Number(one.get(name) ?? 0);
  return {
    generation: one.has("generation") ? number("generation") : null,
    batch: number("batch"),
    mark: number("mark"),
    heartbeat: number("heartbeat"),
    balanced: number("balanced"),
    leftCleanly: one.has("left"),
    wasGivenUp: one.has("returned"),
    pending,
    totals: { outcomes, totals: [...totals.values()] },
    // An older version has lives of its own, in which it says nothing of it.
    shadows: new Map(
      [...shadows].flatMap(([route, [life, service]]) =>
        life === one.get("life") && (service === "legacy" || service === "next") ? [[route, service] as const] : [],
      ),
    ),
  };
}

export interface RunAccountInput {
  /** Whether a life of this run has used the store before. */
  readonly hasRun: boolean;
  readonly before: readonly RunBefore[];
  readonly partitionOf: (route: string) => number;
  readonly journal: JournalAccount;
  /** Routes whose writes are mirrored now. */
  readonly routes: readonly string[];
  /** Redis was restarted or failed over while nobody looked: what it had confirmed last may be missing. */
  readonly mayHaveLost: boolean;
  /** Epoch ms, as the next: when its first life began. */
  readonly bornAt: number;
  readonly now: number;
}

/** What the beginning life owes to the one before, as writes in their order, and what an operator should know of it. */
export function accountForRun(input: RunAccountInput): {
  readonly writes: readonly StoreWrite[];
  readonly notes: readonly string[];
  /** The journal's position that all of it counts up to. */
  readonly upTo: number;
} {
  const { hasRun, before, partitionOf, journal, routes, now } = input;
  const of = (route: string): RunBefore => before[partitionOf(route)] as RunBefore;
  const uncounted = journal.uncounted.filter(({ position, write }) => {
    return !("route" in write) || write.route === null || position > of(write.route).mark;
  });
  const writes: StoreWrite[] = uncounted.map(({ write }) => write);
  const notes: string[] = [];

  const counted = Math.max(...before.map(({ mark }) => mark));
  const short = hasRun && journal.upTo < counted;
  const damage = short ? `it ends at ${journal.upTo}, and Redis has counted up to ${counted}` : journal.damage;
  const isLost = hasRun && before.some(({ generation }) => generation === null);
  const isCovered =
    !isLost && damage === null && before.every(({ generation }) => generation === journal.coversGeneration);
  const isClean = before.every(({ leftCleanly, generation }) => leftCleanly || generation === null);
  const begins = new Map<string, string>();
  if (isLost) {
    for (const route of routes) begins.set(route, "store lost: Redis knows nothing of this member any more");
  } else if (hasRun && !isCovered && !isClean) {
    const broken = damage === null ? "" : `; journal damaged: ${damage}`;
    for (const route of routes) begins.set(route, `unclean end while unjournaled${broken}`);
  } else if (hasRun && input.mayHaveLost) {
    for (const route of routes) begins.set(route, "store possibly lost: Redis was restarted or failed over meanwhile");
  } else if (damage !== null) {
    for (const route of routes) begins.set(route, `journal damaged: ${damage}`);
  }

  const unknown = settleUneven({ before, uncounted: writes, open: journal.open }, (route, missing) => {
    if (missing > 0) for (let i = 0; i < missing; i++) writes.push(UNKNOWN_OF(route));
    else for (let i = 0; i < -missing; i++) writes.push({ type: "eligible", route });
    if (!begins.has(route)) begins.set(route, "writes of the life before have no outcome");
  });
  if (unknown > 0) {
    notes.push(
      `${unknown} ${unknown === 1 ? "write" : "writes"} of the life before had no outcome: counted as unknown`,
    );
  }
  for (const { route } of journal.unjournaled) {
    if (!begins.has(route)) begins.set(route, "writes were not journaled when the life before ended");
  }

  for (const [route, why] of begins) {
    const { heartbeat, balanced, pending, shadows } = of(route);
    const since =
      heartbeat === 0 ? input.bornAt : (pending.get(route) ?? 0) === 0 ? heartbeat : Math.min(heartbeat, balanced);
    const from = Math.min(since, journal.unjournaled.find((one) => one.route === route)?.from ?? now, now);
    const id = makeUlid(now);
    writes.push(
      {
        type: "gap-opened",
        id,
        route,
        from: new Date(Math.floor(from)).toISOString(),
        why,
        misses: shadows.get(route) ?? null,
      },
      { type: "gap-closed", id, to: new Date(now).toISOString() },
    );
  }
  if (begins.size > 0) {
    const why = [...new Set(begins.values())].join("; ");
    notes.push(
      `${why}: a gap is recorded for ${begins.size} ${begins.size === 1 ? "route" : "routes"}; reconcile closes it`,
    );
  }
  const upTo = Math.max(journal.upTo, counted);
  writes.push({ type: "journal-mark", position: upTo });
  return { writes, notes, upTo };
}

const UNKNOWN_OF = (route: string): StoreWrite => ({ type: "count", route, outcome: "unknown", reason: null });

/** Calls `uneven` for each route of which more writes have no outcome than the journal goes on with, or (negative) fewer. */
function settleUneven(
  {
    before,
    uncounted,
    open,
  }: Pick<RunAccountInput, "before"> & {
    readonly uncounted: readonly StoreWrite[];
    readonly open: JournalAccount["open"];
  },
  uneven: (route: string, missing: number) => void,
): number {
  const missing = new Map<string, number>();
  const add = (route: string, count: number): void => void missing.set(route, (missing.get(route) ?? 0) + count);
  for (const { pending } of before) for (const [route, count] of pending) add(route, count);
  for (const write of uncounted) {
    if (write.type === "eligible") add(write.route, 1);
    else if (write.type === "count") add(write.route, -1);
  }
  for (const { route, count } of open) add(route, -count);
  let unknown = 0;
  for (const [route, count] of missing) {
    if (count === 0) continue;
    uneven(route, count);
    unknown += Math.max(0, count);
  }
  return unknown;
}
