/** What compose runs beside the members, as far as it can be told without an engine: each names what is there. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { readDashboard } from "./dashboard.ts";

const FOLDER = join(import.meta.dirname, "../../deploy");

function readYaml<T>(file: string): T {
  return parse(readFileSync(join(FOLDER, file), "utf8"), { merge: true }) as T;
}

interface Compose {
  readonly services: Readonly<Record<string, { readonly volumes?: readonly string[] }>>;
}

const { services } = readYaml<Compose>("compose.yaml");

type Part = "receivers" | "processors" | "exporters";
type Collector = Readonly<Record<Part, Readonly<Record<string, unknown>>>> & {
  readonly service: { readonly pipelines: Readonly<Record<string, Readonly<Record<Part, readonly string[]>>>> };
};

test("the collector takes every signal that members send, by parts that it has, and has none that no signal goes through", () => {
  const collector = readYaml<Collector>("otel/collector.yaml");
  const { pipelines } = collector.service;
  assert.deepEqual(Object.keys(pipelines).sort(), ["logs", "metrics", "traces"]);
  for (const part of ["receivers", "processors", "exporters"] as const) {
    const used = Object.values(pipelines).flatMap((pipeline) => pipeline[part]);
    assert.deepEqual([...new Set(used)].sort(), Object.keys(collector[part]).sort(), part);
  }
  // It refuses before it runs out of memory, which it can only where nothing was taken yet.
  for (const [signal, { processors }] of Object.entries(pipelines))
    assert.equal(processors[0], "memory_limiter", signal);
});

test("members send to the port at which the collector listens", () => {
  const config = readFileSync(join(FOLDER, "compose/crossfade.yaml"), "utf8");
  const [, host = "", port = ""] = /\$\{OTLP_URL:-http:\/\/([\w-]+):(\d+)\}/.exec(config) ?? [];
  assert.ok(services[host] !== undefined, host);
  const { receivers } = readYaml<{ receivers: { otlp: { protocols: { http: { endpoint: string } } } } }>(
    "otel/collector.yaml",
  );
  assert.equal(receivers.otlp.protocols.http.endpoint, `0.0.0.0:${port}`);
});

test("Grafana finds its dashboard where it looks, and the Prometheus that the dashboard asks", () => {
  const { providers } = readYaml<{ providers: readonly { options: { path: string } }[] }>(
    "grafana/provisioning/dashboards/crossfade.yaml",
  );
  const mounts = (services["grafana"]?.volumes ?? []).map((volume) => volume.split(":"));
  for (const { options } of providers) {
    assert.ok(
      mounts.some(([, at = ""]) => at === `${options.path}/crossfade.json`),
      options.path,
    );
  }
  const { datasources } = readYaml<{ datasources: readonly { type: string; url: string; isDefault: boolean }[] }>(
    "grafana/provisioning/datasources/prometheus.yaml",
  );
  const [source] = datasources;
  assert.ok(source !== undefined && services[new URL(source.url).hostname] !== undefined);
  const { templating } = readDashboard(join(FOLDER, "grafana/crossfade.json"));
  const variable = templating.list.find(({ name }) => name === "datasource");
  assert.deepEqual([variable?.type, variable?.query, source.isDefault], ["datasource", source.type, true]);
});

test("Prometheus asks members that compose has, with a token that it was given", () => {
  interface Scrape {
    readonly authorization: { readonly credentials_file: string };
    readonly dns_sd_configs: readonly { readonly names: readonly string[]; readonly port: number }[];
  }
  const { scrape_configs: jobs } = readYaml<{ scrape_configs: readonly Scrape[] }>("prometheus/prometheus.yml");
  const config = readFileSync(join(FOLDER, "compose/crossfade.yaml"), "utf8");
  for (const { authorization, dns_sd_configs: found } of jobs) {
    const secrets = (services["prometheus"] as { secrets?: readonly string[] }).secrets ?? [];
    assert.ok(secrets.some((secret) => authorization.credentials_file === `/run/secrets/${secret}`));
    for (const { names, port } of found) {
      for (const name of names) assert.ok(services[name] !== undefined, name);
      assert.match(config, new RegExp(`listen: 0\\.0\\.0\\.0:${port}$`, "m"));
    }
  }
});
