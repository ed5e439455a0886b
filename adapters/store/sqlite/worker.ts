/** The thread that owns the file: opens it, commits batches in the order they come, answers questions in between. */
import { parentPort, workerData } from "node:worker_threads";
import { prepareCommit } from "./commit.ts";
import { asFailure, isCorrupt } from "./failures.ts";
import type { FromWorker, OpeningOrder, ToWorker } from "./messages.ts";
import { openDatabase } from "./opening.ts";
import { prepareQueries } from "./queries.ts";

const port = parentPort;
if (port === null) throw new Error("the store's thread is started by link.ts");
const order = workerData as OpeningOrder;
const tell = (message: FromWorker): void => port.postMessage(message);

try {
  const { db, opened } = openDatabase(order);
  const commit = prepareCommit(db, order.retention, order.now);
  const answer = prepareQueries(db);

  const handle = (message: ToWorker): void => {
    switch (message.type) {
      case "commit": {
        const { number } = message.batch;
        try {
          commit(message.batch);
          tell({ type: "committed", number });
        } catch (thrown) {
          const corrupt = isCorrupt(thrown);
          tell({ type: "failed", number, failure: asFailure(thrown, order.file), corrupt });
          if (corrupt) end();
        }
        return;
      }
      case "ask":
        try {
          tell({ type: "answer", id: message.id, value: answer(message.question) });
        } catch (thrown) {
          tell({ type: "no-answer", id: message.id, failure: asFailure(thrown, order.file) });
        }
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

  const end = (): void => {
    port.off("message", handle);
    db.close();
  };

  port.on("message", handle);
  tell({ type: "opened", opened });
} catch (thrown) {
  tell({ type: "refused", failure: asFailure(thrown, order.file) });
}
