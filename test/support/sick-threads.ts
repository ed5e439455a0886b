/**
 * Makes the threads of a real Crossfade process sick while it runs: load it with `node --import`, and send the process a
 * `Sickness` over its IPC channel. What is sick is the database driver in the store's thread (a disk that is slow, hangs,
 * is full or gone) and the comparing thread, which does not begin its work while it is held. Nothing of Crossfade knows.
 */
import Database from "better-sqlite3";
import { getEnvironmentData, isMainThread, setEnvironmentData, workerData } from "node:worker_threads";

export const STORE_FAULTS = ["slow", "hanging", "gone", "full"] as const;
export type StoreFault = (typeof STORE_FAULTS)[number] | "none";

export interface Sickness {
  readonly store?: StoreFault;
  readonly compare?: "none" | "held";
}

/** What `slow` adds to each transaction and question. */
const SLOW_MS = 1000;
const KEY = "sick threads";
/** Places in the shared memory. */
const STORE = 0;
const COMPARE = 1;
/** The number of a state in it: `none` is 0. */
const STORE_STATES: readonly StoreFault[] = ["none", ...STORE_FAULTS];

if (isMainThread) {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  setEnvironmentData(KEY, shared.buffer);
  const set = (place: number, state: number): void => {
    Atomics.store(shared, place, state);
    Atomics.notify(shared, place);
  };
  process.on("message", ({ store, compare }: Sickness) => {
    if (store !== undefined) set(STORE, STORE_STATES.indexOf(store));
    if (compare !== undefined) set(COMPARE, compare === "held" ? 1 : 0);
    process.send?.({ applied: { store, compare } });
  });
} else {
  const shared = new Int32Array(getEnvironmentData(KEY) as SharedArrayBuffer);
  if (isStoreThread()) sicken(() => suffer(shared));
  else Atomics.wait(shared, COMPARE, 1);
}

function isStoreThread(): boolean {
  return typeof workerData === "object" && workerData !== null && "file" in workerData;
}

/** `before`: in each transaction, and before each question outside of one. */
function sicken(before: () => void): void {
  const driver = Database.prototype as Database.Database;
  const { prepare, transaction } = driver;
  driver.transaction = function (this: Database.Database, body: (...args: unknown[]) => unknown) {
    const sickBody = (...args: unknown[]): unknown => {
      before();
      return body(...args);
    };
    return transaction.call(this, sickBody);
  } as typeof driver.transaction;
  driver.prepare = function (this: Database.Database, source: string) {
    const statement = prepare.call(this, source);
    for (const name of ["get", "all"] as const) {
      const run = statement[name].bind(statement) as (...args: unknown[]) => never;
      statement[name] = (...args: unknown[]) => {
        if (!this.inTransaction) before();
        return run(...args);
      };
    }
    return statement;
  } as typeof driver.prepare;
}

/** `wait` returns at once where the state has changed meanwhile, and ends when it is set anew. */
function suffer(shared: Int32Array<SharedArrayBuffer>): void {
  const state = Atomics.load(shared, STORE);
  switch (STORE_STATES[state]) {
    case "slow":
      Atomics.wait(shared, STORE, state, SLOW_MS);
      return;
    case "hanging":
      Atomics.wait(shared, STORE, state);
      return;
    case "gone":
      throw new Database.SqliteError("disk I/O error", "SQLITE_IOERR");
    case "full":
      throw new Database.SqliteError("database or disk is full", "SQLITE_FULL");
    default:
      return;
  }
}
