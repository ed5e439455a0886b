/** `crossfade export`: a real nginx and Envoy's own definitions take what it writes, and decide as Crossfade does. */
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { parse } from "yaml";
import { exportRouting, type ExportedRoute } from "../../proxy/routing-export/exported-routing.ts";
import { envoyOf } from "../../proxy/routing-export/envoy.ts";
import { movePath } from "../../proxy/ids/moved-path.ts";
import { parsePattern, type Pattern } from "../../proxy/pattern.ts";
import { compileRouter } from "../../proxy/route/router.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import type { Settings } from "../../proxy/config/settings.ts";
import { runCli } from "../support/cli.ts";
import { freePort } from "../support/free-port.ts";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { startNginx, takesConnections } from "./nginx-front.ts";
import { faultsIn } from "./envoy-config.ts";

const ROUTES = `
  - { name: tenant, phase: next-only, match: { path: "/users/**", headers: { x-tenant: "a (\\"new\\") $one", x-beta: "1" } } }
  - { name: users, phase: next-only, match: { path: "/v1/users/:id?", methods: [GET, PUT] }, transform: { path: "/people/:id?" } }
  - { name: orders, phase: next-only, match: { path: "/v1/users/:id/orders/**" }, transform: { path: "/orders/of/:id/**" } }
  - { name: files, phase: next-primary, match: { path: "/files/**/café.txt", host: files.example.com } }
  - { name: odd, phase: next-only, match: { path: "/a+b(c)/*/$x" } }
  - { name: root, phase: next-only, match: { path: "/" } }
  - { name: old, phase: legacy-only, match: { path: "/old/**" } }
  - { name: users-too, phase: dual-write, match: { path: "/users/**" } }
`;

/** With the file in a folder of its own. */
function configOf(
  legacy: string,
  next: string,
  listen: string,
): { readonly file: string; readonly settings: Settings } {
  const file = join(mkdtempSync(join(tmpdir(), "crossfade-export-")), "crossfade.yaml");
  writeFileSync(
    file,
    `services: { legacy: { url: "${legacy}", effects: suppressed }, next: { url: "${next}", effects: suppressed, host: target } }
listen: ${listen}
admin: { listen: "127.0.0.1:1" }
store: "memory:"
routes:${ROUTES}`,
  );
  const loaded = loadSettings({ file, flags: {}, env: {} });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return { file, settings: loaded.settings };
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const TENANT = ["x-tenant", 'a ("new") $one'] as const;
const BETA = ["x-beta", "1"] as const;

const PATHS = [
  ...[
    "/",
    "/users",
    "/users/",
    "/users/7",
    "/users//7",
    "/usersx",
    "/Users/7",
    "/v1/users",
    "/v1/users/",
    "/v1/users/7",
  ],
  ...[
    "/v1/users/7/",
    "/v1/users/7/8",
    "/v1/users//",
    "/v1/users/7?a=/old/1",
    "/v1/users/7/orders",
    "/v1/users/7/orders/",
  ],
  ...["/v1/users/7/orders/1/lines?x=1&y=%20", "/v1/users/%37%2f8", "/files/caf%C3%A9.txt", "/files/a/b/caf%c3%a9.txt"],
  ...[
    "/files/cafe.txt",
    "/files/caf%C3%A9xtxt",
    "/a+b(c)/1/$x",
    "/a%2bb%28c%29/1/%24x",
    "/a+b(c)//$x",
    "/old",
    "/old/x?y",
  ],
  ...["/older", "/%6Fld/x", "/?q=1", "//", "//users", "/users/..%2f", "/users/a b".replace(" ", "%20")],
];

function requests(): readonly Asked[] {
  const hosts = ["", "files.example.com", "FILES.example.com:8080", "filesXexample.com"];
  return PATHS.flatMap((path) =>
    ["GET", "POST"].flatMap((method) =>
      hosts.flatMap((host) =>
        [[], [TENANT], [TENANT, BETA], [["x-tenant", 'A ("NEW") $ONE'] as const, BETA]].map((more): Asked => {
          return { method, path, headers: [...(host === "" ? [] : [["host", host] as const]), ...more] };
        }),
      ),
    ),
  );
}

/** By name; null: none. Crossfade's own word. A letter in its encoded spelling is the one thing that is told to be left out. */
function decided(settings: Settings, { method, path, headers }: Asked): string | null {
  const asked = { method, path: path.replace(/\?.*/, ""), headers: headers.flat(), httpVersion: "1.1" };
  return compileRouter(settings.routes).match(asked as never)?.route.name ?? null;
}

const isLetterEncoded = ({ path }: Asked): boolean => /%6F|%37/.test(path);

function firstOf(routes: readonly ExportedRoute[], { method, path, headers }: Asked): ExportedRoute | null {
  const sent = new Map(headers.map(([name, value]) => [name, value]));
  const host = (sent.get("host") ?? "").toLowerCase().replace(/:\d+$/, "");
  const found = routes.find(({ match }) => {
    const isPath = new RegExp(`^${match.path}$`).test(path.replace(/\?.*/, ""));
    const isHost = match.host === null || match.host === host;
    return (
      isPath &&
      isHost &&
      (match.methods?.includes(method) ?? true) &&
      match.headers.every(([name, value]) => sent.get(name) === value)
    );
  });
  return found ?? null;
}

function pattern(text: string): Pattern {
  const parsed = parsePattern(text);
  assert.ok(parsed.ok);
  return parsed.pattern;
}

test("the exported expressions decide as the router does, and move paths as Crossfade moves them", () => {
  const { settings } = configOf("http://127.0.0.1:3000", "http://127.0.0.1:4000", "127.0.0.1:8080");
  const { routes, cannot } = exportRouting(settings);
  assert.deepEqual(cannot, []);
  let moved = 0;
  for (const asked of requests().filter((one) => !isLetterEncoded(one))) {
    const route = firstOf(routes, asked);
    assert.equal(route?.name ?? null, decided(settings, asked), JSON.stringify(asked));
    if (route === null || route.moved === null) continue;
    const { match, transform } = settings.routes.find(({ name }) => name === route.name) as Settings["routes"][number];
    const path = asked.path.replace(/\?.*/, "");
    const parts = new RegExp(`^${route.moved.from}$`).exec(path) as RegExpExecArray;
    const to = route.moved.to.map((part) => (typeof part === "string" ? part : parts[part])).join("");
    assert.equal(to, movePath(pattern(match.path), pattern(transform.path as string), path));
    moved++;
  }
  assert.ok(moved > 20);
});

test("Envoy's own definitions know every field of what is exported, TLS and sockets included", () => {
  const { settings } = configOf("https://legacy.example.com:8443", "unix:/run/next.sock", "127.0.0.1:8080");
  const config: unknown = parse(envoyOf(exportRouting(settings), ["a head"]));
  assert.deepEqual(faultsIn(config), []);
});

async function ask(port: number, { method, path, headers }: Asked): Promise<number> {
  return await new Promise((resolve, reject) => {
    const sent = request({ port, host: "127.0.0.1", method, path, headers: Object.fromEntries(headers) }, (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer.statusCode ?? 0));
    });
    sent.once("error", reject).end();
  });
}

async function services(t: TestContext): Promise<readonly [legacy: TestService, next: TestService]> {
  const both = [await startService(), await startService()] as const;
  t.after(() => Promise.all(both.map((one) => one.close())));
  return both;
}

test("nginx with the export sends each request where Crossfade sends it, as the client spelled it", async (t) => {
  const [legacy, next] = await services(t);
  const port = await freePort();
  const { file, settings } = configOf(legacy.url, next.url, `127.0.0.1:${port}`);
  const exported = await runCli(["export", "--format", "nginx", "--config", file]);
  assert.deepEqual([exported.code, exported.stderr], [0, ""]);
  assert.match(exported.stdout, /^# Phases: those of the file \(cannot reach http:\/\/127\.0\.0\.1:1 /m);
  assert.match(exported.stdout, /^# Lost with Crossfade: route files \(next-primary\): legacy is out of date/m);
  const folder = mkdtempSync(join(tmpdir(), "crossfade-nginx-"));
  writeFileSync(join(folder, "exported.conf"), exported.stdout);
  const { check } = startNginx(t, folder, "exported.conf");
  assert.deepEqual(check().code, 0, check().said);
  await until(() => takesConnections(port));
  const all = requests().filter((one) => !isLetterEncoded(one) && !one.path.includes(".."));
  const tally = new Map<string, number>();
  for (const asked of all) {
    const name = decided(settings, asked);
    const route = settings.routes.find((one) => one.name === name);
    const isNext = route !== undefined && route.phase.startsWith("next");
    const [there, elsewhere] = isNext ? [next, legacy] : [legacy, next];
    const before = elsewhere.seen.length;
    assert.equal(await ask(port, asked), 200, JSON.stringify(asked));
    const to = isNext ? (route.transform.path ?? null) : null;
    const wanted =
      to === null || route === undefined ? asked.path : movePath(pattern(route.match.path), pattern(to), asked.path);
    const seen = there.seen.at(-1);
    assert.deepEqual([seen?.method, seen?.target, elsewhere.seen.length], [asked.method, wanted, before]);
    const host = isNext ? `127.0.0.1:${next.port}` : (asked.headers.find(([header]) => header === "host")?.[1] ?? null);
    if (host !== null) assert.equal(seen?.header("host"), host);
    tally.set(name ?? "", (tally.get(name ?? "") ?? 0) + 1);
  }
  t.diagnostic(`${all.length} requests`);
  assert.equal(tally.size, settings.routes.length + 1, "each route, and none");
});

test("what clients need and no routing does is named, and the exit code says so", async () => {
  const { file } = configOf("http://127.0.0.1:3000", "http://127.0.0.1:4000", "127.0.0.1:8080");
  const values =
    "values: { learn: [{ kind: user, at: 'answer:/id' }] }, transform: { headers: [{ legacy: x-user, next: x-person }] }";
  writeFileSync(
    file,
    `services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000", effects: suppressed } }
store: "memory:"
admin: { listen: "127.0.0.1:1" }
routes: [{ name: users, phase: next-only, match: { path: "/users/**" }, ${values} }]
`,
  );
  const { code, stderr, stdout } = await runCli(["export", "--format", "envoy", "--config", file]);
  assert.equal(code, 1);
  assert.match(stderr, /route users \(next-only\): transform\.headers changes requests and answers/);
  assert.match(stderr, /ids and tokens of legacy's \(values\)/);
  assert.deepEqual(faultsIn(parse(stdout)), []);
});
