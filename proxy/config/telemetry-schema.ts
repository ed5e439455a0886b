/** `telemetry`: what is sent to a collector over OTLP, beside what `/metrics` serves. */
import { z } from "zod";
import { DEFAULT_TELEMETRY } from "./defaults.ts";
import type { Environment } from "./environment.ts";
import { headersField, parsedText, switchField } from "./fields.ts";
import type { Findings } from "./findings.ts";
import { parseHttpUrl } from "./http-url.ts";
import { showValue } from "./message.ts";
import type { Places } from "./places.ts";
import type { Settings, TelemetrySettings, TelemetrySignal } from "./settings.ts";
import { parseShare, SECOND, SHARE_PATTERN, spellShare, type Parsed } from "./units.ts";

/** Written by the exporters themselves. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "content-type",
  "content-encoding",
  "transfer-encoding",
  "connection",
  "user-agent",
]);

/** OTLP over gRPC listens there by convention; over HTTP it is 4318. */
const GRPC_PORT = "4317";
const PROTOCOL = "http/protobuf";

export const telemetrySchema = z
  .strictObject({
    otlp: parsedText(parseHttpUrl, {
      effect:
        "A collector that takes OTLP over HTTP; /v1/traces, /v1/metrics and /v1/logs are added. Default: OTEL_EXPORTER_OTLP_ENDPOINT. A change needs a restart.",
      examples: ["http://127.0.0.1:4318", "${OTLP_URL}"],
    }).optional(),
    headers: headersField(
      { effect: "Headers sent with it; never shown. Default: OTEL_EXPORTER_OTLP_HEADERS. A change needs a restart." },
      (name, value) => {
        if (OWN_HEADERS.has(name)) return "is written by Crossfade itself; leave it out";
        return /[\r\n\0]/.test(value) ? "holds a line break, which no header can" : null;
      },
    ).optional(),
    traces: parsedText(parseShareOrOff, {
      effect:
        "Of requests that come without traceparent, the share whose spans are sent; those that come with it are if its sampled flag is set. off: none, whatever comes.",
      byDefault: spellShare(DEFAULT_TELEMETRY.traceShare),
      range: "0% to 100%, or off",
      examples: ["5%"],
      pattern: `^off$|${SHARE_PATTERN}`,
    }).optional(),
    metrics: switchField(
      "Whether what /metrics shows is sent too, every 15 s (OTEL_METRIC_EXPORT_INTERVAL). A change needs a restart.",
      DEFAULT_TELEMETRY.metrics,
    ).optional(),
    logs: switchField(
      "Whether lines of the divergence log, redacted as they are there, and of the process's own log are sent too. A change needs a restart.",
      DEFAULT_TELEMETRY.logs,
    ).optional(),
  })
  .describe("Where traces, metrics and logs are sent, over OTLP. Default: nowhere.");

export type WrittenTelemetry = z.output<typeof telemetrySchema>;

function parseShareOrOff(text: string): Parsed<number | null> {
  if (text.trim() === "off") return { ok: true, value: null };
  const share = parseShare(text);
  return share.ok ? share : { ok: false, error: `${share.error}, or off` };
}

/** null: nothing is sent. Signals without an address are left out: `checkTelemetry` tells of them. */
export function resolveTelemetry(written: WrittenTelemetry | undefined, env: Environment): TelemetrySettings | null {
  if (written === undefined || env["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true") return null;
  const traceShare = written.traces === undefined ? DEFAULT_TELEMETRY.traceShare : written.traces;
  const isOn = {
    traces: traceShare !== null,
    metrics: written.metrics ?? DEFAULT_TELEMETRY.metrics,
    logs: written.logs ?? DEFAULT_TELEMETRY.logs,
  };
  const urls = Object.fromEntries(
    SIGNALS.map((signal) => [signal, isOn[signal] ? urlOf(signal, written.otlp, env) : null]),
  ) as TelemetrySettings["urls"];
  return {
    urls,
    headers: written.headers ?? [],
    traceShare: urls.traces === null ? null : traceShare,
    metricsEveryMs: everyMs(env),
  };
}

export const SIGNALS: readonly TelemetrySignal[] = ["traces", "metrics", "logs"];

function urlOf(signal: TelemetrySignal, base: string | undefined, env: Environment): string | null {
  if (base === undefined) {
    const own = fromEnvironment(env, `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`);
    if (own !== null) return own;
  }
  const url = base ?? fromEnvironment(env, "OTEL_EXPORTER_OTLP_ENDPOINT");
  if (url === null) return null;
  const whole = new URL(url);
  whole.pathname = `${whole.pathname.replace(/\/+$/, "")}/v1/${signal}`;
  return whole.href;
}

/** What is empty counts as not set, as the specification of those variables has it. */
function fromEnvironment(env: Environment, name: string): string | null {
  const parsed = parseHttpUrl(env[name]?.trim() ?? "");
  return parsed.ok ? parsed.value : null;
}

function everyMs(env: Environment): number {
  const ms = Number(env["OTEL_METRIC_EXPORT_INTERVAL"] ?? "");
  return Number.isInteger(ms) && ms >= SECOND / 10 ? ms : DEFAULT_TELEMETRY.metricsEveryMs;
}

export function checkTelemetry(
  written: WrittenTelemetry | undefined,
  { telemetry }: Settings,
  env: Environment,
  places: Places,
  findings: Findings,
): void {
  if (written === undefined) return;
  const at = (text: string) => places.atKey(["telemetry"], text);
  if (telemetry === null) {
    findings.warnings.push(at("sends nothing: OTEL_SDK_DISABLED is true; unset it, or take telemetry out"));
    return;
  }
  const wrong = written.otlp === undefined ? wrongAddresses(env) : [];
  for (const text of wrong) findings.errors.push(at(text));
  const isMissing = SIGNALS.some((signal) => isWanted(written, signal) && telemetry.urls[signal] === null);
  if (isMissing && wrong.length === 0) {
    const way = "write otlp: http://127.0.0.1:4318, or set OTEL_EXPORTER_OTLP_ENDPOINT";
    findings.errors.push(at(`says of no collector where it is; ${way}`));
  }
  const url = Object.values(telemetry.urls).find((one) => one !== null);
  if (url !== undefined && new URL(url).port === GRPC_PORT) {
    const why = "mostly takes OTLP over gRPC, and Crossfade speaks it over HTTP";
    findings.warnings.push(
      at(`goes to port ${GRPC_PORT}, which ${why}; write the collector's port for HTTP, mostly 4318`),
    );
  }
  const protocol = env["OTEL_EXPORTER_OTLP_PROTOCOL"]?.trim() ?? "";
  if (protocol !== "" && protocol !== PROTOCOL) {
    findings.warnings.push(
      at(`is sent as ${PROTOCOL}; OTEL_EXPORTER_OTLP_PROTOCOL is ${showValue(protocol)}, and is not followed`),
    );
  }
}

function wrongAddresses(env: Environment): string[] {
  const names = ["", ...SIGNALS.map((signal) => `${signal.toUpperCase()}_`)];
  return names.flatMap((part) => {
    const name = `OTEL_EXPORTER_OTLP_${part}ENDPOINT`;
    const value = env[name]?.trim() ?? "";
    const parsed = parseHttpUrl(value);
    return value === "" || parsed.ok ? [] : [`goes where ${name} says, which ${parsed.error}`];
  });
}

function isWanted(written: WrittenTelemetry, signal: TelemetrySignal): boolean {
  return signal === "traces" ? written.traces !== null : (written[signal] ?? DEFAULT_TELEMETRY[signal]);
}
