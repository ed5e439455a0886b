/** What every store does, whatever keeps it. Each adapter runs this unchanged. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Retention } from "../../adapters/store/retention.ts";
import { AUDIT_KEPT, type AuditEntry } from "../../proxy/evidence/audit.ts";
import { DEFAULT_ROUTE } from "../../proxy/config/defaults.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import type {
  DivergenceRecord,
  GroupDecision,
  GroupEvent,
  GroupState,
  RepairEnd,
  RepairWork,
} from "../../proxy/evidence/evidence.ts";
import { failureSignature, groupId } from "../../proxy/evidence/groups.ts";
import type { KeptGateEvidence } from "../../proxy/moves/gate-evidence.ts";
import type { RowJobEnd } from "../../proxy/rows/row-jobs.ts";
import type { KeptPhase } from "../../proxy/moves/kept-phase.ts";
import { type LeaningKind, leaningName, NO_ROUTE } from "../../proxy/moves/leanings.ts";
import { beginEpoch } from "../../proxy/phase/epochs.ts";
import type { OutcomeKind, OutcomeReason } from "../../proxy/outcome.ts";
import type { KeptPlace } from "../../proxy/evidence/places.ts";
import type { Page, RepairWorkQuery, Store, StoreWrite } from "../../proxy/ports.ts";
import { handClock, makeRecord, NOON, recordWrite, type HandClock } from "../support/evidence.ts";

export interface StoreSetup {
  readonly clock: HandClock;
  readonly retention?: Partial<Retention>;
}

export type OpenStore = (t: TestContext, setup: StoreSetup) => Promise<Store>;

export function storeContract(name: string, open: OpenStore): void {
  const prove = (
    property: string,
    proof: (store: Store, clock: HandClock) => Promise<void>,
    retention?: Partial<Retention>,
  ): void => {
    void test(`${name}: ${property}`, async (t) => {
      const clock = handClock();
      const store = await open(t, { clock, ...(retention === undefined ? {} : { retention }) });
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
  const count = (route: string, outcome: OutcomeKind, reason: OutcomeReason | null = null): StoreWrite => {
    return { type: "count", route, outcome, reason };
  };
  const repair = (key: string | null, exchangeId: string, at: string, route = "users"): StoreWrite => {
    return { type: "repair", route, key, reason: "shadow-error", exchangeId, at, notBefore: null, place: null };
  };
  const untried = {
    notBefore: null,
    state: "open",
    attempts: 0,
    nextTry: null,
    lastError: null,
    evidence: null,
    misses: null,
  } as const;
  const idsOf = ({ items }: Page<DivergenceRecord>): string[] => items.map(({ id }) => id);

  prove("outcomes and eligible writes are summed by route, outcome and reason", async (store) => {
    await keep(store, [
      { type: "eligible", route: "users" },
      { type: "eligible", route: "users" },
      { type: "eligible", route: "orders" },
      count("users", "match"),
    ]);
    await keep(store, [
      { type: "eligible", route: "users" },
      count("users", "dropped", "queue-full"),
      count("users", "dropped", "shutdown"),
      count("users", "match"),
    ]);
    const outcomes = (await store.outcomeCounts()).map((row) => [row.route, row.outcome, row.reason, row.count]);
    assert.deepEqual(outcomes.sort(), [
      ["users", "dropped", "queue-full", 1],
      ["users", "dropped", "shutdown", 1],
      ["users", "match", null, 2],
    ]);
    const eligible = (await store.eligibleCounts()).map((row) => [row.route, row.count]);
    assert.deepEqual(eligible.sort(), [
      ["orders", 1],
      ["users", 3],
    ]);
  });

  prove("what operators set over the file replaces what they set before, and is taken back", async (store) => {
    const said = { by: "ops", at: new Date(NOON).toISOString(), reason: null };
    const killed = { route: null, setting: "mirror", value: false, ...said } as const;
    const reads = { route: "users", setting: "reads", value: 0.05, ...said } as const;
    await keep(store, [
      { type: "pin", override: killed },
      { type: "pin", override: { ...reads, value: 1 } },
      { type: "pin", override: { route: "users", setting: "mirror", value: true, ...said } },
      { type: "pin", override: reads },
    ]);
    await keep(store, [{ type: "unpin", route: "users", setting: "mirror" }]);
    const bySetting = (await store.overrides()).toSorted((a, b) => (a.setting < b.setting ? -1 : 1));
    assert.deepEqual(bySetting, [killed, reads]);
    await keep(store, [{ type: "unpin", route: null, setting: "mirror" }]);
    assert.deepEqual(await store.overrides(), [reads]);
  });

  prove("the audit is listed newest first, by pages, and keeps its last 10,000 entries", async (store) => {
    const entry = (n: number): AuditEntry => {
      const at = new Date(NOON + n).toISOString();
      return { id: `A${n}`, at, by: "ops", action: "override", subject: "users", what: "mirror off", reason: `${n}` };
    };
    const entries = Array.from({ length: AUDIT_KEPT + 2 }, (_, n) => ({ type: "audit", entry: entry(n) }) as const);
    await keep(store, entries);
    const first = await store.audit({ limit: 2 });
    assert.deepEqual(first.items, [entry(AUDIT_KEPT + 1), entry(AUDIT_KEPT)]);
    const second = await store.audit({ limit: 1, cursor: first.next as string });
    assert.deepEqual(second.items, [entry(AUDIT_KEPT - 1)]);
    let seen = 3;
    for (let cursor = second.next; cursor !== null;) {
      const more = await store.audit({ limit: 1000, cursor });
      seen += more.items.length;
      cursor = more.next;
    }
    assert.equal(seen, AUDIT_KEPT);
  });

  prove("a record comes back as it was written, digits and lone surrogates included", async (store) => {
    const record = makeRecord({
      key: "users/9007199254740993",
      path: "/users/%E2%82%AC",
      differences: [{ at: "/__proto__/\ud800", kind: "precision", primary: "9007199254740993", shadow: "1e400" }],
      error: 'it said "no"\n\u0000',
    });
    await keep(store, [recordWrite(record)]);
    assert.deepEqual(await store.divergence(record.id), record);
    assert.deepEqual((await store.divergences({ limit: 1 })).items, [record]);
    assert.equal(await store.divergence("01J0000000000000000000000"), null);
  });

  prove("pages go from the newest to the oldest, each record once, while new ones arrive", async (store) => {
    const records = Array.from({ length: 7 }, () => makeRecord());
    await keep(store, records.map(recordWrite));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<DivergenceRecord> = await store.divergences({
        limit: 3,
        ...(cursor === null ? {} : { cursor }),
      });
      seen.push(...idsOf(page));
      cursor = page.next;
      await keep(store, [recordWrite(makeRecord())]);
    } while (cursor !== null);
    assert.deepEqual(seen, records.map(({ id }) => id).reverse());
  });

  prove("a page that is exactly full and last has no next", async (store) => {
    await keep(store, [makeRecord(), makeRecord()].map(recordWrite));
    const page = await store.divergences({ limit: 2 });
    assert.equal(page.items.length, 2);
    assert.equal(page.next, null);
  });

  prove("a limit beyond 1 to 1000 is taken as the nearest of them", async (store) => {
    await keep(store, [makeRecord(), makeRecord()].map(recordWrite));
    assert.equal((await store.divergences({ limit: 0 })).items.length, 1);
    assert.equal((await store.divergences({ limit: 1_000_000 })).items.length, 2);
  });

  prove("filters narrow by route, outcome, group, kind, time and place, and all of them at once", async (store) => {
    const value = makeRecord();
    const nested = makeRecord({
      route: "orders",
      differences: [
        { at: "/items/0/price", kind: "precision", primary: "1.10", shadow: "1.1" },
        { at: "/note", kind: "missing", primary: '"x"', shadow: null },
      ],
    });
    const dropped = makeRecord({ outcome: "dropped", reason: "queue-full", differences: [], shadow: null });
    await keep(store, [value, nested, dropped].map(recordWrite));
    const ask = async (query: Partial<Parameters<Store["divergences"]>[0]>): Promise<string[]> => {
      return idsOf(await store.divergences({ limit: 10, ...query }));
    };
    assert.deepEqual(await ask({ route: "orders" }), [nested.id]);
    assert.deepEqual(await ask({ outcome: "dropped" }), [dropped.id]);
    assert.deepEqual(await ask({ group: value.group as string }), [value.id]);
    assert.deepEqual(await ask({ kind: "precision" }), [nested.id]);
    assert.deepEqual(await ask({ since: Date.parse(nested.time) }), [dropped.id, nested.id]);
    assert.deepEqual(await ask({ since: Date.parse(dropped.time) + 1 }), []);
    assert.deepEqual(await ask({ at: "/items/0/price" }), [nested.id]);
    assert.deepEqual(await ask({ at: "/items" }), [nested.id]);
    assert.deepEqual(await ask({ at: "/it" }), []);
    assert.deepEqual(await ask({ at: "/items", kind: "precision" }), [nested.id]);
    // The kind is of another place of the same record.
    assert.deepEqual(await ask({ at: "/items", kind: "missing" }), []);
    assert.deepEqual(
      await ask({
        route: "orders",
        outcome: "divergent",
        kind: "missing",
        at: "/note",
        since: NOON,
        group: nested.group as string,
      }),
      [nested.id],
    );
    assert.deepEqual(await ask({ route: "users", kind: "precision" }), []);
  });

  prove("a `*` in a place stands for any one token, as groups show it", async (store) => {
    const at = async (...places: string[]): Promise<string> => {
      const record = makeRecord({
        differences: places.map((place) => ({ at: place, kind: "value", primary: "1", shadow: "2" })),
      });
      await keep(store, [recordWrite(record)]);
      return record.id;
    };
    const list = await at("/list/3");
    const nested = await at("/list/3/price", "/other");
    const deep = await at("/list/3/tax/price");
    const header = await at("header:x-a", "/%_[a]~1*");
    const ask = async (place: string): Promise<string[]> =>
      idsOf(await store.divergences({ limit: 10, at: place })).toReversed();
    assert.deepEqual(await ask("/list/*"), [list, nested, deep]);
    assert.deepEqual(await ask("/list/*/price"), [nested]);
    assert.deepEqual(await ask("/list/*/*"), [nested, deep]);
    assert.deepEqual(await ask("/*/3/price"), [nested]);
    assert.deepEqual(await ask("/list/3*"), []);
    assert.deepEqual(await ask("/*"), [list, nested, deep, header]);
    assert.deepEqual(await ask("/%_[a]~1*"), [header]);
    assert.deepEqual(await ask("header:*"), []);
    assert.deepEqual(await ask("header:x-a"), [header]);
  });

  prove("a place that few records have is found among many, page by page", async (store) => {
    const rare = { at: "/rare", kind: "type", primary: "1", shadow: '"1"' } as const;
    const records = Array.from({ length: 12_000 }, (_, i) =>
      makeRecord(i % 4000 === 100 ? { differences: [rare] } : {}),
    );
    for (let from = 0; from < records.length; from += 3000) {
      await keep(store, records.slice(from, from + 3000).map(recordWrite));
    }
    const wanted = records
      .filter(({ differences }) => differences[0] === rare)
      .map(({ id }) => id)
      .reverse();
    const first = await store.divergences({ limit: 2, at: "/rare" });
    assert.deepEqual(idsOf(first), wanted.slice(0, 2));
    const second = await store.divergences({ limit: 2, at: "/rare", cursor: first.next as string });
    assert.deepEqual(idsOf(second), wanted.slice(2));
    assert.equal(second.next, null);
  });

  prove("a cursor of another list, or of none, is refused as the caller's mistake", async (store) => {
    await keep(store, [recordWrite(makeRecord()), recordWrite(makeRecord())]);
    const { next } = await store.divergences({ limit: 1 });
    const refused = (thrown: unknown): boolean =>
      thrown instanceof CrossfadeError && thrown.code === "api-refused" && thrown.source === "client";
    await assert.rejects(store.divergences({ limit: 1, cursor: "nonsense" }), refused);
    await assert.rejects(store.repairs({ limit: 1, cursor: next as string }), refused);
    await assert.rejects(store.groups({ limit: 1, cursor: "" }), refused);
  });

  prove("a group counts its records; its share is of all that was compared, reads included", async (store) => {
    const first = makeRecord({ build: "9f3c" });
    const last = makeRecord({ build: "a001" });
    const other = makeRecord({ differences: [{ at: "/name", kind: "type", primary: "1", shadow: '"1"' }] });
    await keep(store, [
      ...[first, last, other].flatMap((record) => [count("users", "divergent"), recordWrite(record)]),
      ...Array.from({ length: 4 }, () => count("users", "match")),
      count("users", "ignored"),
      count("users", "dropped", "queue-full"),
      { type: "compared-read", route: "users" },
      { type: "compared-read", route: "users" },
      count("orders", "match"),
    ]);
    const { items, next } = await store.groups({ limit: 10 });
    assert.equal(next, null);
    assert.deepEqual(items[0], {
      id: first.group,
      route: "users",
      method: "PUT",
      signature: [{ at: "/total", kind: "value" }],
      count: 2,
      tainted: 0,
      share: 2 / 10,
      firstSeen: first.time,
      lastSeen: last.time,
      firstBuild: "9f3c",
      lastBuild: "a001",
      trend: { direction: "steady", hours: [...Array.from({ length: 23 }, () => 0), 2] },
      state: "new",
      decision: null,
      samples: [first.id, last.id],
    });
    assert.deepEqual(
      items.map(({ id }) => id),
      [first.group, other.group],
    );
    assert.deepEqual((await store.groups({ limit: 10, route: "orders" })).items, []);
    const found = await store.group(first.group as string);
    assert.deepEqual({ ...found?.group, samples: [first.id, last.id] }, items[0]);
    assert.deepEqual(found?.samples, [first, last]);
    assert.equal(await store.group("00000000"), null);
  });

  prove("what follows from a group's failed write counts as tainted, and opens no group", async (store) => {
    const root = makeRecord();
    const follow = (group: string | null): DivergenceRecord => makeRecord({ taintedBy: root.id, group });
    const following = [follow(root.group), follow(root.group), follow("00000000"), follow(null)];
    await keep(store, [
      recordWrite(root),
      ...following.map((record): StoreWrite => ({ ...recordWrite(record), signature: null }) as StoreWrite),
    ]);
    const { items } = await store.groups({ limit: 10 });
    assert.deepEqual(
      items.map(({ id, count: times, tainted, samples }) => [id, times, tainted, samples]),
      [[root.group, 1, 2, [root.id]]],
    );
    const ofGroup = idsOf(await store.divergences({ limit: 10, group: root.group as string }));
    assert.deepEqual(ofGroup, [following[1]?.id, following[0]?.id, root.id]);
    assert.equal((await store.divergences({ limit: 10 })).items.length, 5);
  });

  prove("a group of shadow failures has a share of what was compared and of itself", async (store) => {
    const failed = makeRecord({ outcome: "shadow-timeout", differences: [] });
    const signature = failureSignature("timeout");
    const group = groupId("users", "PUT", signature);
    const record = { ...failed, group };
    await keep(store, [
      count("users", "match"),
      count("users", "match"),
      count("users", "shadow-timeout"),
      { type: "divergence", record, json: JSON.stringify(record), signature },
    ]);
    const found = (await store.group(group))?.group;
    assert.deepEqual([found?.count, found?.share, found?.signature], [1, 1 / 3, signature]);
    // Neither is it among the causes that divergences are told by.
    assert.deepEqual(await store.openWork(), []);
  });

  const decision = (state: GroupDecision["state"], more: Partial<GroupDecision> = {}): GroupDecision => ({
    state,
    by: "ops",
    at: new Date(NOON + 3_600_000).toISOString(),
    reason: "known",
    until: null,
    build: null,
    ...more,
  });

  prove(
    "what an operator said is kept with the group, filters find it, and each new event is told once",
    async (store) => {
      const told: GroupEvent[] = [];
      store.onGroupEvent(() => {
        throw new Error("a listener of its own kind");
      });
      const stop = store.onGroupEvent((event) => told.push(event));
      const [a, b] = ["/a", "/b"].map((at) =>
        makeRecord({ differences: [{ at, kind: "value", primary: "1", shadow: "2" }] }),
      );
      const again = (like: DivergenceRecord | undefined, given: Partial<DivergenceRecord> = {}): StoreWrite =>
        recordWrite(makeRecord({ differences: like?.differences ?? [], ...given }));
      await keep(
        store,
        [a, b].map((record) => recordWrite(record as DivergenceRecord)),
      );
      const [idA, idB] = [a?.group as string, b?.group as string];
      assert.deepEqual(told, [
        { event: "new", group: idA },
        { event: "new", group: idB },
      ]);

      const acknowledged = decision("acknowledged", { build: "9f3c" });
      const changed = await store.decideGroup(idA, acknowledged);
      assert.deepEqual([changed?.id, changed?.state, changed?.decision], [idA, "acknowledged", acknowledged]);
      assert.equal(await store.decideGroup("00000000", acknowledged), null);
      await store.decideGroup(idB, decision("fixed"));
      const ids = async (...states: GroupState[]): Promise<string[]> =>
        (await store.groups({ limit: 10, states })).items.map(({ id }) => id);
      assert.deepEqual(await ids("acknowledged"), [idA]);
      assert.deepEqual(await ids("new", "regressed"), []);
      assert.deepEqual((await ids("acknowledged", "fixed")).sort(), [idA, idB].sort());
      const divergencesIn = async (...states: GroupState[]): Promise<string[]> =>
        idsOf(await store.divergences({ limit: 10, states }));
      assert.deepEqual(await divergencesIn("acknowledged"), [a?.id]);
      assert.deepEqual(await divergencesIn("acknowledged", "fixed"), [b?.id, a?.id]);
      assert.deepEqual(await divergencesIn("new"), []);
      assert.deepEqual(idsOf(await store.divergences({ limit: 10, states: ["fixed"], group: idA })), []);
      assert.deepEqual(
        (await store.openWork()).map(({ route, causes }) => [route, causes]),
        [["users", { new: 0, acknowledged: 1, fixed: 1, regressed: 0 }]],
      );

      const later = new Date(NOON + 7_200_000).toISOString();
      // In the build that was acknowledged, and from before it was said to be fixed: nothing new.
      await keep(store, [again(a, { build: "9f3c", time: later }), again(b)]);
      assert.deepEqual((await ids("acknowledged", "fixed")).length, 2);
      await keep(store, [
        again(a, { build: "a001", time: later }),
        again(b, { time: later }),
        again(b, { time: later }),
      ]);
      assert.deepEqual((await ids("regressed")).sort(), [idA, idB].sort());
      assert.deepEqual(told.slice(2), [
        { event: "regressed", group: idA },
        { event: "regressed", group: idB },
      ]);
      const found = (await store.group(idA))?.group;
      assert.deepEqual([found?.decision, found?.lastBuild, found?.count], [acknowledged, "a001", 3]);

      stop();
      await keep(store, [recordWrite(makeRecord({ method: "POST" }))]);
      assert.equal(told.length, 4);
    },
  );

  prove(
    "a group that was missing in a thousand compared exchanges is fixed, and regressed when it comes back",
    async (store) => {
      const told: GroupEvent[] = [];
      store.onGroupEvent((event) => told.push(event));
      const record = makeRecord();
      const matches = (times: number): StoreWrite[] => Array.from({ length: times }, () => count("users", "match"));
      const state = async (): Promise<string | undefined> => (await store.group(record.group as string))?.group.state;
      for (const one of [record, makeRecord()]) await keep(store, [count("users", "divergent"), recordWrite(one)]);
      await keep(store, matches(999));
      assert.equal(await state(), "new");
      await keep(store, [count("users", "match")]);
      assert.equal(await state(), "fixed");
      assert.equal((await store.groups({ limit: 10, states: ["fixed"] })).items.length, 1);
      assert.equal((await store.divergences({ limit: 10, states: ["fixed"] })).items.length, 2);
      assert.equal((await store.divergences({ limit: 10, states: ["new"] })).items.length, 0);
      assert.deepEqual((await store.openWork())[0]?.causes, { new: 0, acknowledged: 0, fixed: 1, regressed: 0 });
      await keep(store, [count("users", "divergent"), recordWrite(makeRecord())]);
      assert.equal(await state(), "regressed");
      assert.deepEqual(
        told.map(({ event }) => event),
        ["new", "regressed"],
      );
      // Three times in 1003 is seldom: a thousand without it may be chance.
      await keep(store, matches(9_000));
      assert.equal(await state(), "regressed");
      await keep(store, matches(1_100));
      assert.equal(await state(), "fixed");
      await store.decideGroup(record.group as string, decision("new"));
      assert.equal(await state(), "new");
    },
  );

  prove("a group's hours are the last day's, the present one last", async (store, clock) => {
    const at = (hoursAgo: number): StoreWrite =>
      recordWrite(makeRecord({ time: new Date(clock.now() - hoursAgo * 3_600_000).toISOString() }));
    clock.move(30 * 60_000);
    await keep(store, [at(30), at(23), at(2), at(2)]);
    await keep(store, [at(0), ...Array.from({ length: 9 }, () => at(0))]);
    const group = makeRecord().group as string;
    const { hours, direction } = (await store.group(group))?.group.trend ?? { hours: [], direction: "quiet" };
    assert.deepEqual([hours.length, hours[0], hours[21], hours[23]], [24, 1, 2, 10]);
    assert.equal(direction, "rising");
    clock.move(24 * 3_600_000);
    assert.equal((await store.groups({ limit: 1 })).items[0]?.trend.direction, "quiet");
  });

  prove("groups come in pages, the most frequent first", async (store) => {
    const groups = Array.from({ length: 5 }, (_, i) => `/field${i}`);
    const writes = groups.flatMap((at, i) =>
      Array.from({ length: 1 + (i % 3) }, () =>
        recordWrite(makeRecord({ differences: [{ at, kind: "value", primary: "1", shadow: "2" }] })),
      ),
    );
    await keep(store, writes);
    const first = await store.groups({ limit: 3 });
    const second = await store.groups({ limit: 3, cursor: first.next as string });
    assert.equal(second.next, null);
    const all = [...first.items, ...second.items];
    assert.deepEqual(
      all.map(({ count: times }) => times),
      [3, 2, 2, 1, 1],
    );
    assert.equal(new Set(all.map(({ id }) => id)).size, 5);
  });

  prove(
    "a group keeps ten samples, its first and last among them, and they outlive the eviction of all else",
    async (store) => {
      const records = Array.from({ length: 60 }, () => makeRecord());
      for (const record of records) await keep(store, [recordWrite(record)]);
      const found = await store.group(records[0]?.group as string);
      assert.equal(found?.group.count, 60);
      assert.equal(found?.samples.length, 10);
      const listed = (await store.groups({ limit: 10 })).items[0];
      assert.deepEqual(
        listed?.samples,
        found?.samples.map(({ id }) => id),
      );
      assert.deepEqual(found?.samples.at(0), records.at(0));
      assert.deepEqual(found?.samples.at(-1), records.at(-1));
      const { items } = await store.divergences({ limit: 1000 });
      assert.equal(items.length, 10 + 5);
      for (const sample of found?.samples ?? []) assert.deepEqual(await store.divergence(sample.id), sample);
    },
    { keepRecords: 5 },
  );

  prove("the samples between first and last are drawn from all of a group's life", async (store) => {
    const records = Array.from({ length: 2000 }, () => makeRecord());
    await keep(store, records.map(recordWrite));
    const samples = (await store.group(records[0]?.group as string))?.samples ?? [];
    const places = samples.slice(1, -1).map((sample) => records.findIndex(({ id }) => id === sample.id));
    assert.equal(places.length, 8);
    // Of 8 even draws, all in one half has a chance of 1 in 128; all in the last tenth, 1 in 10^8.
    assert.ok(Math.min(...places) < 1800, `drawn from ${places.join(", ")}`);
    assert.ok(Math.max(...places) >= 200, `drawn from ${places.join(", ")}`);
  });

  prove(
    "records are evicted by age, and samples are not",
    async (store, clock) => {
      const loose = (): DivergenceRecord =>
        makeRecord({
          outcome: "shadow-error",
          differences: [],
          shadow: null,
          time: new Date(clock.now()).toISOString(),
        });
      const old = loose();
      const sample = makeRecord({ time: new Date(clock.now()).toISOString() });
      await keep(store, [recordWrite(old), recordWrite(sample)]);
      clock.move(29_000);
      const young = loose();
      await keep(store, [recordWrite(young)]);
      assert.deepEqual(idsOf(await store.divergences({ limit: 10 })), [young.id, sample.id, old.id]);
      clock.move(2_000);
      await keep(store, [count("users", "match")]);
      assert.deepEqual(idsOf(await store.divergences({ limit: 10 })), [young.id, sample.id]);
    },
    { keepMs: 30_000 },
  );

  prove(
    "records are evicted by number, those that arrived first, and samples are not",
    async (store, clock) => {
      const loose = (at: number): DivergenceRecord =>
        makeRecord({ outcome: "shadow-error", differences: [], shadow: null, time: new Date(at).toISOString() });
      const old = Array.from({ length: 3 }, (_, i) => loose(NOON + i));
      const sample = makeRecord({ time: new Date(NOON).toISOString() });
      await keep(store, [...old, sample].map(recordWrite));
      clock.move(60_000);
      const young = Array.from({ length: 12 }, (_, i) => loose(NOON + 60_000 + i));
      await keep(store, young.map(recordWrite));
      const left = idsOf(await store.divergences({ limit: 100 }));
      assert.deepEqual(left, [
        ...young
          .slice(2)
          .map(({ id }) => id)
          .reverse(),
        sample.id,
      ]);
    },
    { keepRecords: 10 },
  );

  prove(
    "records are evicted by size, and groups by number, the one not seen for the longest time first",
    async (store) => {
      const loose = Array.from({ length: 100 }, () =>
        makeRecord({ outcome: "shadow-error", differences: [], error: "x".repeat(1000) }),
      );
      await keep(store, loose.map(recordWrite));
      const kept = (await store.divergences({ limit: 1000 })).items;
      const bytes = kept.reduce((sum, record) => sum + Buffer.byteLength(JSON.stringify(record)), 0);
      assert.ok(bytes <= 50_000 && kept.length >= 20, `${kept.length} records of ${bytes} bytes`);
      assert.equal(kept[0]?.id, loose.at(-1)?.id);

      const grouped = ["/a", "/b", "/c"].map((at) =>
        makeRecord({ differences: [{ at, kind: "value", primary: "1", shadow: "2" }] }),
      );
      for (const record of grouped) await keep(store, [recordWrite(record)]);
      const groups = (await store.groups({ limit: 10 })).items.map(({ id }) => id);
      assert.deepEqual(
        groups.sort(),
        grouped
          .slice(1)
          .map(({ group }) => group)
          .sort(),
      );
    },
    { keepBytes: 50_000, keepGroups: 2 },
  );

  prove("a repair entry is one for each key: the first time, the last reason, how often", async (store) => {
    await keep(store, [
      repair("users/1", "A", "2026-11-22T12:00:00.000Z"),
      repair("users/2", "B", "2026-11-22T12:00:01.000Z"),
      {
        type: "repair",
        route: "users",
        key: "users/1",
        reason: "overlap",
        exchangeId: "C",
        at: "2026-11-22T12:00:02.000Z",
        notBefore: null,
        place: null,
      },
      repair(null, "D", "2026-11-22T12:00:03.000Z"),
      repair("users/1", "E", "2026-11-22T12:00:04.000Z", "orders"),
    ]);
    await keep(store, [repair(null, "F", "2026-11-22T12:00:05.000Z")]);
    const { items, next } = await store.repairs({ limit: 10, route: "users" });
    assert.equal(next, null);
    assert.deepEqual(items, [
      {
        route: "users",
        key: "users/1",
        reason: "overlap",
        exchangeId: "C",
        since: "2026-11-22T12:00:00.000Z",
        times: 2,
        revision: 2,
        ...untried,
      },
      {
        route: "users",
        key: "users/2",
        reason: "shadow-error",
        exchangeId: "B",
        since: "2026-11-22T12:00:01.000Z",
        times: 1,
        revision: 1,
        ...untried,
      },
      {
        route: "users",
        key: null,
        reason: "shadow-error",
        exchangeId: "F",
        since: "2026-11-22T12:00:03.000Z",
        times: 2,
        revision: 2,
        ...untried,
      },
    ]);
    const first = await store.repairs({ limit: 3 });
    assert.equal(first.items.length, 3);
    const second = await store.repairs({ limit: 3, cursor: first.next as string });
    assert.deepEqual(
      second.items.map(({ route, exchangeId }) => [route, exchangeId]),
      [["orders", "E"]],
    );
    assert.equal(second.next, null);
  });

  prove(
    "a repair list that is full takes the whole collection instead of a further key, and forgets none",
    async (store) => {
      const at = "2026-11-22T12:00:00.000Z";
      await keep(store, [repair("users/1", "A", at), repair("users/2", "B", at), repair("users/3", "C", at)]);
      await keep(store, [repair("users/4", "D", at), repair("users/1", "E", at)]);
      const { items } = await store.repairs({ limit: 10 });
      assert.deepEqual(
        items.map(({ key, times }) => [key, times]),
        [
          ["users/1", 2],
          ["users/2", 1],
          [null, 2],
        ],
      );
    },
    { repairKeys: 2 },
  );

  const mark = (key: string, more: Partial<Extract<StoreWrite, { type: "repair" }>> = {}): StoreWrite => {
    const at = "2026-11-22T12:00:00.000Z";
    return { ...(repair(key, "A", at) as Extract<StoreWrite, { type: "repair" }>), ...more };
  };
  const work = (store: Store, query: Partial<RepairWorkQuery> = {}): Promise<readonly RepairWork[]> =>
    store.repairWork({ after: 0, dueAt: null, limit: 100, ...query });
  const failed = (more: Partial<Extract<RepairEnd, { kind: "failed" }>> = {}): RepairEnd => {
    const kept = {
      state: "open",
      attempts: 1,
      notBefore: null,
      nextTry: null,
      lastError: "no",
      evidence: null,
    } as const;
    return { kind: "failed", ...kept, ...more };
  };

  prove(
    "each mark raises the revision; the later bound and the newest place hold, and a part or what its shadow never got stays one",
    async (store) => {
      const [soon, late] = ["2026-11-22T12:00:30.000Z", "2026-11-22T12:01:00.000Z"];
      await keep(store, [
        mark("users/1", { notBefore: late, place: { sealed: "one", part: true, uncreated: true } }),
        mark("users/1", { notBefore: soon, place: { sealed: "two", part: false } }),
      ]);
      await keep(store, [mark("users/1"), mark("users/2")]);
      const [first, second] = await work(store);
      assert.deepEqual([first?.revision, first?.notBefore], [3, late]);
      assert.deepEqual(first?.place, { sealed: "two", part: true, uncreated: true });
      assert.deepEqual([second?.revision, second?.notBefore, second?.place], [1, null, null]);
      const listed = (await store.repairs({ limit: 10 })).items;
      assert.equal(JSON.stringify(listed).includes("two"), false);
    },
  );

  prove(
    "an entry ends in the revision that was seen, and in no other: what is marked meanwhile stays",
    async (store) => {
      await keep(store, [mark("users/1"), mark("users/2")]);
      const [one, two] = await work(store);
      assert.ok(one !== undefined && two !== undefined);
      // Appended, and perhaps not kept yet.
      store.append([mark("users/1", { reason: "overlap" })]);
      assert.equal(await store.endRepair(one, { kind: "equal" }), "changed");
      assert.equal(await store.endRepair(two, { kind: "equal" }), "done");
      assert.equal(await store.endRepair(two, { kind: "equal" }), "changed");
      assert.deepEqual(
        (await work(store)).map(({ key, reason, revision }) => [key, reason, revision]),
        [["users/1", "overlap", 2]],
      );
      assert.equal(await store.endRepair({ ...one, revision: 2 }, { kind: "equal" }), "done");
      // On the list again, it is another entry.
      await keep(store, [mark("users/1")]);
      const [again] = await work(store);
      assert.ok(again !== undefined && again.id > two.id);
      assert.equal(await store.endRepair({ ...one, revision: again.revision }, { kind: "equal" }), "changed");
      assert.deepEqual(await store.openWork(), [
        {
          route: "users",
          repairs: 1,
          parked: 0,
          gaps: 0,
          legacyMisses: { repairs: 1, gaps: 0 },
          causes: { new: 0, acknowledged: 0, fixed: 0, regressed: 0 },
        },
      ]);
    },
  );

  prove(
    "what an attempt found is kept with its revision, and forgotten when the key is marked again",
    async (store) => {
      await keep(store, [mark("users/1")]);
      const [entry] = await work(store);
      const at = "2026-11-22T12:00:05.000Z";
      const evidence = {
        at,
        path: "/users/1",
        wrote: "PUT",
        answered: 422,
        primary: 200,
        shadow: 404,
        differences: [],
      };
      const end = failed({ state: "parked", attempts: 5, notBefore: at, nextTry: at, lastError: "422", evidence });
      assert.equal(await store.endRepair(entry as RepairWork, end), "done");
      const { kind: _, ...kept } = end as Extract<RepairEnd, { kind: "failed" }>;
      const [listed] = (await store.repairs({ limit: 10 })).items;
      assert.deepEqual({ ...listed, ...kept }, listed);
      assert.equal((await store.openWork())[0]?.parked, 1);
      await keep(store, [mark("users/1")]);
      const [marked] = (await store.repairs({ limit: 10 })).items;
      assert.deepEqual({ ...marked, ...untried, notBefore: at, revision: 2 }, marked);
    },
  );

  prove("work is found by route, reason, place in the list and by what is due", async (store) => {
    await keep(store, [
      mark("users/1"),
      mark("users/2", { reason: "overlap", notBefore: new Date(NOON + 5_000).toISOString() }),
      mark("orders/3", { route: "orders", reason: "overlap" }),
      mark("users/4"),
      mark("users/5"),
    ]);
    const all = await work(store);
    const named = (key: string): RepairWork => all.find((one) => one.key === key) as RepairWork;
    await store.endRepair(named("users/4"), failed({ state: "parked" }));
    await store.endRepair(named("users/5"), failed({ nextTry: new Date(NOON + 9_000).toISOString() }));
    // Routes have no order among one another.
    const keys = async (query: Partial<RepairWorkQuery>): Promise<(string | null)[]> =>
      (await work(store, query)).map(({ key }) => key).sort();
    assert.deepEqual(await keys({}), ["orders/3", "users/1", "users/2", "users/4", "users/5"]);
    assert.deepEqual(await keys({ dueAt: NOON }), ["orders/3", "users/1"]);
    assert.deepEqual(await keys({ dueAt: NOON + 5_000 }), ["orders/3", "users/1", "users/2"]);
    assert.deepEqual(await keys({ dueAt: NOON + 9_000, route: "users" }), ["users/1", "users/2", "users/5"]);
    assert.deepEqual(await keys({ reasons: ["overlap", "unknown"] }), ["orders/3", "users/2"]);
    const after = named("users/1").id;
    assert.deepEqual(await keys({ route: "users", after, limit: 2 }), ["users/2", "users/4"]);
    const listed = (await work(store)).map(({ id }) => id);
    assert.deepEqual(
      listed,
      [...listed].sort((x, y) => x - y),
    );
  });

  prove(
    "keys that went off the list make room on it",
    async (store) => {
      await keep(store, [mark("users/1"), mark("users/2")]);
      const [first] = await work(store);
      await store.endRepair(first as RepairWork, { kind: "equal" });
      await keep(store, [mark("users/3"), mark("users/4")]);
      const keys = (await work(store)).map(({ key }) => key);
      assert.deepEqual(keys, ["users/2", "users/3", null]);
    },
    { repairKeys: 2 },
  );

  prove("gaps are listed open and closed, the newest first, and both are open work", async (store) => {
    const from = "2026-11-22T12:00:00.000Z";
    const to = "2026-11-22T12:01:00.000Z";
    await keep(store, [
      { type: "gap-opened", id: "g1", route: "users", from, why: "store lost" },
      { type: "gap-opened", id: "g2", route: "orders", from, why: "disk full" },
      { type: "gap-closed", id: "g1", to },
      { type: "gap-closed", id: "nobody", to },
      repair("users/1", "A", from),
      repair("users/2", "B", from),
    ]);
    await keep(store, [
      { type: "gap-closed", id: "g1", to: "2026-11-22T12:05:00.000Z" },
      { type: "gap-opened", id: "g1", route: "users", from: to, why: "again" },
    ]);
    assert.deepEqual((await store.gaps({ limit: 10 })).items, [
      { id: "g2", route: "orders", from, to: null, why: "disk full", misses: null },
      { id: "g1", route: "users", from, to, why: "store lost", misses: null },
    ]);
    assert.deepEqual(
      (await store.gaps({ limit: 10, route: "users" })).items.map(({ id }) => id),
      ["g1"],
    );
    const first = await store.gaps({ limit: 1 });
    const second = await store.gaps({ limit: 1, cursor: first.next as string });
    assert.deepEqual(
      [...first.items, ...second.items].map(({ id }) => id),
      ["g2", "g1"],
    );
    const work = (await store.openWork()).map(({ route, repairs, gaps }) => [route, repairs, gaps]);
    assert.deepEqual(work.sort(), [
      ["orders", 0, 1],
      ["users", 2, 1],
    ]);
  });

  prove("an empty store answers every question", async (store) => {
    assert.deepEqual(await store.outcomeCounts(), []);
    assert.deepEqual(await store.eligibleCounts(), []);
    assert.deepEqual(await store.divergences({ limit: 10 }), { items: [], next: null });
    assert.deepEqual(await store.groups({ limit: 10 }), { items: [], next: null });
    assert.deepEqual(await store.repairs({ limit: 10 }), { items: [], next: null });
    assert.deepEqual(await store.gaps({ limit: 10 }), { items: [], next: null });
    assert.deepEqual(await store.openWork(), []);
    const { problem, lostWrites, pendingWrites } = store.health();
    assert.deepEqual({ problem, lostWrites, pendingWrites }, { problem: null, lostWrites: 0, pendingWrites: 0 });
    assert.ok(store.generation >= 1);
  });

  prove("appending returns at once, whatever its size, and every count of it is kept", async (store) => {
    const writes = Array.from({ length: 20_000 }, (): StoreWrite[] => [
      { type: "eligible", route: "users" },
      count("users", "match"),
    ]).flat();
    for (let from = 0; from < writes.length; from += 1000) store.append(writes.slice(from, from + 1000));
    await store.flush();
    assert.deepEqual(await store.outcomeCounts(), [{ route: "users", outcome: "match", reason: null, count: 20_000 }]);
    assert.deepEqual(await store.eligibleCounts(), [{ route: "users", count: 20_000 }]);
    assert.equal(store.health().pendingWrites, 0);
  });

  prove("a key's records are erased, of one route or of all; counts and groups stay", async (store) => {
    const key = 'users/it\'s "42"\n%_*';
    const gone = [makeRecord({ key }), makeRecord({ key, outcome: "dropped", reason: "queue-full" })];
    const elsewhere = makeRecord({ key, route: "orders" });
    const stay = [makeRecord({ key: `${key}1` }), makeRecord({ key: null }), makeRecord({ key: "users/42" })];
    await keep(store, [
      ...[...gone, elsewhere, ...stay].map(recordWrite),
      count("users", "divergent"),
      repair(key, gone[0]?.id ?? "", "2026-11-22T12:00:00.000Z"),
    ]);
    const query = { route: "users", isKey: (shown: string) => shown === key };
    const before = await store.groups({ limit: 10 });
    const asked = await store.eraseDivergences({ ...query, dryRun: true });
    assert.deepEqual(asked, { records: 2, samples: 1, pairs: 0, setAside: [] });
    assert.equal((await store.divergences({ limit: 10 })).items.length, 6);

    assert.deepEqual(await store.eraseDivergences({ ...query, dryRun: false }), asked);
    assert.deepEqual(idsOf(await store.divergences({ limit: 10 })), [elsewhere, ...stay].map(({ id }) => id).reverse());
    assert.equal(await store.divergence(gone[0]?.id ?? ""), null);
    const after = await store.groups({ limit: 10 });
    assert.deepEqual(
      after.items.map(({ count, samples: _, ...rest }) => ({ ...rest, count })),
      before.items.map(({ count, samples: _, ...rest }) => ({ ...rest, count })),
    );
    assert.equal((await store.repairs({ limit: 10 })).items[0]?.key, key);
    assert.equal((await store.outcomeCounts())[0]?.count, 1);

    const rest = await store.eraseDivergences({ isKey: query.isKey, dryRun: false });
    assert.deepEqual(rest, { records: 1, samples: 1, pairs: 0, setAside: [] });
    assert.equal((await store.eraseDivergences({ isKey: query.isKey, dryRun: false })).records, 0);
  });

  prove("samples that are erased are left out, and the ones that follow take their places", async (store) => {
    const records = Array.from({ length: 40 }, (_, i) => makeRecord({ key: i % 2 === 0 ? "users/1" : "users/2" }));
    const [first] = records;
    await keep(store, records.slice(0, 30).map(recordWrite));
    const erased = await store.eraseDivergences({ isKey: (key) => key === "users/2", dryRun: false });
    assert.equal(erased.records, 15);
    const samplesOf = async (): Promise<readonly DivergenceRecord[]> =>
      (await store.group(first?.group ?? ""))?.samples ?? [];
    const left = await samplesOf();
    assert.equal(left.length, 10 - erased.samples);
    assert.ok(left.every(({ key }) => key === "users/1"));
    assert.equal(left[0]?.id, first?.id);

    await keep(store, records.slice(30).map(recordWrite));
    const filled = await samplesOf();
    assert.ok(filled.length > left.length && filled.length <= 10, `${filled.length} samples`);
    assert.equal(filled.at(-1)?.id, records.at(-1)?.id);
    assert.equal((await store.group(first?.group ?? ""))?.group.count, 40);

    // The first and the last among them.
    await store.eraseDivergences({ isKey: () => true, dryRun: false });
    assert.deepEqual(await samplesOf(), []);
    const next = makeRecord();
    await keep(store, [recordWrite(next), recordWrite(makeRecord())]);
    assert.deepEqual((await samplesOf()).length, 2);
    assert.equal((await samplesOf())[0]?.id, next.id);
  });

  prove(
    "what is erased makes room for what is to be kept",
    async (store) => {
      const group = { group: null };
      await keep(
        store,
        Array.from({ length: 5 }, () => recordWrite(makeRecord({ key: "users/1", ...group }))),
      );
      await store.eraseDivergences({ isKey: () => true, dryRun: false });
      await keep(
        store,
        Array.from({ length: 5 }, () => recordWrite(makeRecord({ key: "users/2", ...group }))),
      );
      assert.equal((await store.divergences({ limit: 10 })).items.length, 5);
    },
    { keepRecords: 5 },
  );

  const place = (at: string, given: Partial<KeptPlace> = {}): KeptPlace => ({
    route: "users",
    method: "GET",
    path: "/users/*",
    at,
    rules: "1f3a9c2e",
    askedTwice: 3,
    differedWithItself: 1,
    compared: 0,
    onBothSides: 0,
    differed: 0,
    values: 2,
    smallest: [1, 2 ** 48 - 1],
    classes: [["uuid", 2]],
    since: NOON,
    lastSeen: NOON,
    ...given,
  });
  const placesOf = async (store: Store): Promise<readonly KeptPlace[]> =>
    [...(await store.places())].sort((a, b) => (a.at < b.at ? -1 : 1));

  prove("of each place what was appended last is kept, whatever tells it from others", async (store) => {
    const others = [
      place("/a", { route: "orders" }),
      place("/a", { method: "PUT" }),
      place("/a", { path: "**" }),
      place("/\ud83d\ude00"),
    ];
    await keep(store, [{ type: "places", places: [place("/a"), ...others] }]);
    await keep(store, [
      { type: "places", places: [place("/a", { askedTwice: 4, lastSeen: NOON + 1 })] },
      { type: "places", places: [place("/a", { askedTwice: 5, lastSeen: NOON + 2 })] },
    ]);
    const kept = await store.places();
    assert.deepEqual(kept[0], place("/a", { askedTwice: 5, lastSeen: NOON + 2 }));
    const sorted = (places: readonly KeptPlace[]): string[] => places.map((each) => JSON.stringify(each)).sort();
    assert.deepEqual(sorted(kept.slice(1)), sorted(others));
  });

  prove(
    "places are bounded: those seen last stay, and none for longer than evidence is kept",
    async (store, clock) => {
      const seen = (at: string, ms: number): KeptPlace => place(at, { lastSeen: clock.now() + ms });
      await keep(store, [{ type: "places", places: [seen("/a", 1), seen("/b", 4), seen("/c", 3), seen("/d", 2)] }]);
      assert.deepEqual(
        (await placesOf(store)).map(({ at }) => at),
        ["/b", "/c", "/d"],
      );
      clock.move(10_000);
      await keep(store, [{ type: "places", places: [seen("/e", 0)] }]);
      assert.deepEqual(
        (await placesOf(store)).map(({ at }) => at),
        ["/e"],
      );
    },
    { keepPlaces: 3, keepMs: 5_000 },
  );

  prove("erasing the records of a key leaves counts of places as they are: they hold no value", async (store) => {
    await keep(store, [recordWrite(makeRecord({ key: "users/1" })), { type: "places", places: [place("/a")] }]);
    const erased = await store.eraseDivergences({ isKey: () => true, dryRun: false });
    assert.equal(erased.records, 1);
    assert.deepEqual(await store.places(), [place("/a")]);
  });

  const evidence = (route: string, epoch: number): KeptGateEvidence => {
    const given = { rules: "r", build: "9f3c", epoch, why: "build", since: NOON } as const;
    const strata = { all: { clean: 40_000, divergent: 1, excused: 2, logE: -0.123456789012345 } };
    const tally = {
      against: { "dropped(queue-full)": 1 },
      methods: { PUT: 3 },
      latency: { primary: [0, 1], shadow: [2] },
    };
    const block = { from: NOON, divergent: { all: 1, "4xx": 1 }, tally };
    return { ...beginEpoch(route, DEFAULT_ROUTE.gate, given), strata, tally, block };
  };

  prove("of each route what was appended last of the gate's evidence is kept, digit by digit", async (store, clock) => {
    assert.deepEqual(await store.gateEvidence(), []);
    await keep(store, [{ type: "gate-evidence", rows: [evidence("users", 1), evidence("orders", 7)] }]);
    await keep(store, [
      { type: "gate-evidence", rows: [evidence("users", 2)] },
      { type: "gate-evidence", rows: [evidence("users", 3)] },
    ]);
    clock.move(365 * 24 * 3_600_000);
    await keep(store, [recordWrite(makeRecord())]);
    const kept = (await store.gateEvidence()).toSorted((a, b) => (a.route < b.route ? -1 : 1));
    assert.deepEqual(kept, [evidence("orders", 7), evidence("users", 3)]);
  });

  prove(
    "repairs and gaps say which service misses what; where it is one and then the other, or not said, it is both",
    async (store) => {
      const at = new Date(NOON).toISOString();
      const gap = (id: string, misses?: "legacy" | "next"): StoreWrite => {
        return {
          type: "gap-opened",
          id,
          route: "users",
          from: at,
          why: "x",
          ...(misses === undefined ? {} : { misses }),
        };
      };
      const marked = (key: string, misses: "legacy" | "next" | null): StoreWrite => {
        return { ...(repair(key, "E", at) as Extract<StoreWrite, { type: "repair" }>), misses };
      };
      await keep(store, [
        { type: "shadow", route: "users", service: "next" },
        ...[gap("g1", "next"), gap("g2", "legacy"), gap("g3")],
        ...[marked("users/1", "next"), marked("users/2", "legacy"), marked("users/3", null), marked("users/4", "next")],
        // In one batch.
        ...[
          marked("users/5", "legacy"),
          marked("users/5", "next"),
          marked("users/6", "next"),
          marked("users/6", "next"),
        ],
      ]);
      // In another one.
      await keep(store, [marked("users/1", "next"), marked("users/4", "legacy"), marked("users/2", "legacy")]);
      const repairs = new Map((await store.repairs({ limit: 10 })).items.map(({ key, misses }) => [key, misses]));
      assert.deepEqual([...repairs].toSorted(), [
        ["users/1", "next"],
        ["users/2", "legacy"],
        ["users/3", null],
        ["users/4", null],
        ["users/5", null],
        ["users/6", "next"],
      ]);
      const gaps = (await store.gaps({ limit: 10 })).items.map(({ id, misses }) => [id, misses]);
      assert.deepEqual(gaps.toSorted(), [
        ["g1", "next"],
        ["g2", "legacy"],
        ["g3", null],
      ]);
      const seen = async (): Promise<unknown> => (await store.openWork())[0]?.legacyMisses;
      assert.deepEqual(await seen(), { repairs: 4, gaps: 2 });
      // Ended and marked again it is another entry.
      const work = (await store.repairWork({ after: 0, dueAt: null, limit: 10 })).find(({ key }) => key === "users/2");
      assert.equal(await store.endRepair(work as RepairWork, { kind: "equal" }), "done");
      await keep(store, [marked("users/2", "next")]);
      assert.deepEqual(await seen(), { repairs: 3, gaps: 2 });
    },
  );

  prove(
    "what leans on a service is added up by route and kind, with its first and last time, for good",
    async (store, clock) => {
      assert.deepEqual(await store.leanings(), []);
      const leaned = (route: string, on: LeaningKind, times: number, first: number, last = first): StoreWrite => {
        return { type: "leaned", leaning: { route, on, times, first, last } };
      };
      await keep(store, [
        leaned("users", "watched", 0, NOON),
        leaned("users", "translation", 2, NOON + 5, NOON + 9),
        leaned(NO_ROUTE, "unmatched", 1, NOON),
        repair("users/1", "E1", new Date(NOON + 2).toISOString()),
        repair("users/1", "E2", new Date(NOON + 4).toISOString()),
      ]);
      clock.move(365 * 24 * 3_600_000);
      await keep(store, [
        leaned("users", "translation", 40_000_000_000, NOON + 7, NOON + 3_600_000),
        leaned("users", "watched", 0, NOON + 1),
      ]);
      await keep(store, [leaned("users", "translation", 1, NOON + 1)]);
      const kept = (await store.leanings()).toSorted((a, b) => (leaningName(a) < leaningName(b) ? -1 : 1));
      assert.deepEqual(kept, [
        { route: NO_ROUTE, on: "unmatched", times: 1, first: NOON, last: NOON },
        { route: "users", on: "repair", times: 2, first: NOON + 2, last: NOON + 4 },
        { route: "users", on: "translation", times: 40_000_000_003, first: NOON + 1, last: NOON + 3_600_000 },
        { route: "users", on: "watched", times: 0, first: NOON, last: NOON + 1 },
      ]);
    },
  );

  prove("of jobs over rows the last one of each kind and collection is kept", async (store, clock) => {
    const times = { begunAt: "2026-11-22T12:00:00.000Z", endedAt: "2026-11-22T13:00:00.000Z", tables: "9f3c" };
    const backfill = (collection: string, written: number): RowJobEnd => {
      return { job: "backfill", collection, read: 3, written, setAside: 0, conflicts: 0, ...times };
    };
    const sums = {
      sourceRows: 3,
      targetRows: 3,
      missing: 0,
      mismatched: 0,
      extra: null,
      unmade: 0,
      around: { legacy: 1, next: 0 },
    };
    const reconcile: RowJobEnd = { job: "reconcile", collection: "users", ...sums, ...times };
    assert.deepEqual(await store.rowJobs(), []);
    await keep(store, [
      { type: "row-job", end: backfill("users", 1) },
      { type: "row-job", end: reconcile },
    ]);
    await keep(store, [
      { type: "row-job", end: backfill("users", 2) },
      { type: "row-job", end: backfill("orders", 3) },
    ]);
    clock.move(365 * 24 * 3_600_000);
    await keep(store, [recordWrite(makeRecord())]);
    const ended = (await store.rowJobs()).map((end) => JSON.stringify(end)).toSorted();
    assert.deepEqual(
      ended,
      [backfill("orders", 3), backfill("users", 2), reconcile].map((end) => JSON.stringify(end)).toSorted(),
    );
  });

  const kept = (route: string, more: Partial<KeptPhase> = {}): KeptPhase => {
    const set = { by: "ops", at: "2026-11-22T12:00:00.000Z", reason: "a test", behindSince: null };
    return { route, phase: "dual-write", epoch: 1, file: "dual-write", ...set, ...more };
  };

  prove("phases move together or not at all, from what they were when it was decided", async (store) => {
    assert.deepEqual(await store.phases(), []);
    const [users, orders] = [kept("users"), kept("orders")];
    const first = [users, orders].map((row) => ({ row, instead: null }));
    assert.equal(await store.movePhases(first), "done");
    assert.equal(await store.movePhases(first), "changed");
    const over = kept("users", { phase: "next-primary", epoch: 2, at: "2026-11-23T12:00:00.000Z" });
    const back = kept("orders", { phase: "legacy-only", at: "2026-11-23T12:00:00.000Z" });
    // One of them is not as it was.
    const stale = { row: back, instead: { ...orders, at: "2026-11-22T12:00:00.001Z" } };
    assert.equal(await store.movePhases([{ row: over, instead: users }, stale]), "changed");
    const sorted = async () => (await store.phases()).toSorted((a, b) => (a.route < b.route ? -1 : 1));
    assert.deepEqual(await sorted(), [orders, users]);
    const moves = [
      { row: over, instead: users },
      { row: back, instead: orders },
    ];
    assert.equal(await store.movePhases(moves), "done");
    assert.deepEqual(await sorted(), [back, over]);
    assert.equal(await store.movePhases([{ row: users, instead: { epoch: 1, at: over.at } }]), "changed");
  });

  prove("a closed store loses what is appended, counts it, throws nothing, and refuses questions", async (store) => {
    await keep(store, [count("users", "match")]);
    await store.close();
    store.append([count("users", "match"), recordWrite(makeRecord())]);
    await store.flush();
    assert.equal(store.health().lostWrites, 2);
    assert.equal(store.health().pendingWrites, 0);
    await assert.rejects(
      store.outcomeCounts(),
      (thrown) => thrown instanceof CrossfadeError && thrown.code === "store-unavailable" && thrown.source === "store",
    );
  });

  prove("a gap in which nothing was missing after all is taken back", async (store) => {
    const from = "2026-11-22T12:00:00.000Z";
    await keep(store, [
      { type: "gap-opened", id: "late", route: "users", from, why: "late" },
      { type: "gap-opened", id: "real", route: "users", from, why: "real" },
    ]);
    await keep(store, [
      { type: "gap-closed", id: "late", to: from },
      { type: "gap-withdrawn", id: "late" },
    ]);
    const { items } = await store.gaps({ limit: 10 });
    assert.deepEqual(
      items.map(({ id }) => id),
      ["real"],
    );
  });

  prove("what counts up to a position of the journal is durable once the store says that position", async (store) => {
    assert.equal(store.journalMark(), 0);
    store.append([{ type: "eligible", route: "users" }, count("users", "match")]);
    store.append([{ type: "journal-mark", position: 7 }]);
    store.append([{ type: "eligible", route: "users" }]);
    store.append([{ type: "journal-mark", position: 9 }]);
    await store.flush();
    assert.equal(store.journalMark(), 9);
    assert.deepEqual(await store.eligibleCounts(), [{ route: "users", count: 2 }]);
  });
}
