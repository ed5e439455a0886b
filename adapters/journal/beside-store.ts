/** The durable journal in its folder: read while a store accounts for the run before, then opened. */
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../../proxy/config/settings.ts";
import type { JournalAccount, LastingBodies } from "../../proxy/journal.ts";
import type { Clock, Store } from "../../proxy/ports.ts";
import { openGapMarker, type OpenGapMarker, readGapMarker } from "./gap-marker.ts";
import { type LogJournal, type LogSettings, openLogJournal, type ReadLog, readLog } from "./log.ts";
import { segmentNumber } from "./segment.ts";

export interface DurableJournal {
  readonly journal: LogJournal;
  readonly marker: OpenGapMarker;
  /** Writes of earlier processes without an outcome, by route. */
  readonly open: JournalAccount["open"];
  /** Where large bodies lie that outlive the process. */
  readonly bodies: LastingBodies;
}

export interface BesideStoreOptions {
  readonly folder: string;
  readonly settings: Pick<Settings, "journal" | "limits">;
  readonly clock: Clock;
  /** Routes whose writes are mirrored. */
  readonly routes: readonly string[];
  readonly journalKey: () => Buffer;
}

/** The journal's folder, from when the store is locked, or the member is this process's. */
export class BesideStore {
  readonly folder: string;
  readonly #options: BesideStoreOptions;
  #read: { readonly log: ReadLog; readonly settings: LogSettings; readonly account: JournalAccount } | null = null;

  constructor(options: BesideStoreOptions) {
    this.folder = options.folder;
    this.#options = options;
  }

  /** What earlier processes left; nothing of it is changed yet. */
  async account(countedUpTo: number): Promise<JournalAccount> {
    const { settings: wanted, clock, routes } = this.#options;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    chmodSync(this.folder, 0o700);
    const isNew = readdirSync(this.folder).every((name) => segmentNumber(name) === null);
    // A key file that is there says that there was a store: a first start must not make it before that is looked at.
    const key = isNew ? Buffer.alloc(32) : this.#options.journalKey();
    const settings: LogSettings = {
      folder: this.folder,
      journalKey: key,
      survives: wanted.journal.survives === "power" ? "power" : "process",
      limitBytes: () => wanted.limits.journalBytes,
      monotonic: () => clock.monotonic(),
    };
    const log = await readLog(settings, countedUpTo);
    const unjournaled = readGapMarker(this.#marker, routes, clock.now());
    const account = { ...log.account(), unjournaled };
    this.#read = { log, settings, account };
    return account;
  }

  /** `countedUpTo`: everything up to that position counts for the store from here on. */
  async open(store: Store, countedUpTo = 0): Promise<DurableJournal> {
    if (this.#read === null) throw new Error("it could not be read");
    const { log, settings, account } = this.#read;
    const marker = await openGapMarker(this.#marker, settings.survives);
    const journalKey = this.#options.journalKey();
    const journal = await openLogJournal({
      ...settings,
      journalKey,
      read: log,
      countedUpTo: Math.max(account.upTo, countedUpTo),
      generation: store.generation,
      counted: () => store.journalMark(),
    });
    const folder = join(this.folder, "bodies");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    const bodies = { folder, key: journalKey, survives: settings.survives, needed: journal.spooled };
    return { journal, marker, open: account.open, bodies };
  }

  get #marker(): string {
    return join(this.folder, "gaps");
  }
}
