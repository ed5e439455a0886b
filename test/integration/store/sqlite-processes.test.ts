import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { openSqliteStore } from "../../../adapters/store/sqlite/store.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { evidenceFolder } from "../../support/evidence.ts";

const CHILD = join(import.meta.dirname, "../../support/store-child.ts");
const clock = { now: () => Date.now(), monotonic: () => performance.now() };

interface Child {
  readonly process: ChildProcess;
  /** The next line that it says, as JSON. */
  next(): Promise<Record<string, unknown>>;
  end(signal?: NodeJS.Signals): Promise<void>;
}

function startChild(t: TestContext, command: string, args: readonly string[]): Child {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const end = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  t.after(() => end());
  return {
    process: child,
    async next() {
      const line = await lines.next();
      assert.ok(line.done !== true, "the child ended without a word");
      return JSON.parse(line.value) as Record<string, unknown>;
    },
    end,
  };
}

const runNode = (t: TestContext, deed: string, file: string): Child =>
  startChild(t, process.execPath, [CHILD, deed, file]);

test("a second process is refused, told which file it is and what to do, and gets it once the first has ended", async (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  const holder = runNode(t, "hold", file);
  assert.deepEqual(await holder.next(), { generation: 1, previousEnd: "none" });
  await assert.rejects(openSqliteStore({ file, clock }), (thrown: unknown) => {
    assert.ok(thrown instanceof CrossfadeError);
    assert.equal(thrown.code, "store-locked");
    assert.equal(thrown.source, "store");
    assert.ok(thrown.message.includes(file));
    assert.match(thrown.message, /another process has it open.*--store sqlite:FILE/);
    return true;
  });
  holder.process.stdin?.end();
  await once(holder.process, "exit");
  const store = await openSqliteStore({ file, clock });
  assert.equal(store.generation, 2);
  assert.equal(store.opened.previousEnd, "clean");
  await store.close();
});

test("a refused opening in the holder's own process does not loosen the lock for others", async (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  const store = await openSqliteStore({ file, clock });
  // Closing any descriptor of the file would drop this process's POSIX locks on it.
  await assert.rejects(
    openSqliteStore({ file, clock }),
    (thrown) => thrown instanceof CrossfadeError && thrown.code === "store-locked",
  );
  const other = runNode(t, "hold", file);
  assert.equal((await other.next())["refused"], "store-locked");
  await store.close();
});

test("after kill -9 everything that was durable is there, the rest is counted as unknown, and a gap covers the time", async (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  const writer = runNode(t, "write", file);
  await writer.next();
  let durable = 0;
  while (durable < 500) durable = (await writer.next())["durable"] as number;
  const killedAfter = Date.now();
  await writer.end("SIGKILL");

  const store = await openSqliteStore({ file, clock });
  t.after(() => store.close());
  assert.equal(store.generation, 2);
  assert.equal(store.opened.previousEnd, "unclean");
  assert.equal(store.health().problem, null);
  const outcomes = new Map((await store.outcomeCounts()).map(({ outcome, count }) => [outcome, count]));
  const [eligible] = await store.eligibleCounts();
  const divergent = outcomes.get("divergent") ?? 0;
  assert.ok(divergent >= durable, `${divergent} of ${durable}`);
  assert.equal(outcomes.get("unknown"), 1);
  assert.equal(eligible?.count, divergent + 1);
  const { items: groups } = await store.groups({ limit: 10 });
  assert.equal(groups[0]?.count, divergent);

  const { items: gaps } = await store.gaps({ limit: 10 });
  assert.equal(gaps.length, 1);
  const [gap] = gaps;
  assert.equal(gap?.route, "users");
  assert.equal(gap?.why, "unclean end while unjournaled");
  assert.ok(Date.parse(gap?.from ?? "") <= killedAfter);
  assert.ok(Date.parse(gap?.to ?? "") >= killedAfter);
  assert.deepEqual(
    (await store.openWork()).map(({ route, repairs, gaps }) => [route, repairs, gaps]),
    [["users", 0, 1]],
  );
  assert.match(
    store.opened.notes.join(" "),
    /ended without closing.*a gap is recorded for 1 route.*1 write of.*unknown/s,
  );
});

test("a file that may not grow fails the evidence and not the counts, says so, and loses nothing silently", async (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  // In blocks of 512 bytes or of 1 KiB, as the shell has it: 1 or 2 MiB.
  const limited = `ulimit -f 2048; exec "$0" "$@"`;
  const child = startChild(t, "sh", ["-c", limited, process.execPath, CHILD, "fill", file]);
  await child.next();
  const { failed } = (await child.next()) as { failed: { problem: string; lostWrites: number; pendingWrites: number } };
  assert.match(failed.problem, /cannot be read or written|the disk is full/);
  assert.ok(failed.problem.includes(file));
  assert.ok(failed.pendingWrites > 0);
  const kept = (await child.next()) as { outcomes: { count: number }[]; repairs: { key: string }[] };
  assert.deepEqual(kept.outcomes, [{ route: "users", outcome: "divergent", reason: null, count: 400 }]);
  assert.deepEqual(
    kept.repairs.map(({ key }) => key),
    ["users/1"],
  );
  const { closed } = (await child.next()) as { closed: { lostWrites: number; pendingWrites: number } };
  await once(child.process, "exit");
  assert.equal(closed.pendingWrites, 0);
  assert.ok(closed.lostWrites > 0);

  const store = await openSqliteStore({ file, clock });
  t.after(() => store.close());
  assert.deepEqual(await store.outcomeCounts(), kept.outcomes);
  const { items } = await store.divergences({ limit: 1000 });
  assert.equal(items.length + closed.lostWrites, 400);
  assert.ok(statSync(file).size <= 3 * 1024 * 1024);
});
