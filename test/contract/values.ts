/** What every store does with pairs of values. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CrossfadeError } from "../../proxy/errors.ts";
import type { Store } from "../../proxy/ports.ts";
import type { ValuePairRow } from "../../proxy/ids/value-pairs.ts";
import { handClock, type HandClock } from "../support/evidence.ts";
import type { OpenStore } from "./store.ts";

export function valuesContract(name: string, open: OpenStore): void {
  const prove = (property: string, proof: (store: Store, clock: HandClock) => Promise<void>): void => {
    void test(`${name}: ${property}`, async (t) => {
      const clock = handClock();
      const store = await open(t, { clock });
      try {
        await proof(store, clock);
      } finally {
        await store.close();
      }
    });
  };
  const pair = (legacy: string, next: string, more: Partial<ValuePairRow> = {}): ValuePairRow => {
    return { kind: "user", legacy, next, sealed: `${legacy}:${next}`, at: 1_000, until: null, ...more };
  };

  prove("a pair is kept once and found by either of its values, under its kind alone", async (store) => {
    assert.deepEqual(await store.teachValues([pair("a", "1"), pair("a", "1"), pair("b", "2", { kind: "order" })]), [
      "kept",
      "known",
      "kept",
    ]);
    const found = await store.findValues([
      { kind: "user", side: "legacy", hash: "a" },
      { kind: "user", side: "next", hash: "1" },
      { kind: "user", side: "next", hash: "a" },
      { kind: "user", side: "legacy", hash: "b" },
      { kind: "order", side: "next", hash: "2" },
    ]);
    assert.deepEqual(found, [pair("a", "1"), pair("a", "1"), null, null, pair("b", "2", { kind: "order" })]);
    assert.deepEqual(await store.findValues([]), []);
  });

  prove("of two pairs that disagree about either value the first stands", async (store) => {
    assert.deepEqual(await store.teachValues([pair("a", "1"), pair("a", "2"), pair("b", "1"), pair("b", "2")]), [
      "kept",
      "conflict",
      "conflict",
      "kept",
    ]);
    // Both are known, with others.
    assert.deepEqual(await store.teachValues([pair("a", "2")]), ["conflict"]);
    const found = await store.findValues([{ kind: "user", side: "legacy", hash: "a" }]);
    assert.deepEqual(found, [pair("a", "1")]);
  });

  prove("of pairs that are taught at the same moment one is kept, and all are told the truth", async (store) => {
    const rivals = Array.from({ length: 20 }, (_, i) => pair("a", String(i)));
    const told = (await Promise.all(rivals.map((rival) => store.teachValues([rival])))).flat();
    assert.deepEqual(told.toSorted(), [...Array.from({ length: 19 }, () => "conflict"), "kept"]);
    const [kept] = await store.findValues([{ kind: "user", side: "legacy", hash: "a" }]);
    assert.equal(kept?.next, String(told.indexOf("kept")));
  });

  prove("a pair that has ended is not there, and makes room for others", async (store, clock) => {
    const until = clock.now() + 1_000;
    await store.teachValues([pair("a", "1", { until }), pair("b", "2", { until: until + 1 })]);
    clock.move(1_000);
    assert.deepEqual(
      await store.findValues([
        { kind: "user", side: "legacy", hash: "a" },
        { kind: "user", side: "next", hash: "2" },
      ]),
      [null, pair("b", "2", { until: until + 1 })],
    );
    assert.deepEqual(await store.teachValues([pair("a", "3"), pair("c", "1")]), ["kept", "kept"]);
    assert.equal((await store.valuePairs({ limit: 10 })).items.length, 3);
  });

  prove("pairs are listed by kind, the newest first, page by page", async (store) => {
    await store.teachValues([pair("a", "1"), pair("b", "2", { sealed: null }), pair("c", "3", { kind: "order" })]);
    await store.teachValues([pair("d", "4")]);
    const first = await store.valuePairs({ kind: "user", limit: 2 });
    assert.deepEqual(first.items, [pair("d", "4"), pair("b", "2", { sealed: null })]);
    assert.ok(first.next !== null);
    const second = await store.valuePairs({ kind: "user", limit: 2, cursor: first.next });
    assert.deepEqual(second, { items: [pair("a", "1")], next: null });
    const all = await store.valuePairs({ limit: 10 });
    assert.deepEqual(all.items.map(({ legacy }) => legacy).toSorted(), ["a", "b", "c", "d"]);
    await assert.rejects(store.valuePairs({ limit: 2, cursor: "nonsense" }), CrossfadeError);
  });
}
