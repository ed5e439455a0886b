/** Rows that a job copies, and is killed at, while clients write the same ones through the proxy. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Ended, endOf, spawnCli } from "./cli.ts";
import type { PostgresServer } from "./postgres.ts";
import { seeded } from "./seeded.ts";
import { USERS_SQL } from "./users-on-postgres.ts";

/** YAML: routes over users, a route that touches two of them, one that touches any, and the collection. */
export function liveRoutes(
  urls: { readonly legacy: string; readonly next: string },
  database: "postgres" | "mysql" = "postgres",
): string {
  return `routes:
  - name: users
    match: { path: "/users/**" }
    phase: backfilling
    verify: { readBack: GET /users/:id }
    repair: { rate: 2000/s }
    values: { give: [{ from: "answer:/id", at: "body:/id" }] }
  - name: transfers
    match: { path: /transfers }
    touches: [{ entity: users, at: "body:/from" }, { entity: users, at: "body:/to" }]
  - name: raise
    match: { path: /raise }
    touches: [{ entity: users }]
collections:
  - name: users
    route: users
    source: { ${database}: "${urls.legacy}", table: users, key: id }
    target: { ${database}: "${urls.next}", table: users, key: id }
`;
}

/** The same where next has ids of its own; without the route that touches any. */
export function liveRoutesOfOwnIds(urls: { readonly legacy: string; readonly next: string }): string {
  const user = (at: string): string => `{ at: "${at}", kind: user }`;
  return `routes:
  - name: users
    match: { path: "/users/:id?" }
    phase: backfilling
    verify: { readBack: GET /users/:id }
    values: { learn: [${user("answer:/id")}], apply: [${user("path:id")}] }
  - name: transfers
    match: { path: /transfers }
    touches: [{ entity: users, at: "body:/from" }, { entity: users, at: "body:/to" }]
    values: { apply: [${user("body:/from")}, ${user("body:/to")}] }
collections:
  - name: users
    route: users
    source: { postgres: "${urls.legacy}", table: users, key: id }
    target: { postgres: "${urls.next}", table: users, key: id }
    transform: ./own-ids.mjs
    values: { learn: [{ from: id, to: id, kind: user }] }
`;
}

export const OWN_IDS_TRANSFORM = "export default (row) => ({ ...row, id: `old-${row.id}` });";

/** Two databases with the table, rows in legacy's alone. */
export async function liveTables(server: PostgresServer, rows: number, nextSql = USERS_SQL) {
  const urls = { legacy: await server.database(), next: await server.database() };
  await server.run(urls.legacy, USERS_SQL);
  await server.run(urls.next, nextSql);
  await server.run(
    urls.legacy,
    `INSERT INTO users (name, n, photo, at) SELECT 'user ' || i, i % 7, decode(lpad(to_hex(i), 8, '0'), 'hex'), '2026-03-29 00:30:00.123456Z'::timestamptz + i * interval '1 minute'
     FROM generate_series(1, ${rows}) i`,
  );
  return urls;
}

export interface LiveTraffic {
  readonly rows: number;
  readonly clients: number;
  readonly seed: number;
  /** A few rows are written all the time, and one request changes any; false: each only now and then. */
  readonly hot?: boolean;
  /** Resolves to status and text of the answer. */
  readonly send: (method: string, path: string, body?: unknown) => Promise<{ status: number; text: string }>;
}

export interface RunningTraffic {
  /** Accepted requests, by what they were. */
  readonly written: Record<string, number>;
  /** All requests. */
  sent(): number;
  stop(): Promise<void>;
}

/** Clients that write until they are told to stop; each changes its own rows, and transfers those of everybody. */
export function liveTraffic({ rows, clients, seed, hot = true, send: sendOne }: LiveTraffic): RunningTraffic {
  const written: Record<string, number> = {};
  let stopped = false;
  let sent = 0;
  const client = async (i: number): Promise<void> => {
    const chance = seeded(seed + i);
    const made: string[] = [];
    const below = (bound: number): number => Math.floor(chance.next() * bound);
    const any = (): number =>
      (hot && chance.next() < 0.05 ? 1 + below(20) * clients : 1 + below(rows / clients) * clients) + i;
    const own = (): string => made[below(3 * made.length)] ?? String(any());
    const send = async (method: string, path: string, body?: unknown): Promise<string> => {
      sent += 1;
      const { status, text } = await sendOne(method, path, body);
      assert.ok(status < 500, `${method} ${path}: ${status} ${text}`);
      const name = `${method} ${path.split("/")[1] ?? ""}`;
      written[name] = (written[name] ?? 0) + (status < 300 ? 1 : 0);
      return text;
    };
    while (!stopped) {
      const what = chance.next();
      if (what < 0.25) await send("PUT", `/users/${own()}`, { name: `renamed ${chance.next()}` });
      else if (what < 0.55) await send("PATCH", `/users/${own()}`);
      else if (what < 0.7) await send("DELETE", `/users/${own()}`);
      else if (what < 0.9)
        made.push(String((JSON.parse(await send("POST", "/users", { name: "new" })) as { id: string }).id));
      else if (what < 0.997 || !hot) await send("POST", "/transfers", { from: any(), to: any() });
      else await send("POST", "/raise", { of: below(100) });
      if (!hot || chance.next() < 0.3) await sleep(below(hot ? 4 : 20));
    }
  };
  const all = Promise.all(Array.from({ length: clients }, (_, i) => client(i)));
  return {
    written,
    sent: () => sent,
    async stop() {
      stopped = true;
      await all;
    },
  };
}

/** The job, killed so many times at any moment, and begun again each time; resolves to its end. `args` of each run. */
export async function killedJob(
  args: (run: number) => readonly string[],
  { kills, seed }: { readonly kills: number; readonly seed: number },
): Promise<Ended> {
  const chance = seeded(seed);
  for (let run = 0; ; run++) {
    const child = spawnCli(args(run));
    const end = endOf(child);
    const isKilled = await Promise.race([
      end.then(() => false),
      sleep(700 + chance.next() * 1_500).then(() => run < kills),
    ]);
    if (!isKilled) return await end;
    child.kill("SIGKILL");
    await end;
  }
}
