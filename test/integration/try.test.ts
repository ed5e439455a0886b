import assert from "node:assert/strict";
import { createServer } from "node:net";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import type { Sums } from "../../proxy/try/tally.ts";
import { type Ended, runCli } from "../support/cli.ts";
import { type HarEntry, harEntry, harText } from "../support/har.ts";
import { type Answer, hang, json, startService, type TestService } from "../support/service.ts";

interface Stage {
  readonly legacy: TestService;
  readonly next: TestService;
  /** Runs `crossfade try` on these entries; `config` is what stands below the services. */
  run(entries: readonly HarEntry[] | string | Buffer, args?: readonly string[], config?: string): Promise<Ended>;
  /** Files beside the HAR and the config that were there before. */
  left(): readonly string[];
}

async function setStage(t: TestContext, legacy: Answer, next: Answer): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-try-"));
  const services = [await startService(legacy), await startService(next)] as const;
  t.after(async () => {
    await Promise.all(services.map((service) => service.close()));
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    legacy: services[0],
    next: services[1],
    async run(entries, args = [], config) {
      const text = typeof entries === "string" || Buffer.isBuffer(entries) ? entries : harText(entries.map(harEntry));
      writeFileSync(join(folder, "a.har"), text);
      const [a, b] = services.map(({ url }) => url);
      if (config === undefined) {
        return runCli(["try", "a.har", "--legacy", String(a), "--next", String(b), ...args], { cwd: folder });
      }
      const [head = "", asShadow = "", routes = ""] = config.split("---");
      const yaml = `${head}services:\n  legacy: { url: "${a}" }\n  next: { url: "${b}"${asShadow} }\n${routes}`;
      writeFileSync(join(folder, "crossfade.yaml"), yaml);
      return runCli(["try", "a.har", ...args], { cwd: folder });
    },
    left: () => readdirSync(folder).filter((name) => name !== "a.har" && name !== "crossfade.yaml"),
  };
}

interface JsonSums {
  readonly sums: Sums;
  readonly leftOut: Record<string, number>;
  readonly hosts: readonly { host: string; requests: number }[];
  readonly stopped: string | null;
}
interface JsonCause {
  readonly id: string;
  readonly route: string;
  readonly count: number;
  readonly failed: string | null;
  readonly sample: DivergenceRecord;
}

function read({ stdout, stderr }: Ended): { sums: JsonSums; causes: readonly JsonCause[] } {
  const lines = stdout.trimEnd().split("\n");
  assert.notEqual(lines[0], "", stderr);
  const [sums, ...causes] = lines.map((line) => JSON.parse(line) as object);
  return { sums: sums as JsonSums, causes: causes as JsonCause[] };
}

const echo: Answer = ({ target }, response) => json(200, { target })({} as never, response);

function gets(count: number, path = (i: number): string => `/items/${i}`): HarEntry[] {
  return Array.from({ length: count }, (_, i) => ({ url: `https://api.example.com${path(i)}` }));
}

test("where all answers agree, the sums say so, the exit code is 0, and nothing is written", async (t) => {
  const stage = await setStage(t, echo, echo);
  const writes = ["POST", "PUT", "PATCH", "DELETE"].map((method) => ({ method, url: "https://api.example.com/items" }));
  const ended = await stage.run([...gets(36, (i) => `/items/${i}?q=%2F&a=+`), ...writes]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^40 requests = 36 match \+ 0 excused \+ 0 divergent \+ 0 failed \+ 4 left out\n/);
  assert.match(ended.stdout, /left out: 4 that may write/);
  for (const { seen } of [stage.legacy, stage.next]) {
    assert.deepEqual(
      seen.map(({ method, target }) => `${method} ${target}`).toSorted(),
      gets(36)
        .map((_, i) => `GET /items/${i}?q=%2F&a=+`)
        .toSorted(),
    );
  }
  assert.deepEqual(stage.left(), []);
});

test("differences are grouped by cause with a redacted sample; rules excuse; the exit code is 1", async (t) => {
  const next: Answer = (seen, response) => {
    const { target } = seen;
    if (target.startsWith("/gone/")) return json(404, { error: "no" })(seen, response);
    const id = Number(target.split(/[/?]/)[2]);
    if (target.startsWith("/users/")) {
      return json(200, { id, balance: id % 2 === 0 ? 9007199254740992 : id, token: `n-${id}`, at: 2 })(seen, response);
    }
    return echo(seen, response);
  };
  const legacy: Answer = (seen, response) => {
    const { target } = seen;
    const id = Number(target.split(/[/?]/)[2]);
    if (target.startsWith("/users/")) {
      const balance = id % 2 === 0 ? "9007199254740993" : String(id);
      return json(200, `{"id":${id},"balance":${balance},"token":"l-${id}","at":1}`)(seen, response);
    }
    return echo(seen, response);
  };
  const stage = await setStage(t, legacy, next);
  const config = `---, asShadow: { credentials: strip, headers: { x-env: shadow } }---routes:
  - name: users
    match: { path: "/users/**" }
    compare: { ignore: [{ at: /at, because: clock }, { at: /token, because: made anew, until: 2099-01-01 }] }
  - { name: search, match: { path: /search }, treatAs: read }
  - name: rest
    match: { path: "/**" }
`;
  const entries: HarEntry[] = [
    ...gets(20, (i) => `/users/${i}?access_token=geheim-${i}`).map((entry) => ({
      ...entry,
      headers: { authorization: "Bearer geheim-token", connection: "keep-alive", te: "trailers", accept: "*/*" },
    })),
    ...gets(7, (i) => `/gone/${i}`),
    ...gets(5, (i) => `/same/${i}`),
    { url: "https://api.example.com/same/head", method: "HEAD" },
    { url: "https://api.example.com/search", method: "POST", postData: { mimeType: "text/plain", text: "find me" } },
    { url: "https://api.example.com/users", method: "POST", postData: { text: "{}" } },
  ];
  const ended = await stage.run(entries, ["--json"], config);
  assert.equal(ended.code, 1, ended.stderr);
  const { sums, causes } = read(ended);
  assert.deepEqual(sums.sums, { requests: 35, match: 7, excused: 10, divergent: 17, failed: 0, leftOut: 1 });
  assert.deepEqual(
    causes.map(({ route, count, failed }) => [route, count, failed]),
    [
      ["users", 10, null],
      ["rest", 7, null],
    ],
  );
  const [precision, gone] = causes;
  assert.deepEqual(precision?.sample.differences, [
    { at: "/balance", kind: "precision", primary: "9007199254740993", shadow: "9007199254740992" },
  ]);
  assert.equal(gone?.sample.path, "/gone/0");
  assert.doesNotMatch(ended.stdout + ended.stderr, /geheim/);

  const post = [stage.legacy, stage.next].map(({ seen }) => seen.find(({ method }) => method === "POST"));
  for (const seen of post) assert.equal(`${seen?.target} ${String(seen?.body)}`, "/search find me");
  const user = [stage.legacy, stage.next].map(({ seen }) => seen.find(({ target }) => target.startsWith("/users/3?")));
  const header = (name: string): unknown[] => user.map((seen) => seen?.header(name) ?? null);
  assert.deepEqual(header("host"), ["api.example.com", "api.example.com"]);
  assert.deepEqual(header("authorization"), ["Bearer geheim-token", null]);
  assert.deepEqual(header("x-env"), [null, "shadow"]);
  assert.deepEqual(header("x-forwarded-proto"), ["https", "https"]);
  assert.deepEqual(header("te").concat(header("content-length")), [null, null, null, null]);

  const told = await stage.run(entries, [], config);
  assert.equal(told.code, 1);
  assert.match(told.stdout, /^35 requests = 7 match \+ 10 excused \+ 17 divergent \+ 0 failed \+ 1 left out\n/);
  assert.match(told.stdout, /\n {2}excused 20 differences on users: ignore \/at\n/);
  assert.match(
    told.stdout,
    /\n[0-9a-f]{8} {2}10 x {2}GET users {2}\/balance precision.*\n {4}e\.g\. GET \/users\/\d+\?access_token=.*\n {4}\/balance precision {2}9007199254740993 → 9007199254740992\n/,
  );
  assert.match(told.stdout, /\n[0-9a-f]{8} {2}7 x {2}GET rest {2}status 200 → 404\n/);
  assert.deepEqual(stage.left(), []);
});

test("--limit, --host and --concurrency bound what is sent", async (t) => {
  let open = 0;
  let most = 0;
  const slow: Answer = (seen, response) => {
    most = Math.max(most, ++open);
    response.on("finish", () => open--);
    setTimeout(() => echo(seen, response), 5);
  };
  const stage = await setStage(t, echo, slow);
  const entries = [...gets(40), ...gets(3).map(() => ({ url: "https://cdn.example.net/x.js" }))];
  const ended = await stage.run(entries, [
    "--json",
    "--limit",
    "30",
    "--host",
    "api.example.com",
    "--concurrency",
    "3",
  ]);
  assert.equal(ended.code, 0, ended.stderr);
  const { sums } = read(ended);
  assert.deepEqual(sums.sums, { requests: 43, match: 30, excused: 0, divergent: 0, failed: 0, leftOut: 13 });
  assert.deepEqual(sums.leftOut, { "over-limit": 10, "other-host": 3 });
  assert.deepEqual(sums.hosts, [{ host: "api.example.com", requests: 30 }]);
  assert.equal(stage.next.seen.length, 30);
  assert.ok(most <= 3, `${most} at once`);
  for (const [flag, value] of [
    ["--limit", "0"],
    ["--concurrency", "17"],
    ["--concurrency", "x"],
  ] as const) {
    const refused = await stage.run(entries, [flag, value]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /whole number from 1 to/);
  }
});

test("sick answers are bounded, counted as failed and told by who failed", async (t) => {
  const sick: Answer = (seen, response) => {
    const kind = seen.target.split("/")[1];
    if (kind === "hang") return hang(seen, response);
    if (kind === "cut") {
      response.writeHead(200, { "content-length": "100" });
      response.write("{", () => response.destroy());
      return;
    }
    if (kind === "garbage") return void response.socket?.end("<html>not HTTP</html>\r\n\r\n");
    if (kind === "flood") {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      const pour = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on("drain", pour);
      pour();
      return;
    }
    if (kind === "large") return void response.end(Buffer.alloc(20 * 1024 * 1024, seen.target));
    echo(seen, response);
  };
  const stage = await setStage(t, echo, sick);
  const config = `limits: { bodyInMemory: 1MiB, bodyOnDisk: 32MiB }\n---, asShadow: { timeout: 2s }---`;
  const kinds = ["hang", "cut", "garbage", "flood", "large", "fine"];
  const ended = await stage.run(
    gets(6, (i) => `/${kinds[i]}/${i}`),
    ["--json"],
    config,
  );
  assert.equal(ended.code, 1, ended.stderr);
  const { sums, causes } = read(ended);
  assert.deepEqual(sums.sums, { requests: 6, match: 1, excused: 0, divergent: 1, failed: 4, leftOut: 0 });
  const failures = causes.filter(({ failed }) => failed !== null);
  assert.deepEqual(
    failures.map(({ failed, sample }) => `${failed} ${sample.path} ${sample.error?.split(":")[0]}`).toSorted(),
    [
      "next /cut/1 connection-lost",
      "next /flood/3 answer-too-large",
      "next /garbage/2 invalid-answer",
      "next /hang/0 timeout",
    ],
  );
});

test("two answers too large to be kept agree by their digest", async (t) => {
  const large: Answer = (_seen, response) => void response.end(Buffer.alloc(20 * 1024 * 1024, "ab"));
  const stage = await setStage(t, large, large);
  const ended = await stage.run(gets(2));
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^2 requests = 2 match/);
});

test("an idle connection that the service has given up is no failure", async (t) => {
  let closed = 0;
  const seenOn = new WeakSet<object>();
  const stage = await setStage(t, echo, (seen, response) => {
    const socket = response.socket as object;
    if (seenOn.has(socket)) {
      closed++;
      response.destroy();
      return;
    }
    seenOn.add(socket);
    echo(seen, response);
  });
  const ended = await stage.run(gets(9), ["--concurrency", "1"]);
  assert.equal(ended.code, 0, ended.stdout);
  assert.notEqual(closed, 0);
});

test("a failing legacy is told as such, and is no difference", async (t) => {
  const stage = await setStage(t, (_seen, response) => void response.destroy(), echo);
  const ended = await stage.run(gets(4));
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stdout, /^4 requests = 0 match \+ 0 excused \+ 0 divergent \+ 4 failed/);
  assert.match(ended.stdout, /4 x {2}GET \S+ {2}legacy gave no complete answer\n/);
});

test("a service that answers nothing is given up, with exit code 3", async (t) => {
  const stage = await setStage(t, echo, (_seen, response) => void response.destroy());
  const ended = await stage.run(gets(60), ["--json", "--concurrency", "2"]);
  assert.equal(ended.code, 3);
  assert.match(ended.stderr, /next answered none of the last 2\d requests \(connection-lost\): given up/);
  const { sums } = read(ended).sums;
  assert.equal(sums.failed + sums.leftOut, 60);
  assert.ok(sums.failed >= 20 && sums.failed <= 22, String(sums.failed));
});

test("a service that cannot be reached is told before anything is sent, with exit code 3", async (t) => {
  const stage = await setStage(t, echo, echo);
  const placeholder = createServer();
  await new Promise<void>((resolve) => placeholder.listen(0, "127.0.0.1", resolve));
  const { port } = placeholder.address() as AddressInfo;
  await new Promise((resolve) => placeholder.close(resolve));
  const ended = await stage.run(gets(3), ["--next", `http://127.0.0.1:${port}`]);
  assert.equal(ended.code, 3);
  assert.match(ended.stderr, new RegExp(`next at http://127.0.0.1:${port} cannot be reached \\(ECONNREFUSED\\)`));
  assert.equal(stage.legacy.seen.length, 0);
});

test("a file that is no HAR, or holds no read, is refused before anything is sent, with exit code 3", async (t) => {
  const stage = await setStage(t, echo, echo);
  const cases: readonly (readonly [har: string | Buffer | readonly HarEntry[], expected: RegExp])[] = [
    ["<html>", /^crossfade: a\.har does not begin with \{/],
    [
      harText([...gets(2).map(harEntry), { response: {} }]),
      /^crossfade: a\.har has no request in entry 3 \(log\.entries\[2\]/,
    ],
    [harText(gets(2).map(harEntry)).slice(0, -40), /^crossfade: a\.har ends in or after entry 2 /],
    [[{ method: "POST", url: "http://x/a" }], /^crossfade: no request of the file can be sent/],
    [
      `{"log":{"entries":[{"request":${"[".repeat(100_000)}`,
      /crossfade: a\.har has no object as the request of entry 1/,
    ],
    [
      `{"log":{"entries":[{"request":{"x":${"[".repeat(9_000)}${"]".repeat(9_000)}}}]}}`,
      /without "method" .* in entry 1/,
    ],
  ];
  for (const [har, expected] of cases) {
    const ended = await stage.run(har);
    assert.equal(ended.code, 3, String(expected));
    assert.match(ended.stderr, expected);
  }
  const missing = await runCli(["try", "/nowhere/a.har", "--legacy", stage.legacy.url, "--next", stage.next.url]);
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /^crossfade: \/nowhere\/a\.har cannot be read: there is no such file/);
  const noServices = await runCli(["try", "a.har"], { cwd: tmpdir() });
  assert.equal(noServices.code, 2, noServices.stderr);
  assert.equal(stage.legacy.seen.length + stage.next.seen.length, 0);
});

test("a large file is looked through in bounded memory", async (t) => {
  const stage = await setStage(t, echo, echo);
  const entry = harEntry({ url: "http://x/items/1" }) as { response: { content: object } };
  const large = { ...entry, response: { content: { text: `a"\\[{`.repeat(400_000) } } };
  const text = harText(Array.from({ length: 24 }, () => large));
  assert.ok(text.length > 64 * 1024 * 1024, String(text.length));
  // A file that were read as a whole would not fit into this heap.
  const node = ["--max-old-space-size=48"];
  writeFileSync(join(tmpdir(), `crossfade-try-${process.pid}.har`), text);
  t.after(() => rmSync(join(tmpdir(), `crossfade-try-${process.pid}.har`)));
  const args = ["try", join(tmpdir(), `crossfade-try-${process.pid}.har`)];
  const ended = await runCli([...args, "--legacy", stage.legacy.url, "--next", stage.next.url], { node });
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^24 requests = 24 match/);
});
