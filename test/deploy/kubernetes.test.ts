import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IStatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import type { IHorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler";
import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import type { IPodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import type { IService } from "kubernetes-models/v1/Service";
import type { IServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { parse } from "yaml";
import { ROOT } from "../../deploy/prepare.mjs";
import { runCli } from "../support/cli.ts";
import { invalidIn, type Labels, type Manifest, render, unknownKeysIn } from "./manifests.ts";

const OVERLAYS = ["sqlite", "redis"] as const;
const rendered = Object.fromEntries(OVERLAYS.map((overlay) => [overlay, render(overlay)]));

function all<T>(overlay: string, kind: string): readonly T[] {
  return (rendered[overlay] ?? []).filter((manifest) => manifest.kind === kind) as unknown as readonly T[];
}

function one<T>(overlay: string, kind: string): T {
  const [found, ...more] = all<T>(overlay, kind);
  assert.ok(found !== undefined && more.length === 0, `one ${kind} in ${overlay}`);
  return found;
}

function workload(overlay: string): IDeployment | IStatefulSet {
  return overlay === "sqlite" ? one<IDeployment>(overlay, "Deployment") : one<IStatefulSet>(overlay, "StatefulSet");
}

function podOf(overlay: string) {
  const { metadata, spec } = workload(overlay).spec?.template ?? {};
  const [container, ...others] = spec?.containers ?? [];
  assert.ok(spec !== undefined && container !== undefined && others.length === 0);
  return { labels: metadata?.labels ?? {}, spec, container };
}

function selects(selector: Labels | undefined, labels: Labels): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

const kindsOf = (overlay: string): readonly string[] => (rendered[overlay] ?? []).map(({ kind }) => kind).sort();

for (const overlay of OVERLAYS) {
  test(`${overlay}: every manifest is what the API's schemas ask for, without a key that they do not know`, async () => {
    const manifests = rendered[overlay] ?? [];
    assert.deepEqual(
      (await Promise.all(manifests.map(invalidIn))).filter((said) => said !== null),
      [],
    );
    assert.equal(unknownKeysIn(manifests), "");
    for (const { metadata } of manifests) assert.equal(metadata.namespace, "crossfade");
  });

  test(`${overlay}: its config is valid with what the pod is given, and listens where the pod says`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "crossfade-kubernetes-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const { data } = one<Manifest>(overlay, "ConfigMap");
    const config = data?.["crossfade.yaml"] ?? "";
    const file = join(folder, "crossfade.yaml");
    writeFileSync(file, config);
    const secret = {
      CROSSFADE_READ_TOKEN: "r".repeat(64),
      CROSSFADE_OPERATE_TOKEN: "o".repeat(64),
      REDIS_PASSWORD: "p",
    };
    const { container } = podOf(overlay);
    const names = Object.fromEntries((container.env ?? []).map(({ name }) => [name, "crossfade-0"]));
    const { code, stdout, stderr } = await runCli(["check", "--config", file], {
      cwd: folder,
      env: { ...secret, ...names },
    });
    assert.equal(code, 0, stderr + stdout);
    for (const { name, containerPort } of container.ports ?? []) {
      assert.match(config, new RegExp(`listen: 0\\.0\\.0\\.0:${containerPort}$`, "m"), name);
    }
  });

  test(`${overlay}: services, policy and monitor mean its pods and ports`, () => {
    const { labels, container } = podOf(overlay);
    const ports = new Set((container.ports ?? []).map(({ name }) => name));
    const services = all<IService>(overlay, "Service");
    for (const { spec } of services) {
      assert.ok(selects(spec?.selector, labels));
      for (const { targetPort } of spec?.ports ?? []) assert.ok(ports.has(String(targetPort)));
    }
    const { spec: policy } = one<INetworkPolicy>(overlay, "NetworkPolicy");
    assert.ok(selects(policy?.podSelector?.matchLabels, labels));
    for (const { ports: opened } of policy?.ingress ?? [])
      for (const { port } of opened ?? []) assert.ok(ports.has(String(port)));
    // The admin port is not for everybody.
    const open = (policy?.ingress ?? []).filter(({ from }) => from === undefined);
    assert.deepEqual(
      open.flatMap(({ ports: opened }) => (opened ?? []).map(({ port }) => port)),
      ["http"],
    );

    const { spec: monitor } = one<IServiceMonitor>(overlay, "ServiceMonitor");
    const seen = services.filter(({ metadata }) => selects(monitor?.selector.matchLabels, metadata?.labels ?? {}));
    assert.deepEqual(
      seen.map(({ metadata }) => metadata?.name),
      ["crossfade-admin"],
    );
    assert.equal(seen[0]?.metadata?.labels?.[monitor?.jobLabel ?? ""], "crossfade");
    for (const { port } of monitor?.endpoints ?? []) assert.ok(seen[0]?.spec?.ports?.some(({ name }) => name === port));
  });

  test(`${overlay}: the pod is no root, writes to its volumes alone, and has time to drain`, () => {
    const { spec, container } = podOf(overlay);
    assert.equal(spec.securityContext?.runAsNonRoot, true);
    assert.equal(container.securityContext?.readOnlyRootFilesystem, true);
    assert.equal(container.securityContext?.allowPrivilegeEscalation, false);
    const claims =
      workload(overlay).kind === "StatefulSet" ? (workload(overlay) as IStatefulSet).spec?.volumeClaimTemplates : [];
    const volumes = new Set([
      ...(spec.volumes ?? []).map(({ name }) => name),
      ...(claims ?? []).map(({ metadata }) => metadata?.name),
    ]);
    for (const { name } of container.volumeMounts ?? []) assert.ok(volumes.has(name), name);
    assert.ok(
      (container.volumeMounts ?? []).some(
        ({ mountPath, readOnly }) => mountPath === "/var/lib/crossfade" && readOnly !== true,
      ),
    );
    const [command, , script = ""] = container.lifecycle?.preStop?.exec?.command ?? [];
    const [, hookMs] = /^setTimeout\(\(\) => \{\}, (\d+)\)$/.exec(script) ?? [];
    assert.equal(command, "node");
    // 10 s of the drain itself, twice 2 s for its last outcomes.
    assert.ok((spec.terminationGracePeriodSeconds ?? 30) > Number(hookMs) / 1000 + 14);
    const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe];
    assert.deepEqual(
      probes.map((probe) => [probe?.httpGet?.path, probe?.httpGet?.port]),
      [
        ["/readyz", "admin"],
        ["/readyz", "admin"],
        ["/healthz", "admin"],
      ],
    );
  });
}

test("SQLite: never two processes on one store", () => {
  const { spec } = one<IDeployment>("sqlite", "Deployment");
  assert.deepEqual([spec?.replicas, spec?.strategy], [1, { type: "Recreate" }]);
  assert.ok(!kindsOf("sqlite").includes("HorizontalPodAutoscaler"));
});

test("Redis: several members, each with a volume of its own that outlives it, scaled, and one at a time away", () => {
  const set = one<IStatefulSet>("redis", "StatefulSet");
  assert.deepEqual(set.spec?.persistentVolumeClaimRetentionPolicy, { whenDeleted: "Retain", whenScaled: "Retain" });
  assert.ok(
    all<IService>("redis", "Service").some(
      ({ metadata, spec }) => metadata?.name === set.spec?.serviceName && spec?.clusterIP === "None",
    ),
  );
  // A number here would undo the autoscaler's at every apply.
  assert.equal(set.spec?.replicas, undefined);
  const { spec: scaler } = one<IHorizontalPodAutoscaler>("redis", "HorizontalPodAutoscaler");
  assert.deepEqual([scaler?.scaleTargetRef.kind, scaler?.scaleTargetRef.name], [set.kind, set.metadata?.name]);
  assert.ok((scaler?.minReplicas ?? 1) >= 2);
  const { spec: budget } = one<IPodDisruptionBudget>("redis", "PodDisruptionBudget");
  assert.ok(selects(budget?.selector?.matchLabels, podOf("redis").labels));
  assert.equal(budget?.maxUnavailable, 1);
  const out = one<INetworkPolicy>("redis", "NetworkPolicy").spec?.egress ?? [];
  assert.ok(
    out.some(({ ports = [] }) => ports.some(({ port }) => port === 6379)),
    "it may talk to Redis",
  );
});

test("the alerts for the Prometheus operator are those of deploy/prometheus/rules.yml", () => {
  const { groups } = parse(readFileSync(join(ROOT, "deploy/prometheus/rules.yml"), "utf8")) as { groups: unknown };
  for (const overlay of OVERLAYS) {
    const { spec } = one<{ readonly spec: { readonly groups: unknown } }>(overlay, "PrometheusRule");
    assert.deepEqual(spec.groups, groups, "run node deploy/kubernetes/write-rules.mjs");
  }
});

test("a value of a wrong type, one that is missing and a key that nobody knows are found", async () => {
  const sound = one<Manifest>("redis", "StatefulSet") as Manifest & { spec: Record<string, unknown> };
  const spoilt = (spec: Record<string, unknown>): Manifest => ({ ...sound, spec: { ...sound.spec, ...spec } });
  assert.match((await invalidIn(spoilt({ minReadySeconds: "5" }))) ?? "", /minReadySeconds must be integer/);
  assert.match((await invalidIn(spoilt({ selector: undefined }))) ?? "", /must have required property selector/);
  assert.match(unknownKeysIn([spoilt({ minReadySecond: 5 })]), /"minReadySecond"' does not exist/);
});
