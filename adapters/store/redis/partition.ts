/**
 * One partition's writes on their way: one batch at a time, and whatever comes meanwhile is the next one. A batch whose
 * answer was lost is sent again as it was, under its number, until Redis says whether it had it; one that was refused is
 * given back and cut anew.
 */
import { CrossfadeError } from "../../../proxy/errors.ts";
import type { GroupEvent, Missing } from "../../../proxy/evidence/evidence.ts";
import { makeUlid } from "../../../proxy/identity.ts";
import type { Clock, StoreWrite } from "../../../proxy/ports.ts";
import { Backlog, type BacklogMark, type Room } from "../backlog.ts";
import type { Retention } from "../retention.ts";
import type { Batch, GapRow, PairSizes, RepairRow } from "../rows.ts";
import type { Sizes } from "./eviction.ts";
import { asFailure, type RedisFailure } from "./failures.ts";
import { Ledger } from "./ledger.ts";
import type { RunBefore } from "./lasting-run.ts";
import { RedisFailed, type RedisLink } from "./link.ts";
import { spellCommit, type Positions } from "./order.ts";
import { SCRIPTS } from "./scripts.ts";

const SECOND = 1000;
const COMMIT_EVERY_MS = 20;
const RETRY_MS = SECOND;
/** Batches that are remembered, for the case that Redis loses them: at one each 20 ms, the last minute's. */
const REMEMBERED = 3_000;
/** Counts wait for the journal, and come here no later than that. */
const COUNTED_LATE_MS = 5 * SECOND;
/** Repairs, gaps and leanings in them. */
const REMEMBERED_ROWS = 50_000;

export interface PartitionSettings {
  readonly partition: number;
  readonly base: string;
  readonly run: string;
  /** Of a lasting run: which process goes on with it, and from where. */
  readonly lasting: { readonly life: string; readonly before: RunBefore } | null;
  readonly generation: number;
  /** Epoch ms, as the next. */
  readonly openedAt: number;
  /** When the first life of the run began. */
  readonly bornAt: number;
  readonly clock: Clock;
  readonly link: RedisLink;
  readonly room: Room;
  readonly positions: Positions;
  readonly retention: Retention;
  /** What this partition may keep of pairs now, given what the others have. */
  readonly pairBytes: (partition: number) => number;
  /** After so long without a word a run counts as ended. */
  readonly silentMs: number;
  /** Routes of this partition whose writes are mirrored. */
  readonly routes: readonly string[];
  /** Resolves when what is too much has been evicted. */
  readonly kept: (partition: number, sizes: Sizes) => Promise<void>;
  readonly events: (events: readonly GroupEvent[]) => void;
  readonly lost: (sentence: string) => void;
}

interface Flushing {
  readonly mark: BacklogMark;
  /** An attempt that began later and failed ends the waiting. */
  readonly afterAttempt: number;
  readonly done: () => void;
}

interface Out {
  readonly batch: Batch;
  readonly texts: readonly string[];
  readonly order: object;
  /** An answer to it was lost: it may be there already. */
  uncertain: boolean;
}

export class Partition {
  readonly #settings: PartitionSettings;
  readonly #backlog: Backlog;
  readonly #ledger = new Ledger();
  /** Who gets the copies, as it was told last. */
  readonly #shadows = new Map<string, Missing>();
  readonly #flushing = new Set<Flushing>();
  readonly #remembered: Remembered[] = [];
  #rememberedRows = 0;
  #out: Out | null = null;
  #sending = false;
  #attempts = 0;
  #sentAt = 0;
  #acknowledged = 0;
  /** Redis has lost batches: it is told every total again. */
  #resync = false;
  #scheduled: NodeJS.Timeout | null = null;
  #failure: string | null = null;
  #pairSizes: PairSizes = { kept: 0, bytes: 0 };
  #closed = false;
  /** The last that it was told, durable or not. */
  #lastMark = 0;

  constructor(settings: PartitionSettings) {
    this.#settings = settings;
    const before = settings.lasting?.before;
    this.#backlog = new Backlog(settings.room, before);
    if (before === undefined) return;
    this.#acknowledged = before.batch;
    this.#lastMark = before.mark;
    this.#ledger.add(before.totals);
  }

  get pendingWrites(): number {
    return this.#backlog.pendingWrites;
  }

  get pendingEssentials(): number {
    return this.#backlog.pendingEssentials;
  }

  get lostWrites(): number {
    return this.#backlog.lostWrites;
  }

  get lostPairs(): number {
    return this.#backlog.lostPairs;
  }

  /** As the last answer told. */
  get pairSizes(): PairSizes {
    return this.#pairSizes;
  }

  get problem(): string | null {
    return this.#failure;
  }

  /** The journal's position up to which counts of this partition are durable. */
  get journalMark(): number {
    return this.#backlog.pendingEssentials === 0 ? this.#lastMark : this.#backlog.journalMark;
  }

  append(write: StoreWrite): void {
    if (write.type === "journal-mark") this.#lastMark = write.position;
    if (write.type === "shadow") this.#shadows.set(write.route, write.service);
    const { positions, clock } = this.#settings;
    const arrived =
      write.type === "divergence" ? Date.parse(write.record.time) : write.type === "pair" ? write.at : null;
    const at = arrived === null ? 0 : positions.next(clock.now(), arrived);
    this.#backlog.add(write, at);
    this.#schedule();
  }

  refuse(writes: number): void {
    this.#backlog.refuse(writes);
  }

  flush(patienceMs: number): Promise<void> {
    const mark = this.#backlog.mark();
    if (this.#backlog.reached(mark)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting: Flushing = {
        mark,
        afterAttempt: this.#attempts,
        done: () => {
          clearTimeout(timer);
          this.#flushing.delete(waiting);
          resolve();
        },
      };
      const timer = setTimeout(waiting.done, patienceMs);
      this.#flushing.add(waiting);
      // While there is no connection no attempt is made that could fail.
      if (this.#settings.link.isUp) void this.post();
      else waiting.done();
    });
  }

  mark(): BacklogMark {
    return this.#backlog.mark();
  }

  reached(mark: BacklogMark): boolean {
    return this.#backlog.reached(mark);
  }

  /** Everything that still waits is lost. */
  abandon(): void {
    this.#closed = true;
    if (this.#scheduled !== null) clearTimeout(this.#scheduled);
    this.#out = null;
    this.#backlog.abandon();
    for (const waiting of this.#flushing) waiting.done();
  }

  /** Sends what waits, or an empty batch: that the run is alive is told so too. */
  async post(): Promise<void> {
    if (this.#scheduled !== null) clearTimeout(this.#scheduled);
    this.#scheduled = null;
    if (this.#sending || this.#closed || !this.#settings.link.isUp) return;
    this.#sending = true;
    this.#attempts += 1;
    const attempt = this.#attempts;
    this.#sentAt = this.#settings.clock.monotonic();
    let again = RETRY_MS;
    try {
      again = (await this.#send((this.#out ??= this.#seal()))) === "lost" ? 0 : COMMIT_EVERY_MS;
    } catch (thrown) {
      // Whatever it is: nobody waits for this call, and the process must not end by it.
      this.#onFailed(thrown instanceof RedisFailed ? thrown.failure : asFailure(thrown, this.#settings.link.place));
      this.#wakeFlushing(attempt);
    } finally {
      this.#sending = false;
    }
    this.#wakeFlushing(0);
    if (this.#closed || (this.#backlog.pendingWrites === 0 && this.#out === null)) return;
    // Whoever still waits asked after this attempt had begun, and is owed one of their own.
    if (this.#flushing.size > 0) setImmediate(() => void this.post());
    else this.#schedule(again);
  }

  #seal(): Out {
    const { clock, positions, partition, run, lasting, generation } = this.#settings;
    const { silentMs, retention, pairBytes, routes } = this.#settings;
    const batch = this.#backlog.seal(clock.now());
    const order = {
      run,
      partition,
      number: batch.number,
      acknowledged: this.#acknowledged,
      now: batch.sealedAt,
      silentMs,
      repairKeys: retention.repairKeys,
      keepMs: retention.keepMs,
      keepPlaces: retention.keepPlaces,
      pairBytes: pairBytes(partition),
      life: lasting?.life ?? null,
      generation,
      mark: batch.essentials.journalMark ?? this.#backlog.journalMark,
      routes: [...new Set([...routes, ...this.#ledger.routes(), ...batch.essentials.totals.map(({ route }) => route)])],
    };
    const rows = this.#ledger.after(batch.essentials, this.#resync);
    return { batch, ...spellCommit(order, rows, batch, positions), uncertain: false };
  }

  async #send(out: Out): Promise<"kept" | "lost"> {
    const { link, base, kept, partition, events } = this.#settings;
    const reply = readReply(await link.run(SCRIPTS.commit, base, out.order, out.texts));
    if (this.#closed) return "kept";
    if (reply.type === "taken") throw new RedisFailed(asFailure(takenOver(link.place), link.place));
    if (reply.type === "lost") {
      this.#onLost(reply.last, reply.knownUntil);
      return "lost";
    }
    this.#failure = null;
    this.#pairSizes = reply.pairs;
    this.#resync = false;
    this.#acknowledged = out.batch.number;
    this.#remember(out.batch);
    this.#ledger.add(out.batch.essentials);
    await kept(partition, reply.sizes);
    this.#out = null;
    this.#backlog.settle();
    events(reply.events);
    return "kept";
  }

  #onFailed({ error, done }: RedisFailure): void {
    this.#failure = error.message;
    if (this.#closed) return;
    const out = this.#out;
    if (out !== null && done === "unknown") out.uncertain = true;
    if (out?.uncertain === true && error.retryable) return;
    this.#out = null;
    // Nothing in the world outside can make it succeed: then it is the records, which must not stop what follows.
    this.#backlog.giveBack({ withoutEvidence: !error.retryable });
  }

  /**
   * Batches that Redis had confirmed are not there any more: a failover to a replica that was behind, a restart without
   * its data, or somebody emptied it. Counts are told again, and what is remembered of repairs and gaps; a gap stands for
   * what is not, and for what others had who have ended since.
   */
  #onLost(last: number, knownUntil: number | null): void {
    const { clock, routes, lost } = this.#settings;
    const now = clock.now();
    const from = this.#lostFrom(last, knownUntil);
    const batches = this.#acknowledged - last;
    this.#acknowledged = last;
    this.#resync = true;
    this.#out = null;
    this.#backlog.giveBack({ withoutEvidence: false });
    for (const { number, rows } of this.#remembered) if (number > last) for (const row of rows) this.#backlog.add(row);
    for (const [route, service] of this.#shadows) this.#backlog.add({ type: "shadow", route, service });
    const span = { from: new Date(Math.min(from, now)).toISOString(), to: new Date(now).toISOString() };
    for (const route of new Set([...routes, ...this.#ledger.routes()])) {
      const id = makeUlid(now);
      const why = "store lost: Redis lost writes that it had confirmed (a failover, or a restart without its data)";
      const misses = this.#shadows.get(route) ?? null;
      this.#backlog.add({ type: "gap-opened", id, route, from: span.from, why, misses });
      this.#backlog.add({ type: "gap-closed", id, to: span.to });
    }
    lost(
      `Redis lost what it had confirmed between ${span.from} and ${span.to} (${batches} batches): a gap is recorded`,
    );
  }

  /** Epoch ms: writes that came before it have lost nothing. */
  #lostFrom(last: number, knownUntil: number | null): number {
    const { openedAt, bornAt } = this.#settings;
    const [oldest] = this.#remembered;
    const told = this.#remembered.find(({ number }) => number > last)?.at ?? openedAt;
    // Of what a life before had been confirmed, or this one long ago, nobody knows any more what was in it.
    if (oldest !== undefined && oldest.number <= last + 1) return told;
    return Math.min(told, knownUntil === null ? bornAt : knownUntil - COUNTED_LATE_MS);
  }

  #remember({ number, sealedAt, essentials }: Batch): void {
    const rows = [
      ...essentials.repairs.map(repairAgain),
      ...essentials.gaps.map(gapAgain),
      // Repairs tell theirs again by themselves.
      ...essentials.leanings
        .filter(({ on }) => on !== "repair")
        .map((leaning) => ({ type: "leaned", leaning }) as const),
    ];
    this.#remembered.push({ number, at: sealedAt, rows });
    this.#rememberedRows += rows.length;
    const [fewer, count] = [this.#rememberedRows > REMEMBERED_ROWS, this.#remembered.length];
    if (!fewer && count <= REMEMBERED) return;
    for (const gone of this.#remembered.splice(0, Math.ceil(count / 2))) this.#rememberedRows -= gone.rows.length;
  }

  #schedule(everyMs: number = COMMIT_EVERY_MS): void {
    if (this.#scheduled !== null || this.#sending || this.#closed) return;
    const sinceMs = this.#settings.clock.monotonic() - this.#sentAt;
    this.#scheduled = setTimeout(() => void this.post(), Math.max(0, everyMs - sinceMs));
    if (everyMs === RETRY_MS) this.#scheduled.unref();
  }

  #wakeFlushing(failedAttempt: number): void {
    for (const waiting of this.#flushing) {
      if (failedAttempt > waiting.afterAttempt || this.#backlog.reached(waiting.mark)) waiting.done();
    }
  }
}

interface Remembered {
  readonly number: number;
  readonly at: number;
  readonly rows: readonly Exclude<StoreWrite, { type: "divergence" | "pair" }>[];
}

function repairAgain({ since, ...row }: RepairRow): Remembered["rows"][number] {
  return { type: "repair", ...row, at: since };
}

function gapAgain({ change, ...row }: GapRow): Remembered["rows"][number] {
  return { type: `gap-${change}`, ...row } as Remembered["rows"][number];
}

type Reply =
  | { readonly type: "taken" }
  /** `knownUntil`: epoch ms; null: nothing of the run is there. */
  | { readonly type: "lost"; readonly last: number; readonly knownUntil: number | null }
  | { readonly type: "kept"; readonly events: readonly GroupEvent[]; readonly sizes: Sizes; readonly pairs: PairSizes };

function readReply(reply: unknown): Reply {
  const [word, first, sizes, pairs] = reply as [string, string | [GroupEvent["event"], string][], SizesReply, number[]];
  if (word === "taken") return { type: "taken" };
  if (word === "lost") return { type: "lost", last: Number(first), knownUntil: Number(sizes) || null };
  const events = (first as [GroupEvent["event"], string][]).map(([event, group]) => ({ event, group }));
  return { type: "kept", events, sizes: readSizes(sizes), pairs: { kept: pairs[0] ?? 0, bytes: pairs[1] ?? 0 } };
}

/** Two processes with copies of one member's folder: the later one counts. */
function takenOver(place: string): CrossfadeError {
  const message =
    `store ${place}: another process goes on with this member's accounts; what is counted here is not kept. ` +
    "Give each process a member.folder of its own";
  return new CrossfadeError("store-unavailable", message, { source: "store", retryable: true });
}

export type SizesReply = readonly [number, number, number, string, string];

export function readSizes([records, bytes, groups, oldestRecord, oldestGroup]: SizesReply): Sizes {
  const time = (text: string): number => (text === "" ? Infinity : Number(text));
  return { records, bytes, groups, oldestRecord: time(oldestRecord), oldestGroup: time(oldestGroup) };
}
