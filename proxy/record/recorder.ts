/**
 * The last step: one outcome for each eligible exchange, into counters, metrics, store, log and the live feed. What goes
 * wrong here is caught, counted under its step's name, and stops neither the other steps nor anyone else.
 */
import type { Caught } from "../caught.ts";
import type { DivergenceRecord, ReadBackOf, RepairReason } from "../evidence/evidence.ts";
import type { Exchange, RequestClass, Settled } from "../exchange.ts";
import { type Outcome, type OutcomeKind, reasonOf } from "../outcome.ts";
import type { Store, StoreWrite, Telemetry } from "../ports.ts";
import type { Sealer } from "../sealed.ts";
import { Causes } from "./causes.ts";
import type { Counters } from "./counters.ts";
import type { DivergenceLog } from "./divergence-log.ts";
import { buildRecord, type Recorded } from "./divergence-record.ts";
import type { PairKeeper } from "./pair-keeper.ts";
import type { Redacted, Redactor } from "./redaction.ts";
import { repairEntry, type RepairMark } from "./repair-entry.ts";

export type RecordStep = "count" | "telemetry" | "redact" | "record" | "log" | "store" | "feed" | "pair";

export interface RecorderParts {
  readonly store: Pick<Store, "append">;
  readonly log: Pick<DivergenceLog, "append">;
  readonly telemetry: Pick<Telemetry, "outcome" | "difference" | "divergence">;
  readonly counters: Counters;
  readonly redactor: Pick<Redactor, "redact" | "redactKey">;
  /** Seals what the repair list keeps of a write. */
  readonly sealer: Pick<Sealer, "seal">;
  readonly pairs: Pick<PairKeeper, "keep" | "finish">;
  /** Every record that goes to the log, as it goes there: for whoever watches live. */
  readonly onRecord: (record: DivergenceRecord) => void;
  /** A step failed; the exchange has its outcome all the same. */
  readonly caught: Caught<RecordStep>;
}

export interface Recorder {
  /** An eligible exchange began: exactly one `settle` follows. */
  eligible(route: string, requestClass: RequestClass): void;
  /** Whether `settle` will write down more than a count. */
  leavesEvidence(settled: Settled): boolean;
  /** Its one outcome. Never throws. */
  settle(settled: Settled): void;
  /** What the repair list holds of the exchange: its key redacted, its place sealed. */
  repairEntry(settled: Settled, reason: RepairReason): RepairMark;
  /** A difference that was found by reading a write back: evidence that counts in its group, and no outcome. Never throws. */
  readBack(found: Settled, readBack: ReadBackOf): void;
  /** Puts on the repair list what `repairEntry` made. */
  mark(mark: RepairMark): void;
  /** Hands what waits for the end of this turn to the store: before the store itself is closed. */
  close(): Promise<void>;
}

/** Outcomes of comparisons: what groups' shares are shares of. */
const COMPARED: ReadonlySet<OutcomeKind> = new Set(["match", "ignored", "divergent"]);

export function createRecorder(parts: RecorderParts): Recorder {
  const { store, log, telemetry, counters, redactor } = parts;
  const causes = new Causes();
  let writes: StoreWrite[] = [];
  let scheduled: NodeJS.Immediate | null = null;

  function step(name: RecordStep, work: () => void, exchange?: Exchange): void {
    try {
      work();
    } catch (error) {
      failed(name, error, exchange);
    }
  }

  function failed(name: RecordStep, error: unknown, exchange?: Exchange): void {
    try {
      parts.caught(name, error, exchange);
    } catch {
      // Nobody is left to tell.
    }
  }

  /** One message to the store's owner for each turn of the event loop. */
  function write(one: StoreWrite): void {
    writes.push(one);
    scheduled ??= setImmediate(flush);
  }

  function flush(): void {
    if (scheduled !== null) clearImmediate(scheduled);
    scheduled = null;
    if (writes.length === 0) return;
    const batch = writes;
    writes = [];
    step("store", () => store.append(batch));
  }

  function settle(settled: Settled): void {
    const { exchange, outcome } = settled;
    const { route, plan } = exchange;
    const reason = reasonOf(outcome);
    // Each exchange comes by here: what `step` does, without a function made for it.
    try {
      counters.settled(route.name, plan.requestClass, outcome);
      const [primaryMs, shadowMs] = [settled.primary.ms, settled.shadow?.ms ?? null];
      if (primaryMs !== null && shadowMs !== null && COMPARED.has(outcome.kind)) {
        counters.timed(route.name, primaryMs, shadowMs);
      }
      if (plan.requestClass === "write") write({ type: "count", route: route.name, outcome: outcome.kind, reason });
      else if (COMPARED.has(outcome.kind)) write({ type: "compared-read", route: route.name });
    } catch (error) {
      failed("count", error, exchange);
    }
    try {
      telemetry.outcome(route.name, route.phase, outcome.kind, reason);
      for (const { kind } of settled.differences) telemetry.difference(route.name, kind);
    } catch (error) {
      failed("telemetry", error, exchange);
    }
    const shown = isShown(settled) ? redact(settled) : null;
    const group = shown === null ? null : publish(settled, shown, isNotable(outcome));
    if (settled.answers !== null) step("pair", () => parts.pairs.keep(settled, group, write), exchange);
    if (settled.repair !== null) {
      step("store", () => write(repairOf(settled, settled.repair as RepairReason, shown)), exchange);
      for (const key of settled.moreKeys) {
        step("store", () => write(repairOf({ ...settled, key }, settled.repair as RepairReason, null)), exchange);
      }
    }
  }

  /** Returns the group of the record. */
  function publish(settled: Settled, shown: Redacted, notable: boolean, readBack?: ReadBackOf): string | null {
    let recorded: (Recorded & { readonly json: string }) | null = null;
    step(
      "record",
      () => {
        const rootGroup = settled.outcome.kind === "divergent" ? causes.groupOf(settled.taintedBy) : null;
        const built = buildRecord(settled, shown, rootGroup, readBack);
        // The lane taints what follows such a write with its id.
        if (settled.repair !== null && built.record.group !== null) causes.add(settled.exchange.id, built.record.group);
        recorded = { ...built, json: JSON.stringify(built.record) };
      },
      settled.exchange,
    );
    if (recorded === null) return null;
    const { record, signature, json } = recorded as Recorded & { readonly json: string };
    if (notable) step("store", () => write({ type: "divergence", record, json, signature }), settled.exchange);
    step("log", () => log.append(json), settled.exchange);
    step("telemetry", () => telemetry.divergence(record), settled.exchange);
    step("feed", () => parts.onRecord(record), settled.exchange);
    return record.group;
  }

  /** What cannot be redacted is left out: then the record says that, and nothing of the exchange's own. */
  function redact(settled: Settled): Redacted {
    let found: Redacted | null = null;
    step("redact", () => (found = redactor.redact(settled)), settled.exchange);
    return (
      found ?? {
        path: "",
        query: null,
        key: null,
        repairKey: null,
        build: null,
        error: "its evidence could not be redacted and is left out",
        differences: [],
      }
    );
  }

  function repairKey(settled: Settled): string | null {
    let key: string | null = null;
    // Without its key the entry stands for the whole collection: too much, never too little.
    step("redact", () => (key = redactor.redactKey(settled)), settled.exchange);
    return key;
  }

  /** `shown`: what was redacted of the exchange already. */
  function repairOf(settled: Settled, reason: RepairReason, shown: Redacted | null = null): RepairMark {
    return repairEntry(settled, reason, shown === null ? repairKey(settled) : shown.repairKey, parts.sealer);
  }

  return {
    eligible(route, requestClass) {
      try {
        counters.eligible(route, requestClass);
        if (requestClass === "write") write({ type: "eligible", route });
      } catch (error) {
        failed("count", error);
      }
    },
    leavesEvidence: (settled) => isShown(settled) || settled.repair !== null || settled.answers !== null,
    settle,
    repairEntry: (settled, reason) => repairOf(settled, reason),
    readBack(found, readBack) {
      const { route } = found.exchange;
      step("telemetry", () => {
        for (const { kind } of found.differences) telemetry.difference(route.name, kind);
      });
      publish(found, redact(found), true, readBack);
    },
    mark: (mark) => write(mark),
    close: async () => {
      step("pair", () => parts.pairs.finish());
      flush();
    },
  };
}

/** Whether the exchange has a line of its own. */
function isShown({ exchange, outcome }: Settled): boolean {
  return isNotable(outcome) || exchange.snapshot.settings.divergenceLog.lines === "all";
}

/** What a log of `notable` lines has; the store has no other. A read that was told from a write by its body is none. */
function isNotable(outcome: Outcome): boolean {
  return outcome.kind !== "match" && outcome.kind !== "ignored" && reasonOf(outcome) !== "sampled-out";
}
