/** Asks both services about one entity, with the shadow leg's own connections, breaker, limits and rate. */
import { type JudgeParts, judgeAnswers } from "../compare/judge.ts";
import type { RouteSettings, ServiceSettings } from "../config/settings.ts";
import { epochOf, type Role, type Snapshot } from "../exchange.ts";
import { Capture, type CaptureParts } from "../forward/capture.ts";
import { deliver, type DeliveryEnd } from "../mirror/delivery.ts";
import type { ShadowGate } from "../mirror/shadow-gate.ts";
import { Unsettled } from "../mirror/unsettled.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";
import type { Upstream } from "../ports.ts";
import { isAccepted } from "../mirror/verdicts.ts";
import { type CarrierParts, createCarrier, type Spelled } from "./carrier.ts";
import { itemsOf, naturalKeyOf, queryFor } from "./look-alikes.ts";
import type { Sides, WriteEnd } from "./mend.ts";
import { type OwnRequestParts, readRequest, writeRequest } from "./own-request.ts";
import type { Reading } from "./plan.ts";
import type { ValuesOfEntity } from "./values-of-entity.ts";

export interface BothSidesParts extends JudgeParts, CarrierParts {
  /** Never a client's connection: the shadow role's pool, of either service. */
  readonly upstream: (service: ServiceSettings) => Upstream;
  readonly gate: (service: ServiceSettings) => ShadowGate;
  /** Of reads of the primary: it must not be pressed while it is in trouble. */
  readonly primaryGate: (service: ServiceSettings) => ShadowGate;
  readonly copies: CaptureParts;
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
  readonly values: ValuesOfEntity | null;
  /** false: nothing is kept of what is seen. */
  readonly mayLearn: boolean;
  /** It is made without what it names and the shadow has not, which a later write brings. */
  readonly leavesOut: boolean;
  /** What is there is not written over, as far as the service knows conditions. */
  readonly onlyCreates?: true;
}

const NOBODY_BEFORE = new Unsettled();

export function bothSides(parts: BothSidesParts, entity: Entity): Sides {
  const { route, path, snapshot, values } = entity;
  const { limits } = snapshot.settings;
  const own = (service: ServiceSettings): OwnRequestParts => ({
    service,
    route,
    id: entity.id,
    markKey: parts.markKey,
    epoch: epochOf({ snapshot, route }),
    host: entity.host,
  });
  const carrier = createCarrier(parts, entity);

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

  async function ask(role: Role, spelled: Spelled): Promise<Reading> {
    if (!spelled.ok) {
      const { why, because } = spelled;
      if (because === "apart") return { is: "apart", uncreated: values?.isUncreated === true };
      return { is: "unknown", status: null, why, ...(because === undefined ? {} : { because }) };
    }
    return toReading(await send(role, spelled.request), entity[role]);
  }

  async function read(role: Role): Promise<Reading> {
    const spelled = await carrier.spell(role, readRequest(own(entity[role]), path), values?.reads ?? null);
    const reading = await ask(role, spelled);
    if (reading.is === "present") return told(role, reading);
    const isNamesake = reading.is === "absent" && spelled.ok && spelled.ownPassed;
    // Under the primary's id it is not there; under one of its own it may be.
    return isNamesake && role === "shadow" && values?.find !== null ? { is: "apart", uncreated: false } : reading;
  }

  /** As clients would have been told it. */
  async function told(role: Role, reading: Extract<Reading, { is: "present" }>): Promise<Reading> {
    const put = await carrier.told(role, await carrier.atLegacy(role, reading.answer, values?.reads ?? null));
    if (put !== null) return { ...reading, answer: put };
    reading.discard();
    return { is: "unknown", status: reading.answer.status, why: NO_STORE };
  }

  return {
    orderStamp: parts.orderStamp,
    read,
    async write(write, body, order) {
      const request = writeRequest(own(entity.shadow), write.method, write.path, body, order);
      if (entity.onlyCreates === true && write.method === "PUT") request.headers.push("if-none-match", "*");
      const asked = values === null ? null : values.asked(write.method, write.path);
      if (write.makes === true && asked === null) {
        return { end: "unmapped", why: "no route takes it, so that the values in its path are not mapped" };
      }
      const spelled = await carrier.spell("shadow", request, asked ?? values?.reads ?? null, {
        inBody: values?.inBody ?? [],
        given: write.makes === true ? (asked?.found.route.values.give ?? []) : [],
        leavesOut: write.makes === true && entity.leavesOut,
      });
      if (!spelled.ok) return unspelled(spelled);
      if (write.makes !== true || body === null) return toWriteEnd(await send("shadow", spelled.request));
      const end = await send("shadow", spelled.request);
      if (end.end === "answered" && isAccepted(end.answer.status)) {
        const made = await carrier.atLegacy("shadow", end.answer, asked);
        await carrier.learn(body, made, spelled.passed);
      }
      return toMakingEnd(toWriteEnd(end));
    },
    async seek(entityOfPrimary, shadow) {
      const find = values?.find ?? null;
      if (find === null) return shadow;
      const hidden = (why: string): Reading => ({ is: "apart", uncreated: false, why: `values.find: ${why}` });
      const key = naturalKeyOf(entityOfPrimary, find);
      if (key === null) return hidden("the primary's entity does not say one value at each place of by");
      const asked = values?.asked("GET", find.path) ?? null;
      if (asked === null) return hidden("no route takes its GET, so that values in it are not mapped");
      const target = `${find.path}?${queryFor(find, key)}`;
      const spelled = await carrier.spell("shadow", readRequest(own(entity.shadow), target), asked);
      const reading = await ask("shadow", spelled);
      if (reading.is === "absent") return hidden(`the shadow answered ${reading.status}, as to a path that is wrong`);
      if (reading.is !== "present") return reading;
      try {
        const listed = itemsOf(await carrier.atLegacy("shadow", reading.answer, asked), find);
        if (!listed.ok) return hidden(listed.why);
        const alike = await carrier.alike(listed.items, key, find);
        if (alike === null) return { is: "unknown", status: null, why: NO_STORE };
        const [one, ...more] = alike;
        if (one === undefined) {
          // Others than were asked for: who knows whether it would have been among them.
          if (listed.items.length > 0) return hidden("the shadow answered with others than were asked for");
          return { is: "apart", uncreated: true };
        }
        if (more.length > 0) return hidden(`the shadow has ${alike.length} that are alike`);
        if (!entity.mayLearn) return { is: "apart", uncreated: false, met: true };
        await carrier.learn(entityOfPrimary, one, NOTHING_PASSED);
      } finally {
        reading.discard();
      }
      const found = await read("shadow");
      if (found.is !== "apart") return found;
      return hidden("the shadow has one that is alike, and its id is another's, or stands at no place of values.learn");
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

const NO_STORE = "could not be understood: the store did not say what values in its answer are";
const NOTHING_PASSED: ReadonlySet<string> = new Set();

function unspelled({ because, why }: Extract<Spelled, { ok: false }>): WriteEnd {
  if (because === "awaits") return { end: "awaited", why };
  return because === undefined ? { end: "not-sent", why } : { end: "unmapped", why };
}

/** Of a write that may make another one if it is sent again. */
function toMakingEnd(end: WriteEnd): WriteEnd {
  if (end.end !== "answered" || end.status < 500) return end;
  return { end: "unknown", why: `it answered ${end.status}, and may have made it` };
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
