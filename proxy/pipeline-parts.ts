import type { ByteBudget } from "./process/byte-budget.ts";
import type { Caught } from "./caught.ts";
import type { Comparer } from "./compare/comparer.ts";
import type { ModuleHealth } from "./compare/module-health.ts";
import type { EvidenceBook } from "./evidence/evidence-book.ts";
import type { ServiceSettings } from "./config/settings.ts";
import type { Role, Settled, Snapshot } from "./exchange.ts";
import type { CaptureParts } from "./forward/capture.ts";
import type { Copying } from "./rows/backfill-window.ts";
import type { Backlog } from "./mirror/backlog.ts";
import type { ChangeLog } from "./mirror/change-log.ts";
import type { CrossingWrites } from "./mirror/crossing-writes.ts";
import type { Freezes } from "./mirror/freezes.ts";
import type { Gaps } from "./mirror/gaps.ts";
import type { Holes } from "./mirror/holes.ts";
import type { KeyHolds } from "./mirror/key-holds.ts";
import type { Pins } from "./mirror/pins.ts";
import type { ShadowGate } from "./mirror/shadow-gate.ts";
import type { Rewrite } from "./mirror/shadow-request.ts";
import type { Taints } from "./mirror/taints.ts";
import type { ValueMap } from "./mirror/values/value-map.ts";
import type { Follower } from "./mirror/verdicts.ts";
import type { Transforms } from "./transform/transforms.ts";
import type { Journal } from "./journal.ts";
import type { OpenWrites } from "./phase/open-writes.ts";
import type { Clock, Telemetry, Upstream } from "./ports.ts";
import type { Noise } from "./noise/noise.ts";
import type { Unsettled } from "./mirror/unsettled.ts";
import type { PairKeeper } from "./record/pair-keeper.ts";
import type { Recorder } from "./record/recorder.ts";
import type { RuleCounters } from "./record/rule-counters.ts";
import type { Turns } from "./members/turns.ts";

/** Everything the pipeline works with; `main.ts` builds it once. */
export interface PipelineParts {
  /** The settings that an exchange arriving now will keep. */
  readonly snapshot: () => Snapshot;
  readonly mirroringEnabled: () => boolean;
  /** Connections to a service in a role: copies never wait for, or take, a connection of the primary's. */
  readonly upstream: (role: Role, service: ServiceSettings) => Upstream;
  readonly gate: (service: ServiceSettings) => ShadowGate;
  readonly journal: Journal;
  /** The order of writes among members that share the store. */
  readonly turns: Turns;
  readonly recorder: Recorder;
  /** What speaks for a cutover and against it. */
  readonly evidence: Pick<EvidenceBook, "settled">;
  /** Reads mirrored writes back. */
  readonly readBacks: { settled(settled: Settled): void };
  /** Says which exchanges are kept whole. */
  readonly pairs: Pick<PairKeeper, "choose">;
  readonly ruleCounters: RuleCounters;
  readonly comparer: Comparer;
  readonly moduleHealth: ModuleHealth;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly copies: CaptureParts;
  /** Bytes in memory for shadows, whole process; the same one that the forwarder's copies are paid from. */
  readonly budget: ByteBudget;
  readonly backlog: Backlog;
  readonly taints: Taints;
  readonly noise: Noise;
  readonly unsettled: Unsettled;
  readonly markKey: Buffer;
  /** Of an exchange: the store's generation, or where members share it a number that orders the writes of one key over all of them. */
  readonly orderBase: (exchangeId: string | null) => number;
  /** `base.position`, one further at each call without the position of a record: orders the writes of one key. */
  readonly orderStamp: (base: number, journalPosition?: number) => string;
  /** Of every copy, after its values are mapped. */
  readonly rewrite: Rewrite;
  readonly values: ValueMap;
  readonly transforms: Transforms;
  /** Mirrored writes among them. */
  readonly openWrites: OpenWrites;
  /** Writes to a database that both services use, for reads that they cross. */
  readonly crossing: CrossingWrites;
  /** What mirrored writes may be changing, for backfills beside them. */
  readonly changes: ChangeLog;
  /** What the shadow has not confirmed, for reads that it may answer. */
  readonly pins: Pins;
  /** Copies of these rows are held back. */
  readonly freezes: Freezes;
  /** Writes of these keys are, before their primary is called. */
  readonly keyHolds: KeyHolds;
  readonly copying: Copying;
  /** Told of writes that went to the primary without their intent being durable. */
  readonly gaps: Gaps;
  /** Of lanes whose rest waits in the journal. */
  readonly holes: Holes<Follower>;
  /** An accepted write waits in the journal, and nowhere else. */
  readonly journalHasMore: () => void;
  /** Resolves when all that waits in the journal has been brought back, or memory has no room for more of it. */
  readonly journalCaughtUp: () => Promise<void>;
  /** Something failed on the shadow's side of the line. */
  readonly caught: Caught;
}
