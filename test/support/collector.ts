/**
 * An OTLP receiver: a real HTTP server that reads what it is sent by the code that protobuf.js makes of OpenTelemetry's own
 * `.proto` files (older versions of its transformer carried it; the present exporters write without it). What it cannot read it
 * answers 400 to, and `wrong` has it.
 */
import type { ServerOptions } from "node:https";
import { gunzipSync } from "node:zlib";
import protos from "otlp-protos/build/src/generated/root.js";
import type { Answer, SeenRequest, TestService } from "./service.ts";
import { json, startService } from "./service.ts";
import { until } from "./until.ts";

export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };
type Attributes = Readonly<Record<string, Value>>;

export interface SeenSpan {
  readonly name: string;
  /** As the definitions spell it: SPAN_KIND_SERVER. */
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  /** "": none. */
  readonly parentId: string;
  readonly isParentRemote: boolean;
  readonly state: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly hasFailed: boolean;
  readonly resource: Attributes;
}

export interface SeenLog {
  readonly eventName: string;
  readonly severity: string;
  readonly body: Value;
  readonly attributes: Attributes;
  readonly traceId: string;
  readonly timeMs: number;
}

export interface SeenMetric {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly {
    readonly attributes: Attributes;
    /** Of a histogram its count. */
    readonly value: number;
  }[];
}

export interface Collector {
  readonly url: string;
  readonly service: TestService;
  readonly spans: SeenSpan[];
  readonly logs: SeenLog[];
  /** Of the last collection that came. */
  metrics: readonly SeenMetric[];
  readonly wrong: string[];
  /** Answers otherwise from the next request on; what comes is read all the same. null: as a collector does. */
  answerWith(answer: Answer | null): void;
  /** Resolves with the spans once there are so many. */
  sawSpans(count: number): Promise<readonly SeenSpan[]>;
  close(): Promise<void>;
}

type Services = Readonly<Record<"trace" | "logs" | "metrics", { readonly v1: Readonly<Record<string, unknown>> }>>;

const { collector: services } = (
  protos as unknown as { readonly opentelemetry: { readonly proto: { readonly collector: Services } } }
).opentelemetry.proto;

export async function startCollector(port = 0, tls: ServerOptions | null = null): Promise<Collector> {
  let otherwise: Answer | null = null;
  const collector = {
    spans: [] as SeenSpan[],
    logs: [] as SeenLog[],
    metrics: [] as readonly SeenMetric[],
    wrong: [] as string[],
  };
  const answer: Answer = (seen, response) => {
    try {
      read(seen);
    } catch (error) {
      collector.wrong.push(`${seen.target}: ${String(error)}`);
      json(400, {})(seen, response);
      return;
    }
    if (otherwise !== null) otherwise(seen, response);
    else response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  };

  function read(seen: SeenRequest): void {
    if (seen.method !== "POST") throw new Error(`method ${seen.method}`);
    if (seen.header("content-type") !== "application/x-protobuf")
      throw new Error(`type ${seen.header("content-type")}`);
    const bytes = seen.header("content-encoding") === "gzip" ? gunzipSync(seen.body) : seen.body;
    switch (seen.target.slice(seen.target.indexOf("/v1/"))) {
      case "/v1/traces":
        collector.spans.push(...spansOf(plain(services.trace.v1["ExportTraceServiceRequest"], bytes)));
        break;
      case "/v1/logs":
        collector.logs.push(...logsOf(plain(services.logs.v1["ExportLogsServiceRequest"], bytes)));
        break;
      case "/v1/metrics":
        collector.metrics = metricsOf(plain(services.metrics.v1["ExportMetricsServiceRequest"], bytes));
        break;
      default:
        throw new Error("no such signal");
    }
  }

  const service = await startService(answer, port, tls);
  return Object.assign(collector, {
    url: service.url,
    service,
    answerWith: (one: Answer | null) => void (otherwise = one),
    async sawSpans(count: number) {
      await until(() => collector.spans.length >= count);
      return collector.spans;
    },
    close: () => service.close(),
  });
}

/** What protobuf.js makes of one message of the definitions. */
interface Message {
  decode(bytes: Uint8Array): object;
  verify(message: object): string | null;
  toObject(message: object, options: object): object;
}

/** As JSON would have it: bytes in base64, 64-bit numbers in digits. */
function plain<Shape>(type: unknown, bytes: Buffer): Shape {
  const read = type as Message;
  const message = read.decode(bytes);
  const problem = read.verify(message);
  if (problem !== null) throw new Error(problem);
  const options = { longs: String, enums: String, bytes: String, defaults: true, arrays: true };
  return read.toObject(message, options) as Shape;
}

/** Of what has several kinds, the one that is there. */
interface PlainValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly PlainValue[] };
  readonly kvlistValue?: { readonly values: readonly PlainAttribute[] };
}
interface PlainAttribute {
  readonly key: string;
  readonly value: PlainValue | null;
}
interface PlainResource {
  readonly attributes: readonly PlainAttribute[];
}
interface PlainSpan {
  readonly name: string;
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly flags: number;
  readonly traceState: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly PlainAttribute[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code: string } | null;
}
interface PlainTraces {
  readonly resourceSpans: readonly {
    readonly resource: PlainResource;
    readonly scopeSpans: readonly { readonly spans: readonly PlainSpan[] }[];
  }[];
}
interface PlainLogs {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly eventName: string;
        readonly severityText: string;
        readonly body: PlainValue | null;
        readonly attributes: readonly PlainAttribute[];
        readonly traceId: string;
        readonly timeUnixNano: string;
      }[];
    }[];
  }[];
}
interface PlainPoints {
  readonly dataPoints: readonly {
    readonly attributes: readonly PlainAttribute[];
    readonly count?: string;
    readonly asInt?: string;
    readonly asDouble?: number;
  }[];
}
interface PlainMetrics {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly name: string;
        readonly unit: string;
        readonly sum?: PlainPoints;
        readonly gauge?: PlainPoints;
        readonly histogram?: PlainPoints;
      }[];
    }[];
  }[];
}

function spansOf({ resourceSpans }: PlainTraces): SeenSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        name: span.name,
        kind: span.kind,
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentId: hex(span.parentSpanId),
        isParentRemote: (span.flags & 0x200) !== 0,
        state: span.traceState,
        startMs: msOf(span.startTimeUnixNano),
        endMs: msOf(span.endTimeUnixNano),
        attributes: attributesOf(span.attributes),
        links: span.links.map((link) => ({ traceId: hex(link.traceId), spanId: hex(link.spanId) })),
        hasFailed: span.status?.code === "STATUS_CODE_ERROR",
        resource: attributesOf(resource.attributes),
      })),
    ),
  );
}

function logsOf({ resourceLogs }: PlainLogs): SeenLog[] {
  return resourceLogs.flatMap(({ scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        eventName: record.eventName,
        severity: record.severityText,
        body: valueOf(record.body),
        attributes: attributesOf(record.attributes),
        traceId: hex(record.traceId),
        timeMs: msOf(record.timeUnixNano),
      })),
    ),
  );
}

function metricsOf({ resourceMetrics }: PlainMetrics): SeenMetric[] {
  return resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.map(({ name, unit, sum, gauge, histogram }) => ({
        name,
        unit,
        points: ((sum ?? gauge ?? histogram)?.dataPoints ?? []).map(({ attributes, count, asInt, asDouble }) => ({
          attributes: attributesOf(attributes),
          value: Number(count ?? asInt ?? asDouble),
        })),
      })),
    ),
  );
}

function attributesOf(list: readonly PlainAttribute[]): { [name: string]: Value } {
  return Object.fromEntries(list.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: PlainValue | null): Value {
  if (value === null) return null;
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(valueOf);
  if (value.kvlistValue !== undefined) return attributesOf(value.kvlistValue.values);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? null;
}

/** Nanoseconds since 1970 are more digits than a double has. */
function msOf(nanos: string): number {
  return Number(BigInt(nanos) / 1000n) / 1000;
}

function hex(base64: string): string {
  return Buffer.from(base64, "base64").toString("hex");
}
