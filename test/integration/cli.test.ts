import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import { groupId, groupSignature } from "../../proxy/evidence/groups.ts";
import { type Admin, createAdmin } from "../../proxy/admin/server.ts";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import type { Store } from "../../proxy/ports.ts";
import {
  type SampleParts,
  sampleAdminParts,
  sampleDivergence,
  sampleRouteState,
  sampleSettings,
  sampleStatusInput,
} from "../support/admin-parts.ts";
import { endOf, runCli, spawnCli } from "../support/cli.ts";
import { fixedStore } from "../support/fixed-store.ts";
import { handClock } from "../support/evidence.ts";
import { until } from "../support/until.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
let folder = "";
let store: Store;
let parts: SampleParts;
let admin: Admin;
let url = "";
const records: DivergenceRecord[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "crossfade-cli-"));
  store = openMemoryStore({ clock: handClock() });
  for (const route of ["users", "orders"]) {
    for (const at of ["/balance", "/total"]) {
      const differences = [{ at, kind: "value" as const, primary: "1", shadow: "2" }];
      const group = groupId(route, "PUT", groupSignature(differences));
      const record = sampleDivergence({ route, path: `/${route}/42`, differences, group });
      records.push(record);
      store.append([
        { type: "divergence", record, json: JSON.stringify(record), signature: groupSignature(differences) },
      ]);
    }
  }
  await store.flush();
  parts = sampleAdminParts(store);
  admin = await createAdmin(parts);
  url = `http://127.0.0.1:${admin.address.port}`;
});

after(async () => {
  await admin.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

function ask(...args: readonly string[]): ReturnType<typeof runCli> {
  return runCli([...args, "--admin", url], { cwd: folder });
}

test("divergences lists what the filters leave, one line of JSON each with --json", async () => {
  const all = await ask("divergences", "--json");
  assert.equal(all.code, 0, all.stderr);
  const lines = all.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as DivergenceRecord);
  assert.deepEqual(new Set(lines.map((line) => line.id)), new Set(records.map((record) => record.id)));
  const some = await ask(
    "divergences",
    "list",
    "--route",
    "users",
    "--at",
    "/total",
    "--kind",
    "value",
    "--outcome",
    "divergent",
  );
  assert.match(some.stdout, /  users  divergent  PUT \/users\/42\n    \/total value  1 → 2\n$/);
  assert.equal(some.stdout.trimEnd().split("\n").length, 2);
  for (const what of ["divergences", "groups"]) {
    const none = await ask("divergences", ...(what === "groups" ? ["groups"] : ["list"]), "--route", "usres");
    const stderr = '--route: no route is called "usres" now; did you mean users?\n';
    assert.deepEqual(none, { code: 0, stdout: `No ${what}.\n`, stderr });
  }
});

test("a list that goes on says so on stderr, and --limit 3 is three whatever the pages are", async () => {
  const some = await ask("divergences", "list", "--limit", "3", "--json");
  assert.equal(some.stdout.trimEnd().split("\n").length, 3);
  const told = await ask("divergences", "list", "--limit", "3");
  assert.match(told.stderr, /^There are more than these 3/);
});

test("show finds a divergence or a group by its id, and ends with 1 where there is neither", async () => {
  const groups = await ask("divergences", "groups", "--route", "users", "--json");
  const [group] = groups.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { id: string });
  const shown = await ask("divergences", "show", group?.id ?? "");
  assert.equal(shown.code, 0);
  assert.match(shown.stdout, /PUT users {2}\/(balance|total) value\n1 time, /);
  const one = await ask("divergences", "show", records[0]?.id ?? "");
  assert.match(one.stdout, /^id +01/);
  const neither = await ask("divergences", "show", "nope");
  assert.deepEqual(neither, {
    code: 1,
    stdout: "",
    stderr: 'crossfade: no divergence and no group has the id "nope"\n',
  });
});

test("tail prints divergences as they are recorded", async () => {
  const child = spawnCli(["divergences", "tail", "--route", "orders", "--json", "--admin", url], { cwd: folder });
  const stdout = child.stdout ?? assert.fail();
  const record = sampleDivergence({ route: "orders" });
  const line = new Promise<string>((resolve) => stdout.once("data", (chunk: Buffer) => resolve(String(chunk))));
  // The stream begins some time after the start of the process: told until it is seen.
  const again = setInterval(() => {
    parts.feed.publish(sampleDivergence());
    parts.feed.publish(record);
  }, 20);
  const [first] = (await line).split("\n");
  clearInterval(again);
  assert.deepEqual(JSON.parse(first ?? ""), record);
  const ended = endOf(child);
  child.kill("SIGINT");
  await ended;
});

test("status ends with 1 where a route diverges and with 0 where all is well", async () => {
  const divergent = await ask("status");
  assert.equal(divergent.code, 1);
  assert.match(divergent.stdout, /^Not safe to cut over users: 31 of 18,192 compared exchanges differ/);
  parts.input = sampleStatusInput({
    routes: [sampleRouteState({ eligible: 2, pending: 0, outcomes: [{ outcome: "match", reason: null, count: 2 }] })],
  });
  const clean = await ask("status", "--json");
  parts.input = sampleStatusInput();
  assert.equal(clean.code, 0);
  assert.equal((JSON.parse(clean.stdout) as { ready: boolean }).ready, true);
  assert.equal(clean.stdout.trimEnd().includes("\n"), false);
});

test("where COLUMNS is 80 no line is longer, and without a terminal there are no colours", async () => {
  const { stdout } = await runCli(["status", "--admin", url], {
    cwd: folder,
    env: { COLUMNS: "80", FORCE_COLOR: "1" },
  });
  for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  assert.equal(stdout.includes("\u001b"), false);
});

test("an admin listener that cannot be reached is named, with the way to name another: exit 3", async () => {
  const closed = await runCli(["status", "--admin", "127.0.0.1:1"], { cwd: folder });
  assert.deepEqual(closed, {
    code: 3,
    stdout: "",
    stderr:
      "crossfade: cannot reach http://127.0.0.1:1 (nothing listens there); is crossfade running? Name another with --admin URL\n",
  });
});

test("a listener that is not Crossfade's is told apart", async () => {
  const stranger = createServer((_request, response) => response.end("<h1>hello</h1>"));
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const at = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  const { code, stderr } = await runCli(["divergences", "--admin", at], { cwd: folder });
  stranger.close();
  assert.deepEqual(
    [code, stderr],
    [3, `crossfade: ${at} is not Crossfade's admin listener; name it with --admin URL\n`],
  );
});

test("usage errors end with 2 and nothing on stdout", async () => {
  const cases: readonly (readonly [args: readonly string[], expected: RegExp])[] = [
    [["stauts"], /^crossfade: unknown command 'stauts'\n\(Did you mean status\?\)/],
    [
      ["divergences", "list", "--since", "yesterday", "--admin", url],
      /^crossfade: since is "yesterday", which is neither/,
    ],
    [["status", "--admin", "::::"], /^crossfade: --admin is "::::", which is no URL/],
    [[], /^Usage: crossfade/],
  ];
  for (const [args, expected] of cases) {
    const { code, stderr, stdout } = await runCli(args, { cwd: folder });
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, expected);
    assert.equal(stdout, "");
  }
});

test("a token comes from --token, from the environment or from the config file; without one it is asked for", async () => {
  const closed = sampleAdminParts(fixedStore());
  closed.settings = sampleSettings({
    admin: { ...closed.settings.admin, tokens: [{ name: "ops", role: "read", token: TOKEN }] },
  });
  const listener = await createAdmin(closed);
  const at = `127.0.0.1:${listener.address.port}`;
  const none = await runCli(["divergences", "--admin", at], { cwd: folder });
  assert.deepEqual(
    [none.code, none.stderr],
    [3, `crossfade: http://${at} asks for a token; give one with --token or CROSSFADE_TOKEN\n`],
  );
  const wrong = await runCli(["divergences", "--admin", at, "--token", "nope"], { cwd: folder });
  assert.match(wrong.stderr, /does not know this token/);
  assert.equal((await runCli(["divergences", "--admin", at, "--token", TOKEN], { cwd: folder })).code, 0);
  assert.equal(
    (await runCli(["divergences", "--admin", at], { cwd: folder, env: { CROSSFADE_TOKEN: TOKEN } })).code,
    0,
  );
  const file = join(folder, "with-token.yaml");
  writeFileSync(
    file,
    `admin: { listen: "${at}", tokens: [{ name: ops, role: read, token: "\${TOKEN_OF_TEST}" }] }\nservices: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }\n`,
  );
  const fromFile = await runCli(["divergences", "--config", file], { cwd: folder, env: { TOKEN_OF_TEST: TOKEN } });
  assert.deepEqual([fromFile.code, fromFile.stderr], [0, ""]);
  await listener.close();
});

test("a reader that has seen enough is no error", async () => {
  const many = await createAdmin(
    sampleAdminParts(fixedStore({ divergences: Array.from({ length: 5000 }, () => sampleDivergence()) })),
  );
  const child = spawnCli(["divergences", "--limit", "5000", "--json", "--admin", `127.0.0.1:${many.address.port}`], {
    cwd: folder,
  });
  const stdout = child.stdout ?? assert.fail();
  stdout.once("data", () => stdout.destroy());
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr += String(chunk)));
  const code = await new Promise((resolve) => child.once("exit", resolve));
  assert.deepEqual([code, stderr], [0, ""]);
  await many.close();
});

test("check prints the routes in effect, or errors with their place and exit 1", async () => {
  const file = join(folder, "crossfade.yaml");
  writeFileSync(
    file,
    'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { url: "http://127.0.0.1:4000" }\n',
  );
  try {
    const sound = await runCli(["check"], { cwd: folder });
    assert.equal(sound.code, 0, sound.stdout);
    assert.match(sound.stdout, /crossfade\.yaml is valid: 1 route, 2 services/);
    const explained = await runCli(["explain", "PUT", "/users/42", "--json"], { cwd: folder });
    assert.equal(explained.code, 0);
    assert.equal((JSON.parse(explained.stdout) as { route: { requestClass: string } }).route.requestClass, "write");
    writeFileSync(
      file,
      'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { ulr: "http://127.0.0.1:4000" }\n',
    );
    const wrong = await runCli(["check"], { cwd: folder });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stdout, /^crossfade\.yaml:3:\d+ .*ulr/m);
  } finally {
    rmSync(file);
  }
});

test("a file that is not there ends with 3, unusable flags or none with 2, and nothing is on stdout", async () => {
  const cases: readonly (readonly [args: readonly string[], code: number, expected: RegExp])[] = [
    [["check", "--config", "none.yaml"], 3, /^crossfade: none\.yaml cannot be read: there is no such file/],
    [["explain", "GET", "/", "--config", "none.yaml"], 3, /^crossfade: none\.yaml cannot be read/],
    [["start", "--config", "none.yaml"], 3, /^crossfade: none\.yaml cannot be read/],
    [["check"], 2, /^crossfade: --legacy and --next are missing; write --legacy .*or name a file with --config/],
    [["explain", "GET", "/"], 2, /^crossfade: --legacy and --next are missing/],
    [["check", "--legacy", "nonsense"], 2, /^crossfade: --legacy is "nonsense"/],
    [["start", "--listen", "127.0.0.1:99999"], 2, /^crossfade: --listen is "127\.0\.0\.1:99999"/],
  ];
  for (const [args, code, expected] of cases) {
    const ended = await runCli(args, { cwd: folder });
    assert.deepEqual([ended.code, ended.stdout], [code, ""], args.join(" "));
    assert.match(ended.stderr, expected);
  }
  const flags = ["--legacy", "http://127.0.0.1:3000", "--next", "http://127.0.0.1:4000"];
  const sound = await runCli(["check", ...flags], { cwd: folder });
  assert.equal(sound.code, 0, sound.stderr);
});

test("a Node that is too old is told so in one line before anything else is loaded", async () => {
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.0' } });";
  const { code, stdout, stderr } = await runCli(["start"], {
    node: ["--import", `data:text/javascript,${encodeURIComponent(old)}`],
  });
  assert.equal(code, 3);
  assert.equal(stdout, "");
  assert.match(stderr, /^crossfade needs Node 22\.19 or newer and this is 20\.20\.0; .*\n$/);
});

test("a reader that has seen enough ends a command, its help too, without a word", async () => {
  for (const args of [["--help"], ["completions", "bash"], ["status", "--watch", "--admin", url]]) {
    const child = spawnCli(args, { cwd: folder });
    child.stdout?.destroy();
    const { code, stderr } = await endOf(child);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" }, args.join(" "));
  }
});

test("status --watch shows it again, waits for a Crossfade that is away, and ends with the terminal", async (t) => {
  const listening = await createAdmin(parts);
  const { port } = listening.address;
  const child = spawnCli(["status", "--watch", "--json", "--admin", `127.0.0.1:${port}`], { cwd: folder });
  t.after(() => child.kill("SIGKILL"));
  const said = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => (said.stdout += String(chunk)));
  child.stderr?.on("data", (chunk: Buffer) => (said.stderr += String(chunk)));
  await until(() => said.stdout.split("\n").length > 2);
  await listening.close();
  await until(() => said.stderr.includes("cannot reach"));
  const before = said.stdout.length;
  const again = await createAdmin({ ...parts, listen: { host: "127.0.0.1", port } });
  t.after(() => again.close());
  await until(() => said.stdout.length > before);
  for (const line of said.stdout.trim().split("\n")) assert.equal((JSON.parse(line) as { ready: boolean }).ready, true);
  const ended = endOf(child);
  child.kill("SIGINT");
  await ended;
});
