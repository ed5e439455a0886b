import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import { parse, stringify } from "yaml";
import { findPrometheus } from "../../deploy/checkers.mjs";
import { ROOT } from "../../deploy/prepare.mjs";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { startBusyProxy } from "./busy-proxy.ts";
import { expressionsOf } from "./dashboard.ts";

const DEPLOY = join(ROOT, "deploy");

interface Config {
  readonly global: Record<string, string>;
  readonly scrape_configs: readonly Record<string, unknown>[];
}

/** Prometheus with the config of compose, but for its targets and how often it looks. */
async function startPrometheus(t: TestContext, target: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-prometheus-"));
  copyFileSync(join(DEPLOY, "prometheus/rules.yml"), join(folder, "rules.yml"));
  writeFileSync(join(folder, "token"), "r".repeat(64));
  const config = parse(readFileSync(join(DEPLOY, "prometheus/prometheus.yml"), "utf8")) as Config;
  const jobs = config.scrape_configs.map(({ dns_sd_configs: _, authorization, ...job }) => ({
    ...job,
    authorization: { ...(authorization as object), credentials_file: join(folder, "token") },
    static_configs: [{ targets: [target] }],
  }));
  const often = { scrape_interval: "1s", evaluation_interval: "1s" };
  writeFileSync(join(folder, "prometheus.yml"), stringify({ ...config, global: often, scrape_configs: jobs }));
  const port = await freePort();
  const args = [
    `--config.file=${join(folder, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--log.level=error",
  ];
  const child = spawn(findPrometheus(), args, { stdio: ["ignore", "ignore", "inherit"] });
  t.after(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  return `http://127.0.0.1:${port}`;
}

interface Answer<T> {
  readonly status: "success" | "error";
  readonly error?: string;
  readonly data: T;
}

async function get<T>(url: string): Promise<Answer<T>> {
  return (await (await request(url)).body.json()) as Answer<T>;
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly name: string;
      readonly health: string;
      readonly lastError?: string;
      readonly state: string;
    }[];
  }[];
}

test("Prometheus scrapes a proxy, evaluates every rule and answers what the dashboard asks", async (t) => {
  const { bench } = await startBusyProxy(t);
  const prometheus = await startPrometheus(t, new URL(bench.crossfade.adminUrl).host);
  const query = async (expression: string): Promise<Answer<{ readonly result: readonly unknown[] }>> =>
    await get(`${prometheus}/api/v1/query?query=${encodeURIComponent(expression)}`);
  await until(async () => {
    const { data } = await query("count_over_time(crossfade_queue_bytes[1m]) > 2").catch(() => ({
      data: { result: [] },
    }));
    return data.result.length > 0;
  });

  const expressions = expressionsOf(join(DEPLOY, "grafana/crossfade.json"));
  const empty: string[] = [];
  for (const expression of expressions) {
    const { status, error, data } = await query(expression);
    assert.equal(status, "success", `${expression}: ${error}`);
    if (data.result.length === 0) empty.push(expression);
  }
  // No request of the busy proxy is answered with 5xx.
  assert.deepEqual(
    empty.filter((expression) => !expression.includes('"5..')),
    [],
  );

  const rules = async () =>
    (await get<Rules>(`${prometheus}/api/v1/rules`)).data.groups.flatMap((group) => group.rules);
  await until(async () => (await rules()).every(({ health }) => health !== "unknown"));
  for (const { name, health, lastError } of await rules()) assert.equal(health, "ok", `${name}: ${lastError}`);
  const firing = new Map((await rules()).map(({ name, state }) => [name, state]));
  assert.equal(firing.get("CrossfadeDown"), "inactive");
  assert.equal(firing.get("CrossfadeAbsent"), "inactive");
});
