import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Ended, endOf, runCli, spawnCli } from "../../support/cli.ts";
import { type Bench, startBench } from "../../support/crossfade.ts";
import { postgresServer } from "../../support/postgres.ts";
import { seeded } from "../../support/seeded.ts";
import { USERS_SQL, usersOnPostgres, type UsersOnPostgres } from "../../support/users-on-postgres.ts";

const server = await postgresServer();
after(async () => await server.stop());

interface Setup {
  readonly bench: Bench;
  readonly legacy: UsersOnPostgres;
  readonly next: UsersOnPostgres;
  readonly urls: { readonly legacy: string; readonly next: string };
  readonly args: (command: string) => readonly string[];
  run(command: string, ...more: readonly string[]): Promise<Ended>;
  noted(): { readonly read: number; readonly readAgain: number; readonly toRepair: number };
}

async function setUp(t: TestContext, rows: number): Promise<Setup> {
  const urls = { legacy: await server.database(), next: await server.database() };
  for (const url of Object.values(urls)) await server.run(url, USERS_SQL);
  await server.run(
    urls.legacy,
    `INSERT INTO users (name, n, photo, at) SELECT 'user ' || i, i % 7, decode(lpad(to_hex(i), 8, '0'), 'hex'), '2026-03-29 00:30:00.123456Z'::timestamptz + i * interval '1 minute'
     FROM generate_series(1, ${rows}) i`,
  );
  const [legacy, next] = [usersOnPostgres(urls.legacy), usersOnPostgres(urls.next)];
  t.after(async () => {
    await legacy.close();
    await next.close();
  });
  const bench = await startBench(t, {
    legacy: legacy.answer,
    next: next.answer,
    store: "sqlite",
    routes: `routes:
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
    source: { postgres: "${urls.legacy}", table: users, key: id }
    target: { postgres: "${urls.next}", table: users, key: id }
`,
  });
  const args = (command: string): readonly string[] => [
    command,
    "users",
    "--config",
    bench.configFile,
    ...(command === "backfill"
      ? ["--admin", bench.crossfade.adminUrl, "--checkpoint", join(bench.folder, "noted.json")]
      : []),
  ];
  return {
    bench,
    legacy,
    next,
    urls,
    args,
    run: async (command, ...more) => await runCli([...args(command), ...more]),
    noted: () => JSON.parse(readFileSync(join(bench.folder, "noted.json"), "utf8")) as never,
  };
}

const ROWS = 6_000;
const CLIENTS = 4;
const KILLS = 4;

/** Clients that write until they are told to stop; each changes its own rows, and transfers those of everybody. */
function traffic({ bench }: Setup, seed: number): { readonly written: Record<string, number>; stop(): Promise<void> } {
  const written: Record<string, number> = {};
  let stopped = false;
  const client = async (i: number): Promise<void> => {
    const chance = seeded(seed + i);
    const made: string[] = [];
    const below = (bound: number): number => Math.floor(chance.next() * bound);
    // A few rows are written all the time.
    const any = (): number =>
      (chance.next() < 0.05 ? 1 + below(20) * CLIENTS : 1 + below(ROWS / CLIENTS) * CLIENTS) + i;
    const own = (): string => made[below(3 * made.length)] ?? String(any());
    const send = async (method: string, path: string, body?: unknown): Promise<string> => {
      const { status, text } = await bench.send(method, path, body);
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
      else if (what < 0.997) await send("POST", "/transfers", { from: any(), to: any() });
      else await send("POST", "/raise", { of: below(100) });
      if (chance.next() < 0.3) await sleep(below(4));
    }
  };
  const all = Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i)));
  return {
    written,
    async stop() {
      stopped = true;
      await all;
    },
  };
}

test("rows are copied beside live writes by a job that is killed again and again: reconcile finds 0", async (t) => {
  const setup = await setUp(t, ROWS);
  const { bench, run } = setup;
  const seed = Date.now() % 2 ** 31;
  const chance = seeded(seed);
  const live = traffic(setup, seed);
  let kills = 0;
  let ended: Ended | null = null;
  while (ended === null) {
    const child = spawnCli([...setup.args("backfill"), "--chunk", "250", "--max-rate", "800"]);
    const end = endOf(child);
    // It is killed at any moment, most of all when it has begun to write.
    const isKilled = await Promise.race([
      end.then(() => false),
      sleep(700 + chance.next() * 1_500).then(() => kills < KILLS),
    ]);
    if (isKilled) {
      kills += 1;
      child.kill("SIGKILL");
    } else ended = await end;
    if (isKilled) await end;
  }
  await live.stop();
  const counts = setup.noted();
  t.diagnostic(JSON.stringify({ seed, kills, ...live.written, ...counts, code: ended.code }));
  assert.ok(ended.code === 0 || counts.toRepair > 0, ended.stderr + ended.stdout);
  assert.ok(kills === KILLS && counts.readAgain > 0);
  await bench.settled(1);
  if (counts.toRepair > 0) await runCli(["repair", "--route", "users", "--admin", bench.crossfade.adminUrl]);
  const compared = await run("reconcile");
  assert.match(compared.stdout, / 0 missing, 0 mismatched, 0 extra\n$/);
  assert.equal(compared.code, 0, compared.stdout + compared.stderr);
  const { caught } = await bench.api<{ caught: Record<string, number> }>("/api/v1/status");
  assert.deepEqual(caught ?? {}, {});
});
