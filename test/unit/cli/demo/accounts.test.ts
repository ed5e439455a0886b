import assert from "node:assert/strict";
import { test } from "node:test";
import { buildStatusView, type StatusView } from "../../../../proxy/admin/status-view.ts";
import { accountsOf, waitingCopies } from "../../../../proxy/cli/demo/accounts.ts";
import { sampleRouteState, sampleSettings, sampleStatusInput } from "../../../support/admin-parts.ts";

function status(
  over: Parameters<typeof sampleRouteState>[0],
  input: Parameters<typeof sampleStatusInput>[0] = {},
): StatusView {
  const routes = [
    sampleRouteState({ eligible: 10, pending: 0, outcomes: [{ outcome: "match", reason: null, count: 10 }], ...over }),
  ];
  return buildStatusView(sampleStatusInput({ routes, ...input }), sampleSettings(), "0.1.0");
}

test("accounts sum when every eligible exchange has one outcome", () => {
  const { sums, lost, routes } = accountsOf(status({}));
  assert.deepEqual({ sums, lost, sentence: routes[0]?.sum }, { sums: true, lost: 0, sentence: "10 writes = 10 match" });
});

test("an exchange without an outcome, or with two, breaks the sum", () => {
  assert.equal(accountsOf(status({ eligible: 11 })).sums, false);
  assert.equal(accountsOf(status({ eligible: 9 })).sums, false);
});

test("accounts with copies still on their way do not sum yet", () => {
  const waiting = status({ eligible: 13, pending: 3 });
  assert.equal(accountsOf(waiting).sums, false);
  assert.equal(accountsOf(waiting).routes[0]?.settled, 10);
  assert.equal(waitingCopies(waiting), 3);
});

test("whatever did not reach next is lost, what was not meant to is not", () => {
  const lossy = status({
    eligible: 16,
    outcomes: [
      { outcome: "match", reason: null, count: 6 },
      { outcome: "dropped", reason: "queue-full", count: 1 },
      { outcome: "shadow-error", reason: null, count: 2 },
      { outcome: "shadow-timeout", reason: null, count: 1 },
      { outcome: "unknown", reason: null, count: 1 },
      { outcome: "skipped", reason: "not-accepted", count: 5 },
    ],
  });
  assert.equal(accountsOf(lossy).lost, 5);
});

test("evidence that could not be kept is lost too", () => {
  const store = { kind: "sqlite", problem: null, isKeeping: true, lostWrites: 2, pendingWrites: 0 } as const;
  const log = { file: "x.ndjson", problem: null, lostLines: 1 };
  assert.equal(accountsOf(status({}, { store, log })).lost, 3);
});
