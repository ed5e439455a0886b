import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { ROOT } from "../../deploy/prepare.mjs";
import { faultsIn } from "./envoy-config.ts";

const TEXT = readFileSync(join(ROOT, "deploy/envoy/envoy.yaml"), "utf8");

interface Config {
  readonly static_resources: {
    readonly listeners: readonly { filter_chains: { filters: { typed_config: Manager }[] }[] }[];
    readonly clusters: readonly { readonly name: string }[];
  };
}

interface Manager {
  readonly route_config: {
    readonly virtual_hosts: readonly { readonly routes: readonly { readonly route: { readonly cluster: string } }[] }[];
  };
}

test("Envoy's own definitions know every field of the config", () => {
  assert.deepEqual(faultsIn(parse(TEXT)), []);
});

test("its routes lead to clusters that are there: through Crossfade, else to legacy", () => {
  const { static_resources: resources } = parse(TEXT) as Config;
  const [manager] = resources.listeners.flatMap(({ filter_chains: chains }) =>
    chains.flatMap(({ filters }) => filters),
  );
  const routes = manager?.typed_config.route_config.virtual_hosts.flatMap((host) => host.routes) ?? [];
  assert.deepEqual(
    routes.map(({ route }) => route.cluster),
    ["crossfade", "legacy"],
  );
  assert.deepEqual(
    resources.clusters.map(({ name }) => name),
    ["crossfade", "legacy"],
  );
});

test("a field, a value, a type and a choice that Envoy does not know are found", () => {
  const cases: readonly (readonly [was: string, becomes: string, found: RegExp])[] = [
    [
      "stream_idle_timeout: 3600s",
      "stream_idle_timeouts: 3600s",
      /stream_idle_timeouts is no field of envoy\.extensions/,
    ],
    ["connect_timeout: 2s", "connect_timeout: 2", /connect_timeout is no duration/],
    ["lb_policy: LEAST_REQUEST", "lb_policy: FEWEST", /lb_policy is none of LbPolicy/],
    [
      "http.router.v3.Router",
      "http.router.v3.Routes",
      /there is no envoy\.extensions\.filters\.http\.router\.v3\.Routes/,
    ],
    ["match: { prefix: / }", "match: { prefix: /, path: / }", /path_specifier is one/],
    ["use_remote_address: true", "use_remote_address: 1", /use_remote_address is no bool/],
  ];
  for (const [was, becomes, found] of cases) {
    assert.ok(TEXT.includes(was), was);
    assert.match(faultsIn(parse(TEXT.replace(was, becomes))).join("\n"), found);
  }
});
