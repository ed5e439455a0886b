/** The accounting as the demo shows and checks it: every copy has exactly one outcome, and they sum. Pure. */
import { outcomeSum } from "../../admin/sentences.ts";
import type { StatusView } from "../../admin/status-view.ts";
import { type RouteStatus, unaccountedFor } from "../../admin/route-status.ts";
import type { OutcomeKind } from "../../outcome.ts";

export interface RouteAccount {
  readonly route: string;
  readonly eligible: number;
  /** Exchanges that have an outcome. */
  readonly settled: number;
  readonly pending: number;
  /** `412 exchanges = 409 match + 3 divergent` */
  readonly sum: string;
  /** Copies that next did not get. */
  readonly lost: number;
  /** 0 unless the accounting is broken. */
  readonly unaccounted: number;
}

/** What becomes of a copy that never reaches next; `skipped` is not among them: those were not meant to. */
const LOST: readonly OutcomeKind[] = ["dropped", "shadow-error", "shadow-timeout", "unknown"];

export function accountOf(route: RouteStatus): RouteAccount {
  const unaccounted = unaccountedFor(route);
  return {
    route: route.name,
    eligible: route.eligible,
    settled: route.eligible - route.pending - unaccounted,
    pending: route.pending,
    sum: outcomeSum(route),
    lost: LOST.reduce((sum, kind) => sum + route.outcomes[kind], 0),
    unaccounted,
  };
}

export interface Accounts {
  readonly routes: readonly RouteAccount[];
  /** Copies that next did not get, and evidence that could not be kept. */
  readonly lost: number;
  /** Every eligible exchange has ended, in exactly one outcome. */
  readonly sums: boolean;
}

export function accountsOf(status: StatusView): Accounts {
  const routes = status.routes.map(accountOf);
  return {
    routes,
    lost: routes.reduce((sum, { lost }) => sum + lost, status.store.lostWrites + status.log.lostLines),
    sums: routes.every(({ pending, unaccounted }) => pending === 0 && unaccounted === 0),
  };
}

/** Copies that next has not answered yet, or whose answers are still being compared. */
export function waitingCopies(status: StatusView): number {
  return status.routes.reduce((sum, { pending }) => sum + pending, 0);
}
