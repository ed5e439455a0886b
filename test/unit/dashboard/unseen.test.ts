import assert from "node:assert/strict";
import { test } from "node:test";
import { buildRouteStatus } from "../../../proxy/admin/route-status.ts";
import type { RouteState } from "../../../proxy/admin/parts.ts";
import { type RouteView, viewRoute } from "../../../proxy/admin/route-view.ts";
import { blindSpots } from "../../../proxy/dashboard/unseen.ts";
import { sampleRouteState, sampleSettings } from "../../support/admin-parts.ts";

function routeOf(over: Partial<RouteState> = {}, mirror: Partial<RouteView["mirror"]> = {}): RouteView {
  const state = sampleRouteState(over);
  const [route] = sampleSettings().routes;
  assert.ok(route !== undefined);
  const status = buildRouteStatus(state, { unit: "writes", divergenceBelow: 0.0001 });
  return viewRoute({ ...route, mirror: { ...route.mirror, ...mirror } }, status, state);
}

function told(route: RouteView): readonly string[] {
  return blindSpots(route).map(({ what, how }) => `${what}: ${how}`);
}

test("what is mirrored whole leaves tunnels alone unseen", () => {
  assert.deepEqual(told(routeOf({ tunnels: 3 }, { writes: true, readShare: 1 })), [
    "Tunnels (WebSocket and the like) pass unseen, whatever goes through them: 3 tunnels open",
  ]);
});

test("each thing that no evidence covers is named with how much it is", () => {
  const outcomes = [
    { outcome: "skipped", reason: "body-too-large", count: 2 },
    { outcome: "skipped", reason: "unmapped-value", count: 1 },
  ] as const;
  const rules = [
    { rule: "ignore /updatedAt", because: null, until: null, excused: 1_204, lastExcusedAt: null, stale: false },
  ];
  const spots = told(routeOf({ outcomes, rules }, { writes: false, readShare: 0.25 }));
  for (const expected of [
    "Writes are not mirrored: all writes",
    "Reads are mirrored in part: 75 % of them not",
    "Requests whose body is above limits.bodyOnDisk were not mirrored; their keys are on the repair list: 2 requests",
    "Copies with an id or token that nothing is known of were not sent: 1 copy",
    "Differences that a rule excuses: ignore /updatedAt: 1,204 excused",
  ])
    assert.ok(spots.includes(expected), `${expected} in ${spots.join("\n")}`);
  assert.ok(
    told(routeOf({}, { readShare: 0 })).includes(
      "Reads are not mirrored: what next answers to them is not known: all reads",
    ),
  );
});

test("a route that mirrors nothing is dark altogether", () => {
  const [first] = told(routeOf({ phase: "legacy-only", shadow: null }));
  assert.equal(first, "legacy-only: nothing is mirrored, so nothing is compared: all of it");
});
