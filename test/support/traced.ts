import assert from "node:assert/strict";
import type { ServerOptions } from "node:https";
import type { TestContext } from "node:test";
import { type Collector, type SeenSpan, startCollector } from "./collector.ts";
import { type Bench, type BenchOptions, startBench } from "./crossfade.ts";

/** Only. */
export const TRACES = "metrics: false, logs: false";
const USERS = 'routes: [{ name: users, match: { path: /users/** }, entity: users, key: ["path:id"] }]';

export interface Traced extends Bench {
  readonly collector: Collector;
}

/** Crossfade between two services, sending to a collector; `telemetry`: more settings of it, in YAML. */
export async function startTraced(
  t: TestContext,
  telemetry = TRACES,
  options: BenchOptions = {},
  tls: ServerOptions | null = null,
): Promise<Traced> {
  const collector = await startCollector(0, tls);
  const settings = `telemetry: { otlp: "${collector.url}", ${telemetry} }`;
  const bench = await startBench(t, { ...options, routes: `${settings}\n${options.routes ?? USERS}` }).catch(
    async (error: unknown) => {
      await collector.close();
      throw error;
    },
  );
  // After the proxy has ended, which sends what it has left.
  t.after(async () => {
    await collector.close();
    assert.deepEqual(collector.wrong, []);
  });
  return { ...bench, collector };
}

/** Everything that will ever come has come. */
export async function allSpans({ crossfade, collector }: Traced): Promise<readonly SeenSpan[]> {
  await crossfade.stop();
  return collector.spans;
}

export const isLeg =
  (leg: string) =>
  (span: SeenSpan): boolean =>
    span.kind === "SPAN_KIND_CLIENT" && span.attributes["crossfade.leg"] === leg;
export const isServer = (span: SeenSpan): boolean => span.kind === "SPAN_KIND_SERVER";
