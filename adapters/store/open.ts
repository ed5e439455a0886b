/** The store that the settings name, and the journal beside it. */
import { existsSync, readdirSync, renameSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Settings } from "../../proxy/config/settings.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import { PHASE_ROLES } from "../../proxy/moves/phases.ts";
import { makeUlid } from "../../proxy/identity.ts";
import type { JournalAccount } from "../../proxy/journal.ts";
import type { MemberCalls } from "../../proxy/members/member-calls.ts";
import { createLoneMember, type Members } from "../../proxy/members/members.ts";
import type { Clock, Store } from "../../proxy/ports.ts";
import type { Transitions } from "../../proxy/moves/transition.ts";
import { ALWAYS_OWN, type Claim } from "../../proxy/members/claims.ts";
import type { SharedPins } from "../../proxy/members/pins.ts";
import { ALONE, type Turns } from "../../proxy/members/turns.ts";
import { BesideStore, type DurableJournal } from "../journal/beside-store.ts";
import { segmentNumber } from "../journal/segment.ts";
import { openMemberFolder } from "../member/folder.ts";
import { openMemoryStore } from "./memory.ts";
import type { Counts } from "./redis/beside.ts";
import type { RedisStore, RedisStoreOptions } from "./redis/shared-store.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite/store.ts";

export interface OpenedStore {
  readonly store: Store;
  /** null: the settings ask for none that outlives the process. */
  readonly durable: DurableJournal | null;
  /** Sentences that an operator should see. */
  readonly notes: readonly string[];
  /** Where the store is shared: the secret that all who share it redact under. null: it is this process's own affair. */
  readonly secretKey: Buffer | null;
  /** The order of writes among those who share it. */
  readonly turns: Turns;
  /** What they have written and their shadow has not confirmed; null: nobody shares it. */
  readonly pins: SharedPins | null;
  /** What others who share it have counted, and earlier processes; null: there are none beside what it held at its opening. */
  readonly countsBeside: (() => Promise<Counts>) | null;
  /** The processes that share it. */
  readonly members: Members;
  /** How they move phases together; null: nobody shares it. */
  readonly transitions: Transitions | null;
  /** How they ask one another; null: nobody shares it. */
  readonly calls: { readonly calls: MemberCalls; readonly life: string } | null;
  /** Which of them does what one does for all. */
  readonly claim: Claim;
}

/**
 * `journalKey`: called once the store is this process's.
 * @throws CrossfadeError: store or journal cannot be used
 */
export async function openStore(settings: Settings, clock: Clock, journalKey: () => Buffer): Promise<OpenedStore> {
  const { store: wanted } = settings;
  const retention = { keepPairBytes: settings.limits.pairsBytes };
  const mirrored = settings.routes.filter(({ phase, mirror }) => PHASE_ROLES[phase].shadow !== null && mirror.writes);
  const routes = mirrored.map((route) => route.name);
  switch (wanted.kind) {
    case "memory": {
      const notes = ["store is memory: counts, divergences and repairs end with this process"];
      return { store: openMemoryStore({ clock, retention }), durable: null, notes, secretKey: null, ...alone(clock) };
    }
    case "redis": {
      if (settings.journal.survives !== "nothing") {
        return openAsMember(settings, { redis: wanted, clock, routes, retention }, journalKey);
      }
      const { openRedisStore } = await import("./redis/store.ts");
      const store = await openRedisStore({ redis: wanted, clock, routes, retention });
      const { secretKey, turns, pins, members, transitions, claim } = store;
      const calls = { calls: store.memberCalls, life: store.life };
      const countsBeside = (): Promise<Counts> => store.countsBeside();
      const notes = [...store.notes, ONE_LIFE];
      return { store, durable: null, notes, secretKey, turns, pins, members, transitions, calls, countsBeside, claim };
    }
    case "sqlite":
      return openWithJournal(settings, wanted.file, { clock, routes, retention }, journalKey);
    default: {
      const never: never = wanted;
      throw new TypeError(`no such store: ${JSON.stringify(never)}`);
    }
  }
}

/**
 * Resolves once a shared store can be reached, and a member that starts need not wait for others any more; or when it is over. One on
 * this machine always can.
 */
export async function storeIsBack({ store }: Settings, isOver: () => boolean): Promise<void> {
  if (store.kind !== "redis") return;
  const [{ RedisLink }, { areSettled }] = [await import("./redis/link.ts"), await import("./redis/members.ts")];
  const link = new RedisLink(store);
  try {
    while (!isOver()) {
      link.beat();
      if (link.isUp && (await areSettled(link, store.prefix).catch(() => false))) return;
      await pause(LOOK_EVERY_MS);
    }
  } finally {
    link.close();
  }
}

const LOOK_EVERY_MS = 250;

/** Where a member's folder says which routes have writes that are in no journal. */
export function markerFileOf(folder: string): string {
  return join(folder, "lanes", "gaps");
}

const ONE_LIFE =
  "journal.survives is nothing: this member's identity ends with the process; where it ends without a word, it stays listed " +
  "as silent until crossfade instances forget";

/** Nobody shares it. */
function alone(
  clock: Clock,
): Pick<OpenedStore, "turns" | "pins" | "members" | "transitions" | "calls" | "countsBeside" | "claim"> {
  const members = createLoneMember(makeUlid(clock.now()), () => clock.now());
  return { turns: ALONE, pins: null, members, transitions: null, calls: null, countsBeside: null, claim: ALWAYS_OWN };
}

async function openWithJournal(
  settings: Settings,
  file: string,
  options: Omit<SqliteStoreOptions, "file"> & { readonly routes: readonly string[] },
  journalKey: () => Buffer,
): Promise<OpenedStore> {
  const { clock, routes } = options;
  if (settings.journal.survives === "nothing") {
    const store = await openSqliteStore({ ...options, file });
    const setAside = setJournalAside(`${file}.lanes`, clock.now());
    return { store, durable: null, notes: [...store.opened.notes, ...setAside], secretKey: null, ...alone(clock) };
  }
  const beside = new BesideStore({ folder: `${file}.lanes`, settings, clock, routes, journalKey });
  const store = await openSqliteStore({ ...options, file, journalAccount: (upTo) => beside.account(upTo) });
  try {
    const durable = await beside.open(store);
    return {
      store,
      durable,
      notes: [...store.opened.notes, ...waitingNote(durable.open)],
      secretKey: null,
      ...alone(clock),
    };
  } catch (thrown) {
    await store.close();
    throw unusable(beside, thrown);
  }
}

/** The store is shared; the journal is this member's own, and so are its accounts over all its lives. */
async function openAsMember(
  settings: Settings,
  options: Omit<RedisStoreOptions, "member"> & { readonly routes: readonly string[] },
  journalKey: () => Buffer,
): Promise<OpenedStore> {
  const { clock, routes } = options;
  const member = openMemberFolder(settings.member.folder, makeUlid(clock.now()));
  let store: RedisStore | null = null;
  try {
    const folder = join(settings.member.folder, "lanes");
    const beside = new BesideStore({ folder, settings, clock, routes, journalKey });
    const { run, hasRun } = member;
    const journal = (upTo: number): Promise<JournalAccount> => beside.account(upTo);
    // Nobody else waits for its client to load.
    const { openRedisStore } = await import("./redis/store.ts");
    const place = `${hostname()}:${resolve(settings.member.folder)}`;
    const [problem, ended] = [() => member.problem(), () => member.close()];
    const own = { run, hasRun, place, journal, problem, ended };
    store = await openRedisStore({ ...options, member: own });
    const shared = store;
    const { secretKey, notes, turns, pins, members, transitions, claim } = shared;
    const calls = { calls: shared.memberCalls, life: shared.life };
    const countsBeside = (): Promise<Counts> => shared.countsBeside();
    const durable = await beside.open(store).catch((thrown: unknown) => {
      throw unusable(beside, thrown);
    });
    member.begun();
    const all = [...notes, ...waitingNote(durable.open)];
    return { store, durable, notes: all, secretKey, turns, pins, members, transitions, calls, countsBeside, claim };
  } catch (thrown) {
    if (store === null) member.close();
    else await store.close();
    throw thrown;
  }
}

function unusable({ folder }: BesideStore, thrown: unknown): CrossfadeError {
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  const message = `journal ${folder} cannot be used (${words}); let this user write there, or set journal.survives: nothing`;
  return new CrossfadeError("store-unavailable", message, { source: "store", cause: thrown });
}

/** A journal that is no longer written must not be read again later: what it holds would undo newer writes. */
function setJournalAside(folder: string, now: number): readonly string[] {
  if (!existsSync(folder) || readdirSync(folder).every((name) => segmentNumber(name) === null)) return [];
  const aside = `${folder}.unused-${new Date(now).toISOString().replaceAll(":", "-")}`;
  renameSync(folder, aside);
  return [`journal.survives is nothing: the journal of earlier runs was set aside as ${aside} and is not delivered`];
}

function waitingNote(open: JournalAccount["open"]): readonly string[] {
  const writes = open.reduce((sum, { count }) => sum + count, 0);
  if (writes === 0) return [];
  return [
    `${writes} ${writes === 1 ? "write" : "writes"} of the run before had no outcome: the journal has them, and they go on`,
  ];
}
