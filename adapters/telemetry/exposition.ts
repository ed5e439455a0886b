/**
 * What was counted, through OpenTelemetry's own extension point for that (`MetricProducer`) and its Prometheus exporter.
 * The only file that loads the SDK; telemetry.ts imports it when somebody first asks for the metrics.
 */
import { type HrTime, ValueType } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  MeterProvider,
  type MetricDescriptor,
  type MetricProducer,
  type MetricReader,
  type SumMetricData,
} from "@opentelemetry/sdk-metrics";
import type { Gauges } from "../../proxy/ports.ts";
import type { CellCounter, CellHistogram, MetricSpec } from "./cells.ts";
import { observeGauges } from "./gauges.ts";
import type { Scope } from "./resource.ts";

export interface Exposition {
  metricsText(): Promise<string>;
  close(): Promise<void>;
}

export interface Exposed {
  readonly scope: Scope;
  readonly resource: Resource;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly counters: readonly CellCounter[];
  readonly histograms: readonly CellHistogram[];
  /** null: nothing to tell yet. */
  readonly gauges: () => Gauges | null;
}

interface Span {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

/** `readerOf`: who else reads all that was counted; null: nobody does. */
export function openExposition(
  { scope, resource, startedAt, counters, histograms, gauges }: Exposed,
  readerOf: (producers: MetricProducer[]) => MetricReader | null,
): Exposition {
  const startTime = hrTimeOf(startedAt);
  const collect = () => {
    const span = { startTime, endTime: hrTimeOf(Date.now()) };
    const metrics = [
      ...histograms.map((histogram) => histogramData(histogram, span)),
      ...counters.map((counter) => sumData(counter, span)),
    ];
    return Promise.resolve({ resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] });
  };
  const exporter = new PrometheusExporter({ preventServerStart: true, metricProducers: [{ collect }] });
  const other = readerOf([{ collect }]);
  const provider = new MeterProvider({ resource, readers: other === null ? [exporter] : [exporter, other] });
  const serializer = new PrometheusSerializer("", false, undefined, false, true);
  observeGauges(provider.getMeter(scope.name, scope.version), gauges);
  return {
    async metricsText() {
      const { resourceMetrics } = await exporter.collect();
      return serializer.serialize(resourceMetrics);
    },
    close: () => provider.shutdown(),
  };
}

function descriptorOf({ name, description, unit }: MetricSpec, valueType: ValueType): MetricDescriptor {
  return { name, description, unit, valueType };
}

function sumData(counter: CellCounter, span: Span): SumMetricData {
  return {
    descriptor: descriptorOf(counter.spec, ValueType.INT),
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    dataPoints: counter.cells().map(({ attributes, cell }) => ({ attributes, ...span, value: cell.value })),
  };
}

function histogramData(histogram: CellHistogram, span: Span): HistogramMetricData {
  return {
    descriptor: descriptorOf(histogram.spec, ValueType.DOUBLE),
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: histogram.cells().map(({ attributes, cell }) => ({
      attributes,
      ...span,
      value: {
        buckets: { boundaries: [...histogram.boundaries], counts: [...cell.counts] },
        sum: cell.sumMs / 1000,
        count: cell.count,
      },
    })),
  };
}

function hrTimeOf(epochMs: number): HrTime {
  return [Math.trunc(epochMs / 1000), (epochMs % 1000) * 1_000_000];
}
