import assert from "node:assert/strict";
import { test } from "node:test";
import { noteTraffic, ratePerSecond, repeatNote, spellRate, type Traffic } from "../../../proxy/dashboard/traffic.ts";
import { NOON } from "../../support/evidence.ts";
import { buildRouteStatus } from "../../../proxy/admin/route-status.ts";
import { sampleRouteState } from "../../support/admin-parts.ts";

function note(before: Traffic, seconds: number, eligible: number): Traffic {
  const counts = { unit: "writes", divergenceBelow: 0.0001 } as const;
  const routes = [buildRouteStatus(sampleRouteState({ eligible }), counts)];
  return noteTraffic(before, { time: new Date(NOON + seconds * 1000).toISOString(), routes });
}

const NONE: Traffic = { notes: [] };

test("the rate is that of the last half minute, and not known before there are two looks", () => {
  let traffic = note(NONE, 0, 100);
  assert.equal(ratePerSecond(traffic, "users"), null);
  traffic = note(traffic, 2, 120);
  assert.equal(ratePerSecond(traffic, "users"), 10);
  for (let second = 4; second <= 60; second += 2) traffic = note(traffic, second, 120);
  assert.equal(ratePerSecond(traffic, "users"), 0);
});

test("silence on a connection that tells of changes is a rate that falls", () => {
  let traffic = note(note(NONE, 0, 100), 2, 120);
  for (let i = 0; i < 7; i += 1) traffic = repeatNote(traffic, 5_000);
  assert.equal(ratePerSecond(traffic, "users"), 0);
});

test("counts that went back are another process's: nothing is said of both together", () => {
  const traffic = note(note(note(NONE, 0, 100), 2, 120), 4, 3);
  assert.equal(ratePerSecond(traffic, "users"), null);
});

test("rates are spelled so that little is not nothing", () => {
  assert.deepEqual([0, 0.04, 0.34, 12.4, 1240.2].map(spellRate), ["0/s", "< 0.1/s", "0.3/s", "12/s", "1,240/s"]);
});
