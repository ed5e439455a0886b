/**
 * What the admin listener asks of the process it looks at. `main.ts` wires it; every call is cheap, and none but
 * `metricsText`, `lookAgain`, `values`, `gate`, `retire`, `move`, `override`, `purge`, `replay` and the store's queries waits for anything, so that nothing asked here can hold up the proxy.
 */
import type { Backfills } from "../rows/backfill-window.ts";
import type { ReconcileSchedule } from "../config/collection-settings.ts";
import type { ScheduleState } from "../rows/reconcile-schedule.ts";
import type { EndedOf, RowJobEnds } from "../rows/row-jobs.ts";
import type { RowValues } from "../rows/row-values.ts";
import type { Phase } from "../config/settings.ts";
import type { DivergenceRecord, OutcomeCount } from "../evidence/evidence.ts";
import type { MappedForClients } from "../ids/client-mappings.ts";
import type { DialledReads } from "../reads/dial-counts.ts";
import type { FallbackReads } from "../reads/fallback-counts.ts";
import type { ReadBackCounts } from "../read-back-results.ts";
import type { Snapshot } from "../exchange.ts";
import type { GateAnswer } from "../moves/gate-evidence.ts";
import type { Journal, JournalHealth } from "../journal.ts";
import type { CauseCounts, Page, Store, StoreHealth } from "../ports.ts";
import type { NotTwiceReason, OwnDisagreement, PlaceRecord, SurveyFailure } from "../evidence/places.ts";
import type { MoveOrder, MoveReport, RollbackPrice } from "../moves/phase-move.ts";
import type { AuditedChange } from "../evidence/audit.ts";
import type { Member, Members } from "../members/members.ts";
import type { Override } from "../moves/overrides.ts";
import type { PurgeRequest, PurgeResult } from "../evidence/purge.ts";
import type { RunningJobs } from "../rows/running-jobs.ts";
import type { JobRecord, RepairOrder } from "../repair-job.ts";
import type { OverrideChange } from "../config/switchboard.ts";
import type { RetireAnswer } from "../moves/retire.ts";
import type { ReplayEnd, ReplayRequest } from "../evidence/replay-request.ts";
import type { PairLoss } from "../evidence/stored-pair.ts";
import type { ListedValue, PairsQuery } from "../ids/value-pairs.ts";
import type { TelemetryHealth } from "../process/telemetry-health.ts";
import type { WebhookHealth } from "../process/webhook-health.ts";

export type BreakerState = "closed" | "half-open" | "open";

/** One route as it is now. Plain data; `status-view.ts` turns it into what API, page and CLI show. */
export interface RouteState {
  readonly name: string;
  /** The phase that acts. */
  readonly phase: Phase;
  /** The phase the file asks for. */
  readonly wanted: Phase;
  /** Writes of it, and of those that move together with it, that are held back while it moves; null: it does not. */
  readonly heldWrites: number | null;
  /** What the way back to dual-write costs; null: there is none to go. */
  readonly rollback: RollbackPrice | null;
  /** Service names as the acting phase has them; `shadow` null where it does not mirror. */
  readonly primary: string;
  readonly shadow: string | null;
  /** Writes over the store's life and reads of this process, counted when the exchange is planned. */
  readonly eligible: number;
  /** Eligible exchanges that have no outcome yet, counted apart from `outcomes`: the two are checked against `eligible`. */
  readonly pending: number;
  /** Same span as `eligible`; one entry per (outcome, reason), those that are 0 may be absent. */
  readonly outcomes: readonly Pick<OutcomeCount, "outcome" | "reason" | "count">[];
  /** Exchanges that both sides answered since the process began, and how long each side took for all of them. */
  readonly latency: { readonly counted: number; readonly primaryMs: number; readonly shadowMs: number };
  /** Open connections that changed their protocol: what goes through them is not seen. */
  readonly tunnels: number;
  /** Age of the oldest write waiting in this route's lanes, ms; 0 while none waits. */
  readonly lagMs: number;
  /** Of the shadow's service; null where the phase does not mirror. */
  readonly breaker: BreakerState | null;
  readonly repairs: number;
  /** Among them: tried too often. */
  readonly parked: number;
  readonly gaps: number;
  /** Its groups of divergences by state; null: the store has not said yet. */
  readonly causes: CauseCounts | null;
  /** Whether an eligible exchange came since the process began. */
  readonly seen: boolean;
  /** Every rule of its comparison, in the order in which they are asked. */
  readonly rules: readonly RuleState[];
  /** What operators have set over the file. */
  readonly overrides: readonly Override[];
  /** null: rules alone decide. */
  readonly module: ModuleState | null;
  readonly noise: NoiseState;
  /** Of what the gate asks for: 1 is enough, below 0 it speaks against a cutover. */
  readonly gateEvidence: number;
  /** Requests and answers that lean on what the primary calls otherwise. */
  readonly mappedForClients: MappedForClients;
  /** Reads that fell to next while legacy was the primary, since the process began. */
  readonly dialledReads: DialledReads;
  /** Reads that next, as the primary, had nothing for, since the process began. */
  readonly fallbackReads: FallbackReads;
  /** Mirrored writes that were read back, since the process began. */
  readonly readBacks: ReadBackCounts;
}

/** What was done to learn of noise since the process began; all 0 where the route does not ask for it. */
export interface NoiseState {
  /** Safe reads of which the primary gave two answers that were compared. */
  readonly askedTwice: number;
  /** Those that were chosen for it and came to nothing, by why. */
  readonly notAskedTwice: Readonly<Partial<Record<NotTwiceReason, number>>>;
  /** Compared exchanges whose places were counted. */
  readonly counted: number;
  readonly notCounted: Readonly<Partial<Record<SurveyFailure, number>>>;
  /** Places of those pairs that found no room among the 4,000 that are kept. */
  readonly placesLeftOut: number;
}

/** A user's module that takes part in a route's comparison; counts since the settings were loaded. */
export interface ModuleState {
  /** Whole name. */
  readonly file: string;
  readonly hooks: readonly string[];
  /** By what failed; each left its pair to the rules alone. */
  readonly failures: readonly ModuleFailures[];
  /** It hung, or ended its thread, too often and takes part no longer. */
  readonly isOff: boolean;
}

export interface ModuleFailures {
  /** `module normalise`, `module judge` or `module import`. */
  readonly step: string;
  readonly times: number;
  /** The last one, in words that name no content. */
  readonly last: string;
  /** Epoch ms. */
  readonly lastAt: number;
}

/** What a rule of a comparison has excused since the process began. */
export interface RuleState {
  readonly rule: string;
  readonly because: string | null;
  /** Epoch ms, or null. */
  readonly until: number | null;
  readonly excused: number;
  /** Epoch ms; null: never. */
  readonly lastExcusedAt: number | null;
  /** It excused nothing in at least 1,000 comparisons. */
  readonly stale: boolean;
}

/** What is known of a collection's rows. */
export interface CollectionState {
  readonly name: string;
  readonly route: string;
  /** Comparisons that the proxy begins by itself; null: none. */
  readonly schedule: (ReconcileSchedule & ScheduleState) | null;
  /** The last comparison of all rows, of the tables that are named now; null: there was none, or the store has not said. */
  readonly reconcile: EndedOf<"reconcile"> | null;
  /** The last sample. */
  readonly sample: EndedOf<"sample"> | null;
}

/** The whole process as it is now. */
export interface StatusInput {
  /** Epoch ms. */
  readonly now: number;
  readonly startedAt: number;
  /** null: requests can be routed safely. Otherwise why not, in words (draining, no settings, …). */
  readonly notReady: string | null;
  /** Warnings that nobody else derives: of the config, of the start. One sentence each. */
  readonly warnings: readonly string[];
  /** In the order of the config. */
  readonly routes: readonly RouteState[];
  /** In the order of the config. */
  readonly collections: readonly CollectionState[];
  /** null: mirroring is not switched off for all routes. */
  readonly killSwitch: Override | null;
  readonly config: {
    readonly file: string | null;
    readonly revision: number;
    /** Why the newest file was refused (`formatConfigMessage` text), or null. */
    readonly error: string | null;
  };
  readonly store: Omit<StoreHealth, "isKeeping">;
  readonly members: readonly Member[];
  /** What is wrong with this one's registration; null: nothing. */
  readonly memberProblem: string | null;
  /** Processes that take clients' requests: as configured, as they are, and how many were replaced. */
  readonly workers: { readonly wanted: number; readonly running: number; readonly replaced: number };
  readonly services: readonly {
    readonly name: string;
    readonly origin: string;
    /** null: answered when last asked, or never asked. */
    readonly problem: string | null;
  }[];
  readonly queue: {
    readonly bytes: number;
    readonly limitBytes: number;
    readonly waiting: number;
    readonly inFlight: number;
    readonly inFlightLimit: number;
    readonly spoolBytes: number;
    readonly spoolLimitBytes: number;
    /** Seconds until writes drop at the present rate, or null while nothing queues. */
    readonly headroomSeconds: number | null;
  };
  readonly journal: JournalHealth & {
    readonly kind: Journal["kind"];
    /** Writes without an outcome. */
    readonly depth: number;
    /** Of them, those that are in the journal and not in memory. */
    readonly waiting: number;
  };
  readonly log: {
    readonly file: string;
    readonly problem: string | null;
    /** Lines that could not be written since the process began. */
    readonly lostLines: number;
  };
  /** Exchanges that are kept whole. */
  readonly pairs: {
    readonly kept: number;
    readonly bytes: number;
    readonly limitBytes: number;
    /** Chosen and not kept since the process began, by why. */
    readonly notKept: Readonly<Record<PairLoss, number>>;
  };
  /** null: the config has none. */
  readonly webhook: WebhookHealth | null;
  /** null: nothing is sent over OTLP. */
  readonly telemetry: TelemetryHealth | null;
  /** Errors caught on the shadow side by the step they came from (`compare`, `record`, …); empty while all is well. */
  readonly caught: Readonly<Record<string, number>>;
}

export interface RepairRuns {
  /** null: one is under way, whose id `running` tells. */
  start(order: RepairOrder): Promise<JobRecord | null>;
  running(): string | null;
  /** The newest first. */
  jobs(): readonly JobRecord[];
  job(id: string): JobRecord | null;
  /** null: there is none of that id. */
  cancel(id: string, by: string, reason: string | null): JobRecord | null;
}

/** What has been learnt of places in answers. */
export interface PlacesKnown {
  /** Of one route, or of all, in the order of their addresses. */
  list(route?: string): readonly PlaceRecord[];
  /** Where the primary was asked twice, whatever the path; places that are not known are left out. */
  ownDisagreements(route: string, method: string, places: readonly string[]): readonly OwnDisagreement[];
}

export interface AdminParts {
  readonly version: string;
  /** Where to listen. A host that is not loopback without any token in the settings is refused. */
  readonly listen: Snapshot["settings"]["admin"]["listen"];
  readonly store: Store;
  /** The snapshot that new exchanges get: its routes are shown, its tokens let in (so a reload rotates them). */
  snapshot(): Snapshot;
  status(): StatusInput;
  /** Asks the store anew for what `status` shows of it. Resolves when that is there, or too long in coming. */
  lookAgain(): Promise<void>;
  metricsText(): Promise<string>;
  readonly places: PlacesKnown;
  /** Pairs of values of the two services, the newest first; none that is secret. */
  values(query: PairsQuery): Promise<Page<ListedValue>>;
  /** Whether a route may be cut over; null: there is no such route. Asks the store. */
  gate(route: string): Promise<GateAnswer | null>;
  /** What of a route still leans on legacy or on Crossfade; null: there is no such route. Asks the store. */
  retire(route: string, quietMs?: number): Promise<RetireAnswer | null>;
  /** Moves a route from phase to phase; null: there is no such route. It takes as long as writes under way need, some seconds at most. */
  move(order: MoveOrder): Promise<MoveReport | null>;
  /** Every record that goes to the divergence log, redacted, as it is recorded. Returns the unsubscribe. `createFeed` of feed.ts is one. */
  subscribe(listener: (record: DivergenceRecord) => void): () => void;
  /** Sets something over the file. `kept`: it outlives this process. */
  override(change: OverrideChange): Promise<{ readonly kept: boolean }>;
  readonly members: Pick<Members, "list" | "forget">;
  /** Tells the audit of a change that was made. */
  audit(change: AuditedChange): void;
  /** Erases what evidence holds of an entity. It takes as long as the disk needs. */
  purge(request: PurgeRequest): Promise<PurgeResult>;
  /** Runs over the repair list. */
  readonly repairs: RepairRuns;
  /** Backfills and comparisons of rows that tell this process of themselves. */
  readonly runningJobs: RunningJobs;
  /** What a backfill beside live writes is told and given. */
  readonly backfills: Backfills;
  /** What jobs over rows tell of their ends. */
  readonly rowJobs: RowJobEnds;
  /** What values of rows are at the other service; pairs are taught. */
  readonly rowValues: RowValues;
  /** Sends a recorded request once more. It takes as long as the services need, within their time limits. */
  replay(request: ReplayRequest): Promise<ReplayEnd>;
  /** Something went wrong inside the admin listener; it has been answered with 500. For the log. */
  onError(error: unknown, what: string): void;
}
