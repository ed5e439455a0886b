/** The store as its port has it: writes go to their partitions, questions to whichever may know. */
import type { RedisSettings } from "../../../proxy/config/settings.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { makeUlid, ulidTime } from "../../../proxy/identity.ts";
import type { MemberCalls } from "../../../proxy/members/member-calls.ts";
import type { Members } from "../../../proxy/members/members.ts";
import type { JournalAccount } from "../../../proxy/journal.ts";
import type { Clock, ErasedRecords, ErasureQuery, Store, StoreHealth, StoreWrite } from "../../../proxy/ports.ts";
import type { Transitions } from "../../../proxy/moves/transition.ts";
import type { SharedPins } from "../../../proxy/members/pins.ts";
import type { Turns } from "../../../proxy/members/turns.ts";
import type { PairsKept } from "../../../proxy/evidence/stored-pair.ts";
import { DEFAULT_BACKLOG, Room, type BacklogLimits, type BacklogMark } from "../backlog.ts";
import { GroupListeners, type GroupListener } from "../listeners.ts";
import { DEFAULT_RETENTION, type Retention } from "../retention.ts";
import { type BesideReply, type Counts, countsBeside } from "./beside.ts";
import { Evictor } from "./eviction.ts";
import { rewriteFiles } from "./files.ts";
import { baseOf } from "./keys.ts";
import type { RunBefore } from "./lasting-run.ts";
import type { RedisLink } from "./link.ts";
import type { Meta } from "./opening.ts";
import { Positions } from "./order.ts";
import { erasePairs } from "./pairs.ts";
import { Partition, readSizes, type SizesReply } from "./partition.ts";
import { Reading } from "./reading.ts";
import { Questions } from "./questions.ts";
import { eraseRecords } from "./records.ts";
import { Replication } from "./replication.ts";
import { SCRIPTS } from "./scripts.ts";
import { RedisCalls } from "./calls.ts";
import { RedisMembers } from "./members.ts";
import { RedisPhases } from "./phases.ts";
import { OwnOverrides } from "./own-overrides.ts";
import { type LookEvery, TurnCalls } from "./turn-calls.ts";
import { RedisPins } from "./pins.ts";
import { RedisTurns } from "./turns.ts";
import { overrides } from "./kept.ts";
import { homeOf, routesOf } from "./write-homes.ts";

const SECOND = 1000;
export const PATIENCE_MS = 10 * SECOND;
/** An idle store says so often that it is alive, and looks so often whether Redis is. */
const HEARTBEAT_MS = 5 * SECOND;
const ASK_AFTER_MS = 250;
/** Writing the files anew takes as long as the disk needs for all of it. */
const REWRITE_PATIENCE_MS = 10 * 60 * SECOND;
/** A process of which nobody has heard for so long counts as ended; where it comes back its counts are put right. */
const RUN_SILENT_MS = 30 * SECOND;

export interface RedisStoreOptions {
  readonly redis: RedisSettings;
  readonly clock: Clock;
  /** Routes whose writes are mirrored: they get a gap after a loss even if the store never saw one of theirs. */
  readonly routes?: readonly string[];
  /** null: this process's accounts end with it. */
  readonly member?: RedisMember | null;
  readonly retention?: Partial<Retention>;
  readonly backlog?: Partial<BacklogLimits>;
  /** How long the opening, a question, a flush or the end may wait for Redis. Default 10 s. */
  readonly patienceMs?: number;
  /** How long a server may be silent before the connection is given up. Default 5 s. */
  readonly silentMs?: number;
  readonly heartbeatMs?: number;
  readonly runSilentMs?: number;
  readonly lookEveryMs?: LookEvery;
}

/** Whose accounts they are, over all its lives. */
export interface RedisMember {
  /** Names its run. */
  readonly run: string;
  /** Whether a life of it has used a store before. */
  readonly hasRun: boolean;
  /** Which machine's folder it lives in: locked there, so that no two processes have it. */
  readonly place: string;
  /** What its journal has that is not counted. Called once, before the store is used. */
  readonly journal: (countedUpTo: number) => Promise<JournalAccount>;
  /** What is wrong with its folder, in words; null: nothing. */
  readonly problem: () => string | null;
  /** The store is closed. */
  readonly ended: () => void;
}

/** How its life begins. */
export interface RunBegun {
  readonly run: string;
  /** Redis' time: microseconds since 1970. This machine's clock may be anywhere. */
  readonly atUs: number;
  /** null: it lasts no longer than this process. */
  readonly lasting: { readonly life: string; readonly before: readonly RunBefore[] } | null;
}

export interface RedisStore extends Store {
  readonly turns: Turns;
  readonly pins: SharedPins;
  /** What is counted beside what this process has counted itself. @throws CrossfadeError `store-unavailable` */
  countsBeside(): Promise<Counts>;
  readonly members: Members;
  readonly memberCalls: MemberCalls;
  /** Which process this is, among all that ever used the store. */
  readonly life: string;
  readonly transitions: Transitions;
  /** What evidence is redacted under: the same for all that share the store. */
  readonly secretKey: Buffer;
  /** What an operator should know of this opening, a sentence each. */
  readonly notes: readonly string[];
}

export class SharedStore extends Questions implements RedisStore {
  readonly generation: number;
  readonly secretKey: Buffer;
  readonly #options: RedisStoreOptions;
  readonly #link: RedisLink;
  readonly #listeners = new GroupListeners();
  readonly #patienceMs: number;
  readonly #partitions: readonly Partition[];
  protected readonly reading: Reading;
  protected readonly run: string;
  readonly #before: NonNullable<RunBegun["lasting"]>["before"];
  readonly turns: RedisTurns;
  readonly pins: RedisPins;
  readonly #calls: TurnCalls;
  readonly members: RedisMembers;
  readonly memberCalls: RedisCalls;
  readonly life: string;
  readonly transitions: RedisPhases;
  readonly #own = new OwnOverrides((mark) => this.#partitions[0]?.reached(mark) === true);
  readonly #notes: string[];
  readonly #heartbeat: NodeJS.Timeout;
  readonly #replication: Replication;
  #loss: string | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: RedisStoreOptions, link: RedisLink, meta: Meta, begun: RunBegun, warnings: readonly string[]) {
    super();
    const { clock, redis } = options;
    this.#options = options;
    this.#link = link;
    this.run = begun.run;
    this.#before = begun.lasting?.before ?? [];
    this.generation = meta.generation;
    this.secretKey = meta.secret;
    this.#notes = [...warnings];
    const allDurable = (): Promise<void> => this.#allDurable();
    this.#replication = new Replication({ link, redis, clock, meta, allDurable });
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    const retention = { ...DEFAULT_RETENTION, ...options.retention };
    const evictor = new Evictor(
      meta.partitions,
      retention,
      () => clock.now(),
      async (partition, eviction, { records, bytes, groups: ofGroups }) => {
        const order = { ...eviction, known: { records, bytes, groups: ofGroups } };
        const reply = await link.run(SCRIPTS.evict, baseOf(redis.prefix, partition), order);
        return readSizes(reply as SizesReply);
      },
    );
    const runSilentMs = options.runSilentMs ?? RUN_SILENT_MS;
    const [room, positions] = [new Room({ ...DEFAULT_BACKLOG, ...options.backlog }), new Positions()];
    this.#partitions = Array.from({ length: meta.partitions }, (_, partition) => {
      return new Partition({
        partition,
        base: baseOf(redis.prefix, partition),
        run: begun.run,
        lasting: begun.lasting === null ? null : lastingOf(begun.lasting, partition),
        generation: meta.generation,
        openedAt: clock.now(),
        bornAt: ulidTime(begun.run) ?? clock.now(),
        ...{ clock, link, room, positions, retention },
        pairBytes: (one) => this.#pairBytesFor(one, retention.keepPairBytes),
        silentMs: runSilentMs,
        routes: routesOf(partition, meta.partitions, options.routes),
        kept: async (one, sizes) => {
          evictor.note(one, sizes);
          await evictor.run();
        },
        events: (events) => this.#listeners.tell(events),
        lost: (sentence) => this.#onLost(sentence),
      });
    });
    this.reading = new Reading({
      link,
      prefix: redis.prefix,
      partitions: meta.partitions,
      patienceMs: this.#patienceMs,
      now: () => clock.now(),
      settleSoon: () => this.#flushWithin(ASK_AFTER_MS),
    });
    const bases = Array.from({ length: meta.partitions }, (_, partition) => baseOf(redis.prefix, partition));
    this.#calls = new TurnCalls(options.lookEveryMs);
    this.#calls.listen(redis, bases, begun.run);
    this.turns = new RedisTurns({
      calls: this.#calls,
      ...{ link, clock, prefix: redis.prefix, partitions: meta.partitions, run: begun.run, secret: meta.secret },
      trustMs: runSilentMs / 2,
      openedAtUs: begun.atUs,
    });
    this.pins = new RedisPins({
      ...{ link, clock, prefix: redis.prefix, partitions: meta.partitions, run: begun.run, secret: meta.secret },
      life: begun.lasting?.life ?? begun.run,
      openedAtUs: begun.atUs,
    });
    const shared = { link, prefix: redis.prefix, reading: this.reading };
    const who = { id: begun.run, life: begun.lasting?.life ?? begun.run };
    this.transitions = new RedisPhases({ ...shared, ...who });
    this.members = new RedisMembers({
      ...{ ...shared, ...who, clock },
      place: options.member?.place ?? null,
      folderProblem: () => options.member?.problem() ?? null,
      overrides: () => this.#own.over(() => overrides(this.reading)),
    });
    this.life = who.life;
    const { secret } = meta;
    this.memberCalls = new RedisCalls({ ...{ ...shared, ...who, secret }, members: () => this.members.list() });
    link.onUp = () => void this.#onUp();
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs ?? HEARTBEAT_MS);
    this.#heartbeat.unref();
    this.#compareReplication();
    void this.#replication.note();
  }

  get notes(): readonly string[] {
    return this.#notes;
  }

  /** Counts what the life before had not counted. */
  accountFor({ writes, notes }: { readonly writes: readonly StoreWrite[]; readonly notes: readonly string[] }): void {
    this.append(writes);
    this.#notes.push(...notes);
  }

  /** Owns up to what may have been lost while nobody looked. */
  #compareReplication(): void {
    const { clock, routes = [] } = this.#options;
    if (!this.#replication.hasChanged) return;
    const now = clock.now();
    const at = new Date(now).toISOString();
    const why = "store possibly lost: Redis was restarted or failed over while no Crossfade looked";
    for (const route of routes) {
      const id = makeUlid(now);
      this.append([
        { type: "gap-opened", id, route, from: at, why },
        { type: "gap-closed", id, to: at },
      ]);
    }
    this.#notes.push(
      `store ${this.#link.place} was restarted or failed over since it was last open: what it had confirmed may be lost; ` +
        `a gap is recorded for ${routes.length} ${routes.length === 1 ? "route" : "routes"}; reconcile closes it`,
    );
  }

  append(writes: readonly StoreWrite[]): void {
    if (this.#closing !== null) {
      this.#partitions[0]?.refuse(writes.length);
      return;
    }
    for (const write of writes) {
      const home = homeOf(write, this.#partitions.length);
      if (home === null) for (const partition of this.#partitions) partition.append(write);
      else this.#partitions[home]?.append(write);
      const [first] = this.#partitions;
      if ((write.type === "pin" || write.type === "unpin") && first !== undefined) this.#own.note(write, first.mark());
    }
  }

  flush(): Promise<void> {
    return this.#flushWithin(this.#patienceMs);
  }

  journalMark(): number {
    return Math.min(...this.#partitions.map((partition) => partition.journalMark));
  }

  async #flushWithin(patienceMs: number): Promise<void> {
    await Promise.all(this.#partitions.map((partition) => partition.flush(patienceMs)));
  }

  health(): StoreHealth {
    const sum = (of: (partition: Partition) => number): number =>
      this.#partitions.reduce((total, partition) => total + of(partition), 0);
    const failed = this.#partitions.find(({ problem }) => problem !== null)?.problem ?? null;
    const present = this.#link.problem ?? failed ?? this.#replication.unfit;
    return {
      kind: "redis",
      problem: present ?? this.#loss,
      isKeeping: present === null,
      lostWrites: sum(({ lostWrites }) => lostWrites),
      pendingWrites: sum(({ pendingWrites }) => pendingWrites),
    };
  }

  async eraseDivergences(query: ErasureQuery): Promise<ErasedRecords> {
    await this.#allDurable();
    const erased = await eraseRecords(this.reading, query);
    const pairs = await erasePairs(this.reading, query);
    // Their answers tell what is left.
    await Promise.all(this.#partitions.map((partition) => partition.post()));
    // Also where nothing was found: the erasure before may have failed just here.
    if (!query.dryRun) await this.reading.ask(() => rewriteFiles(this.#link, REWRITE_PATIENCE_MS), REWRITE_PATIENCE_MS);
    return { ...erased, pairs, setAside: [] };
  }

  async countsBeside(): Promise<Counts> {
    const all = await this.reading.askAtOnce(() =>
      Promise.all(
        this.#partitions.map(async (_, partition) => {
          const base = baseOf(this.#options.redis.prefix, partition);
          const reply = await this.#link.run(SCRIPTS.beside, base, { run: this.run });
          return countsBeside(reply as BesideReply, this.#before[partition]?.totals ?? NOTHING_COUNTED);
        }),
      ),
    );
    return { outcomes: all.flatMap(({ outcomes }) => outcomes), eligible: all.flatMap(({ eligible }) => eligible) };
  }

  pairsKept(): PairsKept {
    const sum = (of: (partition: Partition) => number): number =>
      this.#partitions.reduce((total, partition) => total + of(partition), 0);
    return {
      kept: sum(({ pairSizes }) => pairSizes.kept),
      bytes: sum(({ pairSizes }) => pairSizes.bytes),
      limitBytes: this.#options.retention?.keepPairBytes ?? DEFAULT_RETENTION.keepPairBytes,
      lost: sum(({ lostPairs }) => lostPairs),
    };
  }

  /** What the others leave of it, and never less than an even share. */
  #pairBytesFor(partition: number, all: number): number {
    const elsewhere = this.#partitions.reduce(
      (sum, { pairSizes }, i) => (i === partition ? sum : sum + pairSizes.bytes),
      0,
    );
    return Math.max(all - elsewhere, Math.floor(all / this.#partitions.length));
  }

  onGroupEvent(listener: GroupListener): () => void {
    return this.#listeners.add(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.members.stop();
    await this.pins.stop();
    this.memberCalls.stop();
    await this.flush();
    this.#calls.stop();
    await this.#replication.note();
    this.reading.close();
    const isClean = this.#partitions.every(({ pendingEssentials }) => pendingEssentials === 0);
    for (const partition of this.#partitions) partition.abandon();
    // Otherwise its silence is noticed by another process or the next opening, and a gap stands for what is missing.
    if (isClean && this.#link.isUp) await this.#end().catch(() => undefined);
    this.#link.close();
    this.#options.member?.ended();
  }

  async #end(): Promise<void> {
    const { clock, redis } = this.#options;
    await Promise.all(
      this.#partitions.map((_, partition) => {
        const order = { what: "end", run: this.run, partition, now: clock.now() };
        return this.#link.run(SCRIPTS.run, baseOf(redis.prefix, partition), order);
      }),
    );
  }

  /** @throws CrossfadeError `store-unavailable` where what was appended so far does not become durable in time. */
  async #allDurable(): Promise<void> {
    const marks = this.#partitions.map((partition) => partition.mark());
    await this.flush();
    if (this.#partitions.every((partition, i) => partition.reached(marks[i] as BacklogMark))) return;
    const why = this.health().problem ?? `store ${this.#link.place} is behind with what it was given`;
    throw new CrossfadeError("store-unavailable", why, { source: "store", retryable: true });
  }

  #beat(): void {
    this.#link.beat();
    for (const partition of this.#partitions) void partition.post();
    void this.#replication.follow();
  }

  async #onUp(): Promise<void> {
    this.members.cameBack();
    this.turns.distrust();
    this.pins.distrust();
    for (const partition of this.#partitions) void partition.post();
    await this.#replication.note();
  }

  #onLost(sentence: string): void {
    this.turns.distrust();
    this.pins.distrust();
    this.#loss = `store ${this.#link.place}: ${sentence}`;
    this.#replication.sayAgain();
  }
}

const NOTHING_COUNTED = { outcomes: [], totals: [] };

function lastingOf({ life, before }: NonNullable<RunBegun["lasting"]>, partition: number) {
  return { life, before: before[partition] as RunBefore };
}
