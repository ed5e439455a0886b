/** What every journal does, wherever it keeps its records. Each adapter runs this unchanged. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { AcceptedWrite, DueReadBack, Intent, Journal, JournalEnd, LeftOver } from "../../proxy/journal.ts";
import { until } from "../support/until.ts";

export interface JournalSetup {
  open(): Promise<{
    readonly journal: Journal;
    readonly leftOver: readonly LeftOver[];
    readonly readBacksLeft: readonly DueReadBack[];
  }>;
  /** Whether what one process recorded is there for the next. */
  readonly outlivesProcess: boolean;
}

export const MATCH: JournalEnd = { outcome: "match", reason: null, repairs: [] };

export function intentOf(exchangeId: string, key: string | null = "users/1"): Intent {
  const path = "/users/1";
  const headers = ["Host", "api.example.com", "X-Name", 'Zoë "the" \\ 1'];
  const request = { method: "PUT", target: `${path}?a=1`, path, query: "a=1", headers, remoteAddress: "::1" };
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  return {
    exchangeId,
    route: "users",
    request: { ...request, scheme: "https" },
    key,
    traceId,
    arrivedAt: 1_700_000_000_000,
  };
}

export function writeOf(body: string, overlapped = false): AcceptedWrite {
  const answer = {
    status: 201,
    headers: ["Location", "/users/1"],
    body: { kind: "digest", length: 5, sha256: "ab" } as const,
    ms: 1.5,
  };
  return {
    about: { key: "users/1", moreKeys: [], keys: ["users/1"], made: false, entity: true, unfollowed: null },
    overlapped,
    shadow: "next",
    body: { kind: "memory", bytes: Buffer.from(body) },
    answer,
    answeredAt: 1_700_000_000_001,
  };
}

export function dueOf(exchangeId: string): DueReadBack {
  const place = { sealed: "c2VhbGVk", part: false };
  const told = { at: "2026-11-28T00:00:00.000Z", notBefore: null, place, misses: "next" } as const;
  const mark = { type: "repair", route: "users", key: "users/1", reason: "read-back", exchangeId, ...told } as const;
  return { mark, isOpen: exchangeId.startsWith("open"), settledAt: 1_700_000_000_002, traceId: "0af7" };
}

export function journalContract(name: string, setUp: (t: TestContext) => Promise<JournalSetup>): void {
  const prove = (property: string, proof: (setup: JournalSetup) => Promise<void>): void => {
    void test(`${name}: ${property}`, async (t) => proof(await setUp(t)));
  };
  const take = async (journal: Journal) => {
    const taken = [];
    while (journal.waiting() > 0) {
      for (const write of await journal.nextWaiting()) {
        journal.take(write);
        taken.push(write);
      }
    }
    return taken;
  };

  prove("what is intended is open until it has settled, whatever came between", async ({ open }) => {
    const { journal } = await open();
    await journal.intend(intentOf("a"));
    await journal.intend(intentOf("b"));
    await journal.intend(intentOf("c", null));
    journal.answered("a", "accepted", "users/1", writeOf("{}"));
    await journal.sent("a", 1);
    journal.answered("b", "refused", "users/1");
    assert.equal(journal.depth(), 3);
    for (const id of ["a", "b", "c"]) journal.settled(id, MATCH);
    assert.equal(journal.depth(), 0);
    await journal.close();
  });

  prove("positions count up with each record and between them, and what is recorded is reached", async ({ open }) => {
    const { journal } = await open();
    const before = journal.position();
    await journal.intend(intentOf("a"));
    const intended = journal.position();
    const answered = journal.answered("a", "accepted", "users/1", writeOf("{}")) ?? 0;
    const free = journal.nextPosition();
    journal.settled("a", MATCH);
    const settled = journal.position();
    const all = [before, intended, answered, free, settled];
    assert.deepEqual(new Set(all).size, all.length);
    assert.deepEqual(
      all,
      all.toSorted((a, b) => a - b),
    );
    await until(() => journal.reached(settled));
    await journal.close();
  });

  prove("an exchange that it never heard of changes nothing", async ({ open }) => {
    const { journal } = await open();
    journal.answered("x", "accepted", "users/1", writeOf("{}"));
    await journal.sent("x", 1);
    journal.readBackDue("x", dueOf("x"));
    journal.settled("x", MATCH);
    journal.readBackEnded("x", null);
    assert.equal(journal.keep("x", writeOf("{}")), null);
    assert.equal(journal.holds("x"), false);
    assert.deepEqual([journal.depth(), journal.waiting(), journal.waitingSince("users")], [0, 0, null]);
    await journal.close();
  });

  prove(
    "what it keeps comes back once, whole, in the order of the answers; what it does not keep it says",
    async ({ open }) => {
      const { journal } = await open();
      for (const id of ["a", "b", "c"]) await journal.intend(intentOf(id));
      const kept = ["c", "a", "b"].map((id) => journal.keep(id, writeOf(`{"of":"${id}"}`, id === "a")));
      assert.equal(new Set(kept.map((promise) => promise === null)).size, 1);
      if (kept[0] !== null) {
        for (const one of kept) assert.equal(await one, true);
        assert.equal(journal.waiting(), 3);
        const taken = await take(journal);
        assert.deepEqual(
          taken.map(({ intent }) => intent.exchangeId),
          ["c", "a", "b"],
        );
        assert.deepEqual(taken[1]?.write, writeOf('{"of":"a"}', true));
        assert.deepEqual(taken[1]?.intent, intentOf("a"));
        assert.deepEqual([journal.waiting(), journal.depth(), journal.holds("a")], [0, 3, true]);
        assert.equal(taken[0]?.attempts, 0);
      }
      for (const id of ["a", "b", "c"]) journal.settled(id, MATCH);
      assert.equal(journal.depth(), 0);
      await journal.close();
    },
  );

  prove("it tells since when the oldest that waits of a route has waited, in the next process too", async (setup) => {
    const { journal } = await setup.open();
    const at = (answeredAt: number): AcceptedWrite => ({ ...writeOf("{}"), answeredAt });
    for (const id of ["a", "b", "c"]) await journal.intend(intentOf(id));
    await journal.intend({ ...intentOf("d"), route: "orders" });
    const kept = [
      journal.keep("a", at(1_000)),
      journal.keep("d", at(2_000)),
      journal.keep("b", at(3_000)),
      journal.keep("c", at(4_000)),
    ];
    if (kept[0] === null) {
      assert.equal(journal.waitingSince("users"), null);
      await journal.close();
      return;
    }
    for (const one of kept) assert.equal(await one, true);
    const since = (of: Journal): unknown => ["users", "orders", "others"].map((route) => of.waitingSince(route));
    assert.deepEqual(since(journal), [1_000, 2_000, null]);
    await journal.close();
    const { journal: next } = await setup.open();
    assert.deepEqual(since(next), [1_000, 2_000, null]);
    const left: unknown[] = [];
    while (next.waiting() > 0) {
      for (const write of await next.nextWaiting()) {
        next.take(write);
        left.push([write.intent.exchangeId, next.waitingSince("users"), next.waitingSince("orders")]);
      }
    }
    // Never later than the oldest that is left, and no earlier than the one that was taken last.
    assert.deepEqual(left, [
      ["a", 1_000, 2_000],
      ["d", 1_000, null],
      ["b", 3_000, null],
      ["c", null, null],
    ]);
    await next.close();
  });

  prove(
    "the next process finds each write as the last record of it says, and nothing of what has settled",
    async (setup) => {
      const { journal } = await setup.open();
      for (const id of [
        "intended",
        "refused",
        "unknown",
        "accepted",
        "sent",
        "at-once",
        "held-up",
        "kept",
        "settled",
      ]) {
        await journal.intend(intentOf(id, id === "intended" ? null : "users/1"));
      }
      journal.answered("refused", "refused", "users/1");
      journal.answered("unknown", "unknown", "users/1");
      const position = journal.answered("accepted", "accepted", "users/1", writeOf("{}"));
      journal.answered("sent", "accepted", "users/1", writeOf("{}"));
      await journal.sent("sent", 1);
      await journal.sent("sent", 2);
      journal.answered("at-once", "accepted", "users/1", { ...writeOf("{}"), sentAtOnce: true });
      await journal.sent("at-once", 1);
      journal.answered("held-up", "accepted", "users/1", { ...writeOf("{}"), sentAtOnce: true });
      journal.heldUp("held-up");
      journal.heldUp("accepted");
      await journal.keep("kept", writeOf("{}"));
      journal.answered("settled", "accepted", "users/1", writeOf("{}"));
      journal.settled("settled", MATCH);
      await journal.close();
      if (!setup.outlivesProcess) return;
      const next = await setup.open();
      assert.deepEqual(
        next.leftOver.map(({ intent, end, key }) => [intent.exchangeId, end, key]),
        [
          ["intended", null, null],
          ["refused", "refused", "users/1"],
          ["unknown", "unknown", "users/1"],
        ],
      );
      const taken = await take(next.journal);
      assert.deepEqual(
        taken.map(({ intent, attempts }) => [intent.exchangeId, attempts]),
        [
          ["accepted", 0],
          ["sent", 2],
          ["at-once", 1],
          ["held-up", 0],
          ["kept", 0],
        ],
      );
      assert.match(taken[0]?.order ?? "", new RegExp(`^\\d+\\.${position}$`));
      assert.ok(next.journal.position() >= journal.position());
      await next.journal.close();
    },
  );

  prove("a read-back that is due is found by each process until it has ended, and holds up nothing", async (setup) => {
    const { journal } = await setup.open();
    for (const id of ["read", "waits", "open"]) {
      await journal.intend(intentOf(id));
      journal.answered(id, "accepted", "users/1", writeOf("{}"));
      journal.readBackDue(id, dueOf(id));
      journal.settled(id, MATCH);
    }
    assert.equal(journal.depth(), 0);
    journal.readBackEnded("read", null);
    await journal.close();
    if (!setup.outlivesProcess) return;
    const { journal: next, readBacksLeft } = await setup.open();
    assert.deepEqual(readBacksLeft, [dueOf("waits"), dueOf("open")]);
    assert.deepEqual([next.depth(), next.waiting()], [0, 0]);
    next.readBackEnded("waits", dueOf("waits").mark);
    await next.close();
    const third = await setup.open();
    assert.deepEqual(third.readBacksLeft, [dueOf("open")]);
    await third.journal.close();
  });
}
