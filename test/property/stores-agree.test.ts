/** The same writes, questions and decisions, in any order, leave the same in memory and in Redis, whose steps are Lua. */
import assert from "node:assert/strict";
import { after, test, type TestContext } from "node:test";
import fc from "fast-check";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import { openRedisStore } from "../../adapters/store/redis/store.ts";
import type { GroupEvent, Missing } from "../../proxy/evidence/evidence.ts";
import type { Store, StoreWrite } from "../../proxy/ports.ts";
import { handClock, makeRecord, NOON, recordWrite } from "../support/evidence.ts";
import { redisServer } from "../support/redis.ts";
import { redisSettings } from "../support/redis-store.ts";

const ends: (() => unknown)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

const route = fc.constantFrom("users", "orders");
const build = fc.constantFrom(null, "9f3c", "a001");
const misses = fc.constantFrom("legacy" as const, "next" as const, null);
const hours = fc.oneof(fc.constant(0), fc.nat(40));

type Step =
  | { readonly do: "count"; readonly route: string; readonly times: number }
  | {
      readonly do: "seen";
      readonly route: string;
      readonly at: string;
      readonly build: string | null;
      readonly hours: number;
    }
  | { readonly do: "repair"; readonly route: string; readonly key: string | null; readonly misses: Missing }
  | {
      readonly do: "gap";
      readonly route: string;
      readonly id: string;
      readonly opened: boolean;
      readonly misses: Missing;
    }
  | { readonly do: "move"; readonly hours: number }
  | {
      readonly do: "decide";
      readonly group: number;
      readonly state: "new" | "acknowledged" | "fixed";
      readonly build: string | null;
      readonly until: number | null;
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("count" as const), route, times: fc.constantFrom(1, 10, 400, 3_000) }),
  fc.record({ do: fc.constant("seen" as const), route, at: fc.constantFrom("/a", "/b"), build, hours }),
  fc.record({ do: fc.constant("seen" as const), route, at: fc.constant("/a"), build, hours }),
  fc.record({ do: fc.constant("repair" as const), route, key: fc.constantFrom(null, "k1", "k2", "k\ud800"), misses }),
  fc.record({ do: fc.constant("gap" as const), route, id: fc.constantFrom("g1", "g2"), opened: fc.boolean(), misses }),
  fc.record({ do: fc.constant("move" as const), hours }),
  fc.record({
    do: fc.constant("decide" as const),
    group: fc.nat(3),
    state: fc.constantFrom("new" as const, "acknowledged" as const, "fixed" as const),
    build,
    until: fc.option(hours),
  }),
);

function writesOf(step: Exclude<Step, { do: "move" | "decide" }>, now: number): readonly StoreWrite[] {
  const at = new Date(now).toISOString();
  switch (step.do) {
    case "count":
      return Array.from({ length: step.times }, () => ({
        type: "count",
        route: step.route,
        outcome: "match",
        reason: null,
      }));
    case "seen": {
      const time = new Date(now - step.hours * 3_600_000).toISOString();
      const difference = { at: step.at, kind: "value", primary: "1", shadow: "2" } as const;
      return [recordWrite(makeRecord({ route: step.route, build: step.build, time, differences: [difference] }))];
    }
    case "repair":
      return [
        {
          type: "repair",
          route: step.route,
          key: step.key,
          reason: "overlap",
          exchangeId: at,
          at,
          notBefore: null,
          place: null,
          misses: step.misses,
        },
      ];
    case "gap":
      return step.opened
        ? [{ type: "gap-opened", id: step.id, route: step.route, from: at, why: "why", misses: step.misses }]
        : [{ type: "gap-closed", id: step.id, to: at }];
    default: {
      const never: never = step;
      throw new TypeError(`no such step: ${JSON.stringify(never)}`);
    }
  }
}

/** What can be asked of a store, with what it told. */
async function picture(store: Store, told: readonly GroupEvent[]): Promise<unknown> {
  const byName = (a: object, b: object): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  return {
    told,
    groups: (await store.groups({ limit: 100 })).items,
    records: (await store.divergences({ limit: 1000 })).items,
    outcomes: (await store.outcomeCounts()).toSorted(byName),
    work: (await store.openWork()).toSorted(byName),
    repairs: (await store.repairs({ limit: 100 })).items,
    gaps: (await store.gaps({ limit: 100 })).items,
    leanings: (await store.leanings()).toSorted(byName),
  };
}

test("memory and Redis agree on every question after any sequence of steps", async () => {
  const redis = await redisServer({ after: (end: () => unknown) => ends.push(end) } as unknown as TestContext);
  let opened = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const clock = handClock();
      const prefix = `agree:${++opened}`;
      const retention = { keepRecords: 8, repairKeys: 2 };
      const stores = [
        openMemoryStore({ clock, retention }),
        await openRedisStore({ clock, retention, redis: redisSettings(redis.url, { prefix }) }),
      ];
      const told = stores.map((store): GroupEvent[] => {
        const events: GroupEvent[] = [];
        store.onGroupEvent((event) => events.push(event));
        return events;
      });
      try {
        for (const one of steps) {
          if (one.do === "move") {
            clock.move(one.hours * 3_600_000);
          } else if (one.do === "decide") {
            const id = (await stores[0]?.groups({ limit: 10 }))?.items.map((group) => group.id).sort()[one.group] ?? "";
            const until = one.until === null ? null : new Date(NOON + one.until * 3_600_000).toISOString();
            const at = new Date(clock.now()).toISOString();
            const decision = { state: one.state, by: "ops", at, reason: null, until, build: one.build };
            const answers = await Promise.all(stores.map((store) => store.decideGroup(id, decision)));
            assert.deepEqual(answers[1], answers[0]);
          } else {
            const writes = writesOf(one, clock.now());
            for (const store of stores) store.append(writes);
            await stores[1]?.flush();
          }
        }
        const [memory, shared] = await Promise.all(stores.map((store, i) => picture(store, told[i] ?? [])));
        assert.deepEqual(shared, memory);
      } finally {
        for (const store of stores) await store.close();
      }
    }),
    { numRuns: 100 },
  );
});
