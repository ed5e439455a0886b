/** Every default, in one place. A file with two URLs is complete. */
import type {
  Address,
  GateProfile,
  GateSettings,
  RouteSettings,
  ServiceSettings,
  Settings,
  Survival,
} from "./settings.ts";
import { DAY, GIB, MIB, SECOND } from "./units.ts";

export const DEFAULT_LISTEN: Address = { host: "127.0.0.1", port: 8080 };
/** Owner and group: whoever may write to the socket may use the proxy. */
export const DEFAULT_SOCKET_MODE = 0o660;
export const DEFAULT_TUNNELS: readonly string[] = ["websocket"];
export const DEFAULT_ADMIN_LISTEN: Address = { host: "127.0.0.1", port: 9090 };
/** How a route says that the module of `defaults` is not for it. */
export const NO_MODULE = "off";
export const DEFAULT_STORE: Settings["store"] = { kind: "sqlite", file: "./crossfade.db" };

export const DEFAULT_DIVERGENCE_LOG: Settings["divergenceLog"] = {
  file: "./crossfade-divergences.ndjson",
  keepMs: 7 * DAY,
  maxBytes: 1 * GIB,
  lines: "notable",
};

export const DEFAULT_LIMITS: Settings["limits"] = {
  inFlight: 1024,
  queuedBytes: 64 * MIB,
  bodyInMemoryBytes: 1 * MIB,
  bodyOnDiskBytes: 256 * MIB,
  spoolBytes: 1 * GIB,
  journalBytes: 10 * GIB,
  pairsBytes: 64 * MIB,
};

/** Of what is sent once there is a collector. */
export const DEFAULT_TELEMETRY = { traceShare: 0.01, metrics: true, logs: true, metricsEveryMs: 15 * SECOND };

export const DEFAULT_WORKERS = 0;
export const DEFAULT_MEMBER_FOLDER = "./crossfade-member";
export const DEFAULT_SURVIVES: Survival = "process";
/** How long a write may wait in a journal that outlives the process: a rewrite that is down overnight loses nothing. */
export const DURABLE_MAX_AGE_MS = 1 * DAY;

export const DEFAULT_SERVICE: Omit<ServiceSettings, "name" | "origin"> = {
  host: "preserve",
  effects: null,
  idempotency: "ignored",
  build: null,
  tls: { ca: null, client: null, serverName: null, verify: true },
  asShadow: {
    timeoutMs: 5 * SECOND,
    connectTimeoutMs: 10 * SECOND,
    maxWorkMs: 30 * SECOND,
    maxAgeMs: 15 * SECOND,
    // Copies go out within milliseconds; one that waited for seconds waited for an outage.
    expiresAfterMs: 5 * SECOND,
    ratePerSecond: null,
    credentials: "forward",
    headers: [],
  },
  own: { headers: [] },
  // An event stream may be silent for hours; that its peer is gone is noticed by TCP keep-alive.
  asPrimary: {
    timeoutMs: 30 * SECOND,
    connectTimeoutMs: 10 * SECOND,
    maxWorkMs: 30 * SECOND,
    idleTimeoutMs: null,
    totalTimeoutMs: null,
    maxConnections: null,
  },
};

const AFTER_CUTOVER = { failuresBelow: 0.05, automaticReturn: false };

/** A week has each weekday in it; a fortnight also what is done every other week. */
export const GATE_DEFAULTS: Readonly<Record<GateProfile, GateSettings>> = {
  strict: {
    profile: "strict",
    divergenceBelow: 0.00001,
    confidence: 0.99,
    spanMs: 14 * DAY,
    latencyRatioBelow: 1.5,
    ...AFTER_CUTOVER,
    reconcileFresherThanMs: DAY,
  },
  normal: {
    profile: "normal",
    divergenceBelow: 0.0001,
    confidence: 0.95,
    spanMs: 7 * DAY,
    latencyRatioBelow: 2,
    ...AFTER_CUTOVER,
    reconcileFresherThanMs: DAY,
  },
  "low-traffic": {
    profile: "low-traffic",
    divergenceBelow: 0.01,
    confidence: 0.95,
    spanMs: 14 * DAY,
    latencyRatioBelow: 3,
    ...AFTER_CUTOVER,
    reconcileFresherThanMs: DAY,
  },
};

/** Of `retire.quiet`, ms. */
export const QUIET_BOUNDS = { min: SECOND, max: 3650 * DAY } as const;

/** `entity` is missing: its default is the route's name, or null where the pattern has no fixed segment. */
export const DEFAULT_ROUTE: Omit<RouteSettings, "name" | "match" | "entity"> = {
  phase: "dual-write",
  next: "next",
  group: null,
  unattended: false,
  sharedDatabase: false,
  markHeaders: [],
  keepStreams: false,
  key: [
    { source: "path", name: "id" },
    { source: "answer-header", name: "location" },
    { source: "answer", name: "/id" },
    { source: "path", name: "" },
  ],
  keys: [],
  touches: [],
  treatAs: "by-method",
  persisted: [],
  mirror: { writes: true, readShare: 0, when: "accepted", acceptRealEffects: null },
  compare: {
    status: "exact",
    headers: ["content-type", "location"],
    mustMatch: [],
    ignore: [],
    normalise: [],
    tolerance: [],
    unordered: [],
    equivalent: [],
    shapes: [],
    module: null,
    noise: { readShare: 0, comparedShare: 0 },
  },
  values: { learn: [], apply: [], give: [], find: null, unmapped: "pass", clientSees: "legacy" },
  transform: { path: null, methods: [], headers: [], body: [], module: null },
  verify: { readBack: null },
  reads: { dialShare: 0, by: null },
  repair: { automatic: false, ratePerSecond: 20, write: "put-else-post", attempts: 5 },
  gate: GATE_DEFAULTS.normal,
  retire: { quietMs: 30 * DAY },
  redact: [],
  redactDetect: [],
};

/** The one route of a file without `routes`. */
export const DEFAULT_ROUTE_NAME = "default";
export const DEFAULT_ROUTE_PATH = "/**";
