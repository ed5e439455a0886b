/**
 * What would happen to one request, and why. Pure: the steps that decide (router, plan, entity key) come in as functions,
 * so that the explanation cannot say anything else than what the proxy does.
 */
import {
  headerOf,
  type PathParams,
  type Plan,
  type RequestClass,
  type RequestHead,
  type RouteFound,
} from "../exchange.ts";
import { parsePattern, patternMatches } from "../pattern.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import { hostOf } from "../target.ts";
import { targetAtNext } from "../ids/transform.ts";
import { needsAnswer, spellLocator } from "./locator.ts";
import { whyNoWrites } from "./own-writes.ts";
import type { RouteOrigins } from "./resolve.ts";
import { readBackOfRequest } from "../read-back.ts";
import { type RepairRow, spellReadBack } from "./repair-table.ts";
import { spellMatch } from "./route-table.ts";
import { serviceRow, type ServiceRow } from "./service-table.ts";
import type { CompareSettings } from "./compare-settings.ts";
import {
  type FindSettings,
  type GateSettings,
  type LearnPlace,
  type Phase,
  type RouteSettings,
  serviceOf,
  type Settings,
  type ValuePlace,
} from "./settings.ts";
import type { Locator } from "./terms.ts";
import { spellDuration } from "./units.ts";

/** `planExchange`, `classifyRequest`, `keyAtHead`, `samplePoint`, `dialPoint` and `wholeRead` of route/, and the router's `match`. */
export interface ExplainSteps {
  match(request: RequestHead): RouteFound | null;
  classifyRequest(method: string, treatAs: RouteSettings["treatAs"], override: string | null): RequestClass;
  planExchange(input: {
    readonly phase: Phase;
    readonly requestClass: RequestClass;
    readonly mirrorWrites: boolean;
    readonly readShare: number;
    readonly samplePoint: () => number;
    readonly mirroringEnabled: boolean;
  }): Plan;
  keyAtHead(from: {
    readonly route: RouteSettings;
    readonly params: PathParams;
    readonly request: RequestHead;
  }): { readonly known: true; readonly key: string } | { readonly known: false };
  samplePoint(key: string): number;
  /** Of route/pin-names.ts. */
  dialPoint(found: RouteFound, request: RequestHead): number | null;
  wholeRead(found: RouteFound, request: RequestHead): unknown;
}

export interface ExplainRequest {
  readonly method: string;
  /** Path with or without query, or a whole URL. */
  readonly path: string;
  readonly host?: string | undefined;
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

export interface LocatorExplained {
  readonly locator: string;
  /** nothing: known to yield nothing; body, answer: only these tell. */
  readonly yields: { readonly kind: "key"; readonly key: string } | { readonly kind: "nothing" | "body" | "answer" };
}

export interface RouteExplained {
  readonly name: string;
  /** From 0. */
  readonly position: number;
  readonly match: string;
  readonly params: Readonly<Record<string, string>>;
  readonly rest: readonly string[];
  readonly phase: Phase;
  readonly requestClass: RequestClass;
  readonly primary: { readonly service: string; readonly origin: string };
  /** Who would get copies in this phase, mirrored now or not. */
  readonly shadow: { readonly service: string; readonly origin: string } | null;
  readonly plan: Plan;
  /** accepted: a copy goes out only once the primary has accepted the request. */
  readonly when: RouteSettings["mirror"]["when"];
  readonly sharedDatabase: boolean;
  /** Put on it for both services; of a write alone. */
  readonly marks: RouteSettings["markHeaders"];
  readonly readShare: number;
  /** Who answers this read; null: a write, or nobody dials. */
  readonly dial: {
    readonly share: number;
    readonly by: string;
    readonly isDialled: boolean;
    readonly at: number;
  } | null;
  /** Of a read while next is the primary and legacy may be asked for what next has not: null where that is not so. */
  readonly fallback: FallbackExplained | null;
  /** Where this entity falls in the sample, in percent; null where it does not matter. */
  readonly sampleAt: number | null;
  readonly entity: string | null;
  /** Known from the request alone, or null. */
  readonly key: string | null;
  readonly locators: readonly LocatorExplained[];
  /** Of a batch: where all of its keys stand; else empty. */
  readonly batch: readonly LocatorExplained[];
  /** Further rows that it changes, in words. */
  readonly touches: readonly string[];
  readonly compare: CompareSettings;
  readonly values: {
    readonly learn: readonly string[];
    readonly apply: readonly string[];
    readonly give: readonly string[];
    /** How one is looked up that the shadow may have under an id that nobody was told; null: it is not. */
    readonly find: string | null;
    readonly unmapped: RouteSettings["values"]["unmapped"];
    readonly clientSees: RouteSettings["values"]["clientSees"];
  };
  /** Its body tells reads from writes. */
  readonly isGraphql: boolean;
  /** The target under next's path; null: the same as legacy's. */
  readonly atNext: string | null;
  /** Method, headers and bodies that are others at next, a line each. */
  readonly reshaped: readonly string[];
  /** Of a write: where its entity is read to verify and repair it. */
  readonly readBack: Pick<RepairRow, "readBack" | "how" | "why"> | null;
  readonly readBackShare: number;
  readonly repair: RouteSettings["repair"];
  readonly gate: GateSettings;
  readonly retire: RouteSettings["retire"];
  readonly redact: readonly string[];
  readonly redactDetect: RouteSettings["redactDetect"];
  /** How the primary, and the shadow where there is one, are reached. */
  readonly services: readonly ServiceRow[];
  readonly origins: RouteOrigins | null;
}

export interface FallbackExplained {
  /** Reads of parts and of several are next's alone. */
  readonly isWhole: boolean;
  /** Why what legacy has is not brought over, in words; null: it is. */
  readonly whyNotCopied: string | null;
}

export interface Explanation {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** null: no route matches; the request goes to legacy and is not mirrored. */
  readonly route: RouteExplained | null;
  /** Routes that were asked before and did not match. */
  readonly passed: readonly { readonly route: string; readonly why: string }[];
  readonly legacyOrigin: string;
}

export function explainRequest(
  settings: Settings,
  origins: readonly RouteOrigins[] | null,
  steps: ExplainSteps,
  asked: ExplainRequest,
): Explanation {
  const request = requestHead(asked);
  const found = steps.match(request);
  const position =
    found === null ? settings.routes.length : settings.routes.findIndex(({ name }) => name === found.route.name);
  return {
    method: request.method,
    target: request.target,
    host: hostOf(request),
    route: found === null ? null : explainRoute(settings, origins?.[position] ?? null, position, steps, found, request),
    passed: settings.routes.slice(0, position).map((route) => ({ route: route.name, why: whyNot(route, request) })),
    legacyOrigin: settings.services["legacy"]?.origin ?? "",
  };
}

function requestHead({ method, path, host, headers = [] }: ExplainRequest): RequestHead {
  const rooted = path.startsWith("/") || path.includes("://") || path === "*" ? path : `/${path}`;
  // A client sends escapes for what people type as it is.
  const target = rooted.replace(/[^\x21-\x7e]+/gu, (text) => encodeURIComponent(text.toWellFormed()));
  const mark = target.indexOf("?");
  const raw = headers.flatMap(([name, value]) => [name, value]);
  return {
    method: method.toUpperCase(),
    target,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? "" : target.slice(mark + 1),
    headers: host === undefined ? raw : ["host", host, ...raw],
    remoteAddress: "127.0.0.1",
    scheme: "http",
  };
}

/** The first condition that fails. */
function whyNot({ match }: RouteSettings, request: RequestHead): string {
  const parsed = parsePattern(match.path);
  if (parsed.ok && !patternMatches(parsed.pattern, request.path)) return `path is not ${match.path}`;
  if (match.methods !== null && !match.methods.includes(request.method))
    return `method is none of ${match.methods.join(", ")}`;
  if (match.host !== null && hostOf(request) !== match.host) return `host is not ${match.host}`;
  const header = match.headers.find(([name, value]) => headerOf(request.headers, name) !== value);
  return header === undefined ? "matches" : `header ${header[0]} is not ${header[1]}`;
}

function explainRoute(
  settings: Settings,
  origins: RouteOrigins | null,
  position: number,
  steps: ExplainSteps,
  { route, params }: RouteFound,
  request: RequestHead,
): RouteExplained {
  const override = ["x-http-method-override", "x-http-method", "x-method-override"]
    .map((name) => headerOf(request.headers, name))
    .find((value) => value !== null);
  const requestClass = steps.classifyRequest(request.method, route.treatAs, override ?? null);
  const found = steps.keyAtHead({ route, params, request });
  const key = found.known ? found.key : null;
  const sample = (): number => steps.samplePoint(key ?? request.path);
  const { readShare } = route.mirror;
  const { primary, shadow } = PHASE_ROLES[route.phase];
  const side = (name: string): { service: string; origin: string } => ({
    service: name,
    origin: settings.services[name]?.origin ?? "",
  });
  return {
    name: route.name,
    position,
    match: spellMatch(route.match),
    params: { ...params.named },
    rest: params.rest,
    phase: route.phase,
    requestClass,
    primary: side(serviceNameFor(primary, route)),
    shadow: shadow === null ? null : side(serviceNameFor(shadow, route)),
    plan: steps.planExchange({
      phase: route.phase,
      requestClass,
      mirrorWrites: route.mirror.writes,
      readShare,
      samplePoint: sample,
      mirroringEnabled: true,
    }),
    when: route.mirror.when,
    sharedDatabase: route.sharedDatabase,
    marks: requestClass === "write" ? route.markHeaders : [],
    readShare,
    sampleAt: requestClass === "read" && readShare > 0 && readShare < 1 ? Number((sample() * 100).toFixed(2)) : null,
    dial: requestClass === "read" ? explainDial({ route, params }, request, steps) : null,
    fallback: requestClass === "read" ? explainFallback({ route, params }, request, settings, steps) : null,
    entity: route.entity,
    key,
    locators: route.key.map((locator) => explainLocator(locator, steps, route, params, request)),
    touches: route.touches.map(({ entity, at }) =>
      at === null ? `any of ${entity}` : `${entity} at ${spellLocator(at)}`,
    ),
    batch:
      requestClass === "write"
        ? route.keys.map((locator) => explainLocator(locator, steps, route, params, request))
        : [],
    compare: route.compare,
    values: {
      learn: route.values.learn.map((place) => spellPlace(place) + spellKeep(place)),
      apply: route.values.apply.map(spellPlace),
      give: route.values.give.map(({ from, at }) => `${spellLocator(from)} at ${spellLocator(at)}`),
      find: route.values.find === null ? null : spellFind(route.values.find),
      unmapped: route.values.unmapped,
      clientSees: route.values.clientSees,
    },
    isGraphql: route.treatAs === "graphql",
    atNext: route.transform.path === null ? null : (targetAtNext(request.target, route) ?? "none, for a . or .. in it"),
    reshaped: reshapedLines(request.method, route.transform),
    readBack:
      requestClass === "write" && shadow !== null
        ? spellReadBack(
            readBackOfRequest(
              route,
              { method: request.method, path: request.path, host: headerOf(request.headers, "host") },
              steps,
            ),
          )
        : null,
    readBackShare: route.verify.share,
    repair: route.repair,
    gate: route.gate,
    retire: route.retire,
    redact: route.redact.map(spellLocator),
    redactDetect: route.redactDetect,
    services: [primary, shadow].flatMap((side) => {
      const service = side === null ? undefined : settings.services[serviceNameFor(side, route)];
      return service === undefined ? [] : [serviceRow(service)];
    }),
    origins,
  };
}

function reshapedLines(
  method: string,
  { methods, headers, body, module }: RouteSettings["transform"],
): readonly string[] {
  const other = methods.find(([legacy]) => legacy === method);
  return [
    ...(other === undefined ? [] : [`method ${other[1]} in place of ${method}`]),
    ...headers.map(({ legacy, next }) => `header ${legacy} is ${next} at next`),
    ...body.map(
      ({ legacy, next, of }) => `${of === null ? "bodies" : `body of the ${of}`}: ${legacy} is ${next} at next`,
    ),
    ...(module === null ? [] : [`by the functions of ${module.file}: ${module.hooks.join(", ")}`]),
  ];
}

function spellPlace({ at, kind, part }: ValuePlace): string {
  const where = spellLocator(at);
  switch (part.kind) {
    case "whole":
      return `${kind} at ${where}`;
    case "segment":
      return `${kind} at ${where}, part ${part.number} of its path`;
    case "query":
      return `${kind} at ${where}, ${part.name} of its query`;
  }
}

function spellFind({ read, by, within }: FindSettings): string {
  const parts = by.map(({ at, query }) => spellLocator(at) + (query === null ? "" : ` (?${query}=…)`));
  return `GET ${read} by ${parts.join(" and ")}${within === "" ? "" : `, listed at answer:${within}`}`;
}

function spellKeep({ keepMs }: LearnPlace): string {
  return keepMs === null ? "" : `, for ${spellDuration(keepMs)}`;
}

function explainLocator(
  locator: Locator,
  steps: ExplainSteps,
  route: RouteSettings,
  params: PathParams,
  request: RequestHead,
): LocatorExplained {
  const spelled = spellLocator(locator);
  if (locator.source === "body") return { locator: spelled, yields: { kind: "body" } };
  if (needsAnswer(locator)) return { locator: spelled, yields: { kind: "answer" } };
  const alone = steps.keyAtHead({ route: { ...route, key: [locator] }, params, request });
  return { locator: spelled, yields: alone.known ? { kind: "key", key: alone.key } : { kind: "nothing" } };
}

function explainDial(found: RouteFound, request: RequestHead, steps: ExplainSteps): RouteExplained["dial"] {
  const { reads, phase } = found.route;
  const roles = PHASE_ROLES[phase];
  if (reads.dialShare === 0 || roles.primary === "next" || roles.shadow === null) return null;
  const fallsAt = steps.dialPoint(found, request);
  const by = reads.by === null ? "entity" : spellLocator(reads.by);
  const at = Number(((fallsAt ?? 1) * 100).toFixed(2));
  return { share: reads.dialShare, by, isDialled: fallsAt !== null && fallsAt < reads.dialShare, at };
}

function explainFallback(
  found: RouteFound,
  request: RequestHead,
  settings: Settings,
  steps: ExplainSteps,
): FallbackExplained | null {
  const { route } = found;
  const { primary, shadow } = PHASE_ROLES[route.phase];
  if (!route.reads.fallback || primary !== "next" || shadow === null || route.sharedDatabase) return null;
  const isWhole = steps.wholeRead(found, request) !== null;
  return { isWhole, whyNotCopied: isWhole ? whyNotCopied(route, request, settings, steps) : null };
}

function whyNotCopied(
  route: RouteSettings,
  request: RequestHead,
  settings: Settings,
  steps: ExplainSteps,
): string | null {
  const forbidden = whyNoWrites(route, serviceOf(settings, route.next));
  if (forbidden !== null) return forbidden;
  const { method, path } = request;
  const read = readBackOfRequest(route, { method, path, host: headerOf(request.headers, "host") }, steps);
  return read.readable ? null : read.why;
}
