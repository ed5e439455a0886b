/** Writes the alerts of deploy/prometheus/rules.yml as the Prometheus operator takes them. A test says when to run it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";

const rules = /** @type {{ groups: unknown }} */ (
  parse(readFileSync(join(import.meta.dirname, "../prometheus/rules.yml"), "utf8"))
);
const manifest = {
  apiVersion: "monitoring.coreos.com/v1",
  kind: "PrometheusRule",
  metadata: { name: "crossfade" },
  spec: { groups: rules.groups },
};
writeFileSync(
  join(import.meta.dirname, "components/monitoring/rules.yaml"),
  `# From deploy/prometheus/rules.yml by deploy/kubernetes/write-rules.mjs: change it there.\n${stringify(manifest, { lineWidth: 0, blockQuote: "literal" })}`,
);
