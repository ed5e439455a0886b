/**
 * What a backfill that runs beside live writes is told and given (docs/semantics.md, "Rows racing live writes"): windows over
 * the log of changes, freezes of shadow delivery, places on the repair list. The job is another process: whatever it holds has
 * a deadline, and what it may not do any more is told when it asks.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { AuditedChange } from "./audit.ts";
import {
  type BackfillOpening,
  type Backfills,
  type Copying,
  type FreezeAnswer,
  type FreezeOrder,
  FREEZE_MOST_MS,
  FREEZE_MS,
  type OfBackfill,
  type OpenedBackfill,
} from "./backfill-window.ts";
import { type CollectionSettings, type RouteSettings, serviceOf, type ServiceSettings } from "./config/settings.ts";
import { MINUTE } from "./config/units.ts";
import type { Snapshot } from "./exchange.ts";
import { makeUlid } from "./identity.ts";
import type { Journal } from "./journal.ts";
import type { ChangeLog } from "./mirror/change-log.ts";
import type { Freezes } from "./mirror/freezes.ts";
import type { ShadowGate } from "./mirror/shadow-gate.ts";
import type { OpenWrites } from "./phase/open-writes.ts";
import type { WriteHold } from "./phase/write-hold.ts";
import { PHASE_ROLES, serviceNameFor } from "./phases.ts";
import type { Clock } from "./ports.ts";
import { foldId } from "./reach.ts";

export interface BackfillsParts {
  readonly snapshot: () => Snapshot;
  readonly changes: ChangeLog;
  readonly freezes: Freezes;
  readonly gate: (service: ServiceSettings) => Pick<ShadowGate, "state">;
  readonly journal: Pick<Journal, "waiting">;
  readonly hold: Pick<WriteHold, "holds">;
  readonly openWrites: Pick<OpenWrites, "enter" | "leave">;
  /** Puts the entity of this key on the repair list: next may not have it as it is. */
  readonly leaveToRepair: (route: RouteSettings, snapshot: Snapshot, key: string, jobId: string) => void;
  readonly clock: Clock;
  readonly audit: (change: AuditedChange) => void;
}

interface Session extends OpenedBackfill {
  readonly collection: CollectionSettings;
  readonly by: string;
  /** Epoch ms. */
  heardAt: number;
  /** Nobody asks any more: its window is closed. */
  silence: NodeJS.Timeout;
  /** Its freezes, and when they began: monotonic ms. */
  readonly freezes: Map<number, number>;
}

/** Of a job that nothing is heard of the window is closed, so that what changes is not remembered for nobody. */
const SILENT_AFTER_MS = 60_000;
/** And what the shadow has not is no longer taken to be on its way. */
const GONE_AFTER_MS = 10 * 60_000;
/** How long a freeze waits for writes that have yet to tell their keys. */
const PATIENCE_MS = 2_000;
const LOOK_AGAIN_MS = 10;
const REPLACED_KEPT = 100;
const SHARED_STORE =
  "several members share the store, and what the others deliver is not known to the one that is asked; backfill while the route is legacy-only, or with mirror: { writes: false }";

export function createBackfills(parts: BackfillsParts): Backfills & Copying {
  const sessions = new Map<string, Session>();
  const replaced = new Set<string>();

  function open(name: string, by: string): BackfillOpening {
    const { settings } = parts.snapshot();
    const collection = settings.collections.find((one) => one.name === name);
    const route = settings.routes.find((one) => one.name === collection?.route);
    if (collection === undefined || route === undefined) return { end: "unknown" };
    const why = settings.store.kind === "redis" ? SHARED_STORE : whyNot(route);
    if (why !== null || route.entity === null) return { end: "refused", why: why ?? "its route has no entity" };
    for (const other of [...sessions.values()]) if (other.collection.name === name) replace(other);
    const id = makeUlid(parts.clock.now());
    const session: Session = {
      id,
      entity: route.entity,
      collection,
      by,
      heardAt: parts.clock.now(),
      silence: setTimeout(() => undefined, 0),
      freezes: new Map(),
    };
    sessions.set(id, session);
    heard(session);
    parts.audit({ by, action: "backfill", subject: name, what: "backfill beside live writes begun", reason: null });
    return { end: "opened", opened: { id, entity: session.entity } };
  }

  /** Its freezes stand to their deadline: it may have been told that they hold. */
  function replace(session: Session): void {
    forget(session);
    replaced.add(session.id);
    const [oldest] = replaced;
    if (replaced.size > REPLACED_KEPT && oldest !== undefined) replaced.delete(oldest);
  }

  function forget(session: Session): void {
    clearTimeout(session.silence);
    parts.changes.closeWindow(session.id);
    sessions.delete(session.id);
  }

  function heard(session: Session): void {
    session.heardAt = parts.clock.now();
    clearTimeout(session.silence);
    session.silence = setTimeout(() => parts.changes.closeWindow(session.id), SILENT_AFTER_MS);
    session.silence.unref();
  }

  function of<T>(id: string, work: (session: Session) => T): OfBackfill<T> {
    const session = sessions.get(id);
    if (session === undefined) return replaced.has(id) ? "replaced" : null;
    heard(session);
    return { answer: work(session) };
  }

  async function freeze(session: Session, order: FreezeOrder): Promise<FreezeAnswer> {
    const { entity } = session;
    const deadline = parts.clock.monotonic() + PATIENCE_MS;
    const ids = new Map(order.ids.map((id) => [foldId(id), id]));
    for (;;) {
      const route = parts.snapshot().settings.routes.find(({ name }) => name === session.collection.route);
      const over = whyOver(session, route);
      if (over !== null || route === undefined) return { end: "over", why: over ?? "its route is gone" };
      const why = whyNotNow(route);
      if (why !== null) return { end: "later", why };
      const window = { entity, since: order.since, read: order.read };
      const looked = parts.changes.look(window, new Set(ids.keys()), parts.clock.now());
      // Another freeze may belong to a job that was told it holds, and has yet to commit.
      const isAlone = parts.freezes.whenNone(entity) === null;
      if (looked.kind === "dirty") return { end: "dirty", why: looked.why };
      if (looked.kind === "known" && isAlone) {
        const number = begin(session, route, new Set([...ids.keys()].filter((id) => !looked.touched.has(id))));
        const touched = [...looked.touched].map((id) => ids.get(id) ?? id);
        return { end: "frozen", freeze: number, touched };
      }
      if (parts.clock.monotonic() > deadline) {
        return { end: "later", why: looked.kind === "later" ? looked.why : "an earlier freeze has yet to end" };
      }
      await sleep(LOOK_AGAIN_MS);
    }
  }

  function begin(session: Session, route: RouteSettings, ids: ReadonlySet<string>): number {
    // As a write under way it keeps the route from changing its source of truth.
    const name = `backfill ${makeUlid(parts.clock.now())}`;
    parts.openWrites.enter(name, route.name);
    const number = parts.freezes.begin({ entity: session.entity, ids }, FREEZE_MS, () => {
      session.freezes.delete(number);
      parts.openWrites.leave(name);
    });
    session.freezes.set(number, parts.clock.monotonic());
    return number;
  }

  function confirm({ freezes }: Session, number: number): boolean {
    const begunAt = freezes.get(number);
    if (begunAt === undefined) return false;
    if (parts.clock.monotonic() - begunAt <= FREEZE_MOST_MS - FREEZE_MS) return parts.freezes.extend(number, FREEZE_MS);
    return false;
  }

  function whyOver(session: Session, route: RouteSettings | undefined): string | null {
    if (sessions.get(session.id) !== session) return "another backfill took the collection over";
    if (route === undefined) return `route ${session.collection.route} is no longer in the configuration`;
    return whyNot(route);
  }

  function whyNotNow(route: RouteSettings): string | null {
    if (parts.hold.holds(route.name)) return `the source of truth of ${route.name} is being changed`;
    if (parts.journal.waiting() > 0) return "accepted writes wait in the journal";
    const shadow = serviceOf(parts.snapshot().settings, serviceNameFor("next", route));
    return parts.gate(shadow).state() === "closed" ? null : `${shadow.name} does not answer, and its breaker is open`;
  }

  function isCopying(entity: string | null): boolean {
    if (sessions.size === 0 || entity === null) return false;
    const since = parts.clock.now() - GONE_AFTER_MS;
    return [...sessions.values()].some((session) => session.entity === entity && session.heardAt > since);
  }

  /** What was killed says no goodbye. */
  function warnings(): readonly string[] {
    const now = parts.clock.now();
    return [...sessions.values()].flatMap(({ collection: { name }, heardAt }) => {
      const silentMs = now - heardAt;
      if (silentMs < SILENT_AFTER_MS || silentMs > GONE_AFTER_MS) return [];
      const ago = `${Math.floor(silentMs / MINUTE)} min ago`;
      const until = `until ${GONE_AFTER_MS / MINUTE} min have gone by`;
      return [
        `the backfill of ${name} was heard of last ${ago}; the same command goes on where it was. What next has not is taken to be on its way ${until}`,
      ];
    });
  }

  return {
    open,
    isCopying,
    warnings,
    window: (id) => of(id, () => parts.changes.openWindow(id)),
    mark: (id) => of(id, () => parts.changes.mark()),
    freeze: (id, order) => of(id, (session) => freeze(session, order)),
    confirm: (id, number) => of(id, (session) => confirm(session, number)),
    thaw: (id, number) =>
      of(id, (session) => {
        if (session.freezes.has(number)) parts.freezes.lift(number);
      }),
    leaveToRepair: (id, ids) =>
      of(id, (session) => {
        const snapshot = parts.snapshot();
        const route = snapshot.settings.routes.find(({ name }) => name === session.collection.route);
        if (route === undefined) return 0;
        for (const each of ids) parts.leaveToRepair(route, snapshot, `${session.entity}/${each}`, session.id);
        return ids.length;
      }),
    end: (id, how) =>
      of(id, (session) => {
        forget(session);
        const { by, collection } = session;
        parts.audit({ by, action: "backfill", subject: collection.name, what: `backfill ${how}`, reason: null });
      }),
  };
}

/** Why the rows of a route cannot be brought over beside its live writes; null: they can. */
function whyNot(route: RouteSettings): string | null {
  const roles = PHASE_ROLES[route.phase];
  if (roles.primary !== "legacy" || roles.shadow === null) {
    return `route ${route.name} is in ${route.phase}, and rows are brought over while legacy is the source of truth and next the shadow`;
  }
  if (route.entity === null) {
    return `route ${route.name} takes its entity from each path, so that nothing says which of its writes are about these rows; write entity: NAME`;
  }
  if (route.values.learn.length + route.values.apply.length > 0) {
    return `the services have ids of their own on route ${route.name} (values), which a backfill beside live writes does not map yet`;
  }
  return null;
}
