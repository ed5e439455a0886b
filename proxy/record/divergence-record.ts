/** Builds the one line that log, store and API show of an exchange: everything in it is redacted. */
import type { DivergenceRecord, GroupRecord, ReadBackOf } from "../evidence/evidence.ts";
import type { Settled } from "../exchange.ts";
import { failureSignature, groupId, groupSignature } from "../evidence/groups.ts";
import { reasonOf } from "../outcome.ts";
import { serviceNameFor } from "../moves/phases.ts";
import { type Redacted, withoutStandIns } from "./redaction.ts";

export interface Recorded {
  readonly record: DivergenceRecord;
  /** null: it counts in no group. */
  readonly signature: GroupRecord["signature"] | null;
}

/** `rootGroup`: the group of the failed write that this exchange follows from, where it follows from one that is known. */
export function buildRecord(
  settled: Settled,
  redacted: Redacted,
  rootGroup: string | null,
  readBack?: ReadBackOf,
): Recorded {
  const { exchange, outcome, shadow } = settled;
  const { route, plan } = exchange;
  const signature = signatureOf(settled, redacted);
  const shadowService = serviceNameFor(plan.shadow ?? "next", route);
  const record: DivergenceRecord = {
    id: exchange.id,
    time: new Date(exchange.arrivedAt).toISOString(),
    route: route.name,
    phase: route.phase,
    outcome: outcome.kind,
    reason: reasonOf(outcome),
    key: redacted.key,
    method: exchange.request.method,
    path: redacted.path,
    query: redacted.query,
    traceId: exchange.traceId,
    group: signature === null ? rootGroup : groupId(route.name, exchange.request.method, signature),
    taintedBy: settled.taintedBy,
    build: redacted.build,
    primary: { service: serviceNameFor(plan.primary, route), ...legOf(settled.primary) },
    shadow: shadow === null ? null : { service: shadowService, ...legOf(shadow), attempts: shadow.attempts },
    differences: redacted.differences,
    moreDifferences: settled.moreDifferences,
    error: redacted.error,
    ...(readBack === undefined ? {} : { readBack }),
  };
  return { record, signature };
}

/** A divergence that follows from a failed write is no cause of its own; a failure always is one. */
function signatureOf({ outcome, failure, taintedBy }: Settled, redacted: Redacted): GroupRecord["signature"] | null {
  if (failure !== null) return failureSignature(failure);
  if (outcome.kind !== "divergent" || taintedBy !== null) return null;
  return groupSignature(
    redacted.differences.map((difference) => ({ ...difference, at: withoutStandIns(difference.at) })),
  );
}

interface Leg {
  readonly status: number | null;
  readonly ms: number | null;
  readonly bytes: number | null;
}

/** Tenths of a ms: what lies below is noise of the measuring. */
function legOf({ status, ms, bytes }: Leg): Leg {
  return { status, ms: ms === null ? null : Math.round(ms * 10) / 10, bytes };
}
