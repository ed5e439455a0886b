import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import { parse } from "yaml";
import { ROOT } from "../../deploy/prepare.mjs";
import type { MemberView } from "../../proxy/admin/member-view.ts";
import { startCli } from "../support/cli.ts";
import { freePort } from "../support/free-port.ts";
import { redisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";

const FOLDER = join(ROOT, "deploy");
const FILE = join(FOLDER, "compose.yaml");
const text = readFileSync(FILE, "utf8");

interface Service {
  readonly image?: string;
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly read_only?: boolean;
}

const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, Service>> };

interface Linted {
  readonly messages: readonly { readonly rule: string; readonly line: number; readonly message: string }[];
}

/** `${NAME}`, `${NAME:-default}`, `${NAME:?message}` */
function variablesOf(source: string): readonly { readonly name: string; readonly byDefault: string | undefined }[] {
  return [...source.matchAll(/(?<!\$)\$\{(\w+)(?::-([^}]*))?[^}]*\}/g)].map(([, name = "", byDefault]) => ({
    name,
    byDefault,
  }));
}

test("compose.yaml is what the Compose specification's schema asks for, and its linter has nothing to say", () => {
  const linter = join(ROOT, "node_modules/dclint/bin/dclint.cjs");
  const { stdout } = spawnSync(process.execPath, [linter, "--formatter", "json", FILE], { encoding: "utf8" });
  const [file] = JSON.parse(stdout) as readonly Linted[];
  // In what order keys stand is a matter of taste: ours is by what is read first.
  const said = file?.messages.filter(({ rule }) => !rule.endsWith("-order"));
  assert.deepEqual(said, []);
});

test("every file that is mounted is there, every image has a version, and no proxy can write to its root", () => {
  for (const [name, { volumes = [], image }] of Object.entries(services)) {
    for (const mount of volumes.filter((volume) => volume.startsWith("."))) {
      assert.ok(existsSync(join(FOLDER, mount.split(":")[0] as string)), `${name}: ${mount}`);
    }
    assert.match(image ?? "", /:[\w.-]+$/, name);
    assert.doesNotMatch(image ?? "", /:latest$/, name);
  }
  for (const name of ["proxy-1", "proxy-2"]) assert.equal(services[name]?.read_only, true);
});

test("every variable of compose.yaml is in .env.example, and every one of the config is given to the members", () => {
  const example = readFileSync(join(ROOT, ".env.example"), "utf8");
  for (const { name } of variablesOf(text)) assert.match(example, new RegExp(`^${name}=`, "m"));
  const config = readFileSync(join(FOLDER, "compose/crossfade.yaml"), "utf8");
  for (const { name, byDefault } of variablesOf(config)) {
    if (byDefault !== undefined) continue;
    for (const member of ["proxy-1", "proxy-2"])
      assert.ok(services[member]?.environment?.[name] !== undefined, `${member}: ${name}`);
  }
});

/** One of the example services, as its container starts it; on a port of the test's. */
async function startExample(t: TestContext, name: "legacy" | "next"): Promise<string> {
  const port = await freePort();
  const env = { ...process.env, ...services[name]?.environment, PORT: String(port), HOST: "127.0.0.1" };
  const child = spawn(process.execPath, [join(FOLDER, "compose/example-service.mjs")], { env, stdio: "ignore" });
  t.after(async () => {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
  });
  const url = `http://127.0.0.1:${port}`;
  await until(
    async () =>
      await request(`${url}/healthz`).then(
        ({ statusCode }) => statusCode === 200,
        () => false,
      ),
  );
  return url;
}

test("two members start with compose's config on its Redis, share their counts, and find what next has wrong", async (t) => {
  const password = "a password: with @ and /";
  const redis = await redisServer(t, {
    args: ["--requirepass", password, "--appendonly", "yes", "--maxmemory", "1gb", "--maxmemory-policy", "noeviction"],
    client: { password },
  });
  const [legacy, next] = [await startExample(t, "legacy"), await startExample(t, "next")];
  const folder = mkdtempSync(join(tmpdir(), "crossfade-compose-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [read, operate] = ["r".repeat(64), "o".repeat(64)];
  const start = async (member: string) => {
    const given: Record<string, string> = {
      LEGACY_URL: legacy,
      NEXT_URL: next,
      CROSSFADE_READ_TOKEN: read,
      CROSSFADE_OPERATE_TOKEN: operate,
      REDIS_PASSWORD: password,
      REDIS_HOST: "127.0.0.1",
      REDIS_PORT: String(redis.port),
    };
    const env = { ...given, CROSSFADE_MEMBER: services[member]?.environment?.["CROSSFADE_MEMBER"] ?? "" };
    const cwd = mkdtempSync(join(folder, `${member}-`));
    const args = [
      "--config",
      join(FOLDER, "compose/crossfade.yaml"),
      "--listen",
      "127.0.0.1:0",
      "--admin",
      "127.0.0.1:0",
    ];
    return await startCli(t, args, { cwd, env });
  };
  const members = [await start("proxy-1"), await start("proxy-2")];
  const [first] = members as [(typeof members)[0]];
  for (const [i, { proxyUrl }] of members.entries()) {
    const answer = await request(`${proxyUrl}/items/${i}`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ price: 9.5 }),
    });
    assert.deepEqual([answer.statusCode, await answer.body.json()], [201, { price: 9.5, id: String(i) }]);
  }

  const ask = async (path: string, token: string) =>
    await request(first.adminUrl + path, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await request(`${first.adminUrl}/metrics`)).statusCode, 401);
  await until(async () => {
    const { routes } = (await (await ask("/api/v1/status", read)).body.json()) as {
      routes: { outcomes: { divergent: number } }[];
    };
    return routes[0]?.outcomes.divergent === 2;
  });
  const { items } = (await (await ask("/api/v1/members", read)).body.json()) as { items: MemberView[] };
  assert.deepEqual(items.map(({ name, state }) => [name, state]).sort(), [
    ["proxy-1", "serving"],
    ["proxy-2", "serving"],
  ]);
  assert.match(await (await ask("/metrics", read)).body.text(), /^crossfade_members\{state="serving"\} 2$/m);

  for (const { child, ended } of members) {
    child.kill("SIGTERM");
    assert.equal((await ended).code, 0);
  }
});
