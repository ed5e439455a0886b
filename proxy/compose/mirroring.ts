import { tmpdir } from "node:os";
import { dirname, resolve } from "node:path";
import type { Backfills } from "../rows/backfill-window.ts";
import { createBackfills, type SharedBackfills } from "../rows/backfills.ts";
import { ByteBudget } from "../process/byte-budget.ts";
import { createMemberHolds } from "../life/member-holds.ts";
import { createCopies } from "../copy-forward/copies.ts";
import { createComparer } from "../compare/comparer.ts";
import { createModuleHealth, type ModuleHealth } from "../compare/module-health.ts";
import type { ServiceSettings, Settings } from "../config/settings.ts";
import type { Switchboard } from "../config/switchboard.ts";
import type { OpenTunnels } from "../forward/open-tunnels.ts";
import { Spool } from "../forward/spool.ts";
import type { GapMarker, Journal, LastingBodies } from "../journal.ts";
import { Backlog } from "../mirror/backlog.ts";
import { ChangeLog } from "../mirror/change-log.ts";
import { CrossingWrites } from "../mirror/crossing-writes.ts";
import { Freezes } from "../mirror/freezes.ts";
import { Gaps } from "../mirror/gaps.ts";
import { KeyHolds } from "../mirror/key-holds.ts";
import { identityRewrite } from "../mirror/shadow-request.ts";
import { Taints } from "../mirror/taints.ts";
import { Unsettled } from "../mirror/unsettled.ts";
import { PairBook } from "../mirror/values/pair-book.ts";
import { ClientValues } from "../mirror/values/client-values.ts";
import { createSeal, type Seal } from "../mirror/values/seal.ts";
import { ValueMap } from "../mirror/values/value-map.ts";
import { createClientMapping } from "../ids/client-mapping.ts";
import { createClientMappings, type ClientMappings } from "../ids/client-mappings.ts";
import { createTransforms } from "../transform/transforms.ts";
import { createNoise, type Noise } from "../noise/noise.ts";
import { createReplay } from "../pairs/replay.ts";
import type { OpenWrites } from "../phase/open-writes.ts";
import type { WriteHold } from "../phase/write-hold.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import { createPipeline, type Pipeline } from "../pipeline.ts";
import type { Clock, Store, Telemetry } from "../ports.ts";
import { keyedHash } from "../record/keyed-hash.ts";
import { deriveKey } from "../record/secret-key.ts";
import type { Dial } from "../reads/dial.ts";
import type { DialCounts } from "../reads/dial-counts.ts";
import type { Fallback } from "../reads/fallback.ts";
import type { FallbackCounts } from "../reads/fallback-counts.ts";
import type { Members } from "../members/members.ts";
import type { SharedPins } from "../members/pins.ts";
import { createDialling } from "./dialling.ts";
import { createRepairs, type Repairs } from "../repair/repairs.ts";
import { createTouchWatches } from "../life/touch-watch.ts";
import type { Turns } from "../members/turns.ts";
import { createReadBacks, type ReadBacks } from "../verify/read-backs.ts";
import { uncopiedRow } from "../rows/uncopied-row.ts";
import { readBodyForValues } from "../ids/value-bodies.ts";
import { shareOfQueue } from "../workers/shares.ts";
import type { Audit, Desk } from "./desk.ts";
import type { Records } from "./records.ts";
import type { ServiceSide } from "./service-side.ts";
import { createSettingsDigest } from "./settings-digest.ts";

const COMPARE_TIME_LIMIT_MS = 30_000;
/** How long a new pair of values waits for a store that fails; then its entity is left to repair. */
const PAIR_RETRY_MS = 5_000;

export interface MirroringParts {
  /** As at the start. */
  readonly settings: Settings;
  readonly acting: Pick<Switchboard, "snapshot" | "mirroringEnabled" | "onChange" | "file">;
  readonly store: Store;
  readonly journal: Journal;
  readonly turns: Turns;
  readonly pins: SharedPins | null;
  readonly members: Pick<Members, "list">;
  /** Epoch ms: since when next is the route's source of truth; null: it is not, or nobody noted it. */
  readonly cutOverAt: (route: string) => number | null;
  /** How members ask one another; null: nobody shares the store. */
  readonly calls: Omit<SharedBackfills, "settings"> | null;
  readonly marker: GapMarker | null;
  /** Large bodies that outlive the process with the journal; null: none do. */
  readonly bodies: LastingBodies | null;
  readonly secretKey: Buffer;
  readonly services: ServiceSide;
  readonly records: Records;
  /** Told of each eligible exchange that has its outcome. */
  readonly evidence: PipelineParts["evidence"];
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly hold: WriteHold;
  readonly openWrites: OpenWrites;
  readonly tunnels: OpenTunnels;
  /** How often the repair list is gone through by itself. */
  readonly repairEveryMs: number;
  readonly desk: Desk;
  readonly audit: Audit;
}

/** The path of a request, and what sends to the shadow beside it. */
export interface Mirroring {
  readonly pipeline: Pipeline;
  readonly repairs: Repairs;
  readonly replay: ReturnType<typeof createReplay>;
  readonly backfills: Backfills;
  readonly noise: Noise;
  readonly moduleHealth: ModuleHealth;
  readonly backlog: Backlog;
  /** Bytes in memory, and on disk. */
  readonly queue: ByteBudget;
  readonly disk: ByteBudget;
  readonly seal: Seal;
  readonly values: PairBook;
  readonly clientMappings: ClientMappings;
  readonly dial: Dial;
  readonly dialCounts: DialCounts;
  readonly fallback: Fallback;
  readonly fallbackCounts: FallbackCounts;
  readonly readBacks: Pick<ReadBacks, "of" | "resume">;
  /** Once what an earlier process left is in the books. */
  beginDialling(): void;
  /** Once services and gates are closed. */
  close(): Promise<void>;
}

export function createMirroring(parts: MirroringParts): Mirroring {
  const { settings, store, journal, secretKey, services, records, telemetry, clock, desk, audit } = parts;
  const { hold, openWrites } = parts;
  const { redactor, sealer, decode } = records;
  const { caught } = desk;
  const { snapshot, mirroringEnabled } = parts.acting;
  const { upstream, gate } = services;

  const queue = new ByteBudget(shareOfQueue(settings).parentBytes);
  const disk = new ByteBudget(settings.limits.spoolBytes);
  const spoolFolder = settings.store.kind === "sqlite" ? dirname(resolve(settings.store.file)) : tmpdir();
  const lasting = parts.bodies && { ...parts.bodies, recorded: () => journal.whenReached(journal.position()) };
  const spool = new Spool(spoolFolder, disk, queue, lasting);
  const copies = { budget: queue, spool };
  const comparer = createComparer({
    queueBytes: settings.limits.queuedBytes,
    workers: 1,
    timeLimitMs: COMPARE_TIME_LIMIT_MS,
  });
  const moduleHealth = createModuleHealth();
  const backlog = new Backlog();
  const taints = new Taints();
  const markKey = deriveKey(secretKey, "shadow mark");
  const noise = createNoise({
    book: records.book,
    redactor,
    store,
    hashKey: deriveKey(secretKey, "noise"),
    telemetry,
    upstream,
    copies,
    markKey,
    clock,
    mirroringEnabled,
    random: Math.random,
    caught,
  });
  const valueKey = deriveKey(secretKey, "values");
  const seal = createSeal(valueKey, keyedHash(deriveKey(valueKey, "index")));
  const isShared = settings.store.kind === "redis";
  const book = new PairBook({ store, seal, clock, isShared, retryForMs: PAIR_RETRY_MS, caught });
  parts.acting.onChange(() => book.settingsChanged());
  const values = new ValueMap({
    book,
    readBody: readBodyForValues,
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
  });
  const orderBase = (exchangeId: string | null): number => parts.turns.order(exchangeId) ?? store.generation;
  const orderStamp = (base: number, position = journal.nextPosition()): string => `${base}.${position}`;
  const transforms = createTransforms(caught);
  const digestOf = createSettingsDigest(deriveKey(secretKey, "settings"));
  const [changes, freezes, keyHolds] = [new ChangeLog(() => journal.waiting()), new Freezes(), new KeyHolds()];
  const touching = createTouchWatches({ snapshot, changes, clock, members: parts.calls });
  const callers = parts.calls === null ? null : { ...parts.calls, settings: () => digestOf(parts.acting.file()) };
  const memberHolds = createMemberHolds({ keyHolds, changes, clock, members: callers });
  const backfills = createBackfills({
    snapshot,
    changes,
    freezes,
    gate,
    journal,
    hold,
    openWrites,
    leaveToRepair(route, snapshot, key, jobId) {
      const row = uncopiedRow(route, snapshot, { key, jobId, now: clock.now() });
      store.append([records.recorder.repairEntry(row, "not-copied")]);
    },
    clock,
    audit,
    touching,
    memberHolds,
    members: callers,
  });
  const beside = { hold, openWrites, changes, freezes };
  const shared = { snapshot, gate, comparer, moduleHealth, telemetry, clock, budget: queue, markKey, transforms };

  const clientMappings = createClientMappings(telemetry);
  const clients = createClientMapping({
    values: new ClientValues({ book, readBody: readBodyForValues }),
    transforms,
    counted: clientMappings,
    caught,
  });

  const dialling = createDialling({
    ...{ snapshot, mirroringEnabled, store, journal, telemetry, clock },
    onChange: parts.acting.onChange,
    shared: parts.pins,
    members: parts.members,
    cutOverAt: parts.cutOverAt,
    isBroken: (service) => gate(service).state() === "open",
    missed: (miss) => copiesForward.missed(miss),
  });

  const pipeline = createPipeline(
    {
      ...shared,
      mirroringEnabled,
      upstream,
      journal,
      turns: parts.turns,
      recorder: records.recorder,
      evidence: parts.evidence,
      pairs: records.pairs,
      ruleCounters: records.ruleCounters,
      copies,
      backlog,
      taints,
      noise,
      unsettled: new Unsettled(),
      orderBase,
      orderStamp,
      rewrite: identityRewrite,
      values,
      gaps: new Gaps(store, clock, parts.marker),
      openWrites,
      crossing: new CrossingWrites(() => clock.monotonic()),
      changes,
      pins: dialling.pins,
      freezes,
      keyHolds,
      readBacks: { settled: (settled) => readBacks.settled(settled) },
      copying: backfills,
      caught,
    },
    { hold, tunnels: parts.tunnels, clients, dial: dialling.dial, fallback: dialling.fallback },
  );

  const ofBothSides = {
    ...shared,
    ...beside,
    touching,
    visit: pipeline.visit,
    upstream: (service: ServiceSettings) => upstream("shadow", service),
    primaryGate: (service: ServiceSettings) => services.readGate(service),
    copies,
    values,
    orderStamp: () => orderStamp(orderBase(null)),
    caught,
  };
  const readBacks = createReadBacks({
    ...ofBothSides,
    mirroringEnabled,
    journal,
    sealer,
    recorder: records.recorder,
    random: Math.random,
  });
  const copiesForward = createCopies({
    ...ofBothSides,
    keyHolds,
    memberHolds,
    isConfirmed: ({ route, names }) => dialling.fallback.mayAsk({ route, names, revision: snapshot().revision }),
    counted: (route, result) => dialling.fallbackCounts.copied(route, result),
  });

  const repairs = createRepairs({
    ...ofBothSides,
    store,
    taints,
    sealer,
    redactor,
    everyMs: parts.repairEveryMs,
    audit: ({ what, by, reason, job }) => {
      const run = job.dryRun ? "dry run of a repair" : "repair";
      const sums = what === "ended" ? ` (${job.state}): ${JSON.stringify(job.results)}` : "";
      audit({ by, action: "repair", subject: job.route, what: `${run} ${what}${sums}`, reason });
    },
  });

  const replay = createReplay({
    ...shared,
    ...beside,
    mirroringEnabled,
    store,
    upstream,
    redactor,
    decode,
    values,
    audit: ({ by, id, reason, sentTo }) => {
      const what = sentTo.length > 0 ? `sent again to ${sentTo.join(", ")}` : "asked for and not sent";
      audit({ by, action: "replay", subject: id, what, reason });
    },
  });

  return {
    pipeline,
    repairs,
    replay,
    backfills,
    noise,
    moduleHealth,
    backlog,
    queue,
    disk,
    seal,
    values: book,
    clientMappings,
    dial: dialling.dial,
    dialCounts: dialling.counts,
    fallback: dialling.fallback,
    fallbackCounts: dialling.fallbackCounts,
    readBacks,
    beginDialling: () => dialling.begin(),
    async close() {
      dialling.end();
      await copiesForward.stop();
      await readBacks.stop();
      await comparer.close();
      await transforms.close();
      await repairs.stop();
      await noise.close();
      await spool.close();
    },
  };
}
