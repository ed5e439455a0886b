/**
 * One process's part in a backfill beside live writes: a window over its own log of changes, freezes of its own deliveries. With
 * members on one store each has its part, and a row is written where all of them agree (backfills.ts).
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { BackfillJob, FreezeHere, FrozenHere } from "./backfill-orders.ts";
import { FREEZE_MOST_MS, FREEZE_MS } from "./backfill-window.ts";
import { type RouteSettings, serviceOf, type ServiceSettings } from "../config/settings.ts";
import type { Snapshot } from "../exchange.ts";
import { makeUlid } from "../identity.ts";
import type { Journal } from "../journal.ts";
import type { ChangeLog } from "../mirror/change-log.ts";
import type { Freezes } from "../mirror/freezes.ts";
import type { ShadowGate } from "../mirror/shadow-gate.ts";
import type { OpenWrites } from "../phase/open-writes.ts";
import type { WriteHold } from "../phase/write-hold.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import type { Clock } from "../ports.ts";
import { foldId } from "../reach.ts";

export interface BackfillPartParts {
  readonly snapshot: () => Snapshot;
  readonly changes: ChangeLog;
  readonly freezes: Freezes;
  readonly gate: (service: ServiceSettings) => Pick<ShadowGate, "state">;
  readonly journal: Pick<Journal, "waiting">;
  readonly hold: Pick<WriteHold, "holds">;
  readonly openWrites: Pick<OpenWrites, "enter" | "leave">;
  readonly clock: Clock;
}

interface JobHere {
  readonly job: BackfillJob;
  /** Epoch ms. */
  heardAt: number;
  /** Nobody asks any more: its window is closed. */
  silence: NodeJS.Timeout;
  /** Freezes up to this one have ended, or are not to begin. */
  over: number;
  /** Those that stand, by the backfill's number. */
  readonly standing: Map<number, Standing>;
}

interface Standing {
  /** As `Freezes` numbers it. */
  readonly here: number;
  /** Monotonic ms. */
  readonly begunAt: number;
  /** It began without a look at what was touched. */
  readonly isBlind: boolean;
}

/** Of a job that nothing is heard of the window is closed, so that what changes is not remembered for nobody. */
export const SILENT_AFTER_MS = 60_000;
/** And what the shadow has not is no longer taken to be on its way. */
export const GONE_AFTER_MS = 10 * 60_000;
/** How long a freeze waits for writes that have yet to tell their keys. */
export const PATIENCE_MS = 2_000;
const LOOK_AGAIN_MS = 10;
/** Below what members are given to answer. */
const LET_BY_MS = 1_000;

export class BackfillPart {
  readonly #parts: BackfillPartParts;
  readonly #jobs = new Map<string, JobHere>();

  constructor(parts: BackfillPartParts) {
    this.#parts = parts;
  }

  /** It is under way: until it ends, or is silent for long, what the shadow has not may be on its way. */
  heard(job: BackfillJob, over: number): void {
    const { clock, changes, freezes } = this.#parts;
    const now = clock.now();
    const here = this.#jobs.get(job.id) ?? this.#begin(job);
    here.heardAt = now;
    here.over = Math.max(here.over, over);
    for (const [number, { here: standing }] of [...here.standing]) if (number <= here.over) freezes.lift(standing);
    clearTimeout(here.silence);
    here.silence = setTimeout(() => changes.closeWindow(job.id), SILENT_AFTER_MS);
    here.silence.unref();
  }

  #begin(job: BackfillJob): JobHere {
    const since = this.#parts.clock.now() - GONE_AFTER_MS;
    for (const [id, { heardAt }] of [...this.#jobs]) if (heardAt <= since) this.forget(id);
    const silence = setTimeout(() => undefined, 0);
    const here: JobHere = { job, heardAt: 0, silence, over: 0, standing: new Map() };
    this.#jobs.set(job.id, here);
    return here;
  }

  /** Its freezes stand to their deadline: it may have been told that they hold. */
  forget(id: string): void {
    const here = this.#jobs.get(id);
    if (here === undefined) return;
    clearTimeout(here.silence);
    this.#parts.changes.closeWindow(id);
    this.#jobs.delete(id);
  }

  /** A write of which nobody knows what it changes would spoil the window, whatever it is about: it is let go by first, within a bound. */
  async window({ id, entity }: BackfillJob): Promise<number> {
    const { changes, clock } = this.#parts;
    const deadline = clock.monotonic() + LET_BY_MS;
    while (changes.mayChangeAny(entity, clock.now()) && clock.monotonic() < deadline) await sleep(LOOK_AGAIN_MS);
    // It ended, or was replaced, meanwhile: nobody would close the window.
    return this.#jobs.has(id) ? changes.openWindow(id) : changes.mark();
  }

  mark(): number {
    return this.#parts.changes.mark();
  }

  isCopying(entity: string | null): boolean {
    if (this.#jobs.size === 0 || entity === null) return false;
    const since = this.#parts.clock.now() - GONE_AFTER_MS;
    return [...this.#jobs.values()].some(({ job, heardAt }) => job.entity === entity && heardAt > since);
  }

  async freeze(job: BackfillJob, order: FreezeHere): Promise<FrozenHere> {
    const { clock, changes, freezes } = this.#parts;
    const { entity } = job;
    const deadline = clock.monotonic() + PATIENCE_MS;
    const ids = new Map(order.ids.map((id) => [foldId(id), id]));
    for (;;) {
      const here = this.#jobs.get(job.id);
      if (here === undefined) return { end: "over", why: "another backfill took the collection over" };
      if (order.number <= here.over) return { end: "later", why: "it took too long until all members had answered" };
      const route = this.#routeOf(job);
      if (route === undefined) return { end: "over", why: `route ${job.route} is no longer in the configuration` };
      const over = whyNoBackfill(route);
      if (over !== null) return { end: "over", why: over };
      const why = this.#whyNotNow(route);
      if (why !== null) return { end: "later", why };
      const looked = changes.look({ entity, since: order.since, read: order.read }, new Set(ids.keys()), clock.now());
      // Another freeze may belong to a job that was told it holds, and has yet to commit.
      const isAlone = freezes.whenNone(entity) === null;
      if (looked.kind === "dirty") return { end: "dirty", why: looked.why };
      if (looked.kind === "known" && isAlone) {
        this.#freeze(here, order.number, new Set([...ids.keys()].filter((id) => !looked.touched.has(id))), false);
        return { end: "frozen", touched: [...looked.touched].map((id) => ids.get(id) ?? id) };
      }
      if (clock.monotonic() > deadline) {
        return { end: "later", why: looked.kind === "later" ? looked.why : "an earlier freeze has yet to end" };
      }
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** For a freeze of before this process came: whatever it may be of is held back, until it is over or has ended by itself. */
  freezeBlind({ id }: BackfillJob, number: number, ageMs: number): void {
    const here = this.#jobs.get(id);
    if (here === undefined || ageMs >= FREEZE_MS || number <= here.over || here.standing.has(number)) return;
    this.#freeze(here, number, null, true);
  }

  /** As a write under way it keeps the route from changing its source of truth. `ids` null: all. */
  #freeze({ job, standing }: JobHere, number: number, ids: ReadonlySet<string> | null, isBlind: boolean): void {
    const { openWrites, freezes, clock } = this.#parts;
    const name = `backfill ${makeUlid(clock.now())}`;
    openWrites.enter(name, job.route);
    const here = freezes.begin({ entity: job.entity, ids }, FREEZE_MS, () => {
      openWrites.leave(name);
      standing.delete(number);
    });
    standing.set(number, { here, begunAt: clock.monotonic(), isBlind });
  }

  /** Whether the freeze has held without a break; then it does for FREEZE_MS more. */
  confirm(id: string, number: number): boolean {
    const standing = this.#jobs.get(id)?.standing.get(number);
    if (standing === undefined) return false;
    if (this.#parts.clock.monotonic() - standing.begunAt > FREEZE_MOST_MS - FREEZE_MS) return false;
    return this.#parts.freezes.extend(standing.here, FREEZE_MS) && !standing.isBlind;
  }

  #routeOf({ route }: BackfillJob): RouteSettings | undefined {
    return this.#parts.snapshot().settings.routes.find(({ name }) => name === route);
  }

  #whyNotNow(route: RouteSettings): string | null {
    const { hold, journal, snapshot, gate } = this.#parts;
    if (hold.holds(route.name)) return `the source of truth of ${route.name} is being changed`;
    if (journal.waiting() > 0) return "accepted writes wait in the journal";
    const shadow = serviceOf(snapshot().settings, serviceNameFor("next", route));
    return gate(shadow).state() === "closed" ? null : `${shadow.name} does not answer, and its breaker is open`;
  }
}

/** Why the rows of a route cannot be brought over beside its live writes; null: they can. */
export function whyNoBackfill(route: RouteSettings): string | null {
  const roles = PHASE_ROLES[route.phase];
  if (roles.primary !== "legacy" || roles.shadow === null) {
    return `route ${route.name} is in ${route.phase}, and rows are brought over while legacy is the source of truth and next the shadow`;
  }
  if (route.entity === null) {
    return `route ${route.name} takes its entity from each path, so that nothing says which of its writes are about these rows; write entity: NAME`;
  }
  return null;
}
