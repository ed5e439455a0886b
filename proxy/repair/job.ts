/** How far a run is, as API and CLI show it. */
import type { RepairWork } from "../evidence/evidence.ts";
import {
  type JobRecord,
  REPAIRED,
  REPAIR_RESULTS,
  type RepairFinding,
  type RepairOrder,
  type RepairResult,
} from "../repair-job.ts";

const FINDINGS_KEPT = 100;

export class RepairJob {
  readonly id: string;
  readonly order: RepairOrder;
  readonly abort = new AbortController();
  readonly #startedAt: number;
  readonly #total: number;
  readonly #results = Object.fromEntries(REPAIR_RESULTS.map((result) => [result, 0])) as Record<RepairResult, number>;
  readonly #findings: RepairFinding[] = [];
  #oldestMs: number | null = null;
  #state: JobRecord["state"] = "running";
  #endedAt: number | null = null;
  #error: string | null = null;

  /** `startedAt` in epoch ms; `total`: entries on the list. */
  constructor(id: string, order: RepairOrder, startedAt: number, total: number) {
    this.id = id;
    this.order = order;
    this.#startedAt = startedAt;
    this.#total = total;
  }

  told({ since }: RepairWork, finding: RepairFinding, now: number): void {
    this.#results[finding.result]++;
    const isRepaired = REPAIRED.has(finding.result);
    if (isRepaired) this.#oldestMs = Math.max(this.#oldestMs ?? 0, now - Date.parse(since));
    if ((this.order.dryRun || !isRepaired) && this.#findings.length < FINDINGS_KEPT) this.#findings.push(finding);
  }

  end(now: number, error: string | null): void {
    this.#endedAt = now;
    this.#error = error;
    this.#state = error !== null ? "failed" : this.abort.signal.aborted ? "cancelled" : "done";
  }

  record(): JobRecord {
    const { by, route, dryRun } = this.order;
    const done = REPAIR_RESULTS.reduce((sum, result) => sum + this.#results[result], 0);
    return {
      id: this.id,
      kind: "repair",
      state: this.#state,
      by,
      route,
      dryRun,
      startedAt: new Date(this.#startedAt).toISOString(),
      endedAt: this.#endedAt === null ? null : new Date(this.#endedAt).toISOString(),
      total: Math.max(this.#total, done),
      done,
      results: { ...this.#results },
      oldestSeconds: this.#oldestMs === null ? null : Math.max(0, Math.round(this.#oldestMs / 1000)),
      findings: [...this.#findings],
      error: this.#error,
    };
  }
}
