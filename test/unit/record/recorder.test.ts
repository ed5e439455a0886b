import assert from "node:assert/strict";
import { test } from "node:test";
import type { DivergenceRecord } from "../../../proxy/evidence/evidence.ts";
import { headerOf } from "../../../proxy/exchange.ts";
import { groupId } from "../../../proxy/evidence/groups.ts";
import {
  DIVERGENT,
  dropped,
  IGNORED,
  MATCH,
  SHADOW_ERROR,
  SHADOW_TIMEOUT,
  skipped,
  UNKNOWN,
  type Outcome,
} from "../../../proxy/outcome.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import { createCounters, type Counters } from "../../../proxy/record/counters.ts";
import { createRecorder, type Recorder, type RecorderParts } from "../../../proxy/record/recorder.ts";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import { createSealer } from "../../../proxy/sealed.ts";
import { makeSettled } from "../../support/evidence.ts";
import { NO_PAIRS } from "../../support/pairs.ts";

interface Seen {
  readonly recorder: Recorder;
  readonly counters: Counters;
  /** One entry for each call of append. */
  readonly appended: StoreWrite[][];
  readonly lines: string[];
  readonly fed: DivergenceRecord[];
  readonly sent: DivergenceRecord[];
  readonly metrics: unknown[][];
  readonly caught: [string, unknown][];
}

const SEALER = createSealer(Buffer.alloc(32, 9));

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function record(given: Partial<RecorderParts> = {}): Seen {
  const seen = {
    counters: createCounters(),
    appended: [] as StoreWrite[][],
    lines: [] as string[],
    fed: [] as DivergenceRecord[],
    sent: [] as DivergenceRecord[],
    metrics: [] as unknown[][],
    caught: [] as [string, unknown][],
  };
  const recorder = createRecorder({
    store: { append: (writes) => void seen.appended.push([...writes]) },
    log: { append: (line) => void seen.lines.push(line) },
    telemetry: {
      outcome: (...values) => void seen.metrics.push(["outcome", ...values]),
      difference: (...values) => void seen.metrics.push(["difference", ...values]),
      divergence: (one) => void seen.sent.push(one),
    },
    counters: seen.counters,
    redactor: createRedactor(Buffer.alloc(32, 7)),
    sealer: SEALER,
    pairs: NO_PAIRS,
    onRecord: (one) => void seen.fed.push(one),
    caught: (step, error) => void seen.caught.push([step, error]),
    ...given,
  });
  return { ...seen, recorder };
}

test("a divergent write is counted, measured, stored, logged and fed once each, in one message to the store", async () => {
  const { recorder, appended, lines, fed, metrics, counters } = record();
  const settled = makeSettled({ build: "9f3c", moreDifferences: 3 });
  recorder.eligible("users", "write");
  recorder.settle(settled);
  assert.deepEqual(appended, []);
  await turn();
  const { id } = settled.exchange;
  const signature = [{ at: "/total", kind: "value" }] as const;
  const expected: DivergenceRecord = {
    id,
    time: new Date(settled.exchange.arrivedAt).toISOString(),
    route: "users",
    phase: "dual-write",
    outcome: "divergent",
    reason: null,
    key: "users/42",
    method: "PUT",
    path: "/users/42",
    query: null,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    group: groupId("users", "PUT", signature),
    taintedBy: null,
    build: "9f3c",
    primary: { service: "legacy", status: 200, ms: 12.1, bytes: 431 },
    shadow: { service: "next", status: 200, ms: 3.4, bytes: 433, attempts: 1 },
    differences: [{ at: "/total", kind: "value", primary: "1", shadow: "2" }],
    moreDifferences: 3,
    error: null,
  };
  assert.deepEqual(appended, [
    [
      { type: "eligible", route: "users" },
      { type: "count", route: "users", outcome: "divergent", reason: null },
      { type: "divergence", record: expected, json: JSON.stringify(expected), signature },
    ],
  ]);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [expected],
  );
  assert.deepEqual(Object.keys(JSON.parse(lines[0] as string) as object).slice(0, 9), [
    "id",
    "time",
    "route",
    "phase",
    "outcome",
    "reason",
    "key",
    "method",
    "path",
  ]);
  assert.deepEqual(fed, [expected]);
  assert.deepEqual(metrics, [
    ["outcome", "users", "dual-write", "divergent", null],
    ["difference", "users", "value"],
  ]);
  assert.equal(counters.snapshot()[0]?.writes.pending, 0);
});

test("every outcome but match and ignored is in log and store; with lines: all the log has these too", async () => {
  const outcomes: readonly Outcome[] = [
    MATCH,
    IGNORED,
    DIVERGENT,
    SHADOW_TIMEOUT,
    dropped("queue-full"),
    skipped("not-accepted"),
    UNKNOWN,
  ];
  for (const lines of ["notable", "all"] as const) {
    const seen = record();
    for (const outcome of outcomes) {
      seen.recorder.eligible("users", "write");
      seen.recorder.settle(makeSettled({ outcome, lines, differences: [] }));
    }
    await seen.recorder.close();
    const logged = seen.lines.map((line) => (JSON.parse(line) as DivergenceRecord).outcome);
    const notable = outcomes.slice(2).map(({ kind }) => kind);
    assert.deepEqual(logged, lines === "all" ? outcomes.map(({ kind }) => kind) : notable);
    assert.deepEqual(
      seen.fed.map(({ outcome }) => outcome),
      logged,
    );
    const stored = seen.appended.flat().filter((write) => write.type === "divergence");
    assert.deepEqual(
      stored.map((write) => write.record.outcome),
      notable,
    );
    assert.deepEqual(
      stored.map((write) => write.record.group !== null),
      notable.map((kind) => kind === "divergent"),
    );
    assert.deepEqual(
      stored.map((write) => write.record.reason),
      [null, null, "queue-full", "not-accepted", null],
    );
    const [counts] = seen.counters.snapshot();
    assert.equal(
      counts?.outcomes.reduce((sum, { count }) => sum + count, 0),
      outcomes.length,
    );
  }
});

test("reads are not counted in the store, but those that were compared are told apart, and their divergences are kept", async () => {
  const { recorder, appended } = record();
  const read = { plan: { mirror: true, primary: "legacy", shadow: "next", requestClass: "read" } } as const;
  for (const outcome of [
    MATCH,
    IGNORED,
    DIVERGENT,
    SHADOW_TIMEOUT,
    skipped("key-written-meanwhile"),
    skipped("sampled-out"),
  ]) {
    recorder.eligible("users", "read");
    recorder.settle(makeSettled({ outcome, exchange: read }));
  }
  await turn();
  const types = appended.flat().map(({ type }) => type);
  assert.deepEqual(types, [
    "compared-read",
    "compared-read",
    "compared-read",
    "divergence",
    "divergence",
    "divergence",
  ]);
});

test("the roles are told by service: after the cutover next is the primary, under its own name", async () => {
  const { recorder, fed } = record();
  recorder.settle(
    makeSettled({
      route: { phase: "next-primary", next: "billing" },
      exchange: { plan: { mirror: true, primary: "next", shadow: "legacy", requestClass: "write" } },
    }),
  );
  await turn();
  assert.deepEqual(
    [fed[0]?.primary.service, fed[0]?.shadow?.service, fed[0]?.phase],
    ["billing", "legacy", "next-primary"],
  );
});

test("a batch has a repair entry for each of its keys, redacted each; all say from when they may be looked at", async () => {
  const { recorder, appended } = record();
  recorder.settle(
    makeSettled({
      outcome: SHADOW_TIMEOUT,
      failure: "timeout",
      repair: "shadow-timeout",
      key: "users/1",
      moreKeys: ["users/2", "users/4711"],
      notBefore: Date.UTC(2026, 10, 22, 12),
      route: { redactDetect: ["card"] },
    }),
  );
  recorder.settle(makeSettled({ outcome: MATCH, moreKeys: ["users/3"] }));
  await turn();
  const repairs = appended.flat().filter((write) => write.type === "repair");
  assert.deepEqual(
    repairs.map(({ key, reason, notBefore }) => [key, reason, notBefore]),
    ["users/1", "users/2", "users/4711"].map((key) => [key, "shadow-timeout", "2026-11-22T12:00:00.000Z"]),
  );
});

test("a repair is written for every outcome that asks for one, its key redacted as evidence is", async () => {
  const { recorder, appended } = record();
  const overlap = makeSettled({ outcome: MATCH, repair: "overlap" });
  recorder.settle(overlap);
  recorder.settle(makeSettled({ outcome: UNKNOWN, repair: "unknown", key: null }));
  recorder.settle(
    makeSettled({
      outcome: MATCH,
      repair: "dropped",
      key: "users/4711",
      route: { redact: [{ source: "path", name: "id" }] },
    }),
  );
  await turn();
  const repairs = appended.flat().filter((write) => write.type === "repair");
  assert.deepEqual(repairs[0], {
    type: "repair",
    route: "users",
    key: "users/42",
    reason: "overlap",
    exchangeId: overlap.exchange.id,
    at: new Date(overlap.exchange.arrivedAt).toISOString(),
    notBefore: null,
    place: repairs[0]?.place,
    misses: "next",
  });
  const { method, path } = overlap.exchange.request;
  const place = { key: "users/42", method, path, host: headerOf(overlap.exchange.request.headers, "host") };
  assert.deepEqual(JSON.parse(SEALER.open(repairs[0]?.place?.sealed ?? "") ?? ""), place);
  assert.equal(repairs[1]?.place, null);
  assert.match(SEALER.open(repairs[2]?.place?.sealed ?? "") ?? "", /users\/4711/);
  assert.deepEqual([repairs[1]?.key, repairs[1]?.reason], [null, "unknown"]);
  assert.match(repairs[2]?.key ?? "", /^users\/\[redacted [0-9a-f]{8}\]$/);
});

test("redaction does not split a group", async () => {
  const { recorder, fed } = record();
  for (const id of ["a9f8e7d6", "b9f8e7d6"]) {
    recorder.settle(
      makeSettled({ differences: [{ at: `/tokens/${id}/scope`, kind: "value", primary: '"r"', shadow: '"w"' }] }),
    );
  }
  await turn();
  assert.notEqual(fed[0]?.differences[0]?.at, fed[1]?.differences[0]?.at);
  assert.equal(fed[0]?.group, fed[1]?.group);
});

test("a shadow failure is a cause by its error, whatever the primary answered and whatever it follows", async () => {
  const { recorder, appended } = record();
  const failed = (failure: string, status: number, taintedBy: string | null = null): void =>
    recorder.settle(
      makeSettled({
        outcome: failure === "timeout" ? SHADOW_TIMEOUT : SHADOW_ERROR,
        failure,
        differences: [],
        primary: { status, ms: 1, bytes: 1 },
        taintedBy,
      }),
    );
  failed("timeout", 200);
  failed("timeout", 201, "01J0000000000000000000000A");
  failed("connect-failed", 200);
  await turn();
  const [first, second, other] = appended.flat().filter((write) => write.type === "divergence");
  assert.deepEqual(first?.signature, [{ at: "", kind: "failure", shadow: "timeout" }]);
  assert.deepEqual(second?.signature, first?.signature);
  assert.equal(second?.record.group, first?.record.group);
  assert.deepEqual(other?.signature, [{ at: "", kind: "failure", shadow: "connect-failed" }]);
  assert.notEqual(other?.record.group, first?.record.group);
});

test("what follows a failed write is told in that write's group and opens none of its own", async () => {
  const { recorder, appended } = record();
  const root = makeSettled({ outcome: SHADOW_TIMEOUT, failure: "timeout", differences: [], repair: "shadow-timeout" });
  recorder.settle(root);
  recorder.settle(makeSettled({ taintedBy: root.exchange.id }));
  const refused = makeSettled({
    taintedBy: root.exchange.id,
    repair: "shadow-refused",
    differences: [{ at: "", kind: "status", primary: "200", shadow: "404" }],
  });
  recorder.settle(refused);
  recorder.settle(makeSettled({ taintedBy: refused.exchange.id }));
  recorder.settle(makeSettled({ taintedBy: "01J0000000000000000000000A" }));
  await turn();
  const [failure, ...following] = appended.flat().filter((write) => write.type === "divergence");
  const group = failure?.record.group;
  assert.match(group ?? "", /^[0-9a-f]{8}$/);
  assert.deepEqual(
    following.map((write) => [write.record.group, write.signature]),
    [
      [group, null],
      [group, null],
      [group, null],
      // What it follows from is not known any more.
      [null, null],
    ],
  );
});

test("what a redacted value was makes no group, and no part of a group shows it", async () => {
  const { recorder, appended } = record();
  for (const [primary, shadow] of [
    ['"hunter2hunter2"', "null"],
    ["918273645546372819", "null"],
    ['"9b2f8c1e-7d1a-4a55-9a53-0d6f3c2b1a00"', "null"],
    ['["hunter2hunter2"]', "null"],
  ] as const) {
    recorder.settle(makeSettled({ differences: [{ at: "/user/password", kind: "type", primary, shadow }] }));
  }
  await turn();
  const written = appended.flat().filter((write) => write.type === "divergence");
  assert.equal(new Set(written.map((write) => write.record.group)).size, 1);
  assert.deepEqual(written[0]?.signature, [{ at: "/user/password", kind: "type", primary: "secret", shadow: "null" }]);
});

test("whatever step fails, the others are done, the failure is told by its step, and nothing is thrown", async () => {
  const fail = (): never => {
    throw new Error("broken");
  };
  const broken: Record<string, Partial<RecorderParts>> = {
    telemetry: { telemetry: { outcome: fail, difference: fail, divergence: fail } },
    log: { log: { append: fail } },
    store: { store: { append: fail } },
    feed: { onRecord: fail },
    count: { counters: { ...createCounters(), settled: fail } },
    redact: { redactor: { redact: fail, redactKey: fail } },
  };
  for (const [step, parts] of Object.entries(broken)) {
    const seen = record(parts);
    seen.recorder.settle(
      makeSettled({
        differences: [{ at: "/note", kind: "value", primary: '"s3cr3t"', shadow: null }],
        repair: "overlap",
      }),
    );
    await turn();
    assert.deepEqual([...new Set(seen.caught.map(([name]) => name))], [step]);
    if (step !== "count" && step !== "store")
      assert.ok(
        seen.appended.flat().some(({ type }) => type === "count"),
        step,
      );
    if (step !== "log") assert.equal(seen.lines.length, 1, step);
    if (step !== "feed") assert.equal(seen.fed.length, 1, step);
    if (step !== "telemetry") assert.equal(seen.sent.length, 1, step);
    if (step !== "redact") continue;
    // What cannot be redacted is not shown, and the repair stands for the whole collection.
    assert.doesNotMatch(JSON.stringify([seen.lines, seen.appended, seen.fed]), /s3cr3t|users\/42/);
    assert.equal(seen.appended.flat().find((write) => write.type === "repair")?.key, null);
  }
});

test("a failure that cannot even be told stops nothing", async () => {
  const fail = (): never => {
    throw new Error("broken");
  };
  const { recorder, appended } = record({ caught: fail, log: { append: fail } });
  recorder.settle(makeSettled());
  await turn();
  assert.equal(appended.length, 1);
});

test("closing hands over what waits, without waiting for the turn to end", async () => {
  const { recorder, appended } = record();
  recorder.eligible("users", "write");
  const closed = recorder.close();
  assert.equal(appended.length, 1);
  await closed;
  await turn();
  assert.equal(appended.length, 1);
});

test("an exchange that was chosen is kept whole under its group, before the end at the latest; a failure is survived", async () => {
  const answer = { status: 200, headers: [], body: Buffer.from("{}") };
  const answers = { primary: answer, shadow: answer };
  const kept: (string | null)[] = [];
  const waiting: (() => void)[] = [];
  const pairs: RecorderParts["pairs"] = {
    keep: ({ exchange }, group, write) => {
      kept.push(group);
      if (kept.length === 3) throw new Error("no room for a list");
      const { id, arrivedAt: at } = exchange;
      const pair = {
        type: "pair",
        id,
        at,
        route: "users",
        bucket: "b",
        group,
        outcome: "match",
        key: null,
        json: "{}",
      } as const;
      waiting.push(() => write(pair));
    },
    finish: () => {
      for (const redact of waiting) redact();
    },
  };
  const { recorder, appended, caught } = record({ pairs });
  assert.equal(recorder.leavesEvidence(makeSettled({ outcome: MATCH, answers })), true);
  assert.equal(recorder.leavesEvidence(makeSettled({ outcome: MATCH })), false);
  for (const given of [{ answers }, { outcome: MATCH, answers }, { answers }, {}]) recorder.settle(makeSettled(given));
  await turn();
  const typesOf = (): readonly string[] => appended.flat().map(({ type }) => type);
  assert.deepEqual(typesOf(), ["count", "divergence", "count", "count", "divergence", "count", "divergence"]);
  await recorder.close();
  assert.deepEqual(typesOf().slice(-2), ["pair", "pair"]);
  const group = groupId("users", "PUT", [{ at: "/total", kind: "value" }]);
  assert.deepEqual(kept, [group, null, group]);
  assert.deepEqual(
    caught.map(([step]) => step),
    ["pair"],
  );
});
