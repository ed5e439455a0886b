/** The store that the settings name, and the journal beside it. */
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../../proxy/config/settings.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import { PHASE_ROLES } from "../../proxy/phases.ts";
import type { JournalAccount } from "../../proxy/journal.ts";
import type { Clock, Store } from "../../proxy/ports.ts";
import { openGapMarker, type OpenGapMarker, readGapMarker } from "../journal/gap-marker.ts";
import { type LogJournal, type LogSettings, openLogJournal, type ReadLog, readLog } from "../journal/log.ts";
import { segmentNumber } from "../journal/segment.ts";
import { openMemoryStore } from "./memory.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite/store.ts";

export interface OpenedStore {
  readonly store: Store;
  /** null: the settings ask for none that outlives the process. */
  readonly durable: DurableJournal | null;
  /** Sentences that an operator should see. */
  readonly notes: readonly string[];
  /** Where the store is shared: the secret that all who share it redact under. null: it is this process's own affair. */
  readonly secretKey: Buffer | null;
}

export interface DurableJournal {
  readonly journal: LogJournal;
  readonly marker: OpenGapMarker;
  /** Writes of earlier processes without an outcome, by route. */
  readonly open: JournalAccount["open"];
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
      return { store: openMemoryStore({ clock, retention }), durable: null, notes, secretKey: null };
    }
    case "redis": {
      // Nobody else waits for its client to load.
      const { openRedisStore } = await import("./redis/store.ts");
      const store = await openRedisStore({ redis: wanted, clock, routes, retention });
      return { store, durable: null, notes: store.notes, secretKey: store.secretKey };
    }
    case "sqlite":
      return openWithJournal(settings, wanted.file, { clock, routes, retention }, journalKey);
    default: {
      const never: never = wanted;
      throw new TypeError(`no such store: ${JSON.stringify(never)}`);
    }
  }
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
    return { store, durable: null, notes: [...store.opened.notes, ...setAside], secretKey: null };
  }
  const beside = new BesideStore(settings, clock, routes, journalKey);
  const store = await openSqliteStore({ ...options, file, journalAccount: (upTo) => beside.account(upTo) });
  try {
    const durable = await beside.open(store);
    return { store, durable, notes: [...store.opened.notes, ...waitingNote(durable.open)], secretKey: null };
  } catch (thrown) {
    await store.close();
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `journal ${beside.folder} cannot be used (${words}); let this user write there, or set journal.survives: nothing`;
    throw new CrossfadeError("store-unavailable", message, { source: "store", cause: thrown });
  }
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

/** The journal's folder, from when the store is locked. */
class BesideStore {
  readonly folder: string;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #routes: readonly string[];
  readonly #journalKey: () => Buffer;
  #read: { readonly log: ReadLog; readonly settings: LogSettings; readonly account: JournalAccount } | null = null;

  constructor(settings: Settings, clock: Clock, routes: readonly string[], journalKey: () => Buffer) {
    this.folder = `${(settings.store as { readonly file: string }).file}.lanes`;
    this.#settings = settings;
    this.#clock = clock;
    this.#routes = routes;
    this.#journalKey = journalKey;
  }

  /** What earlier processes left; nothing of it is changed yet. */
  async account(countedUpTo: number): Promise<JournalAccount> {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    chmodSync(this.folder, 0o700);
    const isNew = readdirSync(this.folder).every((name) => segmentNumber(name) === null);
    // A key file that is there says that there was a store: a first start must not make it before that is looked at.
    const key = isNew ? Buffer.alloc(32) : this.#journalKey();
    const settings: LogSettings = {
      folder: this.folder,
      journalKey: key,
      survives: this.#settings.journal.survives === "power" ? "power" : "process",
      limitBytes: () => this.#settings.limits.journalBytes,
      monotonic: () => this.#clock.monotonic(),
    };
    const log = await readLog(settings, countedUpTo);
    const unjournaled = readGapMarker(this.#marker, this.#routes, this.#clock.now());
    const account = { ...log.account(), unjournaled };
    this.#read = { log, settings, account };
    return account;
  }

  async open(store: Store): Promise<DurableJournal> {
    if (this.#read === null) throw new Error("it could not be read");
    const { log, settings, account } = this.#read;
    const marker = await openGapMarker(this.#marker, settings.survives);
    const journal = await openLogJournal({
      ...settings,
      journalKey: this.#journalKey(),
      read: log,
      countedUpTo: account.upTo,
      generation: store.generation,
      counted: () => store.journalMark(),
    });
    return { journal, marker, open: account.open };
  }

  get #marker(): string {
    return join(this.folder, "gaps");
  }
}
