/** `docs/reference/metrics.md`: every metric, from what a proxy with traffic tells of itself. Pure. */
import { labelsByMetric } from "../deploy/busy-proxy.ts";
import { GENERATED, row, tableHead } from "./json-schema.ts";

const KINDS = { counter: "counter", gauge: "gauge", histogram: "histogram" } as const;

/** `exposition`: in Prometheus' text format. */
export function metricsReference(exposition: string): string {
  const labels = labelsByMetric(exposition);
  const kinds = new Map([...exposition.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [name, kind]));
  const rows = [...exposition.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = "", help = ""]) => {
    const kind = kinds.get(name) as keyof typeof KINDS | undefined;
    const own = labels.get(kind === "histogram" ? `${name}_bucket` : name) ?? new Set<string>();
    const named = [...own].filter((label) => label !== "le").map((label) => `\`${label}\``);
    return row(`\`${name}\``, kind === undefined ? "" : KINDS[kind], named.toSorted().join(", "), help);
  });
  return `${GENERATED}

# Metrics

What \`/metrics\` tells, in Prometheus' names. Over OTLP they have OpenTelemetry's: dots in place of underscores, without unit and \`_total\` at the end
([telemetry.md](../telemetry.md#metrics)). Labels hold names of routes and closed words, never paths or values. Alerts and a dashboard on them:
[deployment.md](../deployment.md#monitoring).

${[tableHead("metric", "kind", "labels", "what it is"), ...rows.toSorted()].join("\n")}
`;
}
