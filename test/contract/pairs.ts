/** What every store does with exchanges that are kept whole. Each adapter runs this unchanged. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page, Store, StoreWrite } from "../../proxy/ports.ts";
import type { StoredPair } from "../../proxy/evidence/stored-pair.ts";
import { handClock, makeRecord, recordWrite, type HandClock } from "../support/evidence.ts";
import { makePair, pairWrite } from "../support/pairs.ts";
import type { OpenStore, StoreSetup } from "./store.ts";

export function pairsContract(name: string, open: OpenStore): void {
  const prove = (
    property: string,
    proof: (store: Store, clock: HandClock) => Promise<void>,
    retention: StoreSetup["retention"] = {},
  ): void => {
    void test(`${name}: ${property}`, async (t) => {
      const clock = handClock();
      const store = await open(t, { clock, retention });
      try {
        await proof(store, clock);
      } finally {
        await store.close();
      }
    });
  };
  const keep = async (store: Store, writes: readonly StoreWrite[]): Promise<void> => {
    store.append(writes);
    await store.flush();
  };
  const idsOf = ({ items }: Page<StoredPair>): string[] => items.map(({ id }) => id);

  prove("a pair comes back as it was written, digits and lone surrogates included", async (store) => {
    const pair = makePair();
    const text = '{"total":9007199254740993,"a":"\\ud800","__proto__":1e400}';
    const hostile = { ...pair, primary: { ...pair.primary, body: { text } } };
    await keep(store, [pairWrite(hostile)]);
    assert.deepEqual(await store.pair(hostile.id), hostile);
    assert.deepEqual((await store.pairs({ limit: 10 })).items, [hostile]);
    assert.equal(await store.pair("01J0000000000000000000000"), null);
  });

  prove("of many pairs of one cause the first, the last and some between are kept", async (store) => {
    const pairs = Array.from({ length: 400 }, () => makePair());
    for (let from = 0; from < pairs.length; from += 50) await keep(store, pairs.slice(from, from + 50).map(pairWrite));
    const kept = idsOf(await store.pairs({ limit: 100 })).reverse();
    assert.equal(kept.length, 8);
    assert.deepEqual([kept[0], kept.at(-1)], [pairs[0]?.id, pairs.at(-1)?.id]);
    const places = kept.slice(1, -1).map((id) => pairs.findIndex((pair) => pair.id === id));
    // Neither the newest nor the oldest alone. Six that are drawn evenly are all of these once in a hundred million times.
    assert.ok(Math.min(...places) < 380 && Math.max(...places) > 20, `drawn from ${places.join()}`);
    assert.equal(store.pairsKept().kept, 8);
  });

  prove(
    "causes, and what matches or is excused of each route and method, are kept beside one another",
    async (store) => {
      const of = (given: Partial<StoredPair>, times: number): StoreWrite[] =>
        Array.from({ length: times }, () => pairWrite(makePair(given)));
      await keep(store, [
        ...of({}, 20),
        ...of({ group: "b1946ac9" }, 20),
        ...of({ outcome: "match" }, 20),
        ...of({ outcome: "ignored" }, 3),
        ...of({ outcome: "match", route: "orders" }, 1),
      ]);
      assert.equal(store.pairsKept().kept, 8 + 8 + 8 + 3 + 1);
      assert.equal((await store.pairs({ limit: 100, route: "orders" })).items.length, 1);
      assert.equal((await store.pairs({ limit: 100, group: "b1946ac9" })).items.length, 8);
      assert.equal((await store.pairs({ limit: 100, outcome: "ignored" })).items.length, 3);
      assert.equal((await store.pairs({ limit: 100, outcome: "match", route: "users" })).items.length, 8);
    },
  );

  prove("pages go from the newest to the oldest, each pair once, while new ones arrive", async (store) => {
    const pairs = Array.from({ length: 7 }, (_, i) => makePair({ group: `group${i}` }));
    await keep(store, pairs.map(pairWrite));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<StoredPair> = await store.pairs({ limit: 3, ...(cursor === null ? {} : { cursor }) });
      seen.push(...idsOf(page));
      cursor = page.next;
      await keep(store, [pairWrite(makePair({ group: `later${seen.length}` }))]);
    } while (cursor !== null);
    assert.deepEqual(seen, pairs.map(({ id }) => id).reverse());
  });

  prove(
    "beyond their bytes the oldest go first, and pairs take no room from records",
    async (store) => {
      const pairs = Array.from({ length: 40 }, (_, i) => makePair({ group: `group${i}` }));
      for (const pair of pairs) await keep(store, [pairWrite(pair), recordWrite(makeRecord())]);
      const { kept, bytes, limitBytes, lost } = store.pairsKept();
      assert.ok(bytes <= 10_000 && kept >= 5 && kept < 40, `${kept} pairs of ${bytes} bytes`);
      assert.deepEqual([limitBytes, lost], [10_000, 0]);
      const newest = pairs.slice(-kept).map(({ id }) => id);
      assert.deepEqual(idsOf(await store.pairs({ limit: 100 })).reverse(), newest);
      assert.equal((await store.divergences({ limit: 100 })).items.length, 40);
    },
    { keepPairBytes: 10_000 },
  );

  prove(
    "pairs are evicted by age",
    async (store, clock) => {
      const at = (): string => new Date(clock.now()).toISOString();
      const old = makePair({ time: at() });
      await keep(store, [pairWrite(old)]);
      clock.move(29_000);
      const young = makePair({ time: at() });
      await keep(store, [pairWrite(young)]);
      assert.deepEqual(idsOf(await store.pairs({ limit: 10 })), [young.id, old.id]);
      clock.move(2_000);
      await keep(store, [{ type: "eligible", route: "users" }]);
      assert.deepEqual(idsOf(await store.pairs({ limit: 10 })), [young.id]);
      assert.equal(store.pairsKept().kept, 1);
    },
    { keepMs: 30_000 },
  );

  prove("a key's pairs are erased, of one route or of all, and make room", async (store) => {
    const gone = [makePair({ group: "g1" }), makePair({ group: "g2", outcome: "match" })];
    const stay = [makePair({ group: "g3", key: "users/421" }), makePair({ group: "g4", key: null })];
    const elsewhere = makePair({ route: "orders" });
    await keep(store, [...gone, ...stay, elsewhere].map(pairWrite));
    const query = { route: "users", isKey: (shown: string) => shown === "users/42" };
    const asked = await store.eraseDivergences({ ...query, dryRun: true });
    assert.deepEqual(asked, { records: 0, samples: 0, pairs: 2, setAside: [] });
    assert.equal((await store.pairs({ limit: 10 })).items.length, 5);
    assert.deepEqual(await store.eraseDivergences({ ...query, dryRun: false }), asked);
    assert.deepEqual(
      idsOf(await store.pairs({ limit: 10 })).reverse(),
      [...stay, elsewhere].map(({ id }) => id),
    );
    assert.equal(await store.pair(gone[0]?.id ?? ""), null);
    const rest = await store.eraseDivergences({ isKey: query.isKey, dryRun: false });
    assert.equal(rest.pairs, 1);
    await keep(store, [pairWrite(makePair())]);
    assert.equal(store.pairsKept().kept, 3);
  });
}
