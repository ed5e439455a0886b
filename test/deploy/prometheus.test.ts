import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { findPromtool } from "../../deploy/checkers.mjs";
import { startBusyProxy } from "./busy-proxy.ts";

const FOLDER = join(import.meta.dirname, "../../deploy/prometheus");

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}

interface RuleTests {
  readonly tests: readonly {
    readonly name: string;
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

function readYaml<T>(name: string): T {
  return parse(readFileSync(join(FOLDER, name), "utf8")) as T;
}

function promtool(args: readonly string[], options: { readonly input?: string; readonly cwd?: string } = {}) {
  const ended = spawnSync(findPromtool(), args, { cwd: FOLDER, encoding: "utf8", ...options });
  return { code: ended.status, said: `${ended.stdout}${ended.stderr}`.trim() };
}

const alerts = readYaml<Rules>("rules.yml").groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));

test("promtool finds nothing to say about rules and config", () => {
  const rules = promtool(["check", "rules", "--lint=all", "--lint-fatal", "rules.yml"]);
  assert.equal(rules.code, 0, rules.said);
  const config = promtool(["check", "config", "--syntax-only", "prometheus.yml"]);
  assert.equal(config.code, 0, config.said);
});

test("every alert fires where it should and does not where it should not, says promtool", () => {
  const { code, said } = promtool(["test", "rules", "rules.test.yml"]);
  assert.equal(code, 0, said);
});

test("each alert has a case in which it fires and one, besides that all is well, in which it does not", () => {
  const [allWell, ...others] = readYaml<RuleTests>("rules.test.yml").tests;
  assert.deepEqual(allWell?.alert_rule_test.map(({ alertname }) => alertname).sort(), [...alerts].sort());
  assert.ok(allWell?.alert_rule_test.every(({ exp_alerts }) => exp_alerts.length === 0));
  const cases = others.flatMap(({ alert_rule_test: tests }) => tests);
  for (const alert of alerts) {
    const own = cases.filter(({ alertname }) => alertname === alert);
    assert.ok(
      own.some(({ exp_alerts }) => exp_alerts.length > 0),
      `${alert} never fires`,
    );
    assert.ok(
      own.some(({ exp_alerts }) => exp_alerts.length === 0),
      `${alert} always fires`,
    );
  }
});

test("docs/deployment.md says of each alert what to look at", () => {
  const page = readFileSync(join(FOLDER, "../../docs/deployment.md"), "utf8");
  const named = [...page.matchAll(/`(Crossfade[A-Z]\w+)`/g)].map(([, alert = ""]) => alert);
  assert.deepEqual([...new Set(named)].sort(), [...alerts].sort());
});

test("the rules' tests notice an alert that never fires, and one that fires too soon", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-rules-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const rules = readFileSync(join(FOLDER, "rules.yml"), "utf8");
  const all = readYaml<RuleTests>("rules.test.yml");
  const spoilt = [
    ["max by (job, route) (crossfade_gaps_open) > 0", "max by (job, route) (crossfade_gaps) > 0", "CrossfadeGapOpen"],
    [
      "max by (job, route) (crossfade_lane_lag) > 30",
      "max by (job, route) (crossfade_lane_lag) > 10",
      "CrossfadeShadowBehind",
    ],
  ] as const;
  for (const [was, becomes, alert] of spoilt) {
    assert.ok(rules.includes(was));
    writeFileSync(join(folder, "rules.yml"), rules.replace(was, becomes));
    const own = all.tests.filter(({ name }) => name.startsWith(`${alert}:`));
    writeFileSync(join(folder, "rules.test.yml"), stringify({ ...all, tests: own }));
    const { code, said } = promtool(["test", "rules", "rules.test.yml"], { cwd: folder });
    assert.equal(code, 1);
    assert.match(said, new RegExp(`alertname: ${alert}`));
  }
});

test("promtool finds nothing to say about /metrics of a proxy that has seen traffic", async (t) => {
  const { metrics } = await startBusyProxy(t);
  const input = await metrics();
  assert.match(input, /^crossfade_exchanges_total\{route="users",phase="dual-write",outcome="divergent"\} /m);
  const { code, said } = promtool(["check", "metrics"], { input });
  assert.deepEqual({ code, said }, { code: 0, said: "" });
});
