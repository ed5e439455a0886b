import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { MEMBER_STATES } from "../../proxy/members/members.ts";
import { OUTCOME_KINDS } from "../../proxy/outcome.ts";
import { PHASES } from "../../proxy/config/settings.ts";
import { labelsByMetric, startBusyProxy } from "./busy-proxy.ts";
import { expressionsOf } from "./dashboard.ts";
import { metricsReference } from "../reference/metrics.ts";
import { selectorsOf } from "./promql.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");

/** What Prometheus itself tells of a target. */
const OF_PROMETHEUS = new Map([["up", new Set<string>()]]);
const TARGET_LABELS = ["job", "instance"];
/** Labels whose values are a closed list: a value that is not on it never comes. */
const CLOSED: Readonly<Record<string, readonly string[]>> = {
  outcome: OUTCOME_KINDS,
  phase: PHASES,
  crossfade_leg: ["primary", "shadow"],
  state: MEMBER_STATES,
  of: ["settings", "version"],
};

type Known = ReadonlyMap<string, ReadonlySet<string>>;

/** What an expression asks for and nobody tells, in words. */
function* unknownIn(expression: string, known: Known): Generator<string> {
  for (const { metric, matchers, grouped } of selectorsOf(expression)) {
    const labels = known.get(metric) ?? OF_PROMETHEUS.get(metric);
    if (labels === undefined) {
      yield `no metric ${metric}`;
      continue;
    }
    for (const label of [...matchers.map((matcher) => matcher.label), ...grouped]) {
      if (!labels.has(label) && !TARGET_LABELS.includes(label)) yield `${metric} has no label ${label}`;
    }
    for (const { label, values } of matchers) {
      const closed = CLOSED[label];
      if (closed === undefined) continue;
      for (const value of values) if (!closed.includes(value)) yield `${label} of ${metric} is never ${value}`;
    }
  }
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
}

function rulesExpressions(): readonly string[] {
  const { groups } = parse(readFileSync(join(DEPLOY, "prometheus/rules.yml"), "utf8")) as Rules;
  return groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
}

test("the reference page has every metric, and rules and dashboard name only metrics and labels that a proxy with traffic has", async (t) => {
  const { metrics } = await startBusyProxy(t);
  const exposition = await metrics();
  const page = readFileSync(join(DEPLOY, "../docs/reference/metrics.md"), "utf8");
  assert.equal(metricsReference(exposition), page, "run node test/reference/run.ts --write");
  const known = labelsByMetric(exposition);
  const expressions = [...rulesExpressions(), ...expressionsOf(join(DEPLOY, "grafana/crossfade.json"))];
  assert.ok(expressions.length > 30, "are both files read?");
  const unknown = expressions.flatMap((expression) =>
    [...unknownIn(expression, known)].map((what) => `${what}: ${expression}`),
  );
  assert.deepEqual(unknown, []);
});

test("a metric, a label, a value and a grouping that nobody tells are found", () => {
  const known: Known = new Map([["crossfade_exchanges_total", new Set(["route", "outcome"])]]);
  const cases: readonly (readonly [expression: string, found: readonly string[]])[] = [
    ['sum by (job, route) (rate(crossfade_exchanges_total{outcome=~"match|divergent"}[5m])) > 0', []],
    ["rate(crossfade_exchange_total[5m])", ["no metric crossfade_exchange_total"]],
    ['crossfade_exchanges_total{leg="shadow"}', ["crossfade_exchanges_total has no label leg"]],
    ["sum by (path) (crossfade_exchanges_total)", ["crossfade_exchanges_total has no label path"]],
    ['crossfade_exchanges_total{outcome="different"}', ["outcome of crossfade_exchanges_total is never different"]],
  ];
  for (const [expression, found] of cases) assert.deepEqual([...unknownIn(expression, known)], found);
  assert.throws(() => [...unknownIn("sum by (route (up)", known)], /no PromQL/);
});
