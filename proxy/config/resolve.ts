/** What was written, completed: route > defaults > built-in, with a note of where each setting of a route came from. */
import { dirname, resolve } from "node:path";
import { parsePattern } from "../pattern.ts";
import {
  DEFAULT_ADMIN_LISTEN,
  DEFAULT_DIVERGENCE_LOG,
  DEFAULT_LIMITS,
  DEFAULT_LISTEN,
  DEFAULT_ROUTE,
  DEFAULT_ROUTE_NAME,
  DEFAULT_ROUTE_PATH,
  DEFAULT_SERVICE,
  DEFAULT_SOCKET_MODE,
  DEFAULT_STORE,
  DEFAULT_MEMBER_FOLDER,
  DEFAULT_SURVIVES,
  DEFAULT_TUNNELS,
  DEFAULT_WORKERS,
  DURABLE_MAX_AGE_MS,
  GATE_DEFAULTS,
  NO_MODULE,
} from "./defaults.ts";
import { withMarkHeaders } from "./mark-headers.ts";
import type { Certificates } from "./certificates.ts";
import type { Environment } from "./environment.ts";
import type { Modules } from "./module/read-modules.ts";
import type { ConfigPath } from "./message.ts";
import type { RuleKind } from "../evidence/rule-names.ts";
import type { WrittenCompare } from "./compare-schema.ts";
import type { WrittenDefaults, WrittenRoute } from "./route-schema.ts";
import type { WrittenCollection } from "./collection-schema.ts";
import type { Written } from "./schema.ts";
import type { WrittenService } from "./service-schema.ts";
import type { WrittenValues } from "./values-schema.ts";
import type { WrittenStore } from "./store-schema.ts";
import type { CollectionSettings } from "./collection-settings.ts";
import type { CompareRule, CompareSettings } from "./compare-settings.ts";
import type {
  GateSettings,
  RouteSettings,
  ServiceSettings,
  ServiceTlsSettings,
  Settings,
  ValueSettings,
} from "./settings.ts";
import type { Locator } from "./terms.ts";
import { resolveTelemetry } from "./telemetry-schema.ts";
import { resolveWebhook } from "./webhook-schema.ts";

export type Origin = "route" | "defaults" | "built-in";

const ROUTE_FIELDS = [
  "phase",
  "next",
  "entity",
  "group",
  "sharedDatabase",
  "keepStreams",
  "key",
  "keys",
  "touches",
  "unattended",
  "treatAs",
  "graphql.persisted",
  "mirror.writes",
  "mirror.reads",
  "mirror.when",
  "mirror.acceptRealEffects",
  "compare.status",
  "compare.headers",
  "compare.mustMatch",
  "compare.ignore",
  "compare.normalise",
  "compare.tolerance",
  "compare.unordered",
  "compare.equivalent",
  "compare.shapes",
  "compare.module",
  "compare.noise.reads",
  "compare.noise.compared",
  "values.learn",
  "values.apply",
  "values.give",
  "values.find",
  "values.unmapped",
  "values.clientSees",
  "verify.readBack",
  "verify.share",
  "reads.dial",
  "reads.by",
  "reads.fallback",
  "repair.automatic",
  "repair.rate",
  "repair.write",
  "repair.attempts",
  "gate.profile",
  "gate.divergenceBelow",
  "gate.confidence",
  "gate.span",
  "gate.latencyRatioBelow",
  "gate.failuresBelow",
  "gate.automaticReturn",
  "retire.quiet",
  "gate.reconcileFresherThan",
  "redact",
  "redactDetect",
] as const;
export type RouteField = (typeof ROUTE_FIELDS)[number];
export type RouteOrigins = Readonly<Record<RouteField, Origin>>;

export interface Resolved {
  readonly settings: Settings;
  /** One for each of `settings.routes`, in their order. */
  readonly origins: readonly RouteOrigins[];
}

/** Where a route's setting was written: at the route or in defaults. */
export function pathOf({ origins }: Resolved, i: number, field: RouteField): ConfigPath {
  const inner = field.split(".");
  return origins[i]?.[field] === "defaults" ? ["defaults", ...inner] : ["routes", i, ...inner];
}

/** `written` names a URL for each of its services. */
export function resolveSettings(
  written: Written,
  file: string | null,
  certificates: Certificates,
  modules: Modules,
  env: Environment,
): Resolved {
  const store = resolveStore(written.store, certificates.store);
  const survives = store.kind === "memory" ? "nothing" : (written.journal?.survives ?? DEFAULT_SURVIVES);
  const maxAgeMs = survives === "nothing" ? DEFAULT_SERVICE.asShadow.maxAgeMs : DURABLE_MAX_AGE_MS;
  const routes = writtenRoutes(written).map((route) => resolveRoute(route, written.defaults ?? {}, modules));
  const services = Object.entries(written.services ?? {}).flatMap(([name, service]) =>
    service?.url === undefined
      ? []
      : [[name, resolveService(name, service, service.url, maxAgeMs, certificates.services.get(name))] as const],
  );
  const collections = (written.collections ?? []).map((collection) => resolveCollection(collection, file));
  const { divergenceLog, limits } = written;
  const settings: Settings = {
    file,
    listen: written.listen ?? DEFAULT_LISTEN,
    socketMode: written.socketMode ?? DEFAULT_SOCKET_MODE,
    tunnels: written.tunnels ?? DEFAULT_TUNNELS,
    tls: certificates.listener,
    admin: { listen: written.admin?.listen ?? DEFAULT_ADMIN_LISTEN, tokens: written.admin?.tokens ?? [] },
    store,
    divergenceLog: {
      file: divergenceLog?.file ?? DEFAULT_DIVERGENCE_LOG.file,
      keepMs: divergenceLog?.keep ?? DEFAULT_DIVERGENCE_LOG.keepMs,
      maxBytes: divergenceLog?.maxSize ?? DEFAULT_DIVERGENCE_LOG.maxBytes,
      lines: divergenceLog?.lines ?? DEFAULT_DIVERGENCE_LOG.lines,
    },
    limits: {
      inFlight: limits?.inFlight ?? DEFAULT_LIMITS.inFlight,
      queuedBytes: limits?.queued ?? DEFAULT_LIMITS.queuedBytes,
      bodyInMemoryBytes: limits?.bodyInMemory ?? DEFAULT_LIMITS.bodyInMemoryBytes,
      bodyOnDiskBytes: limits?.bodyOnDisk ?? DEFAULT_LIMITS.bodyOnDiskBytes,
      spoolBytes: limits?.spool ?? DEFAULT_LIMITS.spoolBytes,
      journalBytes: limits?.journal ?? DEFAULT_LIMITS.journalBytes,
      pairsBytes: limits?.pairs ?? DEFAULT_LIMITS.pairsBytes,
    },
    journal: { survives, key: written.journal?.key ?? null },
    member: { folder: written.member?.folder ?? DEFAULT_MEMBER_FOLDER, name: written.member?.name ?? null },
    workers: written.workers ?? DEFAULT_WORKERS,
    webhook: resolveWebhook(written.webhook),
    telemetry: resolveTelemetry(written.telemetry, env),
    services: Object.fromEntries(services),
    routes: withMarkHeaders(
      routes.map(({ route }) => route),
      collections,
    ),
    collections,
  };
  return { settings, origins: routes.map(({ origins }) => origins) };
}

function resolveCollection(written: WrittenCollection, file: string | null): CollectionSettings {
  const { name, route, source, target = source, entityId, transform, columns, values, marks, compare } = written;
  const { reconcile, changedAt } = written;
  const asWritten: Choose = (_, own, __, builtIn) => own ?? builtIn;
  return {
    name,
    route,
    source,
    target,
    entityId: entityId ?? null,
    transform: transform === undefined ? null : resolve(file === null ? "." : dirname(file), transform),
    columns: columns ?? [],
    values: { learn: values?.learn ?? [], apply: values?.apply ?? [] },
    marks: marks ?? null,
    changedAt: changedAt ?? marks?.changedAt ?? null,
    reconcile: reconcile === undefined ? null : { everyMs: reconcile.every, sample: reconcile.sample ?? null },
    compare: { ...DEFAULT_ROUTE.compare, ...resolveRules(asWritten, compare, undefined) },
  };
}

function writtenRoutes(written: Written): readonly WrittenRoute[] {
  return written.routes ?? [{ name: DEFAULT_ROUTE_NAME, match: { path: DEFAULT_ROUTE_PATH } }];
}

function resolveService(
  name: string,
  service: WrittenService,
  origin: string,
  maxAgeMs: number,
  tls: ServiceTlsSettings | undefined,
): ServiceSettings {
  const { asShadow, asPrimary } = service;
  const builtIn = DEFAULT_SERVICE.asPrimary;
  return {
    name,
    origin,
    tls: tls ?? DEFAULT_SERVICE.tls,
    host: service.host ?? DEFAULT_SERVICE.host,
    effects: service.effects ?? DEFAULT_SERVICE.effects,
    idempotency: service.idempotency ?? DEFAULT_SERVICE.idempotency,
    build: service.build ?? DEFAULT_SERVICE.build,
    asShadow: {
      timeoutMs: asShadow?.timeout ?? DEFAULT_SERVICE.asShadow.timeoutMs,
      connectTimeoutMs: asShadow?.connectTimeout ?? DEFAULT_SERVICE.asShadow.connectTimeoutMs,
      maxWorkMs: asShadow?.maxWork ?? DEFAULT_SERVICE.asShadow.maxWorkMs,
      maxAgeMs: asShadow?.maxAge ?? maxAgeMs,
      expiresAfterMs: asShadow?.expiresAfter ?? DEFAULT_SERVICE.asShadow.expiresAfterMs,
      ratePerSecond: asShadow?.rate ?? DEFAULT_SERVICE.asShadow.ratePerSecond,
      credentials: asShadow?.credentials ?? DEFAULT_SERVICE.asShadow.credentials,
      headers: asShadow?.headers ?? DEFAULT_SERVICE.asShadow.headers,
    },
    own: { headers: service.own?.headers ?? DEFAULT_SERVICE.own.headers },
    asPrimary: {
      timeoutMs: asPrimary?.timeout ?? builtIn.timeoutMs,
      connectTimeoutMs: asPrimary?.connectTimeout ?? builtIn.connectTimeoutMs,
      maxWorkMs: asPrimary?.maxWork ?? builtIn.maxWorkMs,
      // Written as `off` or `unlimited` they are null, which is the built-in value too.
      idleTimeoutMs: asPrimary?.idleTimeout ?? builtIn.idleTimeoutMs,
      totalTimeoutMs: asPrimary?.totalTimeout ?? builtIn.totalTimeoutMs,
      maxConnections: asPrimary?.connections ?? builtIn.maxConnections,
    },
  };
}

function resolveStore(written: WrittenStore | undefined, tls: ServiceTlsSettings | null): Settings["store"] {
  if (written === undefined) return DEFAULT_STORE;
  if (written.kind === "sqlite" || written.kind === "memory") return written;
  const { secure, tls: _files, ...address } = written.kind === "written" ? written.url : written;
  const beside = written.kind === "written" ? written : null;
  return {
    ...address,
    username: beside?.username ?? address.username,
    password: beside?.password ?? address.password,
    sentinelLogin: { username: beside?.sentinelUsername ?? null, password: beside?.sentinelPassword ?? null },
    prefix: beside?.prefix ?? address.prefix,
    tls: secure ? (tls ?? DEFAULT_SERVICE.tls) : null,
  };
}

function resolveRoute(
  written: WrittenRoute,
  defaults: WrittenDefaults,
  modules: Modules,
): { readonly route: RouteSettings; readonly origins: RouteOrigins } {
  const origins = Object.fromEntries(ROUTE_FIELDS.map((field) => [field, "built-in"])) as Record<RouteField, Origin>;
  const choose = <T>(field: RouteField, ofRoute: T | undefined, ofDefaults: T | undefined, builtIn: T): T => {
    if (ofRoute !== undefined) origins[field] = "route";
    else if (ofDefaults !== undefined) origins[field] = "defaults";
    return ofRoute ?? ofDefaults ?? builtIn;
  };
  const { name, match, mirror, compare, verify, repair } = written;
  const base = DEFAULT_ROUTE;
  const sharedDatabase = choose("sharedDatabase", written.sharedDatabase, defaults.sharedDatabase, base.sharedDatabase);
  const writes = choose("mirror.writes", mirror?.writes, defaults.mirror?.writes, base.mirror.writes);
  const route: RouteSettings = {
    name,
    match: {
      path: match.path,
      methods: match.methods ?? null,
      host: match.host ?? null,
      headers: match.headers ?? [],
    },
    phase: choose("phase", written.phase, defaults.phase, base.phase),
    next: choose("next", written.next, defaults.next, base.next),
    entity: choose<string | null>("entity", written.entity, defaults.entity, hasFixedPart(match.path) ? name : null),
    group: choose<string | null>("group", written.group, defaults.group, null),
    unattended: choose("unattended", written.unattended, defaults.unattended, base.unattended),
    sharedDatabase,
    markHeaders: base.markHeaders,
    keepStreams: choose("keepStreams", written.keepStreams, defaults.keepStreams, base.keepStreams),
    key: choose("key", written.key, defaults.key, base.key),
    keys: choose("keys", written.keys, defaults.keys, base.keys),
    touches: choose("touches", written.touches, defaults.touches, []).map(({ entity, at }) => ({
      entity,
      at: at ?? null,
    })),
    treatAs: choose("treatAs", written.treatAs, defaults.treatAs, base.treatAs),
    persisted: Object.entries(choose("graphql.persisted", written.graphql?.persisted, defaults.graphql?.persisted, {})),
    mirror: {
      writes: writes && (!sharedDatabase || isSaidBeside(origins)),
      readShare: choose("mirror.reads", mirror?.reads, defaults.mirror?.reads, base.mirror.readShare),
      when: choose("mirror.when", mirror?.when, defaults.mirror?.when, base.mirror.when),
      acceptRealEffects: choose(
        "mirror.acceptRealEffects",
        mirror?.acceptRealEffects,
        undefined,
        base.mirror.acceptRealEffects,
      ),
    },
    compare: {
      status: choose("compare.status", compare?.status, defaults.compare?.status, base.compare.status),
      headers: choose("compare.headers", compare?.headers, defaults.compare?.headers, base.compare.headers),
      mustMatch: choose("compare.mustMatch", compare?.mustMatch, defaults.compare?.mustMatch, base.compare.mustMatch),
      ...resolveRules(choose, compare, defaults.compare),
      module:
        modules.ofCompare.get(choose("compare.module", compare?.module, defaults.compare?.module, NO_MODULE)) ?? null,
      noise: {
        readShare: choose(
          "compare.noise.reads",
          compare?.noise?.reads,
          defaults.compare?.noise?.reads,
          base.compare.noise.readShare,
        ),
        comparedShare: choose(
          "compare.noise.compared",
          compare?.noise?.compared,
          defaults.compare?.noise?.compared,
          base.compare.noise.comparedShare,
        ),
      },
    },
    values: resolveValues(choose, written.values, defaults.values),
    transform: {
      path: written.transform?.path ?? base.transform.path,
      methods: written.transform?.methods ?? base.transform.methods,
      headers: written.transform?.headers ?? base.transform.headers,
      body: written.transform?.body ?? base.transform.body,
      module: modules.ofTransform.get(written.transform?.module ?? "") ?? null,
    },
    verify: {
      readBack: choose<string | null>(
        "verify.readBack",
        verify?.readBack,
        defaults.verify?.readBack,
        base.verify.readBack,
      ),
      share: choose("verify.share", verify?.share, defaults.verify?.share, base.verify.share),
    },
    reads: {
      dialShare: choose("reads.dial", written.reads?.dial, defaults.reads?.dial, base.reads.dialShare),
      by: choose<Locator | null>("reads.by", written.reads?.by, defaults.reads?.by, base.reads.by),
      fallback: choose("reads.fallback", written.reads?.fallback, defaults.reads?.fallback, base.reads.fallback),
    },
    repair: {
      automatic: choose("repair.automatic", repair?.automatic, defaults.repair?.automatic, base.repair.automatic),
      ratePerSecond: choose("repair.rate", repair?.rate, defaults.repair?.rate, base.repair.ratePerSecond),
      write: choose("repair.write", repair?.write, defaults.repair?.write, base.repair.write),
      attempts: choose("repair.attempts", repair?.attempts, defaults.repair?.attempts, base.repair.attempts),
    },
    gate: resolveGate(choose, written.gate, defaults.gate),
    retire: {
      quietMs: choose("retire.quiet", written.retire?.quiet, defaults.retire?.quiet, base.retire.quietMs),
    },
    redact: choose("redact", written.redact, defaults.redact, base.redact),
    redactDetect: choose("redactDetect", written.redactDetect, defaults.redactDetect, base.redactDetect),
  };
  return { route, origins };
}

/** Writes are mirrored by default, which gives way to a shared database. Where somebody says both, check refuses it. */
function isSaidBeside({ sharedDatabase, "mirror.writes": writes }: RouteOrigins): boolean {
  return writes === "route" || writes === sharedDatabase;
}

type Choose = <T>(field: RouteField, ofRoute: T | undefined, ofDefaults: T | undefined, builtIn: T) => T;

function resolveValues(
  choose: Choose,
  own: WrittenValues | undefined,
  defaults: WrittenValues | undefined,
): ValueSettings {
  const base = DEFAULT_ROUTE.values;
  return {
    learn: choose("values.learn", own?.learn, defaults?.learn, base.learn),
    apply: choose("values.apply", own?.apply, defaults?.apply, base.apply),
    give: choose("values.give", own?.give, defaults?.give, base.give),
    find: choose<ValueSettings["find"]>("values.find", own?.find, defaults?.find, base.find),
    unmapped: choose("values.unmapped", own?.unmapped, defaults?.unmapped, base.unmapped),
    clientSees: choose("values.clientSees", own?.clientSees, defaults?.clientSees, base.clientSees),
  };
}

/** What a profile says comes after what is written beside it, at the route or in defaults. */
function resolveGate(choose: Choose, own: WrittenRoute["gate"], defaults: WrittenDefaults["gate"]): GateSettings {
  const of = GATE_DEFAULTS[choose("gate.profile", own?.profile, defaults?.profile, DEFAULT_ROUTE.gate.profile)];
  return {
    profile: of.profile,
    divergenceBelow: choose(
      "gate.divergenceBelow",
      own?.divergenceBelow,
      defaults?.divergenceBelow,
      of.divergenceBelow,
    ),
    confidence: choose("gate.confidence", own?.confidence, defaults?.confidence, of.confidence),
    spanMs: choose("gate.span", own?.span, defaults?.span, of.spanMs),
    latencyRatioBelow: choose(
      "gate.latencyRatioBelow",
      own?.latencyRatioBelow,
      defaults?.latencyRatioBelow,
      of.latencyRatioBelow,
    ),
    failuresBelow: choose("gate.failuresBelow", own?.failuresBelow, defaults?.failuresBelow, of.failuresBelow),
    automaticReturn: choose(
      "gate.automaticReturn",
      own?.automaticReturn,
      defaults?.automaticReturn,
      of.automaticReturn,
    ),
    reconcileFresherThanMs: choose(
      "gate.reconcileFresherThan",
      own?.reconcileFresherThan,
      defaults?.reconcileFresherThan,
      of.reconcileFresherThanMs,
    ),
  };
}

function resolveRules(
  choose: Choose,
  own: WrittenCompare | undefined,
  defaults: WrittenCompare | undefined,
): Pick<CompareSettings, RuleKind> {
  const scoped = <R extends WrittenRule, T>(
    field: RouteField,
    ofRoute: readonly R[] | undefined,
    ofDefaults: readonly R[] | undefined,
    parameter: (rule: R) => T,
  ): (CompareRule & T)[] =>
    choose(field, ofRoute, ofDefaults, []).map((rule) => ({ ...scopeOf(rule), ...parameter(rule) }));
  return {
    ignore: scoped("compare.ignore", own?.ignore, defaults?.ignore, ({ because }) => ({ because })),
    normalise: scoped("compare.normalise", own?.normalise, defaults?.normalise, ({ as }) => ({ as })),
    tolerance: scoped("compare.tolerance", own?.tolerance, defaults?.tolerance, ({ within }) => ({ within })),
    unordered: scoped("compare.unordered", own?.unordered, defaults?.unordered, ({ by }) => ({ by: by ?? null })),
    equivalent: scoped("compare.equivalent", own?.equivalent, defaults?.equivalent, ({ values }) => ({ values })),
    shapes: scoped("compare.shapes", own?.shapes, defaults?.shapes, ({ as }) => ({ as })),
  };
}

type WrittenRule = NonNullable<WrittenCompare[RuleKind]>[number];

function scopeOf({ at, because, until, when }: WrittenRule): CompareRule {
  // `when: {}` asks for nothing.
  const condition = when?.type === undefined && when?.status === undefined ? null : when;
  return {
    at,
    because: because ?? null,
    until: until ?? null,
    when: condition === null ? null : { type: condition.type ?? null, statusClass: condition.status ?? null },
  };
}

function hasFixedPart(path: string): boolean {
  const parsed = parsePattern(path);
  return parsed.ok && parsed.pattern.segments.some((segment) => segment.kind === "literal");
}
