/**
 * Traces, logs and metrics on their way to a collector: the SDK's batches and OpenTelemetry's own OTLP exporters (protobuf over
 * HTTP), bounded on all sides. Loaded only where something is to be sent.
 */
import { readFileSync } from "node:fs";
import type { Agent } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { createContextKey, ROOT_CONTEXT, type SpanContext } from "@opentelemetry/api";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { httpAgentFactoryFromOptions } from "@opentelemetry/otlp-exporter-base/node-http";
import type { Resource } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { type MetricProducer, type MetricReader, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace";
import type { TelemetrySettings } from "../../proxy/config/settings.ts";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import type { EndedSpan } from "../../proxy/tracing/spans.ts";
import { divergenceLog, processLog } from "./log-data.ts";
import { exportVia } from "./export-via.ts";
import type { Outbox, Tally } from "./outbox.ts";
import type { Scope } from "./resource.ts";
import { readableSpan } from "./span-data.ts";

/** Serialised in one go, between two turns of the event loop: about 1 ms. */
const BATCH = 256;
const BATCH_EVERY_MS = 1_000;
/** The exporters try again for 10 s (OTEL_EXPORTER_OTLP_TIMEOUT); a collector that answers byte by byte would have them wait for ever. */
const LIMIT_MS = 30_000;
const BATCHES = {
  maxExportBatchSize: BATCH,
  // Its own bound is never reached: the outbox has one.
  maxQueueSize: Number.MAX_SAFE_INTEGER,
  scheduledDelayMillis: BATCH_EVERY_MS,
  exportTimeoutMillis: LIMIT_MS,
};
const LONGEST_METRICS_MS = 10_000;

/** A line of the divergence log, or one of the process's own as pino writes it. */
export type Said = DivergenceRecord | string;

export interface OtlpParts {
  readonly settings: TelemetrySettings;
  readonly resource: Resource;
  readonly scope: Scope;
  readonly spans: Outbox<EndedSpan>;
  readonly logs: Outbox<Said>;
  readonly metrics: Tally;
  readonly metricProducers: MetricProducer[];
}

export interface Otlp {
  /** null: metrics are not sent. To be read from by a MeterProvider, which closes it. */
  readonly reader: MetricReader | null;
  /** Sends what waits, for so long at most; `others` are to end in the same time. */
  close(withinMs: number, others: Promise<void>): Promise<void>;
}

const OF_TRACE = createContextKey("crossfade.trace");

export function openOtlp({ settings, resource, scope, spans, logs, metrics, metricProducers }: OtlpParts): Otlp {
  const { traces: tracesUrl, logs: logsUrl, metrics: metricsUrl } = settings.urls;
  const agents: Agent[] = [];
  const ending = new AbortController();
  const closers: (() => Promise<void>)[] = [];
  const cut = (): void => agents.forEach((agent) => agent.destroy());
  const limit = { limitMs: LIMIT_MS, cut };
  const exporterTo = (url: string, signal: string) => ({
    url,
    headers: Object.fromEntries(settings.headers),
    userAgent: `crossfade/${scope.version}`,
    httpAgentOptions: async (protocol: string) => {
      // Agents hand their options on to sockets: once it is aborted none is open, and none can be opened.
      const options = { keepAlive: true, maxSockets: 2, signal: ending.signal, ...certificates(signal) };
      const agent = await httpAgentFactoryFromOptions(options)(protocol);
      agents.push(agent as Agent);
      return agent;
    },
  });

  if (tracesUrl !== null) {
    const exporter = new OTLPTraceExporter(exporterTo(tracesUrl, "TRACES"));
    const processor = new BatchSpanProcessor({
      exporter: {
        export: exportVia(exporter, spans, (batch) => batch.length, limit),
        shutdown: () => exporter.shutdown(),
        forceFlush: () => exporter.forceFlush(),
      },
      ...BATCHES,
    });
    spans.open((span) => processor.onEnd(readableSpan(span, resource, scope)));
    closers.push(() => processor.shutdown());
  }

  if (logsUrl !== null) {
    const exporter = new OTLPLogExporter(exporterTo(logsUrl, "LOGS"));
    const processor = new BatchLogRecordProcessor({
      exporter: {
        export: exportVia(exporter, logs, (batch) => batch.length, limit),
        shutdown: () => exporter.shutdown(),
        forceFlush: () => exporter.forceFlush(),
      },
      ...BATCHES,
    });
    const provider = new LoggerProvider({
      resource,
      processors: [
        {
          onEmit(record, context) {
            // The API's way to say it asks for a span's id too, which a request that is not traced has none of.
            const trace = context?.getValue(OF_TRACE) as SpanContext | undefined;
            if (trace !== undefined) record.spanContext = trace;
            processor.onEmit(record);
          },
          forceFlush: () => processor.forceFlush(),
          shutdown: () => processor.shutdown(),
        },
      ],
    });
    const logger = provider.getLogger(scope.name, scope.version);
    logs.open((said) => {
      const { record, traceId } = typeof said === "string" ? processLog(said) : divergenceLog(said);
      const context =
        traceId === null ? ROOT_CONTEXT : ROOT_CONTEXT.setValue(OF_TRACE, { traceId, spanId: "", traceFlags: 0 });
      logger.emit({ ...record, context });
    });
    closers.push(() => provider.shutdown());
  }

  const reader = metricsUrl === null ? null : metricsTo(new OTLPMetricExporter(exporterTo(metricsUrl, "METRICS")));

  function metricsTo(exporter: OTLPMetricExporter): MetricReader {
    const everyMs = settings.metricsEveryMs;
    return new PeriodicExportingMetricReader({
      exporter: {
        export: exportVia(exporter, metrics, () => 1, limit),
        shutdown: () => exporter.shutdown(),
        forceFlush: () => exporter.forceFlush(),
      },
      exportIntervalMillis: everyMs,
      exportTimeoutMillis: Math.min(everyMs, LONGEST_METRICS_MS),
      metricProducers,
    });
  }

  return {
    reader,
    async close(withinMs, others) {
      const sent = Promise.allSettled([...closers.map((close) => close()), others]);
      const late = new AbortController();
      const patience = pause(withinMs, undefined, { signal: late.signal }).catch(() => undefined);
      await Promise.race([sent, patience]);
      late.abort();
      ending.abort();
    },
  };
}

/** An agent of our own takes the place of the exporters', which would read these. */
function certificates(signal: string): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const read = (name: string): Buffer | undefined => {
    const { env } = process;
    const file = env[`OTEL_EXPORTER_OTLP_${signal}_${name}`] ?? env[`OTEL_EXPORTER_OTLP_${name}`] ?? "";
    return file === "" ? undefined : readFileSync(file);
  };
  const [ca, cert, key] = [read("CERTIFICATE"), read("CLIENT_CERTIFICATE"), read("CLIENT_KEY")];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
