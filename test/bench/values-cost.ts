/**
 * What mapping the values of a copy costs with so many pairs known, in a process of its own with a SQLite store. Arguments:
 * numbers of pairs. Prints one line of JSON (ValuesCost[]).
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../adapters/store/sqlite/store.ts";
import { DEFAULT_ROUTE } from "../../proxy/config/defaults.ts";
import { parseLocator } from "../../proxy/config/locator.ts";
import type { RouteSettings, ValuePlace } from "../../proxy/config/settings.ts";
import type { BodyCopy, Exchange } from "../../proxy/exchange.ts";
import type { ClientValues } from "../../proxy/mirror/values/client-values.ts";
import type { ValueMap } from "../../proxy/mirror/values/value-map.ts";
import { systemClock } from "../../proxy/process/system-clock.ts";
import { testClientValues, testSeal, testValueMap } from "../support/value-map.ts";
import { medianOf } from "./statistics.ts";

export interface ValuesCost {
  readonly pairs: number;
  /**
   * Microseconds of a copy with two values beyond one with none, CPU time of the whole process: pairs in memory, and pairs in
   * the store alone.
   */
  readonly warmMicros: number;
  readonly coldMicros: number;
  /** Of a client's request with the same values, once next is the primary; pairs in memory. */
  readonly clientMicros: number;
}

const AT_ONCE = 5_000;
const ROUNDS = 9;
const WARM = 2_000;
const COLD = 250;

function placeAt(text: string): ValuePlace {
  const parsed = parseLocator(text);
  assert.ok(parsed.ok);
  return { at: parsed.value, kind: "user", part: { kind: "whole" } };
}

/** Of routes that have never been over the barrier. */
const SNAPSHOT = { revision: 1, settings: { routes: [] }, epochs: new Map() };

function exchangeOf(id: string, apply: readonly ValuePlace[]): Exchange {
  const route: RouteSettings = {
    ...DEFAULT_ROUTE,
    name: "users",
    entity: null,
    match: { path: "/users/:id", methods: null, host: null, headers: [] },
    values: { ...DEFAULT_ROUTE.values, apply },
  };
  return {
    snapshot: SNAPSHOT,
    route,
    params: { named: { id }, rest: [] },
    request: { method: "PUT", target: `/users/${id}`, headers: ["content-type", "application/json"] },
    plan: { mirror: true, primary: "legacy", shadow: "next", requestClass: "write" },
  } as unknown as Exchange;
}

const BOTH = [placeAt("path:id"), placeAt("body:/managerId")];

/** What the copy of this write becomes; next calls `n` `next-n`. */
async function mapOne(values: ValueMap, path: number, body: number, apply = BOTH): Promise<void> {
  const exchange = exchangeOf(String(path), apply);
  const bytes = Buffer.from(`{"name":"Ann","note":"${"x".repeat(400)}","managerId":${body}}`);
  const held: BodyCopy = { kind: "memory", bytes };
  const mapped = await values.repeated(exchange, held, Infinity);
  assert.equal(mapped.end, "mapped");
  if (mapped.end !== "mapped") return;
  const headers = [...exchange.request.headers];
  const sent = mapped.rewrite({ method: "PUT", target: exchange.request.target, headers, body: held }, exchange);
  if (apply.length === 0) return;
  assert.equal(sent.target, `/users/next-${path}`);
  assert.ok(sent.body.kind === "memory" && sent.body.bytes.includes(`"managerId":"next-${body}"`));
}

/** The same of what a client asks of next. */
async function mapForClient(values: ClientValues, path: number, body: number): Promise<void> {
  const { route, params, request } = exchangeOf(String(path), BOTH);
  const bytes = Buffer.from(`{"name":"Ann","note":"${"x".repeat(400)}","managerId":${body}}`);
  const { target, headers } = request;
  const mapped = await values.request({ target, headers, body: bytes }, { route, params }, "next");
  assert.equal(mapped?.target, `/users/next-${path}`);
  assert.ok(mapped.body.includes(`"managerId":"next-${body}"`));
}

async function microsOf(times: number, one: (i: number) => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < times; i += 1) await one(i);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

async function measure(): Promise<readonly ValuesCost[]> {
  const store = await openSqliteStore({ file: join(folder, "crossfade.db"), clock: systemClock });
  const seal = testSeal();
  const costs: ValuesCost[] = [];
  let known = 0;
  let isWarm = false;
  for (const pairs of sizes) {
    for (; known < pairs; known += Math.min(AT_ONCE, pairs - known)) {
      const rows = Array.from({ length: Math.min(AT_ONCE, pairs - known) }, (_, i) => {
        const id = String(known + i);
        const [legacy, next] = [
          { text: id, spelling: "number" },
          { text: `next-${id}`, spelling: "string" },
        ] as const;
        return seal.close({ kind: "user", legacy, next, held: "legacy", until: null }, 0);
      });
      await store.teachValues(rows);
    }
    const [warm, cold, client]: [number[], number[], number[]] = [[], [], []];
    for (let round = isWarm ? 0 : -ROUNDS; round < ROUNDS; round += 1) {
      // A map of its own: it has no pair in memory.
      const values = testValueMap(store, systemClock);
      const step = Math.max(1, Math.floor(pairs / COLD / 2));
      const at = (i: number): number => (Math.max(0, round) * 7 + i * step) % pairs;
      const [coldMicros, warmMicros] = [
        await microsOf(COLD, (i) => mapOne(values, at(2 * i), at(2 * i + 1))),
        await microsOf(WARM, (i) => mapOne(values, at(i % COLD), at((i + 1) % COLD))),
      ];
      const plainMicros = await microsOf(WARM, (i) => mapOne(values, at(i % COLD), at((i + 1) % COLD), []));
      values.stop();
      const clients = testClientValues(store, systemClock);
      const asked = (i: number): Promise<void> => mapForClient(clients, at(i % COLD), at((i + 1) % COLD));
      await microsOf(COLD, asked);
      const clientMicros = await microsOf(WARM, asked);
      // Before that the code is not compiled yet.
      if (round < 0) continue;
      cold.push(coldMicros - plainMicros);
      warm.push(warmMicros - plainMicros);
      client.push(clientMicros);
    }
    isWarm = true;
    costs.push({ pairs, warmMicros: medianOf(warm), coldMicros: medianOf(cold), clientMicros: medianOf(client) });
    console.error(`mapped with ${pairs} pairs`);
  }
  await store.close();
  return costs;
}

const sizes = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), "crossfade-values-cost-"));
try {
  console.log(JSON.stringify(await measure()));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
