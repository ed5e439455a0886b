/**
 * The complete, readonly settings of one process. `config/schema.ts` describes what users write, `config/defaults.ts`
 * holds every default, and loading turns the two into this. An exchange keeps the snapshot it arrived under.
 */
import type { Effects, Locator } from "./terms.ts";
import type { CollectionSettings } from "./collection-settings.ts";
import type { TransformHookName, ModuleSettings, CompareSettings } from "./compare-settings.ts";

export const PHASES = ["legacy-only", "dual-write", "backfilling", "next-primary", "next-only"] as const;
export type Phase = (typeof PHASES)[number];

export const DETECTORS = ["card", "email", "jwt"] as const;
export type Detector = (typeof DETECTORS)[number];

export interface Address {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** A Unix socket. */
export interface SocketPath {
  readonly path: string;
}

/** What can be connected to, or listened on. */
export type Endpoint = Address | SocketPath;

/** How TLS is spoken to a service; of an https origin only. */
export interface ServiceTlsSettings {
  /** PEM of the authorities that are trusted in place of Node's own list; null: Node's list. */
  readonly ca: string | null;
  /** PEM of the certificate that is shown to a service that asks for one, and of its key. */
  readonly client: { readonly cert: string; readonly key: string } | null;
  /** The name that is asked for (SNI) and that the certificate must have; null: the origin's host. */
  readonly serverName: string | null;
  /** false: any certificate will do. */
  readonly verify: boolean;
}

/** How TLS is spoken to clients. */
export interface ListenTlsSettings {
  /** PEM, with its chain. */
  readonly cert: string;
  readonly key: string;
  /** Epoch ms: when clients will refuse the certificate. */
  readonly endsAt: number;
  /** Whether clients may choose HTTP/2. */
  readonly http2: boolean;
}

/** All that connecting to a service needs. */
export interface ServiceTarget {
  /** `http://host:port` or `https://host:port`, no path; or `unix:/path`, HTTP over that socket. */
  readonly origin: string;
  readonly tls: ServiceTlsSettings;
}

export interface ServiceSettings extends ServiceTarget {
  readonly name: string;
  readonly host: "preserve" | "target";
  /** null: not declared. */
  readonly effects: Effects | null;
  readonly idempotency: "honoured" | "ignored";
  /** Where an answer of this service names its build, or null. */
  readonly build: Locator | null;
  readonly asShadow: {
    readonly timeoutMs: number;
    /** Until a connection, TLS included, is there. */
    readonly connectTimeoutMs: number;
    /** How long the service may still work on a request that was given up. */
    readonly maxWorkMs: number;
    /** How long the head of a lane may wait for this service before its write goes to the repair list. */
    readonly maxAgeMs: number;
    /** A copy's credentials may have run out when it is sent this long after the primary answered. */
    readonly expiresAfterMs: number;
    /** Shadow requests a second, or null for no limit. */
    readonly ratePerSecond: number | null;
    readonly credentials: "forward" | "strip";
    readonly headers: readonly (readonly [name: string, value: string])[];
  };
  /** Of requests that Crossfade itself makes; values are secret. Names in lower case. */
  readonly own: { readonly headers: readonly (readonly [name: string, value: string])[] };
  readonly asPrimary: {
    /** From the request's last byte to the answer's head. */
    readonly timeoutMs: number;
    /** Until a connection, TLS included, is there. */
    readonly connectTimeoutMs: number;
    /** How long the service may still work on a request that was given up. */
    readonly maxWorkMs: number;
    /** Silence within an answer's body; null: any. */
    readonly idleTimeoutMs: number | null;
    /** The whole exchange, from the client's head to the answer's last byte; null: any. */
    readonly totalTimeoutMs: number | null;
    /** Connections at once; further requests wait for one. null: as many as there are requests. */
    readonly maxConnections: number | null;
  };
}

/**
 * How the shadow is told to hold what the primary holds. put-else-post: PUT to the entity's path, and POST to the path
 * above it where the shadow has no such entity and refuses the PUT with 404 or 405. put: PUT alone. post: what the shadow
 * has not is created by POST, what differs is PUT.
 */
export const REPAIR_WRITES = ["put-else-post", "put", "post"] as const;

export interface RouteMatch {
  /** Pattern: `:name`, `:name?`, `*` (one segment), `**` (any number, also none). */
  readonly path: string;
  /** null: every method. Upper case. */
  readonly methods: readonly string[] | null;
  /** Host without port, lower case; null: every host. */
  readonly host: string | null;
  /** Lower-case names; all must be equal. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Which part of a text is the value. */
export type ValuePart =
  | { readonly kind: "whole" }
  /** Of a URL or path, from 1 at its start, or from -1 at its end. */
  | { readonly kind: "segment"; readonly number: number }
  /** Of a URL, one of its query. */
  | { readonly kind: "query"; readonly name: string };

/** A place whose value is one at legacy and another one at next. Values of one kind are one set of pairs. */
export interface ValuePlace {
  readonly at: Locator;
  readonly kind: string;
  readonly part: ValuePart;
}

/** `at`: `answer:`, `answer-header:`, or `cookie:`, which is the one that the answer sets. */
export interface LearnPlace extends ValuePlace {
  /** For how long a pair is kept; null: as long as the store is. */
  readonly keepMs: number | null;
}

/** What the primary's answer to a create says at `from`, the shadow's create is told at `at`. */
export interface GivenValue {
  readonly from: Locator;
  readonly at: Locator;
}

/** Where a create's entity is looked for at the shadow, by what it says of itself. */
export interface FindSettings {
  /** A path; its names are those of the write's path. */
  readonly read: string;
  /** The natural key: what is equal on both sides. At least one is asked for by query. */
  readonly by: readonly { readonly at: Locator; readonly query: string | null }[];
  /** A pointer: where the answer lists what it found; empty: it is the list, or the one. */
  readonly within: string;
}

export interface ValueSettings {
  readonly learn: readonly LearnPlace[];
  readonly apply: readonly ValuePlace[];
  readonly give: readonly GivenValue[];
  readonly find: FindSettings | null;
  /** What becomes of a copy with a value that has no partner and that nobody is about to learn. */
  readonly unmapped: "pass" | "skip";
  /** Whose values clients hold once next is the primary: legacy's, as far as they got them, or whatever next answers. */
  readonly clientSees: "legacy" | "primary";
}

export const GATE_PROFILES = ["strict", "normal", "low-traffic"] as const;
export type GateProfile = (typeof GATE_PROFILES)[number];

/** What a route has to show before next may become its primary. */
export interface GateSettings {
  /** Where what is not said comes from. */
  readonly profile: GateProfile;
  /** Fewer units than this share may diverge, 0 to 1. */
  readonly divergenceBelow: number;
  /** How sure that has to be, 0 to 1. */
  readonly confidence: number;
  /** Evidence is at least so old. */
  readonly spanMs: number;
  /** The shadow's 95th percentile by the primary's. */
  readonly latencyRatioBelow: number;
  /** After the cutover next fails for fewer entities than this share, 0 to 1. */
  readonly failuresBelow: number;
  /** Where it is shown to fail for more, the route goes back by itself. */
  readonly automaticReturn: boolean;
  /** A comparison of the rows that is older does not count. */
  readonly reconcileFresherThanMs: number;
}

/** A header's name at each service, in lower case. */
export interface HeaderMove {
  readonly legacy: string;
  readonly next: string;
}

/** Where a member of a JSON body (or a field of a form) stands at each service: JSON pointers, that may hold `*`. */
export interface BodyMove {
  readonly legacy: string;
  readonly next: string;
  /** null: of both. */
  readonly of: "request" | "answer" | null;
}

/** One write is followed into this many lanes; what has more keys is not a batch but a migration. */
export const MAX_BATCH_KEYS = 100;

/** What a write of a route changes beside what its key names. */
export interface Touch {
  readonly entity: string;
  /** null: any of the entity's rows; nothing tells which. */
  readonly at: Locator | null;
}

export type PersistedQuery = readonly [id: string, does: "read" | "write"];

export const TREAT_AS = ["by-method", "write", "read", "graphql"] as const;

export interface RouteSettings {
  readonly name: string;
  readonly match: RouteMatch;
  readonly phase: Phase;
  /** Name of the service that is `next` for this route. */
  readonly next: string;
  /** Prefix of this route's entity keys; null: taken from the path (only the route `/**` has it so by default). */
  readonly entity: string | null;
  /** Routes of one group move from phase to phase together, as those of one entity do; null: of none. */
  readonly group: string | null;
  /** A file that says a phase beyond the barrier moves it there, through the gate. */
  readonly unattended: boolean;
  /** legacy and next work on the same tables: no write is mirrored, whatever anybody says, and no row has to be brought over. */
  readonly sharedDatabase: boolean;
  /** Tunnels and event streams are not closed at a cutover. */
  readonly keepStreams: boolean;
  readonly key: readonly Locator[];
  /** Of a batch: all that these yield are the write's keys; where they yield none, `key` tells. Empty: no batch. */
  readonly keys: readonly Locator[];
  /** For backfills beside live writes: further rows that a write changes. */
  readonly touches: readonly Touch[];
  /** Put on its writes, to either service, in place of a client's own; names in lower case. */
  readonly markHeaders: readonly (readonly [name: string, value: string])[];
  readonly treatAs: (typeof TREAT_AS)[number];
  /** Of `treatAs: graphql`: queries that clients name by an id alone. */
  readonly persisted: readonly PersistedQuery[];
  readonly mirror: {
    readonly writes: boolean;
    /** 0 to 1, by entity key. */
    readonly readShare: number;
    readonly when: "accepted" | "always";
    /** The words in which someone accepted that a service with real effects does them twice, or null. */
    readonly acceptRealEffects: string | null;
  };
  readonly compare: CompareSettings;
  readonly values: ValueSettings;
  readonly transform: {
    /** Pattern that next has for `match.path`, of the same names; null: the same path. */
    readonly path: string | null;
    /** Methods, legacy's and next's. */
    readonly methods: readonly (readonly [legacy: string, next: string])[];
    readonly headers: readonly HeaderMove[];
    readonly body: readonly BodyMove[];
    /** null: no functions of the user's. */
    readonly module: ModuleSettings<TransformHookName> | null;
  };
  readonly verify: {
    /** Path pattern of the GET that shows an entity whole (`/users/:id`); null: derived where it is plain (read-back.ts). */
    readonly readBack: string | null;
  };
  readonly reads: {
    /** The share of reads that next answers while legacy is the primary, 0 to 1. */
    readonly dialShare: number;
    /** What one side answers alike for (`header:x-user`); null: the entity key. */
    readonly by: Locator | null;
  };
  readonly repair: {
    /** Whether the shadow is written to without being asked. */
    readonly automatic: boolean;
    /** Keys of the route that are begun. */
    readonly ratePerSecond: number;
    readonly write: (typeof REPAIR_WRITES)[number];
    /** A revision that failed so often is parked. */
    readonly attempts: number;
  };
  readonly gate: GateSettings;
  readonly retire: {
    /** For so long nothing may have leant on legacy before it can go, nor on Crossfade. */
    readonly quietMs: number;
  };
  /** What is redacted in evidence beyond the built-in list. */
  readonly redact: readonly Locator[];
  /** What is redacted wherever it turns up. */
  readonly redactDetect: readonly Detector[];
}

/** Who is told of new causes and of those that come back. */
export interface WebhookSettings {
  /** http or https; secret beyond its host. */
  readonly url: string;
  /** Names in lower case; values are secret. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export type TelemetrySignal = "traces" | "metrics" | "logs";

/** What is sent over OTLP, and where. */
export interface TelemetrySettings {
  /** Where each signal is posted to, http or https; null: it is not sent. Secret beyond their hosts. */
  readonly urls: Readonly<Record<TelemetrySignal, string | null>>;
  /** Names in lower case; values are secret. What the environment says goes along. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Of requests that come without `traceparent`, the share that is traced; null: none is, whatever comes. */
  readonly traceShare: number | null;
  readonly metricsEveryMs: number;
}

/** What the journal's records survive: the end of the process, a power cut as well, or neither (then they are in memory). */
export const SURVIVALS = ["process", "power", "nothing"] as const;
export type Survival = (typeof SURVIVALS)[number];

export type AdminRole = "read" | "bodies" | "operate";

export type RedisTopology = "single" | "sentinel" | "cluster";

export interface Login {
  readonly username: string | null;
  readonly password: string | null;
}

export interface RedisSettings extends Login {
  readonly kind: "redis";
  readonly topology: RedisTopology;
  /** Of a cluster some, of sentinels all; otherwise one. */
  readonly nodes: readonly Address[];
  /** The name that the sentinels know the master by; null without them. */
  readonly master: string | null;
  /** At the sentinels themselves. */
  readonly sentinelLogin: Login;
  readonly db: number;
  /** First part of every key. */
  readonly prefix: string;
  /** null: plain text. */
  readonly tls: ServiceTlsSettings | null;
}

export interface Settings {
  /** The file these came from, or null when flags alone made them. */
  readonly file: string | null;
  readonly listen: Endpoint;
  /** Protocols whose `Upgrade` is tunnelled to the primary, lower case, without version. */
  readonly tunnels: readonly string[];
  /** Permissions of the Unix socket that is listened on. */
  readonly socketMode: number;
  /** null: clients are served in plain text. */
  readonly tls: ListenTlsSettings | null;
  readonly admin: {
    readonly listen: Address;
    readonly tokens: readonly { readonly name: string; readonly role: AdminRole; readonly token: string }[];
  };
  readonly store: { readonly kind: "sqlite"; readonly file: string } | { readonly kind: "memory" } | RedisSettings;
  readonly divergenceLog: {
    readonly file: string;
    readonly keepMs: number;
    readonly maxBytes: number;
    /** notable: every outcome but match and ignored. */
    readonly lines: "notable" | "all";
  };
  readonly limits: {
    /** Shadow requests on the wire at once, whole process. */
    readonly inFlight: number;
    /** Bytes held in memory for shadows, whole process. */
    readonly queuedBytes: number;
    /** One body: above this it goes to the spool. */
    readonly bodyInMemoryBytes: number;
    /** One body: above this it is not kept at all. */
    readonly bodyOnDiskBytes: number;
    /** Bytes in the spool, whole process. */
    readonly spoolBytes: number;
    /** Bytes of the journal on disk. */
    readonly journalBytes: number;
    /** Bytes in the store for exchanges that are kept whole; 0: none is. */
    readonly pairsBytes: number;
  };
  readonly journal: {
    /** Of a memory: store, nothing. */
    readonly survives: Survival;
    /** Secret; null: the key file beside the store. */
    readonly key: string | null;
  };
  readonly member: {
    /** Of this process alone, where the store is shared: who it is, and its journal. */
    readonly folder: string;
    /** What people call it; null: nothing. */
    readonly name: string | null;
  };
  /** Processes that take clients' requests; 0: the one process does. */
  readonly workers: number;
  /** null: nobody is told. */
  readonly webhook: WebhookSettings | null;
  /** null: nothing is sent anywhere; `/metrics` is served all the same. */
  readonly telemetry: TelemetrySettings | null;
  /** Always holds `legacy` and `next`; further ones are named by routes. */
  readonly services: Readonly<Record<string, ServiceSettings>>;
  /** In order; the first that matches wins. Never empty. */
  readonly routes: readonly RouteSettings[];
  readonly collections: readonly CollectionSettings[];
}

export function serviceOf(settings: Settings, name: string): ServiceSettings {
  const service = settings.services[name];
  if (service === undefined) throw new TypeError(`no service is named ${name}`);
  return service;
}

/** The Host to send to a service, or null where the client's is preserved. A Unix socket has no name of its own. */
export function hostFor({ host, origin }: ServiceSettings): string | null {
  if (host === "preserve") return null;
  return origin.startsWith("unix:") ? "localhost" : origin.slice(origin.indexOf("://") + 3);
}
