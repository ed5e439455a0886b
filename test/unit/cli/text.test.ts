import assert from "node:assert/strict";
import { test } from "node:test";
import { buildStatusView } from "../../../proxy/admin/status-view.ts";
import type { StatusInput } from "../../../proxy/admin/parts.ts";
import { widthOf } from "../../../proxy/cli/columns.ts";
import {
  formatDivergence,
  formatDivergenceInFull,
  formatGroupInFull,
  formatGroups,
} from "../../../proxy/cli/divergence-text.ts";
import { parseEvent } from "../../../proxy/admin/event-stream.ts";
import { describeStop } from "../../../proxy/cli/start.ts";
import { fitHeight, formatStatus, isBad } from "../../../proxy/cli/status-text.ts";
import type { Paint } from "../../../proxy/cli/terminal.ts";
import {
  sampleDivergence,
  sampleGroup,
  sampleRouteState,
  sampleSettings,
  sampleStatusInput,
} from "../../support/admin-parts.ts";

const plain: Paint = (_style, text) => text;

function status(over: Partial<StatusInput> = {}): ReturnType<typeof buildStatusView> {
  return buildStatusView(sampleStatusInput(over), sampleSettings(), "0.1.0");
}

const CLEAN = sampleRouteState({
  name: "orders",
  eligible: 2,
  pending: 0,
  outcomes: [{ outcome: "match", reason: null, count: 2 }],
});

test("status begins with the sentence that matters, then what is wrong, then the worst route", () => {
  const lines = formatStatus(status({ routes: [CLEAN, sampleRouteState()] }), 160, plain);
  assert.deepEqual(lines.slice(0, 6), [
    "Not safe to cut over users: 31 of 18,192 compared exchanges differ (0.17 %). 12 more could not be compared.",
    "",
    "! users: not compared: 12 dropped(queue-full)",
    "",
    "users   dual-write  18,205 writes = 18,011 match + 150 excused + 31 divergent + 12 dropped(queue-full) + 1 pending · 0.17 % divergent",
    "orders  dual-write  2 writes = 2 match",
  ]);
});

test("of more than a screen the first lines are shown, as many as there is room for, and the rest is counted", () => {
  const routes = Array.from({ length: 50 }, (_, i) => ({ ...CLEAN, name: `route-${i}` }));
  const lines = formatStatus(status({ routes: [...routes, sampleRouteState()] }), 80, plain);
  const shown = fitHeight(lines, 24);
  assert.equal(shown.length, 23, "the cursor has the last row");
  assert.deepEqual(shown.slice(0, 22), lines.slice(0, 22));
  assert.equal(shown.at(-1), `… and ${lines.length - 22} more lines: crossfade status`);
  assert.ok(
    shown.some((line) => line.startsWith("users ")),
    "what is wrong is among them",
  );
  assert.equal(fitHeight(lines, lines.length + 1), lines);
  assert.equal(fitHeight(lines, null), lines);
});

test("at 80 columns sums are wrapped between their parts and nothing is lost", () => {
  const lines = formatStatus(status(), 80, plain);
  for (const line of lines) assert.ok(widthOf(line) <= 80, line);
  const at = lines.findIndex((line) => line.startsWith("users  dual-write"));
  assert.deepEqual(lines.slice(at, at + 2), [
    "users  dual-write  18,205 writes = 18,011 match + 150 excused + 31 divergent +",
    "                   12 dropped(queue-full) + 1 pending · 0.17 % divergent",
  ]);
});

test("a route that does not mirror says who answers", () => {
  const alone = sampleRouteState({
    phase: "legacy-only",
    wanted: "legacy-only",
    shadow: null,
    breaker: null,
    eligible: 0,
    pending: 0,
    outcomes: [],
  });
  assert.ok(
    formatStatus(status({ routes: [alone] }), 80, plain).includes("users  legacy-only  not mirrored, legacy alone"),
  );
});

test("repairs, gaps, lag and an open breaker stand beside the sum", () => {
  const routes = [sampleRouteState({ ...CLEAN, repairs: 3, gaps: 1, lagMs: 4200, breaker: "open" })];
  const lines = formatStatus(status({ routes }), 200, plain);
  assert.ok(
    lines.some((line) => line.endsWith("2 writes = 2 match · 1 gap · 3 keys to repair · lag 4.2 s · breaker open")),
    lines.join("\n"),
  );
});

test("long and hostile route names keep the lines in their width", () => {
  const routes = [sampleRouteState({ name: `\u001b[2J${"x".repeat(200)}` })];
  for (const width of [80, 160]) {
    const lines = formatStatus(status({ routes }), width, plain).filter((line) => line.includes("dual-write"));
    assert.equal(lines.length, 1);
    for (const line of lines) assert.ok(widthOf(line) <= width && !line.includes("\u001b"), line);
  }
});

test("the answer is no where a route diverges or the process is not ready, and only there", () => {
  assert.equal(isBad(status()), true);
  assert.equal(isBad(status({ routes: [CLEAN] })), false);
  assert.equal(isBad(status({ routes: [CLEAN], notReady: "draining" })), true);
  assert.equal(isBad(status({ routes: [CLEAN], warnings: ["odd"] })), false);
});

test("a divergence is listed with its first differences, each in one line", () => {
  const record = sampleDivergence({
    differences: ["/a", "/b", "/c", "/d"].map((at) => ({ at, kind: "value" as const, primary: '"1"', shadow: null })),
    moreDifferences: 5,
  });
  assert.deepEqual(formatDivergence(record, 160, plain), [
    `${record.id}  11-22 12:00:30  users  divergent  PUT /users/42`,
    '    /a value  "1" → absent',
    '    /b value  "1" → absent',
    '    /c value  "1" → absent',
    "    and 6 more differences",
  ]);
});

test("a request that does not fit beside the rest has a line of its own, and is cut no sooner than it has to be", () => {
  const record = sampleDivergence({ route: "orders", path: "/orders/28", query: "expand=items", differences: [] });
  assert.deepEqual(formatDivergence(record, 80, plain), [
    `${record.id}  11-22 12:00:30  orders  divergent`,
    "    PUT /orders/28?expand=items",
  ]);
});

test("what was dropped or failed says why", () => {
  const dropped = sampleDivergence({ outcome: "dropped", reason: "queue-full", differences: [], shadow: null });
  assert.match(formatDivergence(dropped, 160, plain)[0] ?? "", /  dropped\(queue-full\)  PUT/);
  const failed = sampleDivergence({ outcome: "shadow-error", differences: [], error: "connect ECONNREFUSED" });
  assert.equal(formatDivergence(failed, 160, plain)[1], "    connect ECONNREFUSED");
  assert.ok(formatDivergenceInFull(dropped, 80, plain).some((line) => /^shadow +never asked$/.test(line)));
});

test("listed lines fit 80 and 160 columns and carry no controls, whatever the values", () => {
  const hostile = sampleDivergence({
    path: `/\u001b]0;x\u0007${"y".repeat(300)}`,
    differences: [
      { at: `/\u202e${"z".repeat(300)}`, kind: "value", primary: "日本".repeat(200), shadow: "\u001b[31m" },
    ],
  });
  for (const width of [80, 160]) {
    for (const line of formatDivergence(hostile, width, plain)) {
      assert.ok(widthOf(line) <= width, line);
      // eslint-disable-next-line no-control-regex
      assert.doesNotMatch(line, /[\u0000-\u001f\u202e]/);
    }
  }
});

test("shown in full, a long value is broken into lines and not cut", () => {
  const long = "0123456789".repeat(40);
  const record = sampleDivergence({ differences: [{ at: "/a", kind: "value", primary: long, shadow: "1" }] });
  const lines = formatDivergenceInFull(record, 80, plain);
  for (const line of lines) assert.ok(widthOf(line) <= 80, line);
  const from = lines.findIndex((line) => line.startsWith("  legacy"));
  const to = lines.findIndex((line) => line.startsWith("  next"));
  assert.equal(
    lines
      .slice(from, to)
      .map((line) => line.slice(11))
      .join(""),
    long,
  );
});

test("groups are a table, with the time where there is room for it", () => {
  const groups = [
    sampleGroup(),
    sampleGroup({ id: "0000aaaa", count: 1204, share: 0.5, method: "POST", signature: [{ at: "", kind: "body" }] }),
    sampleGroup({ count: 2, signature: [{ at: "", kind: "status", primary: "200", shadow: "404" }] }),
  ];
  assert.deepEqual(formatGroups(groups, 80, plain), [
    "GROUP     COUNT   SHARE  STATE  ROUTE  METHOD  DIFFERS AT",
    "b1946ac9     31  0.17 %  new    users  PUT     /balance precision",
    "0000aaaa  1,204    50 %  new    users  POST    (whole) body",
    "b1946ac9      2  0.17 %  new    users  PUT     status 200 → 404",
  ]);
  assert.match(formatGroups(groups, 160, plain)[1] ?? "", /11-22 12:00:30/);
});

test("a group is shown with its samples", () => {
  const group = {
    ...sampleGroup(),
    ownDisagreements: [{ at: "/balance", askedTwice: 12, differedWithItself: 0 }],
    samples: [sampleDivergence()],
  };
  const lines = formatGroupInFull(group, 160, plain);
  assert.equal(lines[0], "b1946ac9  PUT users  /balance precision");
  assert.match(lines[1] ?? "", /^31 times, 0\.17 % of what was compared/);
  assert.match(lines.join("\n"), /^PUT \S+: \/balance has other digits: 9007199254740993 in legacy, /m);
  assert.ok(lines.includes("Asked the same twice, the primary differs with itself at /balance in none of 12 reads"));
  assert.match(lines.at(-1) ?? "", /9007199254740993 → 9007199254740992/);
});

test("events are told apart from comments and retry times", () => {
  assert.deepEqual(parseEvent('event: divergence\nid: 01J\ndata: {"a":1}'), { event: "divergence", data: '{"a":1}' });
  assert.deepEqual(parseEvent("data: a\ndata: b"), { event: "message", data: "a\nb" });
  assert.equal(parseEvent(": still here"), null);
  assert.equal(parseEvent("retry: 2000"), null);
});

test("the last sentence says what was left", () => {
  const unwritten = { storeWrites: 0, logLines: 0 };
  const clean = { cutOff: false, abandoned: 0, left: 0, tookMs: 1234, unwritten };
  assert.equal(describeStop(clean), "stopped after 1.2 s: nothing was left");
  assert.match(
    describeStop({ ...clean, cutOff: true, abandoned: 1 }),
    /cut off; 1 copy was given up \(dropped\(shutdown\)/,
  );
  assert.match(describeStop({ ...clean, abandoned: 7 }), /: 7 copies were given up/);
});

test("the last sentence says what store and log could not keep", () => {
  const stop = (storeWrites: number, logLines: number): string =>
    describeStop({ cutOff: false, abandoned: 0, left: 0, tookMs: 1234, unwritten: { storeWrites, logLines } });
  assert.equal(stop(12, 3), "stopped after 1.2 s: 12 store writes and 3 log lines could not be kept");
  assert.equal(stop(1, 0), "stopped after 1.2 s: 1 store write could not be kept");
  assert.equal(stop(0, 1), "stopped after 1.2 s: 1 log line could not be kept");
});
