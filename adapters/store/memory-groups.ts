/** Groups in memory: counts, states and the last day of each. */
import type {
  DivergenceRecord,
  GroupDecision,
  GroupEvent,
  GroupRecord,
  GroupState,
} from "../../proxy/evidence/evidence.ts";
import { stateNow, stateWhenSeen } from "../../proxy/evidence/group-states.ts";
import { hourOf, TREND_HOURS } from "../../proxy/evidence/trend.ts";
import { viewGroup } from "./group-view.ts";
import { drawSample } from "./samples.ts";

interface Group {
  readonly id: string;
  readonly signature: GroupRecord["signature"];
  readonly route: string;
  readonly method: string;
  readonly firstBuild: string | null;
  lastBuild: string | null;
  count: number;
  tainted: number;
  firstMs: number;
  lastMs: number;
  state: GroupState;
  decision: GroupDecision | null;
  readonly comparedAtFirst: number;
  comparedAtLast: number;
  readonly hours: Map<number, number>;
  /** null: it was erased, and so for the last. */
  first: string | null;
  last: string | null;
  drawn: string[];
}

export class MemoryGroups {
  readonly #groups = new Map<string, Group>();
  readonly #compared: (route: string) => number;

  /** `compared`: exchanges of a route that were compared until now. */
  constructor(compared: (route: string) => number) {
    this.#compared = compared;
  }

  get size(): number {
    return this.#groups.size;
  }

  /**
   * Counts a record in its group. `released`: the record that is no sample any more because of it, or null.
   * `event`: what is new about the group, or null.
   */
  add(
    id: string,
    record: DivergenceRecord,
    at: number,
    signature: GroupRecord["signature"],
  ): { readonly released: string | null; readonly event: GroupEvent | null } {
    const compared = this.#compared(record.route);
    const group = this.#groups.get(id);
    if (group === undefined) {
      this.#groups.set(id, openGroup(id, record, at, signature, compared));
      return { released: null, event: { event: "new", group: id } };
    }
    const shown = stateNow(group.state, { ...group, compared });
    group.state = stateWhenSeen(shown, group.decision, { at, build: record.build });
    group.count += 1;
    group.firstMs = Math.min(group.firstMs, at);
    group.lastMs = Math.max(group.lastMs, at);
    group.lastBuild = record.build ?? group.lastBuild;
    group.comparedAtLast = compared;
    countHour(group.hours, hourOf(at));
    const regressed = group.state === "regressed" && shown !== "regressed";
    return { released: nextSample(group, record.id), event: regressed ? { event: "regressed", group: id } : null };
  }

  /** Counts a record that follows from one of the group's. */
  taint(id: string): void {
    const group = this.#groups.get(id);
    if (group !== undefined) group.tainted += 1;
  }

  decide(id: string, decision: GroupDecision): boolean {
    const group = this.#groups.get(id);
    if (group === undefined) return false;
    group.state = decision.state;
    group.decision = decision;
    // Quiet is counted from here on: an opened group is open until it has been missing for long.
    group.comparedAtLast = this.#compared(group.route);
    return true;
  }

  all(now: number): { readonly group: GroupRecord; readonly samples: readonly string[] }[] {
    return [...this.#groups.values()].map((group) => this.#view(group, now));
  }

  one(id: string, now: number): { readonly group: GroupRecord; readonly samples: readonly string[] } | null {
    const group = this.#groups.get(id);
    return group === undefined ? null : this.#view(group, now);
  }

  /** Forgets the one that was not seen for the longest time; returns its samples. */
  removeOldest(): readonly string[] {
    let oldest: Group | null = null;
    for (const group of this.#groups.values()) if (oldest === null || group.lastMs < oldest.lastMs) oldest = group;
    if (oldest === null) return [];
    this.#groups.delete(oldest.id);
    return samplesOf(oldest);
  }

  /** These are no samples any more. */
  forget(ids: ReadonlySet<string>): void {
    for (const group of this.#groups.values()) {
      if (group.first !== null && ids.has(group.first)) group.first = null;
      if (group.last !== null && ids.has(group.last)) group.last = null;
      group.drawn = group.drawn.filter((id) => !ids.has(id));
    }
  }

  #view(group: Group, now: number): { readonly group: GroupRecord; readonly samples: readonly string[] } {
    return { group: viewGroup(group, this.#compared(group.route), now), samples: samplesOf(group) };
  }
}

function samplesOf({ first, drawn, last }: Group): readonly string[] {
  return [...new Set([first, ...drawn, last])].filter((id) => id !== null);
}

function openGroup(
  id: string,
  record: DivergenceRecord,
  at: number,
  signature: GroupRecord["signature"],
  compared: number,
): Group {
  return {
    id,
    signature,
    route: record.route,
    method: record.method,
    firstBuild: record.build,
    lastBuild: record.build,
    count: 1,
    tainted: 0,
    firstMs: at,
    lastMs: at,
    state: "new",
    decision: null,
    comparedAtFirst: compared,
    comparedAtLast: compared,
    hours: new Map([[hourOf(at), 1]]),
    first: record.id,
    last: record.id,
    drawn: [],
  };
}

function countHour(hours: Map<number, number>, hour: number): void {
  const known = hours.get(hour);
  hours.set(hour, (known ?? 0) + 1);
  if (known !== undefined) return;
  for (const old of hours.keys()) if (old <= hour - TREND_HOURS) hours.delete(old);
}

/** `id` becomes the last sample, the one before enters the draw. */
function nextSample(group: Group, id: string): string | null {
  const previous = group.last;
  group.last = id;
  if (previous === null || previous === group.first) return null;
  const { kept, pushedOut } = drawSample(previous, group.drawn);
  if (kept) group.drawn = [...group.drawn.filter((drawn) => drawn !== pushedOut), previous];
  return kept ? pushedOut : previous;
}
