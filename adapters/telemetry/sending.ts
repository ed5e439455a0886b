/** What is to be sent to a collector waits here, bounded, from the first moment; the SDK that sends it is loaded meanwhile. */
import type { Resource } from "@opentelemetry/resources";
import type { MetricProducer, MetricReader } from "@opentelemetry/sdk-metrics";
import type { TelemetrySettings, TelemetrySignal } from "../../proxy/config/settings.ts";
import type { Telemetry } from "../../proxy/ports.ts";
import type { EndedSpan } from "../../proxy/tracing/spans.ts";
import type { TelemetryHealth } from "../../proxy/process/telemetry-health.ts";
import type { Otlp, Said } from "./otlp.ts";
import { Outbox, type SentResult, Tally } from "./outbox.ts";
import type { Scope } from "./resource.ts";

/** About 1 kB each. */
const MOST_SPANS = 4_096;
/** A divergence has up to 100 differences. */
const MOST_LOGS = 2_048;
const CLOSE_WITHIN_MS = 1_000;

export interface Sending {
  readonly telemetry: Pick<Telemetry, "span" | "spansLost" | "divergence">;
  logLine(line: string): void;
  health(): TelemetryHealth;
  /** Returns what connects metrics: who reads them, or null where they are not sent. */
  load(resource: Resource, scope: Scope): Promise<(producers: MetricProducer[]) => MetricReader | null>;
  /** Once it is loaded. `metrics`: the end of whoever has the reader. */
  close(metrics: Promise<void>): Promise<void>;
}

export function openSending(
  settings: TelemetrySettings,
  count: (signal: TelemetrySignal, result: SentResult, count: number) => void,
): Sending {
  const { urls } = settings;
  const counting = (signal: TelemetrySignal) => (result: SentResult, items: number) => count(signal, result, items);
  const spans = new Outbox<EndedSpan>(MOST_SPANS, counting("traces"));
  const logs = new Outbox<Said>(MOST_LOGS, counting("logs"));
  const metrics = new Tally(counting("metrics"));
  const tallies = [spans, logs, metrics];
  const [first = null] = Object.values(urls).filter((url) => url !== null);
  const origin = first === null ? "" : new URL(first).origin;
  const [hasTraces, hasLogs] = [urls.traces !== null, urls.logs !== null];
  for (const signal of ["traces", "logs", "metrics"] as const) {
    // They exist from the start, so that the first loss is an increase and not a new series.
    if (urls[signal] !== null) for (const result of ["sent", "failed", "dropped"] as const) count(signal, result, 0);
  }
  let otlp: Otlp | null = null;

  return {
    telemetry: {
      span(span) {
        if (hasTraces) spans.offer(span);
      },
      spansLost: (lost) => spans.lost(lost),
      divergence(record) {
        if (hasLogs) logs.offer(record);
      },
    },
    logLine(line) {
      if (hasLogs) logs.offer(line);
    },
    health() {
      const sum = (result: SentResult): number => tallies.reduce((all, { counts }) => all + counts[result], 0);
      return {
        origin,
        sent: sum("sent"),
        failed: sum("failed"),
        dropped: sum("dropped"),
        waiting: spans.waiting + logs.waiting,
        problem: tallies.find(({ problem }) => problem !== null)?.problem ?? null,
      };
    },
    async load(resource, scope) {
      const { openOtlp } = await import("./otlp.ts");
      return (metricProducers) => {
        otlp = openOtlp({ settings, resource, scope, spans, logs, metrics, metricProducers });
        return otlp.reader;
      };
    },
    async close(closing) {
      await otlp?.close(CLOSE_WITHIN_MS, closing);
    },
  };
}
