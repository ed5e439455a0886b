import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ByteBudget } from "../../../proxy/process/byte-budget.ts";
import { createComparer } from "../../../proxy/compare/comparer.ts";
import { judgeAnswers, type Judged } from "../../../proxy/compare/judge.ts";
import { createModuleHealth } from "../../../proxy/compare/module-health.ts";
import type { BodyCopy } from "../../../proxy/exchange.ts";
import { Capture } from "../../../proxy/forward/capture.ts";
import { Spool } from "../../../proxy/forward/spool.ts";
import type { Telemetry } from "../../../proxy/ports.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";
import { compareRules } from "../../support/compare-cases.ts";

const folder = mkdtempSync(join(tmpdir(), "crossfade-over-the-cap-"));
const comparer = createComparer({ queueBytes: 8 << 20, workers: 1, timeLimitMs: 30_000 });
after(async () => {
  await comparer.close();
  // A spool file that is being opened is unlinked only then.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
});

const budget = new ByteBudget(8 << 20);
const CAPS = { memoryBytes: 1000, diskBytes: 2000 };

/** What is kept of a body that comes in pieces of that size. */
function copyOf(body: string, pieceBytes: number, caps = CAPS): BodyCopy {
  const capture = new Capture(caps, budget, new Spool(folder, new ByteBudget(8 << 20), budget));
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += pieceBytes) capture.take(bytes.subarray(at, at + pieceBytes));
  const captured = capture.result();
  if (captured.kind !== "kept") assert.fail(captured.kind);
  return captured.copy;
}

async function judged(primary: BodyCopy, shadow: BodyCopy): Promise<Judged> {
  // Judging calls nothing else of it.
  const telemetry = { compared: () => {} } as unknown as Telemetry;
  const answer = (body: BodyCopy) => ({ status: 200, headers: ["content-type", "application/json"], body, ms: 1 });
  return judgeAnswers(
    { comparer, budget, clock: systemClock, telemetry, moduleHealth: createModuleHealth() },
    compareRules(),
    answer(primary),
    answer(shadow),
  );
}

const LONG = `{"pad":"${"x".repeat(5000)}"}`;

test("answers over the cap are compared by length and running digest, however they came in", async () => {
  const primary = copyOf(LONG, 700);
  assert.equal(primary.kind, "digest");
  assert.equal((await judged(primary, copyOf(LONG, 11))).outcome.kind, "match");

  const other = await judged(primary, copyOf(LONG.replace(/x"}$/, 'y"}'), 700));
  assert.equal(other.outcome.kind, "divergent");
  assert.match(other.differences[0]?.primary ?? "", /^5010 bytes, sha256 [0-9a-f]{16}…$/);
  assert.notEqual(other.differences[0]?.primary, other.differences[0]?.shadow);

  const longer = await judged(primary, copyOf(`${LONG} `, 700));
  assert.deepEqual(longer.differences, [{ at: "", kind: "length", primary: "5010", shadow: "5011" }]);
});

test("an answer over the cap is compared with one that was kept", async () => {
  const kept = copyOf(LONG, 700, { memoryBytes: 10_000, diskBytes: 10_000 });
  assert.equal(kept.kind, "memory");
  assert.equal((await judged(copyOf(LONG, 700), kept)).outcome.kind, "match");
  const short = await judged(copyOf(LONG, 700), copyOf("{}", 700));
  assert.deepEqual(short.differences, [{ at: "", kind: "length", primary: "5010", shadow: "2" }]);
});
