import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { findSystemdAnalyze } from "../../deploy/checkers.mjs";
import { ROOT } from "../../deploy/prepare.mjs";

const UNIT = readFileSync(join(ROOT, "deploy/systemd/crossfade.service"), "utf8");

/** The unit with a Node that is here, as systemd looks for the file that it starts. */
function unitFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-systemd-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "crossfade.service");
  writeFileSync(file, text.replaceAll("/usr/bin/node", process.execPath));
  return file;
}

function analyze(...args: readonly string[]) {
  const ended = spawnSync(findSystemdAnalyze(), args, { encoding: "utf8" });
  return { code: ended.status, said: `${ended.stdout}${ended.stderr}`.trim() };
}

test("systemd has nothing to say about the unit, and says it of a setting that is misspelt", (t) => {
  assert.deepEqual(analyze("verify", "--man=no", unitFile(t, UNIT)), { code: 0, said: "" });
  const misspelt = analyze("verify", "--man=no", unitFile(t, UNIT.replace("StateDirectory=", "StatesDirectory=")));
  assert.match(misspelt.said, /Unknown key .*'StatesDirectory'/);
});

test("what an intruder could do from it is little: 1.5 of 10 at most by systemd's own measure", (t) => {
  const { code, said } = analyze("security", "--offline=true", "--threshold=15", unitFile(t, UNIT));
  assert.equal(code, 0, said.split("\n").at(-1));
});

test("it has longer to stop than a drain takes", () => {
  const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(UNIT) ?? [];
  assert.ok(Number(seconds) > 14);
});
