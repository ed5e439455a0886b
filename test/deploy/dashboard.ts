/** Reads a Grafana dashboard as far as its tests ask. */
import { readFileSync } from "node:fs";

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: unknown;
  readonly definition?: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

export function readDashboard(file: string): Dashboard {
  return JSON.parse(readFileSync(file, "utf8")) as Dashboard;
}

/** All PromQL in it, with what Grafana puts in place of its variables. */
export function expressionsOf(file: string): readonly string[] {
  const { panels, templating } = readDashboard(file);
  const queries = templating.list.flatMap(({ definition }) =>
    definition === undefined ? [] : [labelQuery(definition)],
  );
  const targets = panels.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => expr));
  return [...queries, ...targets].map((expression) =>
    expression.replaceAll("$__rate_interval", "5m").replaceAll(/\$(?:job|route)\b/g, ".+"),
  );
}

/** `label_values(metric{…}, label)` is Grafana's own; it asks for that label of that metric. */
function labelQuery(definition: string): string {
  const [, selector = "", label = ""] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
  if (label === "") throw new Error(`a variable that is no label_values(…): ${definition}`);
  return `count by (${label}) (${selector})`;
}
