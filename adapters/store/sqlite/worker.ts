/** The thread that owns the file: opens it, commits batches in the order they come, answers questions in between. */
import type { Database } from "better-sqlite3";
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { JournalAccount } from "../../../proxy/journal.ts";
import { giveWayToTraffic } from "../../../proxy/process/thread-priority.ts";
import { type Commit, prepareCommit } from "./commit.ts";
import { asFailure, isCorrupt } from "./failures.ts";
import type { Failure, FromWorker, Opened, OpeningOrder, ToWorker } from "./messages.ts";
import { openDatabase, replaceDamaged } from "./opening.ts";
import { prepareQueries } from "./queries.ts";

const port = parentPort;
if (port === null) throw new Error("the store's thread is started by link.ts");
const order = workerData as OpeningOrder;

interface Open {
  readonly db: Database;
  readonly opened: Opened;
  readonly commit: Commit;
}

/** Preparing to commit reads sizes of the evidence: where that is damaged, it shows here. */
function open(): Open {
  const { db, opened } = openDatabase(order, askJournal);
  try {
    return { db, opened, commit: prepareCommit(db, order.retention, order.now) };
  } catch (thrown) {
    db.close();
    if (!isCorrupt(thrown) || !(thrown instanceof Error)) throw thrown;
    const replaced = replaceDamaged(order, thrown.message, askJournal);
    return { ...replaced, commit: prepareCommit(replaced.db, order.retention, order.now) };
  }
}

function tell(message: FromWorker): void {
  (port as MessagePort).postMessage(message);
}

/**
 * Stands still, with the file locked and nothing counted yet, until the process has read its journal: what it knows has to
 * be in the transaction in which the run before is accounted for.
 */
function askJournal(journalMark: number): JournalAccount | null {
  const { journal } = workerData as OpeningOrder;
  if (journal === undefined || port === null) return null;
  const words = new Int32Array(journal);
  Atomics.store(words, 0, 0);
  tell({ type: "locked", journalMark });
  for (;;) {
    // A bound, so that a thread that is to end does.
    Atomics.wait(words, 0, 0, 1_000);
    const received = receiveMessageOnPort(port) as { readonly message: ToWorker } | undefined;
    if (received?.message.type === "account") return received.message.account;
  }
}

try {
  const { db, opened, commit: firstCommit } = open();
  let commit = firstCommit;
  const answer = prepareQueries(db);

  const end = (): void => {
    port.off("message", handle);
    db.close();
  };

  const failed = (thrown: unknown, say: (failure: Failure) => FromWorker): void => {
    const failure = asFailure(thrown, order.file);
    tell(say(failure));
    if (!isCorrupt(thrown)) return;
    end();
    tell({ type: "corrupt", failure });
  };

  const handle = (message: ToWorker): void => {
    switch (message.type) {
      case "commit": {
        const { number } = message.batch;
        try {
          const committed = commit(message.batch);
          tell({ type: "committed", number, committed });
        } catch (thrown) {
          failed(thrown, (failure) => ({ type: "failed", number, failure }));
        }
        return;
      }
      case "ask": {
        const { id, question } = message;
        try {
          const value = answer(question);
          // It remembers sizes and samples of what was erased.
          if (question.name === "erase") commit = prepareCommit(db, order.retention, order.now);
          tell({ type: "answer", id, value });
        } catch (thrown) {
          failed(thrown, (failure) => ({ type: "no-answer", id, failure }));
        }
        return;
      }
      case "account":
        // Asked for, it was taken where it was asked for.
        return;
      case "close":
        try {
          if (message.clean) db.prepare("UPDATE life SET clean = 1, heartbeat = ?").run(message.now);
        } catch {
          // Then the next opening finds an unclean end, which is the truth.
        }
        end();
        tell({ type: "closed" });
        return;
      default: {
        const never: never = message;
        throw new TypeError(`no such message: ${JSON.stringify(never)}`);
      }
    }
  };

  port.on("message", handle);
  tell({ type: "opened", opened, pairs: commit.pairSizes() });
  // The start waits for the opening; no client waits for anything that follows.
  giveWayToTraffic("somewhat");
} catch (thrown) {
  tell({ type: "refused", failure: asFailure(thrown, order.file) });
}
