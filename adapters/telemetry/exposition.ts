/**
 * What was counted, through OpenTelemetry's own extension point for that (`MetricProducer`) and its Prometheus exporter.
 * The only file that loads the SDK; telemetry.ts imports it when somebody first asks for the metrics.
 */
import { type HrTime, ValueType } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  MeterProvider,
  type MetricDescriptor,
  type SumMetricData,
} from "@opentelemetry/sdk-metrics";
import type { Gauges } from "../../proxy/ports.ts";
import type { CellCounter, CellHistogram, MetricSpec } from "./cells.ts";
import { observeGauges } from "./gauges.ts";

export interface Exposition {
  metricsText(): Promise<string>;
  close(): Promise<void>;
}

export interface Exposed {
  readonly scope: { readonly name: string; readonly version: string };
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

export function openExposition({ scope, startedAt, counters, histograms, gauges }: Exposed): Exposition {
  const resource = defaultResource().merge(
    resourceFromAttributes({ "service.name": scope.name, "service.version": scope.version }),
  );
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
  const provider = new MeterProvider({ resource, readers: [exporter] });
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
