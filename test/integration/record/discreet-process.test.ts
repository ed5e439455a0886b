/** Guarantee G7 on a whole process: what it was sent in confidence is in no byte that it writes, serves or prints. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import type { DivergenceRecord } from "../../../proxy/evidence/evidence.ts";
import { bytesIn } from "../../support/folder-bytes.ts";
import type { StoredPair } from "../../../proxy/evidence/stored-pair.ts";
import { endOf, runCli, spawnCli, startCli } from "../../support/cli.ts";
import { evidenceFolder } from "../../support/evidence.ts";
import { startService, type SeenRequest } from "../../support/service.ts";

/** A different one in each place, so that a leak names its place. */
const planted = new Map<string, string>();

function secret(place: string): string {
  const text = `plant3d-${place}-${planted.size}-Zq7`;
  planted.set(place, text);
  return text;
}

function numericSecret(place: string): number {
  const digits = 918_273_640_000 + planted.size;
  planted.set(place, String(digits));
  return digits;
}

interface Sent {
  readonly method: "POST" | "PUT" | "PATCH" | "GET";
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const JSON_TYPE = { "content-type": "application/json" };

function multipart(fields: Readonly<Record<string, string>>): Pick<Sent, "headers" | "body"> {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--b0undary\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return {
    headers: { "content-type": 'multipart/form-data; boundary="b0undary"' },
    body: `${parts.join("")}--b0undary--\r\n`,
  };
}

/** Every place of a request that may hold one; both services repeat all of it, each in its own words. */
function requestsWithSecrets(): readonly Sent[] {
  const escaped = secret("json-escaped");
  const unicode = [...escaped].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  const forms = `a=1&password=${secret("form")}&user%5Bapi_key%5D=${secret("form-nested")}`;
  return [
    { method: "PUT", path: "/users/1", headers: { authorization: `Bearer ${secret("authorization")}` } },
    { method: "PUT", path: "/users/2", headers: { "x-api-key": secret("api-key-header") } },
    { method: "PUT", path: "/users/3", headers: { cookie: `theme=dark; sid=${secret("cookie")}` } },
    {
      method: "PUT",
      path: "/users/4",
      headers: { authorization: `Basic ${Buffer.from(`ann:${secret("basic")}`).toString("base64")}` },
    },
    { method: "PUT", path: "/users/5", headers: { "x-tenant": secret("declared-header") } },
    { method: "PUT", path: `/users/6?access_token=${secret("query")}&page=2` },
    { method: "PUT", path: `/users/7?voucher=${secret("declared-query")}` },
    { method: "POST", path: `/password/reset/${secret("path")}` },
    { method: "PUT", path: `/accounts/${secret("declared-path")}` },
    {
      method: "PUT",
      path: "/users/8",
      headers: JSON_TYPE,
      body: JSON.stringify({ user: { password: secret("json") } }),
    },
    { method: "PUT", path: "/users/9", headers: JSON_TYPE, body: `{"client_secret":"${unicode}"}` },
    {
      method: "PUT",
      path: "/users/10",
      headers: JSON_TYPE,
      body: JSON.stringify({ pin: numericSecret("json-number") }),
    },
    {
      method: "PUT",
      path: "/users/11",
      headers: JSON_TYPE,
      body: JSON.stringify({ list: [{ note: JSON.stringify({ refresh_token: secret("json-in-json") }) }] }),
    },
    { method: "PUT", path: "/users/12", headers: JSON_TYPE, body: JSON.stringify({ priv: [secret("declared-body")] }) },
    {
      method: "POST",
      path: "/users/13",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: forms,
    },
    {
      method: "POST",
      path: "/users/18",
      headers: { "content-type": "application/x-ndjson" },
      body: `{"id":1}\n{"user":{"password":"${secret("ndjson")}"}}\nno JSON\n{"priv":"${secret("ndjson-declared")}"}\n`,
    },
    {
      method: "PUT",
      path: "/users/19",
      headers: { "content-type": "application/json-seq" },
      body: `\u001e{"password":"${secret("json-seq")}"}\n\u001e{"a":1}\n`,
    },
    { method: "POST", path: "/users/14", ...multipart({ title: "t", password: secret("multipart") }) },
    { method: "GET", path: `/users/15?reset_token=${secret("read-query")}` },
    { method: "GET", path: "/users/18" },
    { method: "PUT", path: `/users/16?mail=${planted.set("email", "plant3d.email@zq7.test").get("email")}` },
    {
      method: "PUT",
      path: "/users/17",
      headers: JSON_TYPE,
      body: JSON.stringify({ paid: `with ${planted.set("card", "4111111111111111").get("card")}` }),
    },
  ];
}

/** What one service answers: an echo in which nothing stands under its own name, and secrets of its own. */
function answers(service: "legacy" | "next"): (seen: SeenRequest, response: ServerResponse) => void {
  const own = {
    token: secret(`${service}-answer`),
    nested: { deep: [{ apiKey: secret(`${service}-answer-nested`) }] },
    serial: secret(`${service}-answer-declared`),
    otp: numericSecret(`${service}-answer-number`),
  };
  const headers = {
    "set-cookie": `sid=${secret(`${service}-set-cookie`)}; Path=/; HttpOnly`,
    "x-auth-token": secret(`${service}-answer-header`),
    "x-trail": secret(`${service}-answer-header-declared`),
  };
  return (seen, response) => {
    const echo = `${seen.method} ${decodeURIComponent(seen.target)} ${seen.headers.join(" ")} ${seen.body.toString()}`;
    // A cause of its own for each request: then each is kept whole.
    const ofRequest = `of ${seen.method} ${seen.target}`;
    const body = {
      service,
      ...own,
      echo,
      again: [{ [service]: echo }],
      target: seen.target,
      [ofRequest]: service === "legacy",
    };
    response.writeHead(200, { "content-type": "application/json", location: `/x${seen.target}`, ...headers });
    response.end(JSON.stringify(body));
  };
}

/** Answers nonsense that holds what it was sent: an error message may repeat it. */
async function startBabbler(t: TestContext): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      const sent = chunk.toString("latin1");
      const token = /bearer (\S+)/i.exec(sent)?.[1] ?? "";
      socket.end(`HTTP/1.1 200 OK\r\n${token} is no header ${token}\r\n\r\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("no secret is in store, write-ahead log, divergence log, process log, metrics, API, page, terminal or webhook", async (t) => {
  const folder = evidenceFolder(t);
  const sent = requestsWithSecrets();
  const inError = secret("error-message");
  const [legacy, next] = [await startService(answers("legacy")), await startService(answers("next"))];
  t.after(() => Promise.all([legacy.close(), next.close()]));
  const babbler = await startBabbler(t);
  const hooked: string[] = [];
  const receiver = createServer((hook, response) => {
    void readText(hook).then((body) => {
      hooked.push(body);
      response.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  t.after(() => receiver.close().closeAllConnections());
  const hookSecret = secret("webhook-url");
  writeFileSync(
    join(folder, "crossfade.yaml"),
    `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
store: "sqlite:${join(folder, "crossfade.db")}"
divergenceLog: { file: "${join(folder, "divergences.ndjson")}", lines: all }
webhook:
  url: "http://127.0.0.1:${(receiver.address() as AddressInfo).port}/${hookSecret}"
  headers: { authorization: "Bearer ${secret("webhook-header")}" }
services:
  legacy: { url: "${legacy.url}" }
  next: { url: "${next.url}", effects: suppressed }
  babbler: { url: "${babbler}", effects: suppressed }
defaults:
  mirror: { reads: 100% }
  compare: { headers: [content-type, location, set-cookie, x-auth-token, x-trail] }
  redact: ["body:/priv", "body:/*/priv", "answer:/serial", "answer-header:x-trail", "header:x-tenant", "query:voucher"]
  redactDetect: [email, card, jwt]
routes:
  - { name: broken, match: { path: "/broken/**" }, next: babbler }
  - { name: accounts, match: { path: "/accounts/:id" }, redact: ["path:id", "answer:/serial", "answer-header:x-trail"] }
  - { name: rest, match: { path: "/**" } }
`,
  );
  const proxy = await startCli(t, ["--config", join(folder, "crossfade.yaml"), "--log-level", "trace"], {
    cwd: folder,
  });
  const cli = ["--admin", proxy.adminUrl];
  const tail = spawnCli(["divergences", "tail", ...cli], { cwd: folder });
  const tailJson = spawnCli(["divergences", "tail", "--json", ...cli], { cwd: folder });
  const tailed = [endOf(tail), endOf(tailJson)];
  const get = async (path: string): Promise<string> => (await request(proxy.adminUrl + path)).body.text();
  const send = async ({ method, path, headers = {}, body }: Sent): Promise<void> => {
    const answer = await request(proxy.proxyUrl + path, { method, headers, body: body ?? null });
    assert.equal(answer.statusCode, 200, path);
    assert.ok((await answer.body.text()).includes("echo"), "the client has its answer whole");
  };
  // The live readers are there once one of them says so.
  await send({ method: "PUT", path: "/users/0" });
  for (const child of [tail, tailJson]) {
    const first = new Promise((resolve) => child.stdout?.once("data", resolve));
    const again = setInterval(() => void send({ method: "PUT", path: "/users/0" }), 50);
    await first;
    clearInterval(again);
  }
  for (const one of sent) await send(one);
  await send({ method: "PUT", path: "/broken/1", headers: { authorization: `Bearer ${inError}` } });
  for (;;) {
    const { routes } = JSON.parse(await get("/api/v1/status")) as { routes: { pending: number }[] };
    const kept = (JSON.parse(await get("/api/v1/pairs?limit=1000")) as { items: StoredPair[] }).items;
    const requests = new Set(kept.map(({ request: { method, target } }) => `${method} ${target}`));
    // Each request is a cause of its own, and each answer fits: they are all kept whole, a little later.
    if (routes.every(({ pending }) => pending === 0) && requests.size > sent.length) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }

  const everything = new Map<string, string | Buffer>();
  const list = async <T>(path: string): Promise<readonly T[]> => {
    const text = await get(`${path}?limit=1000`);
    everything.set(path, text);
    return (JSON.parse(text) as { items: T[] }).items;
  };
  const divergences = await list<DivergenceRecord>("/api/v1/divergences");
  const groups = await list<{ id: string }>("/api/v1/groups");
  const items = [
    ...divergences.map(({ id }) => `/api/v1/divergences/${id}`),
    ...groups.map(({ id }) => `/api/v1/groups/${id}`),
  ];
  const pairs = await list<StoredPair>("/api/v1/pairs");
  const others = ["repairs", "gaps", "routes", "status", "openapi.json"].map((name) => `/api/v1/${name}`);
  for (const path of [...items, ...others, "/", "/metrics", "/readyz"]) everything.set(path, await get(path));
  const commands = [
    ["status"],
    ["divergences", "list", "--limit", "1000"],
    ["divergences", "list", "--limit", "1000", "--json"],
    ["divergences", "groups", "--limit", "1000"],
    ["divergences", "show", groups[0]?.id ?? ""],
    ["divergences", "show", divergences.find(({ route }) => route === "broken")?.id ?? ""],
    ["divergences", "show", divergences.find(({ route }) => route === "accounts")?.id ?? ""],
    ["divergences", "ack", groups[0]?.id ?? "", "--reason", "known"],
    ["divergences", "export"],
    ["divergences", "export", "--format", "curl"],
    ["divergences", "export", "--format", "fixture"],
    ["recompare", "--config", "changed.yaml"],
    ["recompare", "--config", "changed.yaml", "--json"],
    // Of a read with a secret in its query, of a plain read, and of a plain write.
    ...divergences
      .filter(({ path, method }) => /^\/users\/(?:0|15|18)$/.test(path) && method !== "POST")
      .slice(0, 6)
      .map(({ id }) => ["replay", id, "--force", "--reason", "try it", "--json"]),
  ];
  // Everything that is excused is not any more, and everything that is compared was.
  writeFileSync(
    join(folder, "changed.yaml"),
    readFileSync(join(folder, "crossfade.yaml"), "utf8").replace(
      "compare: { headers:",
      "compare: { status: class, headers:",
    ),
  );
  for (const command of commands) {
    const ended = await runCli([...command, ...cli], { cwd: folder, env: { COLUMNS: "4000" } });
    const { stdout } = ended;
    assert.match(command[0] === "replay" ? stdout + ended.stderr : stdout, /\w/, command.join(" "));
    everything.set(command.join(" "), stdout + ended.stderr);
  }
  for (const command of [
    ["check", "--config", "crossfade.yaml"],
    ["check", "--config", "crossfade.yaml", "--json"],
    ["explain", "PUT", "/users/1", "--config", "crossfade.yaml"],
    ["explain", "PUT", "/users/1", "--config", "crossfade.yaml", "--json"],
  ]) {
    const ended = await runCli(command, { cwd: folder });
    assert.match(ended.stdout, /users|rest/, command.join(" "));
    everything.set(command.join(" "), ended.stdout + ended.stderr);
  }
  tail.kill("SIGINT");
  tailJson.kill("SIGINT");
  for (const [i, { stdout, stderr }] of (await Promise.all(tailed)).entries())
    everything.set(`tail ${i}`, stdout + stderr);
  everything.set("webhook", hooked.join("\n"));
  const files = (when: string): void => {
    for (const [name, bytes] of bytesIn(folder)) {
      if (!name.endsWith(".yaml")) everything.set(`${name} ${when}`, bytes);
    }
  };
  // The write-ahead log first: closing the store empties it.
  files("while it runs");
  proxy.child.kill("SIGTERM");
  const { stdout, stderr } = await proxy.ended;
  everything.set("output of the process", stdout + stderr);
  files("after its end");

  assert.ok(planted.size > 30);
  const leaks: string[] = [];
  for (const [name, content] of everything) {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content);
    for (const [place, text] of planted) {
      const base64 = Buffer.from(text).toString("base64").slice(4, -8);
      for (const spelling of [text, encodeURIComponent(text), base64]) {
        if (spelling.length < 8) continue;
        const at = bytes.indexOf(spelling);
        if (at === -1) continue;
        const around = bytes.subarray(Math.max(0, at - 120), at + 60).toString("latin1");
        leaks.push(`${place} is in ${name}: ${around}`);
      }
    }
  }
  assert.deepEqual(leaks, []);

  // And yet there is something to see, everywhere that was looked at.
  assert.ok(pairs.length > 10, `${pairs.length} pairs`);
  const kinds = pairs.map(({ request: { headers, body } }) =>
    [headers.join(), "text" in body && body.text !== ""].join(),
  );
  for (const kind of [/json,.*true$/, /x-www-form-urlencoded,.*true$/, /multipart\/form-data.*true$/])
    assert.ok(
      kinds.some((one) => kind.test(one)),
      `no pair of ${String(kind)}`,
    );
  assert.ok(pairs.every(({ primary }) => "text" in primary.body && primary.body.text.includes('"service":"legacy"')));
  assert.ok(divergences.length >= sent.length, `${divergences.length} divergences`);
  assert.match(divergences.find(({ route }) => route === "broken")?.outcome ?? "", /^shadow-error$/);
  const standIns = (name: string): number =>
    everything
      .get(name)
      ?.toString("latin1")
      .match(/\[redacted [0-9a-f]{8}\]/g)?.length ?? 0;
  for (const name of [
    "crossfade.db after its end",
    "crossfade.db-wal while it runs",
    "divergences.ndjson after its end",
    "/api/v1/divergences",
    "divergences list --limit 1000",
    "/api/v1/pairs",
    "divergences export --format fixture",
    "tail 0",
    "tail 1",
  ]) {
    assert.ok(standIns(name) > 3, `${standIns(name)} stand-ins in ${name}`);
  }
  assert.match(String(everything.get("webhook")), /"event":"new"/);
  assert.match(String(everything.get("/metrics")), /crossfade_exchanges_total\{/);
  assert.match(String(everything.get("/api/v1/divergences")), /page=2/);
});
