import type { Meter, ObservableGauge } from "@opentelemetry/api";
import type { Gauges } from "../../proxy/ports.ts";

/** Registers every gauge; `read` is asked once a scrape, and null means that there is nothing to tell yet. */
export function observeGauges(meter: Meter, read: () => Gauges | null): void {
  const gauge = (name: string, unit: string, description: string): ObservableGauge =>
    meter.createObservableGauge(name, { unit, description });
  const journalDepth = gauge("crossfade.journal.depth", "{exchange}", "Intents that are not settled");
  const queueBytes = gauge("crossfade.queue.bytes", "By", "Bytes held in memory for shadows");
  const headroom = gauge(
    "crossfade.headroom",
    "s",
    "Time until writes drop at the present rate; absent while nothing queues",
  );
  const laneLag = gauge("crossfade.lane.lag", "s", "Age of the oldest write that waits for the shadow");
  const breaker = gauge("crossfade.breaker.state", "1", "0 closed, 1 half-open, 2 open");
  const phase = gauge("crossfade.phase", "1", "1 for the phase that acts");
  const repairs = gauge(
    "crossfade.repairs.open",
    "{key}",
    "Keys whose shadow state is not known to equal the primary's",
  );
  const parked = gauge("crossfade.repairs.parked", "{key}", "Keys among them that were tried too often");
  const gaps = gauge("crossfade.gaps.open", "{gap}", "Intervals in which accounting may be incomplete");
  const gateEvidence = gauge(
    "crossfade.gate.evidence",
    "1",
    "How much of the evidence that the gate asks for is there; 1: enough",
  );
  const gateBound = gauge("crossfade.gate.bound", "1", "Share of entities that the gate lets diverge");
  const journalBytes = gauge("crossfade.journal.bytes", "By", "Bytes of the journal on disk");
  const compared = gauge(
    "crossfade.reconcile.rows",
    "{row}",
    "Rows of either side that the last comparison of a collection looked at; of: all or sample",
  );
  const differing = gauge(
    "crossfade.reconcile.differing",
    "{row}",
    "Rows that it found to differ, by kind: missing, mismatched, extra, unmade; of: all or sample",
  );
  const cleanAge = gauge(
    "crossfade.reconcile.clean.age",
    "s",
    "Age of the last comparison of all rows that found both sides the same; absent where none did",
  );
  const store = gauge("crossfade.store.available", "1", "1 while the store takes what it is given, else 0");
  const members = gauge("crossfade.members", "{member}", "Members by state, as this one sees them");
  const variants = gauge(
    "crossfade.members.variants",
    "{variant}",
    "Different settings, and versions that do not go together, that running members have; 1: they agree",
  );
  meter.addBatchObservableCallback(
    (result) => {
      const now = read();
      if (now === null) return;
      result.observe(journalDepth, now.journalDepth);
      result.observe(queueBytes, now.queueBytes);
      if (now.headroomSeconds !== null) result.observe(headroom, now.headroomSeconds);
      result.observe(journalBytes, now.journalBytes);
      result.observe(store, now.isStoreWell ? 1 : 0);
      for (const [state, count] of Object.entries(now.members)) result.observe(members, count, { state });
      for (const [of, count] of Object.entries(now.variants)) result.observe(variants, count, { of });
      for (const route of now.routes) {
        const attributes = { route: route.name };
        result.observe(laneLag, route.lagSeconds, attributes);
        result.observe(breaker, route.breakerState, attributes);
        result.observe(phase, 1, { route: route.name, phase: route.phase });
        result.observe(repairs, route.repairsOpen, attributes);
        result.observe(parked, route.repairsParked, attributes);
        result.observe(gaps, route.gapsOpen, attributes);
        result.observe(gateEvidence, route.gateEvidence, attributes);
        result.observe(gateBound, route.gateBound, attributes);
      }
      for (const { name: collection, reconciled, cleanAgeSeconds } of now.collections) {
        for (const { of, rows, differing: counts } of reconciled) {
          result.observe(compared, rows, { collection, of });
          for (const [kind, count] of Object.entries(counts))
            result.observe(differing, count, { collection, of, kind });
        }
        if (cleanAgeSeconds !== null) result.observe(cleanAge, cleanAgeSeconds, { collection });
      }
    },
    [
      compared,
      differing,
      cleanAge,
      journalDepth,
      journalBytes,
      queueBytes,
      headroom,
      laneLag,
      breaker,
      phase,
      repairs,
      parked,
      gaps,
      gateEvidence,
      gateBound,
      store,
      members,
      variants,
    ],
  );
}
