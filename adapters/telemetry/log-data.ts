/** What the logs say, as OpenTelemetry's logger takes it. */
import { type AnyValue, type LogRecord, SeverityNumber } from "@opentelemetry/api";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import type { OutcomeKind } from "../../proxy/outcome.ts";

export interface TracedLog {
  readonly record: LogRecord;
  /** null: it is about no request in particular. */
  readonly traceId: string | null;
}

const QUIET: ReadonlySet<OutcomeKind> = new Set(["match", "ignored", "skipped"]);

/** One line of the divergence log, whole in its body. */
export function divergenceLog(divergence: DivergenceRecord): TracedLog {
  const { outcome, reason, group, route, id, method, traceId } = divergence;
  const isQuiet = QUIET.has(outcome);
  return {
    traceId,
    record: {
      eventName: "crossfade.divergence",
      timestamp: Date.parse(divergence.time),
      severityNumber: isQuiet ? SeverityNumber.INFO : SeverityNumber.WARN,
      severityText: isQuiet ? "INFO" : "WARN",
      body: divergence as unknown as AnyValue,
      attributes: {
        "crossfade.exchange": id,
        "crossfade.route": route,
        "crossfade.outcome": outcome,
        "http.request.method": method,
        ...(reason === null ? {} : { "crossfade.reason": reason }),
        ...(group === null ? {} : { "crossfade.group": group }),
      },
    },
  };
}

/** pino's levels. */
const SEVERITIES: readonly (readonly [from: number, severity: SeverityNumber, text: string])[] = [
  [60, SeverityNumber.FATAL, "FATAL"],
  [50, SeverityNumber.ERROR, "ERROR"],
  [40, SeverityNumber.WARN, "WARN"],
  [30, SeverityNumber.INFO, "INFO"],
  [20, SeverityNumber.DEBUG, "DEBUG"],
  [0, SeverityNumber.TRACE, "TRACE"],
];

/** In every line, and told by the resource or the record itself. */
const NOT_TOLD_AGAIN: ReadonlySet<string> = new Set([
  "level",
  "time",
  "pid",
  "hostname",
  "name",
  "msg",
  "err",
  "traceId",
]);

/** One line of the process's own log, as pino writes it. */
export function processLog(line: string): TracedLog {
  const said = parse(line);
  const { level, time, msg, err, traceId } = said;
  const [, severityNumber, severityText] = SEVERITIES.find(([from]) => Number(level) >= from) ?? [
    0,
    SeverityNumber.UNSPECIFIED,
    "",
  ];
  const others = Object.entries(said).filter(([name]) => !NOT_TOLD_AGAIN.has(name));
  return {
    traceId: typeof traceId === "string" && traceId !== "" ? traceId : null,
    record: {
      ...(typeof time === "number" ? { timestamp: time } : {}),
      severityNumber,
      severityText,
      body: typeof msg === "string" ? msg : "",
      attributes: {
        ...Object.fromEntries(others.map(([name, value]) => [`crossfade.${name}`, flat(value)])),
        ...exceptionOf(err),
      },
    },
  };
}

function parse(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { msg: line };
  }
}

function exceptionOf(err: unknown): Record<string, string> {
  if (typeof err !== "object" || err === null) return {};
  const { type, message, stack } = err as Record<string, unknown>;
  const parts = { "exception.type": type, "exception.message": message, "exception.stacktrace": stack };
  return Object.fromEntries(
    Object.entries(parts).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
}

function flat(value: unknown): string | number | boolean {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return JSON.stringify(value) ?? "";
}
