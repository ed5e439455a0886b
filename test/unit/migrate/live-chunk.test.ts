import assert from "node:assert/strict";
import { test } from "node:test";
import type { FreezeOrder } from "../../../proxy/rows/backfill-window.ts";
import { type Dropped, type LiveWrites, MOST_DROPS, writeLiveChunk } from "../../../proxy/migrate/live-chunk.ts";
import type { Row } from "../../../proxy/rows/rows.ts";

type Answer = Awaited<ReturnType<LiveWrites["freeze"]>>;

const ROWS: readonly Row[] = ["1", "2", "3", "4"].map((id) => ({ id }));

interface Given {
  readonly confirm?: (times: number) => boolean;
  /** Its rows are the last ones. */
  readonly isLast?: boolean;
  /** Those of its four rows that chunks before it left. */
  readonly earlier?: readonly Dropped[];
  /** What a reading takes, where an answer of the proxy takes 5 ms. */
  readonly readMs?: number;
}

/** What a chunk of four rows does where the proxy answers its freezes so; without end the last answer. */
async function chunk(
  answers: (order: FreezeOrder, times: number) => Answer,
  { confirm = () => true, isLast = true, earlier = [], readMs = 50 }: Given = {},
) {
  const told: string[] = [];
  const say = <T>(what: string, answer: T): Promise<T> => {
    told.push(what);
    clock += what.startsWith("read") ? readMs : 5;
    return Promise.resolve(answer);
  };
  let [freezes, confirms, clock] = [0, 0, 0];
  const done = await writeLiveChunk<string>({
    live: {
      window: () => say("window", 1),
      mark: () => say("mark", 2),
      freeze: (order) => say(`freeze ${order.ids.join()}`, answers(order, ++freezes)),
      confirm: () => say("confirm", confirm(++confirms)),
      thaw: () => say("thaw", undefined),
      leaveToRepair: (ids) => say(`repair ${ids.join()}`, undefined),
    },
    key: ["id"],
    earlier,
    idOf: (row) => String(row["id"]),
    behind: () => Promise.resolve(null),
    read: (keys) => {
      const rows = ROWS.filter(({ id }) =>
        keys === null ? !earlier.some(({ key }) => key[0] === id) : keys.some(([key]) => key === id),
      );
      return say(`read ${keys === null ? "all" : keys.join()}`, { rows, isFull: keys === null && !isLast });
    },
    prepare: (rows) =>
      Promise.resolve({
        async write(keep, ask) {
          const ids = rows.filter(keep).map(({ id }) => String(id));
          return (await ask()) ? ids.join() : null;
        },
      }),
    pause: () => Promise.resolve(),
    now: () => clock,
    waits: () => undefined,
    signal: new AbortController().signal,
  });
  return { told, done };
}

const frozen = (touched: readonly string[]): Answer => ({ end: "frozen", freeze: 7, touched });

test("the window is opened before anything is read, all is read before the freeze, and the commit is confirmed", async () => {
  const { told, done } = await chunk(() => frozen([]));
  assert.deepEqual(told, ["window", "read all", "mark", "freeze 1,2,3,4", "confirm", "thaw"]);
  assert.deepEqual(done, {
    page: { rows: ROWS, isFull: false },
    written: ["1,2,3,4"],
    left: [],
    readAgain: 0,
    toRepair: 0,
    longestFreezeMs: 10,
    stopped: false,
  });
});

test("of the last chunk what was touched is read again in a window of its own; what always is, is left to repair after five times", async () => {
  const { told, done } = await chunk((_, times) => frozen(times === 1 ? ["2", "3"] : ["3"]));
  assert.deepEqual(told.slice(6, 12), ["window", "read 2,3", "mark", "freeze 2,3", "confirm", "thaw"]);
  assert.deepEqual(told.filter((what) => what.startsWith("read")).length, MOST_DROPS);
  assert.equal(told.at(-1), "repair 3");
  assert.deepEqual(
    done.written.filter((ids) => ids !== ""),
    ["1,4", "2"],
  );
  assert.deepEqual([done.toRepair, done.readAgain], [1, 5]);
  assert.deepEqual(done.page, { rows: ROWS, isFull: false });
});

test("what was touched is left to the next chunk, and read again along with it", async () => {
  const first = await chunk(() => frozen(["2", "3"]), { isLast: false });
  assert.deepEqual(first.told.at(-1), "thaw", "nothing more is asked for them");
  assert.deepEqual(first.done.written, ["1,4"]);
  assert.deepEqual(first.done.left, [
    { key: ["2"], times: 1 },
    { key: ["3"], times: 1 },
  ]);
  const earlier = [
    { key: ["2"], times: 1 },
    { key: ["3"], times: MOST_DROPS - 1 },
  ];
  const second = await chunk(() => frozen(["2", "3"]), { isLast: false, earlier });
  assert.deepEqual(second.told.slice(0, 5), ["window", "read all", "read 2,3", "mark", "freeze 2,3,1,4"]);
  assert.equal(second.told.at(-1), "repair 3", "it is counted over chunks");
  assert.deepEqual([second.done.written, second.done.left], [["1,4"], [{ key: ["2"], times: 2 }]]);
  assert.deepEqual([second.done.readAgain, second.done.toRepair], [2, 1]);
  assert.deepEqual(second.done.page.rows, [{ id: "1" }, { id: "4" }], "they are not those that it goes on after");
});

test("what earlier chunks left is written before the rows of the page, which may refer to it", async () => {
  const { done } = await chunk(() => frozen([]), { isLast: false, earlier: [{ key: ["3"], times: 1 }] });
  assert.deepEqual(done.written, ["3,1,2,4"]);
});

test("a dirty window drops all, and the next ones are smaller", async () => {
  const { told, done } = await chunk((_, times) => (times < 3 ? { end: "dirty", why: "x" } : frozen([])));
  assert.deepEqual(
    told.filter((what) => what.startsWith("freeze")),
    ["freeze 1,2,3,4", "freeze 1,2", "freeze 3,4", "freeze 1", "freeze 2"],
  );
  assert.deepEqual(done.written.toSorted(), ["1", "2", "3,4"]);
});

test("where a window is long for what the proxy takes to answer, a dirty one is gone through again as it was, and its halves only then", async () => {
  const { told, done } = await chunk((_, times) => (times < 3 ? { end: "dirty", why: "x" } : frozen([])), {
    readMs: 1,
  });
  assert.deepEqual(
    told.filter((what) => what.startsWith("freeze")),
    ["freeze 1,2,3,4", "freeze 1,2,3,4", "freeze 1,2", "freeze 3,4"],
  );
  assert.deepEqual(done.written, ["1,2", "3,4"]);
});

test("what has to wait is read again and not counted as dropped, however often", async () => {
  const { told, done } = await chunk((_, times) => (times <= 20 ? { end: "later", why: "x" } : frozen([])));
  assert.equal(told.filter((what) => what === "read all").length, 21);
  assert.deepEqual([done.written, done.readAgain, done.toRepair], [["1,2,3,4"], 0, 0]);
});

test("a freeze that did not hold commits nothing, and its rows are read again in halves, not counted as dropped", async () => {
  const { told, done } = await chunk(() => frozen([]), { confirm: (times) => times > 3 });
  assert.deepEqual(
    told.filter((what) => what.startsWith("read")),
    ["read all", "read 1,2", "read 1", "read 1", "read 2", "read 3,4"],
  );
  assert.deepEqual([done.written, done.toRepair], [["1", "2", "3,4"], 0]);
  assert.deepEqual(done.page.rows, ROWS);
});

test("it stops before a window, and says that the chunk is not done", async () => {
  const stop = new AbortController();
  stop.abort();
  const never = (): never => assert.fail("nothing is asked any more");
  const done = await writeLiveChunk({
    live: { window: never, mark: never, freeze: never, confirm: never, thaw: never, leaveToRepair: never },
    key: ["id"],
    earlier: [],
    idOf: never,
    behind: never,
    read: never,
    prepare: never,
    pause: never,
    now: never,
    waits: () => undefined,
    signal: stop.signal,
  });
  assert.equal(done.stopped, true);
});
