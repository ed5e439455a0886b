import type { RouteSettings, Settings } from "./config/settings.ts";
import type { Difference, RepairReason } from "./evidence/evidence.ts";
import type { Outcome } from "./outcome.ts";
import type { StoredBody } from "./evidence/stored-body.ts";
import type { Trace } from "./tracing/trace.ts";

/** The part a service plays for a route in its present phase. */
export type Role = "primary" | "shadow";

/** What a request means to its route: decided by method (and override) or by `treatAs`. */
export type RequestClass = "write" | "read";

/** The two services that never change names; roles move between them. */
export type Identity = "legacy" | "next";

/** Why an exchange is not mirrored. */
export type NotMirroredWhy =
  | "no-route"
  | "phase-does-not-mirror"
  | "writes-off"
  | "reads-off"
  | "read-not-sampled"
  | "mirroring-off";

/** Who is the source of truth for one request, and who receives a copy. A mirrored exchange is an eligible one. */
export type Plan =
  | {
      readonly mirror: true;
      readonly primary: Identity;
      readonly shadow: Identity;
      readonly requestClass: RequestClass;
    }
  | {
      readonly mirror: false;
      readonly primary: Identity;
      readonly shadow: null;
      readonly requestClass: RequestClass;
      readonly why: NotMirroredWhy;
    };

/** Undecoded values of a path pattern's parts. */
export interface PathParams {
  readonly named: Readonly<Record<string, string>>;
  /** Segments caught by `**`, undecoded; empty where there is none. */
  readonly rest: readonly string[];
}

export interface RouteFound {
  readonly route: RouteSettings;
  readonly params: PathParams;
}

export interface Router {
  readonly routes: readonly RouteSettings[];
  /** The first route that matches, or null. Never throws, whatever the target. */
  match(request: RequestHead): RouteFound | null;
}

/**
 * What one exchange holds on to from its arrival to its end. A reload makes a new snapshot for later exchanges;
 * `revision` counts them within one process life.
 */
export interface Snapshot {
  readonly revision: number;
  readonly settings: Settings;
  readonly router: Router;
  /** Of routes that have been over the barrier: how often, plus one. */
  readonly epochs: ReadonlyMap<string, number>;
}

/** What services are told in `x-crossfade-epoch`. */
export function epochOf({ snapshot, route }: Pick<Exchange, "snapshot" | "route">): number {
  return snapshot.epochs.get(route.name) ?? 1;
}

/** Flat name, value, name, value list as Node's and undici's parsers give it: order, case and repetition kept. */
export type RawHeaders = readonly string[];

/** The head of a client's request, as it came. */
export interface RequestHead {
  readonly method: string;
  /** The request target byte for byte, query included. */
  readonly target: string;
  /** `target` up to its query, undecoded. */
  readonly path: string;
  /** From the `?` on without it, or "" where there is none. */
  readonly query: string;
  readonly headers: RawHeaders;
  readonly remoteAddress: string;
  /** How it reached this listener. */
  readonly scheme: "http" | "https";
}

/** A bounded copy of one body. */
export type BodyCopy =
  | { readonly kind: "memory"; readonly bytes: Buffer }
  /** In the encrypted spool; readable until `discard`. */
  | { readonly kind: "spooled"; readonly length: number; readonly file: SpooledBody }
  /** Too large to keep: only its digest and length are known. Empty: of a body that is gone, not even that. */
  | { readonly kind: "digest"; readonly length: number; readonly sha256: string | Promise<string> };

export interface SpooledBody {
  /** Under which it outlives the process, beside the journal; null: it ends with the process. */
  readonly name: string | null;
  readonly length: number;
  /** Once all of it is on disk: null, or why the copy is not whole. */
  whole(): Promise<string | null>;
  /** Once it is whole. */
  readonly sha256: string;
  /** Decrypted chunks in order. */
  read(): AsyncIterable<Buffer>;
  /** For another thread to read, until it is discarded. Only of a copy that is whole. */
  stored(): Promise<StoredBody>;
  /** The journal alone needs it from here on: to be discarded says nothing of it, until it is brought back (spool.ts). */
  leave(): void;
  discard(): void;
}

/** One complete answer, of either side. */
export interface Answer {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: BodyCopy;
  /** From the first byte of the request sent to the last byte of the answer, in ms. */
  readonly ms: number;
}

/** One client request with a route, as it is known before the primary is called. */
export interface Exchange {
  /** ULID of its arrival. */
  readonly id: string;
  /** Epoch ms. */
  readonly arrivedAt: number;
  readonly snapshot: Snapshot;
  readonly request: RequestHead;
  readonly route: RouteSettings;
  readonly params: PathParams;
  readonly plan: Plan;
  /** W3C trace id: the client's, or one made on arrival where the exchange is eligible. */
  readonly traceId: string;
  /** null: its spans are not recorded. */
  readonly trace: Trace | null;
}

/** The entities that a write is about. */
export interface About {
  /** For evidence; null: more than are followed. */
  readonly key: string | null;
  /** Of a batch, the others. */
  readonly moreKeys: readonly string[];
  /** Those of its lanes: at least one. */
  readonly keys: readonly string[];
  /** It made its entity: only the answer told the key. */
  readonly made: boolean;
  /** Its keys name entities, whose state can be verified; else they are lanes and nothing more. */
  readonly entity: boolean;
  /** Why not all of its keys are followed, in words. */
  readonly unfollowed: string | null;
}

/** What compare found between two complete answers. */
export interface Verdict {
  readonly outcome: "match" | "ignored" | "divergent";
  /** Not excused by any rule; at most `MAX_DIFFERENCES` of them. */
  readonly differences: readonly Difference[];
  /** Differences beyond those listed. */
  readonly moreDifferences: number;
  /** How many differences rules excused. */
  readonly excused: number;
  /** How often each rule took part in that, by its name; rules that did not are left out. */
  readonly excusedBy: readonly RuleTimes[];
}

export interface RuleTimes {
  /** As `rule-names.ts` spells it. */
  readonly rule: string;
  readonly times: number;
}

export const MAX_DIFFERENCES = 100;

/** An answer with all of its body, as it came. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: Buffer;
}

/** One settled exchange: everything record needs, not yet redacted. */
export interface Settled {
  readonly exchange: Exchange;
  /** As the client sent it; null where no copy of it is in memory. Never recorded: it tells what is secret. */
  readonly requestBody: Buffer | null;
  /** null: not known, or more than are followed. */
  readonly key: string | null;
  /** Of a batch, the others. */
  readonly moreKeys: readonly string[];
  readonly outcome: Outcome;
  readonly primary: { readonly status: number | null; readonly ms: number | null; readonly bytes: number | null };
  readonly shadow: {
    readonly status: number | null;
    readonly ms: number | null;
    readonly bytes: number | null;
    readonly attempts: number;
  } | null;
  readonly differences: readonly Difference[];
  readonly moreDifferences: number;
  /** Build of next, as its answer named it. */
  readonly build: string | null;
  /** Exchange id of the failed write in the same lane that this one follows. */
  readonly taintedBy: string | null;
  /** What went wrong on the shadow's side, in words. */
  readonly error: string | null;
  /** Of `shadow-error` and `shadow-timeout`: the error's code (`timeout`, `connect-failed`, …). */
  readonly failure: string | null;
  /** null: the shadow's state is known to be as the outcome says. */
  readonly repair: RepairReason | null;
  /** Epoch ms: what was sent may still be applied until then, and the repair has to wait for it; null: nothing may. */
  readonly notBefore: number | null;
  /** It made its entity at the primary, and is known not to have reached the shadow. */
  readonly uncreated: boolean;
  /** GraphQL: an answer tells of errors, so that part of the write may not have been applied. */
  readonly hasErrors?: true;
  /** Both answers, where the exchange was chosen to be kept whole as a pair. */
  readonly answers: { readonly primary: WholeAnswer; readonly shadow: WholeAnswer } | null;
}

/** The value of the first header of that name (lower case), or null. */
export function headerOf(headers: RawHeaders, name: string): string | null {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const candidate = headers[i] as string;
    if (candidate.length === name.length && candidate.toLowerCase() === name) return headers[i + 1] as string;
  }
  return null;
}
