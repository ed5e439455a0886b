import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditedChange } from "../../../proxy/evidence/audit.ts";
import { buildStatusView } from "../../../proxy/admin/status-view.ts";
import { formatStatus } from "../../../proxy/cli/status-text.ts";
import { NO_PROGRESS, progressText, type RunningJobReport } from "../../../proxy/rows/running-job.ts";
import { createRunningJobs } from "../../../proxy/rows/running-jobs.ts";
import { sampleSettings, sampleStatusInput } from "../../support/admin-parts.ts";

const REPORT: RunningJobReport = {
  ...NO_PROGRESS,
  rows: 1_204,
  estimate: 18_204,
  rowsPerSecond: 5_000,
  end: null,
  error: null,
};
const ORDER = { kind: "backfill", collection: "people", dryRun: false } as const;

function setup() {
  const stage = { now: Date.parse("2026-11-22T12:00:00Z") };
  const audited: AuditedChange[] = [];
  const jobs = createRunningJobs({
    collections: () => [{ name: "people", route: "users" } as never],
    lagMs: (route) => (route === "users" ? 250 : null),
    clock: { now: () => stage.now },
    audit: (change) => audited.push(change),
  });
  return { stage, audited, jobs };
}

test("a job is known from its begin, with what it told last; of a collection that is not here it is not", () => {
  const { jobs } = setup();
  assert.equal(jobs.begin({ ...ORDER, collection: "others" }, "ops"), null);
  const begun = jobs.begin(ORDER, "ops") ?? assert.fail();
  assert.deepEqual([begun.wanted, begun.lagMs], [null, 250]);
  jobs.report(begun.id, REPORT);
  const [job] = jobs.open();
  assert.deepEqual(
    [job?.state, job?.route, job?.by, job?.rows, job?.endedAt],
    ["running", "users", "ops", 1_204, null],
  );
  jobs.report(begun.id, { ...REPORT, end: "failed", error: "gone" });
  assert.deepEqual(jobs.open(), []);
  assert.deepEqual([jobs.job(begun.id)?.state, jobs.job(begun.id)?.error], ["failed", "gone"]);
  assert.equal(jobs.report("01NONE", REPORT), null);
});

test("whoever wants it to pause is told to it and to the audit; what is over cannot be changed", () => {
  const { jobs, audited } = setup();
  const { id } = jobs.begin(ORDER, "ops") ?? assert.fail();
  const paused = jobs.want(id, "paused", "eve", "the target is busy");
  assert.equal(typeof paused === "object" && paused?.state, "paused");
  assert.deepEqual(jobs.report(id, REPORT)?.wanted, { state: "paused", by: "eve" });
  jobs.want(id, "running", "eve", null);
  assert.equal(jobs.report(id, REPORT)?.wanted, null);
  assert.deepEqual(
    audited.map(({ by, what, subject, reason }) => `${by}: ${subject} ${what} (${reason})`),
    ["eve: people backfill paused (the target is busy)", "eve: people backfill to go on (null)"],
  );
  jobs.report(id, { ...REPORT, end: "done" });
  assert.equal(jobs.want(id, "paused", "eve", null), "over");
  assert.equal(jobs.want("01NONE", "paused", "eve", null), null);
});

test("a job that was killed is silent after a minute, and no longer shown as open after ten", () => {
  const { jobs, stage } = setup();
  const { id } = jobs.begin(ORDER, "ops") ?? assert.fail();
  stage.now += 61_000;
  assert.deepEqual(
    jobs.open().map(({ state }) => state),
    ["silent"],
  );
  stage.now += 10 * 60_000;
  assert.deepEqual(jobs.open(), []);
  assert.equal(jobs.job(id)?.state, "silent");
});

test("the last twenty are kept", () => {
  const { jobs } = setup();
  const first = jobs.begin(ORDER, "ops")?.id ?? "";
  for (let i = 0; i < 20; i += 1) jobs.begin(ORDER, "ops");
  assert.equal(jobs.jobs().length, 20);
  assert.equal(jobs.job(first), null);
});

test("status tells of each in a line: how far, and what it waits for", () => {
  const { jobs, stage } = setup();
  const { id } = jobs.begin(ORDER, "ops") ?? assert.fail();
  const lines = (): string => {
    const view = buildStatusView(sampleStatusInput(), sampleSettings(), "0.1.0", jobs.open());
    return formatStatus(view, 200, (_, text) => text).join("\n");
  };
  jobs.report(id, { ...REPORT, setAside: 2 });
  assert.match(lines(), /backfill people {2}1,204 of about 18,204 rows, 5,000 rows\/s, about 3 s to go, 2 set aside\n/);
  jobs.report(id, { ...REPORT, waiting: "paused by ops" });
  assert.match(lines(), /about 3 s to go · waiting: paused by ops\n/);
  jobs.want(id, "paused", "eve", "the target is busy");
  jobs.report(id, REPORT);
  assert.match(lines(), /· to be paused by eve\n/);
  stage.now += 61_000;
  assert.match(lines(), /· silent since 2026-11-22T12:00:00\.000Z; it was killed, or cannot reach this process\n/);
});

for (const [what, kind, progress, says] of [
  ["an estimate that was passed", "backfill", { rows: 20, estimate: 10, rowsPerSecond: 1 }, "20 rows, 1 rows/s"],
  ["a rate of nothing", "backfill", { rows: 0, estimate: 10, rowsPerSecond: 0 }, "0 of about 10 rows, 0 rows/s"],
  [
    "hours",
    "backfill",
    { rows: 0, estimate: 36_000, rowsPerSecond: 1 },
    "0 of about 36,000 rows, 1 rows/s, about 10 h to go",
  ],
  [
    "a comparison",
    "reconcile",
    { rows: 5, estimate: null, rowsPerSecond: 5, differing: 3 },
    "5 rows compared, 5 rows/s, 3 differ",
  ],
] as const) {
  test(`progress with ${what} is told in words`, () => {
    assert.equal(progressText(kind, { ...NO_PROGRESS, ...progress }), says);
  });
}
