import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Panel, readDashboard } from "./dashboard.ts";

const { panels, templating } = readDashboard(join(import.meta.dirname, "../../deploy/grafana/crossfade.json"));

test("panels lie within the 24 columns and on no other panel", () => {
  const covered = new Map<string, string>();
  for (const { title, gridPos } of panels) {
    assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.equal(covered.get(`${x},${y}`), undefined, `${title} lies on ${covered.get(`${x},${y}`)}`);
        covered.set(`${x},${y}`, title);
      }
    }
  }
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
});

test("every panel says what it shows, asks the chosen data source, and names its lines", () => {
  const charts = panels.filter(({ type }) => type !== "row");
  assert.ok(charts.length > 20);
  for (const { title, type, description, datasource, targets = [] } of charts) {
    assert.ok(description !== undefined && description.length > 10, title);
    assert.equal(datasource?.uid, "${datasource}", title);
    assert.ok(targets.length > 0, title);
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    if (type === "timeseries") for (const { legendFormat } of targets) assert.notEqual(legendFormat, "", title);
  }
});

test("a line's name uses only labels that its expression keeps", () => {
  for (const { title, targets = [] } of panels) {
    for (const { expr, legendFormat } of targets) {
      const [, kept = ""] = /\bby \(([^)]*)\)/.exec(expr) ?? [];
      for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(kept.split(", ").includes(label), `${title}: ${label} is not kept by ${expr}`);
      }
    }
  }
});

test("every variable that a panel uses is declared", () => {
  const declared = new Set(["__rate_interval", ...templating.list.map(({ name }) => name)]);
  const used = (panel: Panel): string[] =>
    [...JSON.stringify(panel).matchAll(/\$\{?(\w+)/g)].map(([, name = ""]) => name);
  for (const panel of panels) for (const name of used(panel)) assert.ok(declared.has(name), `${panel.title}: $${name}`);
});
