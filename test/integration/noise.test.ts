/** Safe reads that the primary is asked twice: what is learnt of them, and that no client notices. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { PlaceRecord } from "../../proxy/places.ts";
import { type Bench, startBench } from "../support/crossfade.ts";
import { until } from "../support/until.ts";
import { type Answer, json } from "../support/service.ts";

const ROUTES = `routes:
  - name: orders
    match: { path: "/orders/**" }
    compare: { noise: { reads: 100% } }
`;

interface RouteNoise {
  readonly eligible: number;
  readonly noise: { readonly askedTwice: number; readonly notAskedTwice: Record<string, number> };
}

async function noiseOf(bench: Bench): Promise<RouteNoise["noise"]> {
  return (await bench.api<RouteNoise>("/api/v1/routes/orders")).noise;
}

async function placesOf(bench: Bench): Promise<ReadonlyMap<string, PlaceRecord>> {
  const { items } = await bench.api<{ items: PlaceRecord[] }>("/api/v1/places?route=orders&limit=1000");
  return new Map(items.map((place) => [`${place.method} ${place.path} ${place.at}`, place]));
}

/** A primary with a field that is random, one that is a clock, and one that says what is stored. */
const changing: Answer = (seen, response) => {
  const id = seen.target.split("/").at(-1);
  const clock = new Date(Date.now() + Math.random() * 1e6).toISOString();
  json(200, { id, nonce: randomUUID(), seen: clock, items: [{ sku: "a", load: Math.random() }], total: 7 })(
    seen,
    response,
  );
};

test("places where the primary disagrees with itself are known after it was asked twice", async (t) => {
  const bench = await startBench(t, { routes: ROUTES, legacy: changing });
  for (let n = 1; n <= 12; n += 1) await bench.send("GET", `/orders/${n}`);
  await until(async () => (await noiseOf(bench)).askedTwice === 12);
  const places = await placesOf(bench);
  const twice = (at: string) => {
    const place = places.get(`GET /orders/* ${at}`);
    return [place?.askedTwice, place?.differedWithItself];
  };
  assert.deepEqual(["/nonce", "/seen", "/items/*/load"].map(twice), [
    [12, 12],
    [12, 12],
    [12, 12],
  ]);
  assert.deepEqual(["/total", "/id", "/items/*/sku", "status", "header:content-type"].map(twice), [
    [12, 0],
    [12, 0],
    [12, 0],
    [12, 0],
    [12, 0],
  ]);
});
