/** Parts of a whole as lengths that people see, each at least that long, which sum to exactly the whole. Pure. */
import { outcomeParts, type OutcomePart } from "../admin/sentences.ts";
import type { RouteStatus } from "../admin/route-status.ts";

/** Of the whole: what is there at all can be seen. */
const LEAST = 0.008;
export const WHOLE = 1000;

export interface OutcomeLength extends OutcomePart {
  readonly from: number;
  readonly length: number;
}

export function outcomeLengths(route: Pick<RouteStatus, "outcomes" | "reasons" | "pending">): readonly OutcomeLength[] {
  const parts = outcomeParts(route);
  const sum = parts.reduce((all, { count }) => all + count, 0);
  const shares = parts.map(({ count }) => Math.max(LEAST, count / sum));
  const all = shares.reduce((total, share) => total + share, 0);
  let from = 0;
  return parts.map((part, i) => {
    const end = i === parts.length - 1 ? WHOLE : from + (WHOLE * (shares[i] as number)) / all;
    const length = end - from;
    const placed = { ...part, from, length };
    from = end;
    return placed;
  });
}
