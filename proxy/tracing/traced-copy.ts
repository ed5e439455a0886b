/** What is told of a traced request's copy: its way to the shadow, and the comparison where the answers do not match. */
import type { Judged } from "../compare/judge.ts";
import { type Copy, shadowOf } from "../life/copy.ts";
import { guarded } from "../life/ending.ts";
import { randomHex } from "../identity.ts";
import type { DeliveryEnd } from "../mirror/delivery.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import { compareSpan, shadowSpan } from "./spans.ts";

type Parts = Pick<PipelineParts, "telemetry" | "clock" | "caught">;

/** Monotonic ms; 0 where nobody asks. */
export function spanBegins({ clock }: Parts, { exchange }: Copy): number {
  return exchange.trace === null ? 0 : clock.monotonic();
}

/** `begunAt`: before the first attempt. */
export function tellShadowSpan(parts: Parts, copy: Copy, end: DeliveryEnd, begunAt: number): void {
  const { exchange, answeredAt } = copy;
  const { trace } = exchange;
  if (trace === null) return;
  guarded(parts, "telemetry", () => {
    const endedAt = parts.clock.monotonic();
    const { name, origin } = shadowOf(copy);
    const { status, errorType } = endOf(end);
    parts.telemetry.span(
      shadowSpan(trace, {
        method: exchange.request.method,
        route: exchange.route.name,
        exchange: exchange.id,
        endedAt,
        ms: endedAt - begunAt,
        waitedMs: Math.max(0, begunAt - answeredAt),
        status,
        errorType,
        service: name,
        origin,
        attempts: end.attempts,
      }),
    );
  });
}

export function tellMismatch(parts: Parts, { exchange }: Copy, judged: Judged, begunAt: number): void {
  const { trace } = exchange;
  if (trace === null || judged.outcome.kind !== "divergent") return;
  guarded(parts, "telemetry", () => {
    const endedAt = parts.clock.monotonic();
    parts.telemetry.span(
      compareSpan(trace, {
        spanId: randomHex(8),
        route: exchange.route.name,
        exchange: exchange.id,
        endedAt,
        ms: endedAt - begunAt,
        differences: judged.differences,
        moreDifferences: judged.moreDifferences,
      }),
    );
  });
}

function endOf(end: DeliveryEnd): { readonly status: number | null; readonly errorType: string | null } {
  switch (end.end) {
    case "answered":
      return { status: end.answer.status, errorType: null };
    case "uncompared":
      return { status: end.status, errorType: end.why };
    case "unjudged":
      return { status: end.status, errorType: end.because };
    case "error":
      return { status: null, errorType: end.code };
    case "not-sent":
      return { status: null, errorType: end.because };
    case "timeout":
    case "shutdown":
      return { status: null, errorType: end.end };
    default: {
      const _never: never = end;
      throw new TypeError(`no such end: ${JSON.stringify(_never)}`);
    }
  }
}
