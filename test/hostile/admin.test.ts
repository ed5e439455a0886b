/** The admin listener under attack: every operation of the OpenAPI document that it serves, a new one by itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectTo } from "../support/wire.ts";
import {
  type AdminStage,
  type Attack,
  BODIES,
  CANARY,
  OPERATE,
  type Operation,
  READ,
  startAdminStage,
} from "./admin-stage.ts";

const JSON_TYPE = { "content-type": "application/json" };

function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

function attackOn({ method, target, body }: Operation, headers: Attack["headers"]): Attack {
  return { method, target, body, headers: { ...(body === null ? {} : JSON_TYPE), ...headers } };
}

/** After many of them strangers are told to come later, whatever they ask for. */
function isRefusal(status: number): boolean {
  return status === 401 || status === 429;
}

/** Nothing was changed, at neither service, and clients were served all the while. */
async function withoutTrace(stage: AdminStage, attack: () => Promise<void>): Promise<void> {
  const before = await stage.state();
  const served = stage.served();
  await attack();
  assert.deepEqual(await stage.state(), before);
  assert.ok(stage.served() > served, "clients were served meanwhile");
}

test("with tokens, nothing gets through that is not allowed", async (t) => {
  const stage = await startAdminStage(t, { tokens: true });
  const { operations } = stage;

  await t.test("the document names the role of every operation, and no change is free", () => {
    assert.ok(operations.length >= 30, String(operations.length));
    const free = operations.filter(({ role }) => role === "none").map(({ path }) => path);
    assert.deepEqual(free.toSorted(), ["/", "/healthz", "/readyz"]);
    for (const { method, path, role } of operations) assert.ok(method === "GET" || role === "operate", path);
  });

  await t.test("without a token, or with one that is not known", async () => {
    const tries: readonly NonNullable<Attack["headers"]>[] = [
      {},
      bearer(OPERATE.slice(0, -1)),
      bearer(`${OPERATE}x`),
      bearer(OPERATE.toUpperCase()),
      bearer(`${OPERATE}, Bearer ${READ}`),
      bearer(""),
      { authorization: `Basic ${Buffer.from(`ops:${OPERATE}`).toString("base64")}` },
      { authorization: OPERATE },
      { authorization: `Bearer wrong\tBearer ${OPERATE}` },
      { cookie: `token=${OPERATE}; authorization=Bearer ${OPERATE}` },
      { "x-forwarded-for": "127.0.0.1", "x-original-url": "/healthz", "x-http-method-override": "GET" },
      { "x-authorization": `Bearer ${OPERATE}`, "proxy-authorization": `Bearer ${OPERATE}` },
    ];
    await withoutTrace(stage, async () => {
      for (const operation of operations) {
        for (const headers of tries) {
          const { status, text } = await stage.ask(attackOn(operation, headers));
          const open = operation.role === "none";
          assert.ok(open ? status === 200 : isRefusal(status), `${operation.method} ${operation.path}: ${status}`);
          assert.ok(!text.includes(CANARY) && !text.includes(OPERATE), operation.path);
        }
        const inQuery = await stage.ask({
          ...attackOn(operation, {}),
          target: `${operation.target}?token=${OPERATE}&access_token=${OPERATE}`,
        });
        assert.ok(isRefusal(inQuery.status) || inQuery.status === 400, operation.path);
      }
    });
  });

  await t.test("with a token of too small a role", async () => {
    await withoutTrace(stage, async () => {
      for (const operation of operations) {
        const { method, path, role } = operation;
        for (const [token, may] of [
          [READ, role === "none" || role === "read"],
          [BODIES, role !== "operate"],
        ] as const) {
          const { status, text } = await stage.ask(attackOn(operation, bearer(token)));
          if (may) assert.ok(status === 200 || status === 404, `${method} ${path}: ${status}`);
          else assert.equal(status, 403, `${method} ${path}`);
          assert.ok(may || !text.includes(CANARY), path);
        }
        if (role !== "bodies" || method !== "GET") continue;
        const head = await stage.ask({ method: "HEAD", target: operation.target, headers: bearer(READ) });
        assert.equal(head.status, 403, `HEAD ${path}`);
      }
    });
  });

  await t.test("out of the folder of the dashboard, and around the paths that need a token", async () => {
    const climbs = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%252f", "..\\", "..%5c", "..;/", "%c0%ae%c0%ae/"];
    const targets = climbs.flatMap((climb) => [
      `/assets/${climb.repeat(8)}etc/passwd`,
      `/${climb.repeat(8)}etc/passwd`,
      `/assets/x/${climb.repeat(2)}api/v1/divergences`,
      `/healthz/${climb}api/v1/divergences`,
    ]);
    const tricks = [
      "/assets/%00index.html",
      "/assets/constructor",
      "/assets/__proto__",
      "//api/v1/divergences",
      "/API/V1/divergences",
      "/api/v1/divergences/",
      "/api/v1/divergences;jsessionid=1",
      "/api//v1/divergences",
      "/./api/v1/divergences",
      "/api/v1/divergences%20",
      "/api/v1/%64ivergences",
      "/healthz?/../api/v1/divergences",
      "http://localhost/api/v1/divergences",
    ];
    await withoutTrace(stage, async () => {
      for (const target of [...targets, ...tricks]) {
        const { status, text } = await stage.ask({ target });
        assert.ok(status >= 400 && status < 500, `${target}: ${status}`);
        assert.ok(!text.includes(CANARY) && !text.includes("root:"), target);
      }
      // Nor does whoever may ask climb out of the API.
      for (const climb of climbs) {
        const { status } = await stage.ask({ target: `/assets/${climb}index.html`, headers: bearer(OPERATE) });
        assert.ok(status >= 400, climb);
      }
    });
  });

  await t.test("with too much of anything", async () => {
    const large = Buffer.alloc(5 * 1024 * 1024, "[");
    const deep = "[".repeat(4_000);
    await withoutTrace(stage, async () => {
      for (const operation of operations.filter(({ body }) => body !== null)) {
        const { method, target, path } = operation;
        const post = (body: string | Buffer, headers: Attack["headers"], more: Partial<Attack> = {}) =>
          stage.ask({ method, target, body, headers: { ...JSON_TYPE, ...headers }, ...more });
        for (const [headers, status] of [
          [{}, null],
          [bearer(READ), 403],
          [bearer(OPERATE), 413],
        ] as const) {
          const announced = await post("[", { ...headers, "content-length": large.length }, { alone: true });
          assert.ok(status === null ? isRefusal(announced.status) : announced.status === status, path);
        }
        const chunked = await post(large, { ...bearer(OPERATE), "transfer-encoding": "chunked" });
        assert.ok(chunked.status === 413 || chunked.status === 0, `${path}: ${chunked.status}`);
        for (const body of [deep, '{"__proto__":{"role":"operate"}}', '{"a":1', "null", "\u0000"]) {
          assert.equal((await post(body, bearer(OPERATE))).status, 400, `${path} ${body.slice(0, 20)}`);
        }
      }
      for (const { target } of operations.filter(({ method }) => method === "GET")) {
        const many = `${target}?${"limit=1&".repeat(1_000)}`;
        assert.equal((await stage.ask({ target: many, headers: bearer(OPERATE) })).status, 400, target);
      }
      const heads: readonly Attack[] = [
        { target: `/api/v1/divergences/${"x".repeat(100_000)}` },
        { target: "/api/v1/status", headers: { "x-large": "x".repeat(100_000) } },
        { target: "/api/v1/status", headers: bearer("x".repeat(100_000)) },
      ];
      for (const head of heads) assert.ok([431, 0].includes((await stage.ask({ ...head, alone: true })).status));
      const long = {
        target: `/api/v1/divergences/${"x".repeat(5_000)}`,
        headers: bearer(OPERATE),
        alone: true,
      } as const;
      const refused = (await stage.ask(long)).status;
      assert.ok(refused === 414 || refused === 404, String(refused));
    });
  });

  await t.test("by hundreds of requests in one breath", async () => {
    await withoutTrace(stage, async () => {
      const wires = await Promise.all(Array.from({ length: 5 }, () => connectTo(stage.adminUrl)));
      for (const wire of wires)
        wire.write("POST /api/v1/mirror HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".repeat(100));
      const [first, ...rest] = await Promise.all(wires.map((wire) => wire.ended()));
      assert.match([first, ...rest].join(""), /HTTP\/1\.1 429 .*?retry-after: 1/s, "not every guess is explained");
      assert.doesNotMatch([first, ...rest].join(""), /HTTP\/1\.1 2/);
      const { status } = await stage.ask({ target: "/api/v1/status", headers: bearer(READ) });
      assert.equal(status, 200, "who has a token is not told so");
    });
  });

  await t.test("and whoever may, can", async () => {
    const before = await stage.state();
    const mirror = operations.find(({ path }) => path === "/api/v1/mirror");
    assert.ok(mirror !== undefined);
    assert.equal((await stage.ask(attackOn(mirror, bearer(OPERATE)))).status, 200);
    assert.notDeepEqual(await stage.state(), before, "the state that was compared shows what is changed");
    const job = operations.find(({ path, method }) => path === "/api/v1/jobs/{id}" && method === "PATCH");
    assert.ok(job !== undefined);
    const stopped = await stage.ask(attackOn(job, bearer(OPERATE)));
    assert.deepEqual(
      [stopped.status, (JSON.parse(stopped.text) as { wanted: unknown }).wanted],
      [200, { state: "stopped", by: "ops" }],
    );
    const { text } = await stage.ask({ target: "/api/v1/divergences", headers: bearer(READ) });
    assert.ok(text.includes(CANARY), "there was something to be seen");
  });
});

test("without tokens, no web page gets through to a loopback listener", async (t) => {
  const stage = await startAdminStage(t, { tokens: false });
  const { operations } = stage;

  await t.test("under another name (DNS rebinding)", async () => {
    const { host } = new URL(stage.adminUrl);
    const names = [
      "evil.example",
      `127.0.0.1.evil.example`,
      `evil.example:${host.split(":")[1]}`,
      `${host}@evil`,
      "[::ffff:1.2.3.4]",
      "",
    ];
    await withoutTrace(stage, async () => {
      for (const operation of operations) {
        for (const name of names) {
          const { status, text } = await stage.ask({ ...attackOn(operation, {}), host: name });
          assert.ok(status === 403 || status === 400, `${operation.path} of "${name}": ${status}`);
          assert.ok(!text.includes(CANARY));
        }
      }
      const wire = await connectTo(stage.adminUrl);
      wire.write("GET /api/v1/divergences HTTP/1.0\r\n\r\n");
      assert.match(await wire.ended(), /^HTTP\/1\.1 403 /, "no name at all");
    });
  });

  await t.test("in the name of somebody whose browser it runs in (CSRF)", async () => {
    const { origin, host } = new URL(stage.adminUrl);
    const foreign = { origin: "http://evil.example" };
    const pages: readonly NonNullable<Attack["headers"]>[] = [
      { ...foreign, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" },
      { ...foreign, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
      { origin: "http://127.0.0.1:1", "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
      { ...foreign, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
      foreign,
      { origin: "null" },
      { origin: `http://${host}.evil.example` },
    ];
    const simple = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"];
    await withoutTrace(stage, async () => {
      for (const operation of operations) {
        const { method, target, path, body } = operation;
        for (const headers of pages) {
          if (method === "GET" && headers["sec-fetch-mode"] === "navigate") continue;
          const given = await stage.ask(attackOn(operation, headers));
          assert.equal(given.status, 403, `${method} ${path} ${JSON.stringify(headers)}`);
          assert.ok(!given.text.includes(CANARY));
          if (body === null) continue;
          const empty = await stage.ask({ method, target, headers: { ...headers, "content-length": 0 } });
          assert.equal(empty.status, 403, `${method} ${path} without a body`);
        }
        for (const type of body === null ? [] : simple) {
          const { status } = await stage.ask({ method, target, body, headers: { "content-type": type } });
          assert.equal(status, 415, `${path} ${type}`);
        }
        const preflight = await stage.ask({
          method: "OPTIONS",
          target,
          headers: { ...foreign, "access-control-request-method": method },
        });
        assert.ok(preflight.status >= 400, path);
        const cors = Object.keys(preflight.headers).filter((name) => name.startsWith("access-control-"));
        assert.deepEqual(cors, [], path);
      }
      const link = { ...foreign, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
      assert.equal((await stage.ask({ target: "/", headers: link })).status, 200, "a link may be followed");
    });
    const own = { ...JSON_TYPE, origin, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" };
    const act = { method: "POST", target: "/api/v1/mirror", headers: own, body: '{"enabled":true}' };
    assert.equal((await stage.ask(act)).status, 200, "its own page may");
  });
});
