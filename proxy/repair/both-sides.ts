/** Asks both services about one entity, with the shadow leg's own connections, breaker, limits and rate. */
import { type JudgeParts, judgeAnswers } from "../compare/judge.ts";
import type { RouteSettings, ServiceSettings } from "../config/settings.ts";
import type { Role, Snapshot } from "../exchange.ts";
import { Capture, type CaptureParts } from "../forward/capture.ts";
import { deliver, type DeliveryEnd } from "../mirror/delivery.ts";
import type { ShadowGate } from "../mirror/shadow-gate.ts";
import { Unsettled } from "../mirror/unsettled.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";
import type { Upstream } from "../ports.ts";
import type { Reshaped } from "../transform/reshape.ts";
import type { Transforms } from "../transform/transforms.ts";
import type { Sides, WriteEnd } from "./mend.ts";
import { type OwnRequestParts, readRequest, writeRequest } from "./own-request.ts";
import type { Reading } from "./plan.ts";

export interface BothSidesParts extends JudgeParts {
  /** Never a client's connection: the shadow role's pool, of either service. */
  readonly upstream: (service: ServiceSettings) => Upstream;
  readonly gate: (service: ServiceSettings) => ShadowGate;
  /** Of reads of the primary: it must not be pressed while it is in trouble. */
  readonly primaryGate: (service: ServiceSettings) => ShadowGate;
  readonly copies: CaptureParts;
  readonly transforms: Transforms;
  readonly markKey: Buffer;
  readonly orderStamp: () => string;
}

export interface Entity {
  readonly snapshot: Snapshot;
  readonly route: RouteSettings;
  readonly primary: ServiceSettings;
  readonly shadow: ServiceSettings;
  readonly path: string;
  readonly host: string | null;
  readonly id: string;
  /** Monotonic ms after which no request begins. */
  readonly deadline: number;
}

const NOBODY_BEFORE = new Unsettled();

export function bothSides(parts: BothSidesParts, entity: Entity): Sides {
  const { route, path, snapshot } = entity;
  const { limits, routes } = snapshot.settings;
  const own = (service: ServiceSettings): OwnRequestParts => ({
    service,
    route,
    id: entity.id,
    markKey: parts.markKey,
    host: entity.host,
  });

  /** Entities are known by what they are at legacy. */
  async function shapedFor(service: ServiceSettings, request: ShadowRequest): Promise<Reshaped<ShadowRequest>> {
    return service.name === "legacy" ? { ok: true, value: request } : parts.transforms.own(request, route, routes);
  }

  function send(role: Role, request: ShadowRequest): Promise<DeliveryEnd> {
    const service = entity[role];
    return deliver({
      request,
      service,
      upstream: parts.upstream(service),
      gate: role === "primary" ? parts.primaryGate(service) : parts.gate(service),
      clock: parts.clock,
      answeredAt: parts.clock.monotonic(),
      earlierAttempts: 0,
      deadline: entity.deadline,
      // Each answer is an end: what follows on it is decided by state.
      primaryAccepted: false,
      place: null,
      unsettled: NOBODY_BEFORE,
      newAnswerCopy: () =>
        new Capture(
          { memoryBytes: limits.bodyInMemoryBytes, diskBytes: limits.bodyOnDiskBytes },
          parts.copies.budget,
          parts.copies.spool,
        ),
      primaryBytes: 0,
      onAttempt() {},
      onFailure() {},
    });
  }

  return {
    orderStamp: parts.orderStamp,
    async read(role) {
      const service = entity[role];
      const shaped = await shapedFor(service, readRequest(own(service), path));
      if (!shaped.ok) return { is: "unknown", status: null, why: shaped.why };
      const reading = toReading(await send(role, shaped.value), service);
      if (service.name === "legacy" || reading.is !== "present") return reading;
      return { ...reading, answer: await parts.transforms.ownAnswer(reading.answer, route) };
    },
    async write(write, body, order) {
      const shaped = await shapedFor(
        entity.shadow,
        writeRequest(own(entity.shadow), write.method, write.path, body, order),
      );
      if (!shaped.ok) return { end: "not-sent", why: shaped.why };
      return toWriteEnd(await send("shadow", shaped.value));
    },
    async agree(primary, shadow) {
      const judged = await judgeAnswers(parts, route.compare, primary, shadow, { route: route.name, method: "GET" });
      const { outcome, differences, error } = judged;
      if (outcome.kind === "match" || outcome.kind === "ignored") return { kind: "equal" };
      if (outcome.kind === "divergent") return { kind: "differs", differences };
      return { kind: "undecided", why: `the two could not be compared${error === null ? "" : `: ${error}`}` };
    },
  };
}

function toReading(end: DeliveryEnd, service: ServiceSettings): Reading {
  switch (end.end) {
    case "answered": {
      const { answer, copy } = end;
      const { status } = answer;
      if (status === 200 || status === 203) return { is: "present", answer, discard: () => copy.discard() };
      copy.discard();
      if (status === 404 || status === 410) return { is: "absent", status };
      const way = status === 401 || status === 403 ? `; write services.${service.name}.own.headers` : "";
      return { is: "unknown", status, why: `answered ${status} to the GET${way}` };
    }
    case "uncompared":
      return { is: "unknown", status: end.status, why: "answered, and there was no room to keep its answer" };
    default:
      return { is: "unknown", status: null, why: `did not answer the GET (${wordsOf(end)})` };
  }
}

function toWriteEnd(end: DeliveryEnd): WriteEnd {
  switch (end.end) {
    case "answered": {
      const { status } = end.answer;
      end.copy.discard();
      // An attempt before this one may land after it.
      if (end.mayLandLate) return { end: "unknown", why: "it was sent twice, and the first may land late" };
      // Both say that it was not dealt with, and may be later.
      if (status === 429 || status === 503) return { end: "not-sent", why: `it answered ${status}` };
      return { end: "answered", status };
    }
    case "uncompared":
      return { end: "answered", status: end.status };
    case "unjudged":
    case "timeout":
    case "error":
    case "shutdown":
    case "not-sent":
      return { end: end.mayLandLate ? "unknown" : "not-sent", why: wordsOf(end) };
    default: {
      const never: never = end;
      throw new TypeError(`no such end: ${JSON.stringify(never)}`);
    }
  }
}

function wordsOf(end: Exclude<DeliveryEnd, { end: "answered" | "uncompared" }>): string {
  switch (end.end) {
    case "timeout":
    case "error":
      return end.why;
    case "unjudged":
      return `it answered ${end.status}`;
    case "not-sent":
      return end.because === "breaker-open" ? "its breaker is open" : "it was not its turn in time";
    case "shutdown":
      return "the proxy ends";
    default: {
      const never: never = end;
      throw new TypeError(`no such end: ${JSON.stringify(never)}`);
    }
  }
}
