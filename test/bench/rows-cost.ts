/**
 * Backfill and reconcile between two tables of a PostgreSQL of its own. Argument: rows. Prints one line of JSON (RowsCost).
 * What it measures is checked first to be right: every row is there, and every planted difference is found.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPostgres } from "../../adapters/rows/postgres/open.ts";
import { DEFAULT_ROUTE } from "../../proxy/config/defaults.ts";
import { type BackfillLane, firstCheckpoint, rangesBetween, runBackfill } from "../../proxy/migrate/backfill.ts";
import { reconcile } from "../../proxy/migrate/reconcile.ts";
import { AS_THEY_ARE, openTransformer } from "../../proxy/migrate/transformer.ts";
import { postgresServer } from "../support/postgres.ts";
import { treeCpuMicros } from "./process-tree.ts";
import { medianOf } from "./statistics.ts";

interface BackfillCost {
  readonly ms: number;
  readonly firstTenthMs: number;
  readonly lastTenthMs: number;
  /** Of this process. */
  readonly cpuMicros: number;
  /** Of the database's processes. */
  readonly databaseMicros: number;
  /** Resident, after a tenth of the rows and at the end. */
  readonly firstBytes: number;
  readonly lastBytes: number;
}

export interface RowsCost {
  readonly database: string;
  readonly backfill: BackfillCost;
  /** Once more, over the rows that are there. */
  readonly again: BackfillCost;
  /** Into an empty table, in so many ranges of keys at the same time. */
  readonly ranges: readonly (BackfillCost & { readonly count: number })[];
  /** What reconcile is measured against. */
  readonly hash: { readonly ms: number; readonly databaseMicros: number };
  readonly reconcile: readonly ReconcileCost[];
}

interface ReconcileCost {
  readonly planted: number;
  readonly ms: number;
  readonly databaseMicros: number;
  readonly cpuMicros: number;
  readonly differing: number;
}

const ROUNDS = 3;
const RANGES = [2, 4];
const PLANTED = [0, 20, 40];

const SOURCE = `CREATE TABLE people (id bigint PRIMARY KEY, email text NOT NULL, full_name text NOT NULL, balance numeric(20,4) NOT NULL,
  verified boolean NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz, meta jsonb NOT NULL)`;
const TARGET = `CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, first_name text, last_name text, balance numeric(20,4) NOT NULL,
  verified boolean NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz, meta jsonb NOT NULL)`;
const FILL = `INSERT INTO people SELECT i, 'User' || i || '@Example.com', 'First' || (i % 1000) || ' Last' || (i % 7919), i * 1.2345, i % 3 = 0,
  timestamptz '2020-01-01Z' + i * interval '1.000001 second', CASE WHEN i % 5 = 0 THEN NULL ELSE timestamptz '2024-01-01Z' + i * interval '1 second' END,
  jsonb_build_object('n', i, 'tags', jsonb_build_array('a', 'b')) FROM generate_series(1, $rows) i`;
const TRANSFORM = `export default ({ full_name, email, ...row }) => {
  const [first_name, ...rest] = full_name.split(" ");
  return { ...row, email: email.trim().toLowerCase(), first_name, last_name: rest.join(" ") };
};
`;

async function openLane(): Promise<BackfillLane> {
  return {
    source: await openPostgres({ url, table: "people", key: ["id"], version: null }, "people", true),
    target: await openPostgres({ url, table: "users", key: ["id"], version: null }, "users", false),
    transformer: await openTransformer(transform),
    throttle: { pass: async () => await Promise.resolve() },
    conflictsOf: async () => await Promise.resolve([]),
  };
}

async function backfill(ranges = 1): Promise<BackfillCost> {
  const [first, ...more] = (await Promise.all(Array.from({ length: ranges }, openLane))) as [BackfillLane];
  const began = performance.now();
  const before = process.cpuUsage();
  const databaseBefore = treeCpuMicros(server.pid);
  let [tenthAt, lastTenthAt, firstBytes] = [0, 0, 0];
  const whole = firstCheckpoint("people", "bench", false);
  const split = ranges === 1 ? null : rangesBetween((await first.source.splits?.(ranges)) ?? []);
  const end = await runBackfill(
    {
      ...first,
      more,
      mapped: null,
      live: null,
      note: ({ read }) => {
        const at = performance.now() - began;
        if (tenthAt === 0 && read >= rows / 10) {
          tenthAt = (at * rows) / 10 / read;
          firstBytes = process.memoryUsage.rss();
        }
        if (read <= (rows * 9) / 10) lastTenthAt = at;
      },
      progress: () => undefined,
      now: () => performance.now(),
      wait: async () => await Promise.resolve(),
    },
    { ...whole, ranges: split },
    { mostSetAside: 0, chunkRows: null, signal: new AbortController().signal },
  );
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  assert.deepEqual([end.kind, end.checkpoint.written], ["done", rows]);
  const lastBytes = process.memoryUsage.rss();
  const databaseMicros = treeCpuMicros(server.pid) - databaseBefore;
  for (const lane of [first, ...more]) {
    for (const each of [lane.source, lane.target, lane.transformer]) await each.close();
  }
  const lastTenthMs = ms - lastTenthAt;
  return { ms, firstTenthMs: tenthAt, lastTenthMs, cpuMicros: user + system, databaseMicros, firstBytes, lastBytes };
}

async function compare(planted: number): Promise<ReconcileCost> {
  const source = await openPostgres({ url, table: "people", key: ["id"], version: null }, "people", true);
  const target = await openPostgres({ url, table: "people2", key: ["id"], version: null }, "people2", true);
  const began = performance.now();
  const before = process.cpuUsage();
  const databaseBefore = treeCpuMicros(server.pid);
  const sums = await reconcile({
    source,
    target,
    transformer: AS_THEY_ARE,
    compare: DEFAULT_ROUTE.compare,
    tell: () => undefined,
    progress: () => undefined,
    now: Date.now(),
  });
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  const databaseMicros = treeCpuMicros(server.pid) - databaseBefore;
  assert.deepEqual([sums.equal, sums.mismatched, sums.missing, sums.extra], [rows - planted, planted, 0, 0]);
  assert.ok(sums.digests !== null);
  for (const each of [source, target]) await each.close();
  return { planted, ms, databaseMicros, cpuMicros: user + system, differing: sums.digests.differing };
}

async function hashBoth(): Promise<RowsCost["hash"]> {
  const both = ["people", "people2"].map((name) => `SELECT count(*), sum(hashtext(t::text)::bigint) FROM ${name} t`);
  const began = performance.now();
  const databaseBefore = treeCpuMicros(server.pid);
  await Promise.all(both.map(async (sql) => await server.ask(url, sql)));
  return { ms: performance.now() - began, databaseMicros: treeCpuMicros(server.pid) - databaseBefore };
}

function medians<T extends object>(runs: readonly T[]): T {
  const [first] = runs as readonly [T];
  const names = Object.keys(first) as (keyof T)[];
  return Object.fromEntries(names.map((name) => [name, medianOf(runs.map((run) => run[name] as number))])) as T;
}

const rows = Number(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), "crossfade-rows-cost-"));
const transform = join(folder, "transform.mjs");
const server = await postgresServer();
const url = await server.database();
try {
  writeFileSync(transform, TRANSFORM);
  await server.run(url, SOURCE);
  await server.run(url, TARGET);
  await server.run(url, FILL.replace("$rows", String(rows)));
  await server.run(url, "VACUUM ANALYZE people");
  const [[database = null] = []] = await server.ask(url, "SHOW server_version");
  console.error(`filled with ${rows} rows`);
  const first = await backfill();
  const wrong = `SELECT count(*) FROM people p LEFT JOIN users u USING (id) WHERE u.id IS NULL OR u.email <> lower(p.email)
    OR u.first_name || ' ' || u.last_name <> p.full_name OR (u.balance, u.verified, u.created_at, u.meta) <> (p.balance, p.verified, p.created_at, p.meta)
    OR u.updated_at IS DISTINCT FROM p.updated_at`;
  assert.deepEqual(await server.ask(url, wrong), [["0"]]);
  console.error("brought over");
  const again = await backfill();
  const ranges: RowsCost["ranges"][number][] = [];
  for (const count of RANGES) {
    await server.run(url, "TRUNCATE users");
    ranges.push({ count, ...(await backfill(count)) });
  }
  await server.run(url, "DROP TABLE users");
  await server.run(url, "CREATE TABLE people2 (LIKE people INCLUDING ALL)");
  await server.run(url, "INSERT INTO people2 SELECT * FROM people");
  await server.run(url, "VACUUM ANALYZE people2");
  const hashes: RowsCost["hash"][] = [];
  const equal: ReconcileCost[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    hashes.push(await hashBoth());
    equal.push(await compare(0));
  }
  console.error("compared");
  const reconciled = [medians(equal)];
  for (const planted of PLANTED.slice(1)) {
    const step = Math.floor(rows / planted);
    await server.run(
      url,
      "UPDATE people2 b SET balance = a.balance FROM people a WHERE a.id = b.id AND a.balance <> b.balance",
    );
    await server.run(
      url,
      `UPDATE people2 SET balance = balance + 0.0001 WHERE id % ${step} = 1 AND id <= ${step * planted}`,
    );
    reconciled.push(await compare(planted));
  }
  const cost: RowsCost = {
    database: `PostgreSQL ${database}`,
    backfill: first,
    again,
    ranges,
    hash: medians(hashes),
    reconcile: reconciled,
  };
  console.log(JSON.stringify(cost));
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
