import assert from "node:assert/strict";
import { test } from "node:test";
import type { Journal } from "../../proxy/journal.ts";
import { createNullJournal } from "../../proxy/mirror/journal.ts";
import type { Noise, Watched } from "../../proxy/noise/noise.ts";
import { type Wired, wire, type WireOptions } from "../support/wired.ts";

/** Durable in a later turn: what goes on then is called by nobody who would catch anything. */
const LATER: Journal = {
  ...createNullJournal(),
  kind: "durable",
  intend: () => new Promise((resolve) => setImmediate(resolve)),
};
const AT_ONCE = createNullJournal();

/** The first request for a primary's connections fails in us, all others get them. */
function failsOnce(): {
  readonly options: Required<Pick<WireOptions, "primary" | "caught">>;
  readonly steps: string[];
} {
  let isFirst = true;
  const steps: string[] = [];
  return {
    steps,
    options: {
      primary(usual) {
        if (!isFirst) return usual();
        isFirst = false;
        throw new Error("no connection can be made of this");
      },
      caught: (step, error) => steps.push(`${step}: ${error instanceof Error ? error.message : String(error)}`),
    },
  };
}

async function outcomesOf({ counters }: Wired): Promise<unknown> {
  return counters.snapshot().map(({ eligible, outcomes, pending }) => {
    return [eligible, pending, ...outcomes.map(({ outcome, reason, count }) => [outcome, reason ?? null, count])];
  });
}

for (const [when, journal] of [
  ["at once", AT_ONCE],
  ["once its intent is durable", LATER],
] as const) {
  test(`a write that cannot be forwarded ${when} costs its client its connection, ends unknown, and holds nothing up`, async (t) => {
    const { options, steps } = failsOnce();
    const wired = await wire(t, journal, options);
    await assert.rejects(wired.put("/users/1"), /socket|other side closed|ECONNRESET/i);
    assert.deepEqual(steps, ["pipeline: no connection can be made of this"]);
    const begun = performance.now();
    assert.equal(await wired.put("/users/1"), 200);
    await wired.settled();
    // Its place in the lane of users/1 would hold the next one up for 5 s.
    assert.ok(performance.now() - begun < 4_000);
    assert.equal(wired.next.seen.length, 1);
    assert.equal(wired.openWrites.count(["default"]), 0);
    assert.deepEqual(await outcomesOf(wired), [[2, 0, ["match", null, 1], ["unknown", null, 1]]]);
    const { items } = await wired.store.repairs({ limit: 10 });
    assert.deepEqual(
      items.map(({ key, reason }) => [key, reason]),
      [["users/1", "unknown"]],
    );
  });
}

test("a gap that cannot be written down holds up no write", async (t) => {
  const { options, steps } = failsOnce();
  const never: Journal = { ...createNullJournal(), kind: "durable", intend: () => new Promise(() => {}) };
  const wired = await wire(t, never, { caught: options.caught });
  wired.store.append = () => {
    throw new Error("the store takes nothing");
  };
  assert.equal(await wired.put("/users/1"), 200);
  assert.ok(steps.includes("gaps: the store takes nothing"), steps.join("\n"));
});

test("whoever watches a request hears of its end once, also where it could not be entered or forwarded", async (t) => {
  const heard: string[] = [];
  const noise: Pick<Noise, "watch"> = {
    watch({ request }): Watched {
      const tell = (what: string): void => void heard.push(`${request.method} ${what}`);
      return { takers: null, ended: ({ end }) => tell(end), closed: () => tell("closed") };
    },
  };
  for (const journal of [AT_ONCE, LATER]) {
    const { options } = failsOnce();
    const wired = await wire(t, journal, { ...options, noise });
    await assert.rejects(wired.put("/users/1"));
    assert.deepEqual(heard.splice(0).toSorted(), ["PUT closed", "PUT unreached"]);
    const { eligible } = wired.recorder;
    wired.recorder.eligible = () => {
      throw new Error("it cannot be counted");
    };
    await assert.rejects(wired.put("/users/1"));
    wired.recorder.eligible = eligible;
    assert.deepEqual(heard.splice(0).toSorted(), ["PUT closed", "PUT unreached"]);
    assert.equal(await wired.put("/users/1"), 200);
    await wired.settled();
    assert.deepEqual(heard.splice(0).toSorted(), ["PUT answered", "PUT closed"]);
  }
});
