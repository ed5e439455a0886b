/**
 * What a backfill that runs beside live writes is told and given (docs/semantics.md, "Rows racing live writes"): windows over
 * the logs of changes, freezes of shadow delivery, places on the repair list. The job is another process: whatever it holds has
 * a deadline, and what it may not do any more is told when it asks. With members on one store the member that the job talks to
 * asks all of them, and a row is written where all agree.
 */
import type { AuditedChange } from "../evidence/audit.ts";
import type { BackfillJob, FrozenHere, MemberOrder, MemberReply, Positions, Said } from "./backfill-orders.ts";
import {
  BackfillPart,
  type BackfillPartParts,
  GONE_AFTER_MS,
  PATIENCE_MS,
  SILENT_AFTER_MS,
  whyNoBackfill,
} from "./backfill-part.ts";
import {
  type BackfillOpening,
  type Backfills,
  type Copying,
  type FreezeAnswer,
  type FreezeOrder,
  type OfBackfill,
} from "./backfill-window.ts";
import type { CollectionSettings } from "../config/collection-settings.ts";
import type { RouteSettings } from "../config/settings.ts";
import { MINUTE } from "../config/units.ts";
import type { Snapshot } from "../exchange.ts";
import { makeUlid } from "../identity.ts";
import type { MemberCalls } from "../members/member-calls.ts";
import type { TouchOrder, TouchWatches } from "../life/touch-watch.ts";
import type { HoldOrder, MemberHolds } from "../life/member-holds.ts";

export interface BackfillsParts extends BackfillPartParts {
  /** Puts the entity of this key on the repair list: next may not have it as it is. */
  readonly leaveToRepair: (route: RouteSettings, snapshot: Snapshot, key: string, jobId: string) => void;
  readonly audit: (change: AuditedChange) => void;
  /** Members ask one another of it in the same way. */
  readonly touching: Pick<TouchWatches, "answer">;
  readonly memberHolds: Pick<MemberHolds, "answer">;
  /** null: nobody shares the store. */
  readonly members: SharedBackfills | null;
}

export interface SharedBackfills {
  readonly calls: MemberCalls;
  /** Which process this is. */
  readonly life: string;
  /** Equal where services and routes of members' files are. */
  readonly settings: () => string;
}

interface Session {
  readonly job: BackfillJob;
  readonly by: string;
  /** Epoch ms. */
  heardAt: number;
  /** Number of its last freeze, and up to which they are over. */
  freezes: number;
  over: number;
  window: Agreed;
  mark: Agreed;
  /** Of the processes that its last freeze stands in. */
  frozenIn: readonly string[];
}

/** What all members said at one moment. */
interface Agreed {
  /** This process's own position, which the job is told. */
  readonly at: number;
  /** By the life of each other member. */
  readonly others: ReadonlyMap<string, number>;
  /** Why that is not all of them; null: it is. */
  readonly missing: string | null;
}

interface Heard {
  readonly own: Said;
  readonly others: ReadonlyMap<string, Said>;
  readonly missing: string | null;
}

const NOTHING_AGREED: Agreed = { at: -1, others: new Map(), missing: "no window was opened" };
const REPLACED_KEPT = 100;
/** A member that is well answers within tens of ms; what keeps it is waited for as long as a freeze waits. */
const ANSWER_WITHIN_MS = 2_000;
const FREEZE_ANSWER_MS = PATIENCE_MS + 1_000;
/** The commit that waits for it is given up by its database after 2 s. */
const CONFIRM_WITHIN_MS = 1_500;
const OTHER_SETTINGS = "members run different settings; give all of them the same services and routes";

export function createBackfills(parts: BackfillsParts): Backfills & Copying {
  const sessions = new Map<string, Session>();
  const replaced = new Set<string>();
  const part = new BackfillPart(parts);

  function open(name: string, by: string): BackfillOpening {
    const { settings } = parts.snapshot();
    const collection = settings.collections.find((one) => one.name === name);
    const route = settings.routes.find((one) => one.name === collection?.route);
    if (collection === undefined || route === undefined) return { end: "unknown" };
    const why = whyNoBackfill(route) ?? whyNoValues(route, collection);
    if (why !== null || route.entity === null) return { end: "refused", why: why ?? "its route has no entity" };
    const now = parts.clock.now();
    const job = { id: makeUlid(now), collection: name, entity: route.entity, route: route.name };
    replaceOthers(job, () => true);
    const session: Session = {
      job,
      by,
      heardAt: now,
      freezes: 0,
      over: 0,
      window: NOTHING_AGREED,
      mark: NOTHING_AGREED,
      frozenIn: [],
    };
    sessions.set(job.id, session);
    part.heard(job, 0);
    // Before anything is read: what next has not may be on its way where others deliver too.
    void askAll({ what: "thaw", ...orderOf(session) }, 0);
    parts.audit({ by, action: "backfill", subject: name, what: "backfill beside live writes begun", reason: null });
    return { end: "opened", opened: { id: job.id, entity: job.entity } };
  }

  /** Their freezes stand to their deadline: they may have been told that they hold. */
  function replaceOthers({ collection }: BackfillJob, isOlder: (id: string) => boolean): void {
    for (const { job } of [...sessions.values()]) {
      if (job.collection !== collection || !isOlder(job.id)) continue;
      forget(job.id);
      replaced.add(job.id);
    }
    for (const oldest of [...replaced].slice(0, -REPLACED_KEPT)) replaced.delete(oldest);
  }

  function forget(id: string): void {
    part.forget(id);
    sessions.delete(id);
  }

  function of<T>(id: string, work: (session: Session) => T): OfBackfill<T> {
    const session = sessions.get(id);
    if (session === undefined) return replaced.has(id) ? "replaced" : null;
    session.heardAt = parts.clock.now();
    part.heard(session.job, session.over);
    return { answer: work(session) };
  }

  async function agree(session: Session, what: "window" | "mark"): Promise<Agreed> {
    const { own, others, missing } = await askAll({ what, ...orderOf(session) }, ANSWER_WITHIN_MS);
    const at = (said: Said): number => (said.what === "at" ? said.at : -1);
    return { at: at(own), others: new Map([...others].map(([life, said]) => [life, at(said)])), missing };
  }

  async function freeze(session: Session, order: FreezeOrder): Promise<FreezeAnswer> {
    const positions = positionsOf(session, order);
    if (typeof positions === "string") return { end: "later", why: positions };
    const number = ++session.freezes;
    const { own, others, missing } = await askAll(
      { what: "freeze", ...orderOf(session), number, ids: order.ids, positions },
      FREEZE_ANSWER_MS,
    );
    const lives = new Set(others.keys());
    const gone = Object.keys(positions).filter((life) => life !== ownLife() && !lives.has(life));
    const why = missing ?? (gone.length === 0 ? null : "a member that the rows were read beside has ended");
    const frozen = together(
      [own, ...others.values()].map((said) => (said.what === "frozen" ? said.frozen : NOT_UNDERSTOOD)),
      why,
    );
    const isReplaced = sessions.get(session.job.id) !== session;
    if (frozen.end === "frozen" && !isReplaced) {
      session.frozenIn = [ownLife(), ...lives];
      return { ...frozen, freeze: number };
    }
    await thaw(session, number);
    if (isReplaced) return { end: "over", why: "another backfill took the collection over" };
    return frozen.end === "frozen" ? { end: "later", why: "it was not to be" } : frozen;
  }

  /** In words: why there is nothing to freeze by. */
  function positionsOf({ window, mark }: Session, { since, read }: FreezeOrder): Record<string, Positions> | string {
    const own = { [ownLife()]: { since, read } };
    if (parts.members === null) return own;
    if (window.at !== since || mark.at !== read) return "another window was opened meanwhile";
    const missing = window.missing ?? mark.missing;
    if (missing !== null) return missing;
    const others = [...window.others].map(([life, from]) => [life, { since: from, read: mark.others.get(life) ?? -1 }]);
    if (mark.others.size !== window.others.size || others.some(([, at]) => (at as Positions).read === -1)) {
      return "a member started or ended while the rows were read";
    }
    return { ...own, ...(Object.fromEntries(others) as Record<string, Positions>) };
  }

  async function confirm(session: Session, number: number): Promise<boolean> {
    if (number !== session.freezes || number <= session.over) return false;
    const { own, others, missing } = await askAll(
      { what: "confirm", ...orderOf(session), number, lives: session.frozenIn },
      CONFIRM_WITHIN_MS,
    );
    if (missing !== null || others.size !== session.frozenIn.length - 1) return false;
    return [own, ...others.values()].every((said) => said.what === "confirmed" && said.holds);
  }

  async function thaw(session: Session, number: number): Promise<void> {
    if (number > session.freezes) return;
    session.over = Math.max(session.over, number);
    await askAll({ what: "thaw", ...orderOf(session) }, 0);
  }

  function orderOf({ job, over }: Session): Pick<MemberOrder, "job" | "over"> {
    return { job, over };
  }

  /** This process included. `forMs` 0: nobody waits for the answers. */
  async function askAll(order: MemberOrder, forMs: number): Promise<Heard> {
    const { members } = parts;
    // First, where nothing is to be waited for: what is frozen is frozen in one turn with the look at what was touched.
    const own = answerOrder(order, 0);
    if (members === null) return { own: await own, others: new Map(), missing: null };
    const [said, { answers, missing }] = await Promise.all([
      own,
      members.calls.ask(order.job.id, JSON.stringify(order), forMs),
    ]);
    const others = new Map<string, Said>();
    let problem = missing;
    for (const [life, text] of answers) {
      const reply = JSON.parse(text) as MemberReply;
      if (reply.settings !== members.settings()) problem ??= OTHER_SETTINGS;
      others.set(life, reply.said);
    }
    return { own: said, others, missing: problem };
  }

  /** What this process says to an order, its own included. */
  async function answerOrder(order: MemberOrder, ageMs: number): Promise<Said> {
    const { job } = order;
    if (order.what !== "end") part.heard(job, order.over);
    switch (order.what) {
      case "end":
        part.forget(job.id);
        return { what: "heard" };
      case "window":
        return { what: "at", at: await part.window(job) };
      case "mark":
        return { what: "at", at: part.mark() };
      case "thaw":
        return { what: "heard" };
      case "freeze": {
        const here = order.positions[ownLife()];
        if (here !== undefined) return { what: "frozen", frozen: await part.freeze(job, { ...order, ...here }) };
        part.freezeBlind(job, order.number, ageMs);
        return { what: "frozen", frozen: { end: "later", why: "a member started while the rows were read" } };
      }
      case "confirm": {
        if (order.lives.includes(ownLife())) return { what: "confirmed", holds: part.confirm(job.id, order.number) };
        part.freezeBlind(job, order.number, ageMs);
        return { what: "confirmed", holds: false };
      }
      default: {
        const never: never = order;
        throw new TypeError(`no such order: ${JSON.stringify(never)}`);
      }
    }
  }

  async function attend(): Promise<void> {
    const { members } = parts;
    if (members === null) return;
    await members.calls.serve(async (text, ageMs) => {
      const order = JSON.parse(text) as MemberOrder | TouchOrder | HoldOrder;
      if (order.what === "touches") return JSON.stringify(parts.touching.answer(order));
      if (order.what === "hold") return JSON.stringify(await parts.memberHolds.answer(order, ageMs));
      replaceOthers(order.job, (id) => id < order.job.id);
      const reply: MemberReply = { settings: members.settings(), said: await answerOrder(order, ageMs) };
      return JSON.stringify(reply);
    });
  }

  function ownLife(): string {
    return parts.members?.life ?? "";
  }

  /** What was killed says no goodbye. */
  function warnings(): readonly string[] {
    const now = parts.clock.now();
    return [...sessions.values()].flatMap(({ job: { collection }, heardAt }) => {
      const silentMs = now - heardAt;
      if (silentMs < SILENT_AFTER_MS || silentMs > GONE_AFTER_MS) return [];
      const ago = `${Math.floor(silentMs / MINUTE)} min ago`;
      const until = `until ${GONE_AFTER_MS / MINUTE} min have gone by`;
      return [
        `the backfill of ${collection} was heard of last ${ago}; the same command goes on where it was. What next has not is taken to be on its way ${until}`,
      ];
    });
  }

  return {
    open,
    attend,
    isCopying: (entity) => part.isCopying(entity),
    warnings,
    window: (id) =>
      of(id, async (session) => {
        session.window = await agree(session, "window");
        return session.window.at;
      }),
    mark: (id) =>
      of(id, async (session) => {
        session.mark = await agree(session, "mark");
        return session.mark.at;
      }),
    freeze: (id, order) => of(id, (session) => freeze(session, order)),
    confirm: (id, number) => of(id, (session) => confirm(session, number)),
    thaw: (id, number) => of(id, (session) => thaw(session, number)),
    leaveToRepair: (id, ids) =>
      of(id, ({ job }) => {
        const snapshot = parts.snapshot();
        const route = snapshot.settings.routes.find(({ name }) => name === job.route);
        if (route === undefined) return 0;
        for (const each of ids) parts.leaveToRepair(route, snapshot, `${job.entity}/${each}`, job.id);
        return ids.length;
      }),
    end: (id, how) =>
      of(id, async (session) => {
        const { by, job } = session;
        await askAll({ what: "end", ...orderOf(session) }, 0);
        forget(job.id);
        parts.audit({ by, action: "backfill", subject: job.collection, what: `backfill ${how}`, reason: null });
      }),
  };
}

function whyNoValues({ name, values }: RouteSettings, collection: CollectionSettings): string | null {
  const differ = values.learn.length + values.apply.length > 0;
  if (!differ || collection.values.learn.length > 0) return null;
  return `the services have ids of their own on route ${name} (values); write at collection ${collection.name} which columns hold them (values: { learn: [{ from, to, kind }] })`;
}

const NOT_UNDERSTOOD: FrozenHere = { end: "later", why: "a member answered what is not understood; run one version" };

/** What cannot be now is no fault of the rows, and comes before what counts against them. */
function together(all: readonly FrozenHere[], missing: string | null): FrozenHere {
  const first = (end: FrozenHere["end"]): FrozenHere | undefined => all.find((one) => one.end === end);
  const over = first("over");
  if (over !== undefined) return over;
  if (missing !== null) return { end: "later", why: missing };
  const held = first("later") ?? first("dirty");
  if (held !== undefined) return held;
  return { end: "frozen", touched: [...new Set(all.flatMap((one) => (one.end === "frozen" ? one.touched : [])))] };
}
