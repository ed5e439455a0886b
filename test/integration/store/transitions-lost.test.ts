/**
 * Redis fails over to a replica that was behind, in each state of a transition: what one member alone has read holds for all, nobody
 * lets go to another primary than the others, and nobody is left holding back (docs/decisions/0013).
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { OwnWrites } from "../../../proxy/barrier/own-writes.ts";
import { OwnStanding } from "../../../proxy/barrier/standing.ts";
import { createMemberPart, type MemberPart } from "../../../proxy/barrier/member-part.ts";
import type { RedisStore } from "../../../adapters/store/redis/shared-store.ts";
import type { KeptPhase } from "../../../proxy/moves/kept-phase.ts";
import { openPhaseBook, type PhaseBook } from "../../../proxy/phase/phase-book.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";
import { settingsOf } from "../../support/config-file.ts";
import { redisServer, type RedisServer } from "../../support/redis.ts";
import { openStoreAt, redisSettings } from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";
import { type Relay, startRelay } from "../../support/relay.ts";

interface Member {
  readonly store: RedisStore;
  readonly book: PhaseBook;
  readonly part: MemberPart;
  /** In which phase it let go, each time. */
  readonly letGoIn: string[];
  /** It looks by itself from here on, whenever something has changed. */
  wake(): void;
  /** Reads once. */
  read(): Promise<void>;
}

async function startMember(t: TestContext, port: number, prefix: string): Promise<Member> {
  const url = `redis://127.0.0.1:${port}`;
  const patient = { silentMs: 5_000, patienceMs: 10_000 };
  const store = await openStoreAt(t, url, { redis: redisSettings(url, { prefix }), ...patient });
  const urls = 'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { url: "http://127.0.0.1:4000" }\n';
  const { settings } = settingsOf(t, `${urls}routes: [{ name: users, match: { path: "/**" } }]\n`);
  const { transitions } = store;
  const caught = (step: string, error: unknown): void => assert.fail(`${step}: ${String(error)}`);
  const book = await openPhaseBook({
    ...{ store, transitions, settings, clock: systemClock, adopt: false, copy: null, caught },
    ...{ warn: () => undefined, lookAgain: () => undefined },
  });
  const letGoIn: string[] = [];
  const own: OwnWrites = {
    hold: () => undefined,
    drained: () => Promise.resolve(null),
    release: () => void letGoIn.push(book.rowOf("users")?.phase ?? ""),
    ...{ held: 0, refused: 0 },
  };
  const part = createMemberPart({
    ...{ transitions, id: store.members.id, own, phases: book, standing: new OwnStanding(null), caught },
    ...{
      settings: () => "0",
      moved: () => undefined,
      notClose: () => null,
      tunnels: () => 0,
      monotonic: () => performance.now(),
    },
  });
  let isAwake = false;
  await store.members.join({
    report: () => ({
      ...{ name: null, version: "0.1.0", host: "here", pid: 1, startedAt: 0, state: "serving", open: 0 },
      settings: { revision: 1, digest: "0" },
    }),
    overridesKept: () => undefined,
    phasesChanged: () => void (isAwake && part.wake()),
  });
  t.after(() => part.stop());
  const read = async (): Promise<void> => part.took(await transitions.look());
  return {
    ...{ store, book, part, letGoIn, read },
    wake() {
      isAwake = true;
      part.wake();
    },
  };
}

const MOVE = "01A";
type End = "none" | "committed, read by nobody" | "committed, read by one" | "aborted, read by one";
/** The last of these that the replica had heard of. */
const STATES = ["nothing", "announced", "prepared", "drained"] as const;

/** What happens to one move, in its order. */
class Move {
  readonly #members: readonly [Member, Member];
  readonly #end: End;
  /** To the phase beyond the barrier, or to one on this side of it. */
  readonly #crosses: boolean;

  constructor(members: readonly [Member, Member], end: End, crosses = true) {
    this.#members = members;
    this.#end = end;
    this.#crosses = crosses;
  }

  async #all(word: string): Promise<void> {
    for (const { read } of this.#members) await read();
    const [{ store }] = this.#members;
    await until(async () => {
      const acks = [...((await store.transitions.look()).transition?.acks.values() ?? [])];
      return acks.length === 2 && acks.every(({ state }) => state === word);
    });
  }

  readonly steps: Readonly<Record<(typeof STATES)[number] | "end", () => Promise<void>>> = {
    nothing: async () => undefined,
    announced: async () => {
      const [{ store, book }] = this.#members;
      const instead = book.rowOf("users") as KeptPhase;
      const drains = this.#crosses;
      const at = "2026-11-22T12:00:01.000Z";
      const row: KeptPhase = drains
        ? { ...instead, phase: "next-primary", epoch: 2, changes: 2, at }
        : { ...instead, phase: "legacy-only", changes: 2, at, behindSince: at };
      await store.transitions.announce({ id: MOVE, moves: [{ row, instead }], drains, forMs: 60_000 });
      await this.#all("ready");
    },
    prepared: async () => void (await this.#members[0].store.transitions.prepare(MOVE, 60_000)),
    drained: () => this.#all("drained"),
    end: async () => {
      const [leader, other] = this.#members;
      const word = this.#end.split(",")[0];
      if (word === "none") return;
      const { transition } =
        word === "committed"
          ? await leader.store.transitions.commit(MOVE)
          : await leader.store.transitions.abort(MOVE, "a test");
      assert.equal(transition?.state, word);
      if (this.#end.endsWith("by one")) await other.read();
    },
  };
}

async function replicated(master: RedisServer, replica: RedisServer): Promise<void> {
  const offset = async ({ admin }: RedisServer, name: string): Promise<number> =>
    Number(new RegExp(`^${name}:(\\d+)`, "m").exec(await admin.info("replication"))?.[1]);
  await until(async () => {
    const sent = await offset(master, "master_repl_offset");
    return (await offset(replica, "slave_repl_offset")) >= sent;
  });
}

/** Over to the replica as it is. */
async function failOver(master: RedisServer, replica: RedisServer, relay: Relay): Promise<void> {
  await master.kill();
  relay.leadTo(replica.port);
}

test("whatever a replica had not heard of a move when it became the master, all members end it alike, and as one had read it", async (t) => {
  const [master, replica] = [await redisServer(t), await redisServer(t)];
  await replica.admin.replicaof("127.0.0.1", master.port);
  const relay = await startRelay(t, master.port);
  const ends: readonly End[] = ["none", "committed, read by nobody", "committed, read by one", "aborted, read by one"];
  const all = [true, false].flatMap((crosses) =>
    STATES.flatMap((known) => ends.map((end) => ({ known, end, crosses }))),
  );
  const moves = await Promise.all(
    all.map(async (one, n) => {
      const members = [await startMember(t, relay.port, `p${n}`), await startMember(t, relay.port, `p${n}`)] as const;
      return { ...one, members, move: new Move(members, one.end, one.crosses) };
    }),
  );
  await Promise.all(
    moves.map(async ({ known, move }) => {
      for (const state of STATES.slice(0, STATES.indexOf(known) + 1)) await move.steps[state]();
    }),
  );
  await replicated(master, replica);
  await replica.admin.replicaof("NO", "ONE");
  await Promise.all(
    moves.map(async ({ known, move }) => {
      for (const state of [...STATES, "end"] as const)
        if (state === "end" || STATES.indexOf(state) > STATES.indexOf(known)) await move.steps[state]();
    }),
  );
  await failOver(master, replica, relay);
  // As the one who leads gives it up, before anybody else has looked.
  await Promise.all(
    moves.map(async ({ members: [{ store, read }] }) => {
      const tried = (): Promise<boolean> =>
        store.transitions.abort(MOVE, "its time was over").then(Boolean, () => false);
      await until(tried);
      await read();
    }),
  );
  for (const { members } of moves) for (const { wake } of members) wake();
  for (const { known, end, crosses, members } of moves) {
    const to = crosses ? "next-primary" : "legacy-only";
    const phase = end === "committed, read by one" ? to : "dual-write";
    const what = `to ${to}: ${end}; the replica knew it as ${known}`;
    await until(() => members.every(({ part }) => !part.isHolding));
    await until(async () => (await members[0].store.phases())[0]?.phase === phase).catch((error: unknown) =>
      assert.fail(`${what}: ${String(error)}`),
    );
    await until(() => members.every(({ book }) => book.rowOf("users")?.phase === phase));
    assert.deepEqual(new Set(members.flatMap(({ letGoIn }) => letGoIn)), new Set([phase]), what);
    const { transition } = await members[0].store.transitions.look();
    assert.ok(
      transition === null || !["announced", "prepared"].includes(transition.state) || transition.id !== MOVE,
      what,
    );
  }
});

test("one that starts while only others may know of the commit holds its writes back until they have told", async (t) => {
  const [master, replica] = [await redisServer(t), await redisServer(t)];
  await replica.admin.replicaof("127.0.0.1", master.port);
  const relay = await startRelay(t, master.port);
  const members = [await startMember(t, relay.port, "shop"), await startMember(t, relay.port, "shop")] as const;
  const move = new Move(members, "committed, read by one");
  for (const state of STATES) await move.steps[state]();
  await replicated(master, replica);
  await replica.admin.replicaof("NO", "ONE");
  await move.steps.end();
  await failOver(master, replica, relay);
  await until(async () => (await members[0].store.transitions.look().catch(() => null))?.isUncertain === true);
  const third = await startMember(t, relay.port, "shop");
  const caughtUp = third.part.catchUp();
  await until(() => third.part.isHolding);
  assert.equal(third.book.rowOf("users")?.phase, "dual-write");
  for (const { wake } of members) wake();
  // Who is registered was not lost; it need not wait for that.
  await replica.admin.hset("shop:{0}:members:clock", "lost", 0);
  third.wake();
  await caughtUp;
  await until(() => !third.part.isHolding);
  assert.deepEqual(third.letGoIn, ["next-primary"]);
});
