/** A group as it is shown, from what a store keeps of it: one reading for every store. */
import type { GroupDecision, GroupRecord, GroupState } from "../../proxy/evidence/evidence.ts";
import { stateNow } from "../../proxy/evidence/group-states.ts";
import { isFailure } from "../../proxy/evidence/groups.ts";
import { trendOf } from "../../proxy/evidence/trend.ts";

export interface KeptGroup {
  readonly id: string;
  readonly route: string;
  readonly method: string;
  readonly signature: GroupRecord["signature"];
  readonly count: number;
  readonly tainted: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly firstBuild: string | null;
  readonly lastBuild: string | null;
  readonly state: GroupState;
  readonly decision: GroupDecision | null;
  /** Compared exchanges of its route when it was first and last seen. */
  readonly comparedAtFirst: number;
  readonly comparedAtLast: number;
  readonly hours: Iterable<readonly [hour: number, count: number]>;
}

/** `compared`: of its route, now. */
export function viewGroup(kept: KeptGroup, compared: number, now: number): GroupRecord {
  const { id, route, method, signature, count, tainted, firstBuild, lastBuild, decision } = kept;
  // A divergence can be kept just before the count of its exchange; a failure is never among what was compared.
  const whole = isFailure(signature) ? compared + count : Math.max(compared, count);
  return {
    id,
    route,
    method,
    signature,
    count,
    tainted,
    share: count / whole,
    firstSeen: new Date(kept.firstMs).toISOString(),
    lastSeen: new Date(kept.lastMs).toISOString(),
    firstBuild,
    lastBuild,
    trend: trendOf(kept.hours, now),
    state: stateNow(kept.state, { ...kept, compared }),
    decision,
  };
}
