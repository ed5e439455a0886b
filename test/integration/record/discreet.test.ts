import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openSqliteStore } from "../../../adapters/store/sqlite/store.ts";
import { divergenceLog } from "../../../adapters/telemetry/log-data.ts";
import type { Difference } from "../../../proxy/evidence/evidence.ts";
import type { Settled, WholeAnswer } from "../../../proxy/exchange.ts";
import { parseExact } from "../../../proxy/json/parse-exact.ts";
import { parsePointer } from "../../../proxy/json/pointer.ts";
import { DIVERGENT, MATCH } from "../../../proxy/outcome.ts";
import { createCounters } from "../../../proxy/record/counters.ts";
import { openDivergenceLog } from "../../../proxy/record/divergence-log.ts";
import { createPairKeeper } from "../../../proxy/record/pair-keeper.ts";
import { createRecorder } from "../../../proxy/record/recorder.ts";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import { deriveKey, loadSecretKey } from "../../../proxy/record/secret-key.ts";
import { createSealer } from "../../../proxy/sealed.ts";
import { evidenceFolder, handClock, makeSettled, type SettledGiven } from "../../support/evidence.ts";

/** A different one in each place, so that a leak names its place. */
const planted: string[] = [];

function secret(place: string): string {
  const text = `planted-${place}-${planted.length}-Zq7`;
  planted.push(text);
  return text;
}

const json = (value: unknown): string => JSON.stringify(value);

function differencesWithSecrets(): Difference[] {
  const values: [string, unknown][] = [
    ["/password", secret("scalar")],
    ["/user/api_key", secret("nested")],
    ["/sessions/0/sessionToken", secret("array")],
    ["/card", { cardNumber: secret("member"), cvv: secret("cvv"), holder: "Ann" }],
    ["", { list: [{ deep: { clientSecret: [secret("deep")] } }] }],
    ["/note", `mail said: Authorization: Bearer ${secret("bearer")}`],
    ["/callback", `https://app.test/cb?access_token=${secret("url-query")}&state=1`],
    ["/link", `https://app.test/reset/${secret("url-path")}`],
    ["/embedded", json({ refresh_token: secret("embedded") })],
    ["/serial", secret("declared-answer")],
    ["/email", secret("declared-body")],
    [`/tokens/${secret("pointer")}/scope`, "read"],
  ];
  const differences: Difference[] = values.map(([at, value]) => ({
    at,
    kind: "value",
    primary: json(value),
    shadow: null,
  }));
  differences.push(
    {
      at: "/long",
      kind: "value",
      primary: `{"a":1,"secret":"${secret("cut")}…`,
      shadow: `{"a":1,"secret":"${secret("cut")}`,
    },
    { at: "/odd", kind: "type", primary: `{'password': '${secret("not-json")}'}`, shadow: null },
    { at: "header:set-cookie", kind: "header", primary: `sid=${secret("set-cookie")}; Path=/`, shadow: null },
    { at: "header:x-auth-token", kind: "header", primary: secret("header"), shadow: secret("header") },
    {
      at: "header:location",
      kind: "header",
      primary: `/reset/${secret("location")}`,
      shadow: `/x?token=${secret("location-query")}`,
    },
    { at: "header:x-trail", kind: "header", primary: secret("declared-header"), shadow: null },
  );
  return differences;
}

/** Every place of a settled exchange that may hold one. */
function exchangesWithSecrets(): SettledGiven[] {
  const inRequest = {
    bearer: secret("authorization"),
    cookie: secret("cookie"),
    apiKey: secret("x-api-key"),
    basic: secret("basic"),
    query: secret("query"),
    voucher: secret("declared-query"),
    tenant: secret("declared-request-header"),
    cart: secret("declared-cookie"),
  };
  const afterReset = secret("path");
  const inPath = secret("declared-path");
  const inKey = secret("key");
  const inBody = secret("body");
  const declared = secret("body-pointer");
  const inForm = secret("form");
  const route = {
    redact: [
      { source: "body", name: "/email" },
      { source: "answer", name: "/serial" },
      { source: "answer-header", name: "x-trail" },
      { source: "query", name: "voucher" },
      { source: "header", name: "x-tenant" },
      { source: "cookie", name: "cart" },
    ] as const,
  };
  const headers = [
    "Authorization",
    `Bearer ${inRequest.bearer}`,
    "Cookie",
    `sid=${inRequest.cookie}; cart=${inRequest.cart}`,
    "X-Api-Key",
    inRequest.apiKey,
    "Proxy-Authorization",
    `Basic ${Buffer.from(`ann:${inRequest.basic}`).toString("base64")}`,
    "X-Tenant",
    inRequest.tenant,
  ];
  const query = `?reset_token=${inRequest.query}&voucher=${inRequest.voucher}`;
  const echoes = Object.values(inRequest).join(" ");
  return [
    {
      route,
      request: { headers, query, target: `/users/42${query}` },
      differences: differencesWithSecrets(),
      error: `upstream said: ${echoes}`,
      build: `9f3c ${inRequest.bearer}`,
    },
    {
      route,
      request: { headers, query },
      differences: [{ at: "/echo", kind: "value", primary: json([echoes]), shadow: json({ [inRequest.apiKey]: 1 }) }],
    },
    {
      request: { path: `/password/reset/${afterReset}` },
      key: `users:/password/reset/${afterReset}`,
      error: `GET /password/reset/${afterReset} failed`,
    },
    {
      route: { redact: [{ source: "path", name: "id" }] },
      request: { path: `/users/${inPath}` },
      key: `users/${inPath}`,
    },
    { route: { key: [{ source: "body", name: "/ssn" }] }, key: `users/${inKey}` },
    {
      route: { redact: [{ source: "body", name: "/priv" }] },
      requestBody: Buffer.from(json({ user: { password: inBody }, priv: [declared] })),
      differences: [{ at: "/msg", kind: "value", primary: json(`got ${inBody}`), shadow: json([declared]) }],
      error: `refused ${inBody} and ${declared}`,
    },
    {
      request: { headers: ["Content-Type", "application/x-www-form-urlencoded"] },
      requestBody: Buffer.from(`a=1&password=${inForm}`),
      differences: [{ at: "/msg", kind: "value", primary: json(`got ${inForm}`), shadow: null }],
    },
    { request: { path: `https://ann:${secret("user-info")}@api.test/users/42;jsessionid=${secret("matrix")}` } },
  ];
}

test("a secret in any place of an exchange is in no byte of store, its log, its journal, or the divergence log", async (t) => {
  const folder = evidenceFolder(t);
  const file = join(folder, "crossfade.db");
  const clock = handClock();
  const store = await openSqliteStore({ file, clock });
  const log = await openDivergenceLog({ file: join(folder, "divergences.ndjson"), keepMs: 1e9, maxBytes: 1e9, clock });
  const fed: string[] = [];
  const redactor = createRedactor(deriveKey(loadSecretKey(`${file}.key`), "evidence"));
  const pairs = createPairKeeper({
    isOn: true,
    redactor,
    decode: ({ body }) => ({ ok: true, bytes: body }),
    monotonic: () => clock.monotonic(),
    caught: (error) => assert.fail(String(error)),
  });
  const recorder = createRecorder({
    store,
    log,
    telemetry: {
      outcome: () => undefined,
      difference: () => undefined,
      divergence: (record) => fed.push(JSON.stringify(divergenceLog(record))),
    },
    counters: createCounters(),
    redactor,
    sealer: createSealer(deriveKey(loadSecretKey(`${file}.key`), "repair list")),
    pairs,
    onRecord: (record) => fed.push(JSON.stringify(record)),
    caught: (step, error) => assert.fail(`${step}: ${String(error)}`),
  });
  const exchanges = exchangesWithSecrets();
  assert.ok(planted.length > 30);
  for (const given of exchanges) {
    for (const outcome of [DIVERGENT, MATCH]) {
      recorder.eligible("users", "write");
      recorder.settle(makeSettled({ ...given, outcome, repair: "overlap", lines: "all", ...wholeOf(given) }));
    }
  }
  await recorder.close();
  await store.flush();
  await log.close();
  const kept = (await store.pairs({ limit: 1000 })).items;
  assert.deepEqual(pairs.losses(), { "too-large": 0, failed: 0, "no-room": 0 });
  const everything = new Map([["feed", Buffer.from(fed.join("\n"))]]);
  // The write-ahead log first: closing the store empties it.
  everything.set("wal", readFileSync(`${file}-wal`));
  await store.close();
  for (const name of readdirSync(folder)) everything.set(name, readFileSync(join(folder, name)));
  assert.ok((everything.get("wal")?.length ?? 0) > 10_000);
  assert.equal(everything.get("divergences.ndjson")?.toString().trimEnd().split("\n").length, 2 * exchanges.length);
  for (const [name, bytes] of everything) {
    for (const text of planted) {
      const base64 = Buffer.from(text).toString("base64").slice(4, -8);
      for (const spelling of [text, encodeURIComponent(text), base64]) {
        assert.ok(!bytes.includes(spelling), `${spelling} is in ${name}: ${around(bytes, spelling)}`);
      }
    }
  }
  // And yet there is something to see.
  assert.ok(kept.length >= exchanges.length, `${kept.length} pairs`);
  assert.ok(kept.every(({ primary }) => "text" in primary.body && primary.body.text.includes('"side":"primary"')));
  assert.ok(
    (everything
      .get("crossfade.db")
      ?.toString("latin1")
      .match(/\[redacted [0-9a-f]{8}\]/g)?.length ?? 0) > 30,
  );
  assert.ok(everything.get("divergences.ndjson")?.includes('"holder\\":\\"Ann\\"'));
});

/** Both answers whole: each difference at its place, and an echo of the request, its body and its error. */
function wholeOf(given: SettledGiven): Pick<Settled, "requestBody" | "answers"> {
  const { requestBody, request, differences = [], error = null } = given;
  const body = requestBody ?? Buffer.alloc(0);
  const headers: string[] = ["content-type", "application/json", "x-echo", `${request?.path ?? ""} ${error ?? ""}`];
  const members: unknown[] = [];
  for (const { at, primary, shadow } of differences) {
    const value = primary ?? shadow ?? "";
    if (at.startsWith("header:")) headers.push(at.slice("header:".length), value);
    // Texts that are no JSON stand for themselves.
    else members.push(nest(parsePointer(at) ?? [], value));
  }
  const whole = (side: string): WholeAnswer => ({
    status: 200,
    headers,
    body: Buffer.from(
      `{"side":"${side}","got":${json(body.toString())},"error":${json(error)},"all":[${members.join()}]}`,
    ),
  });
  return { requestBody: body, answers: { primary: whole("primary"), shadow: whole("shadow") } };
}

/** JSON text: a whole text that is no JSON becomes a string. */
function nest(tokens: readonly string[], value: string): string {
  const innermost = parseExact(value).ok ? value : json(value);
  return tokens.reduceRight((inner, token) => `{${json(token)}:${inner}}`, innermost);
}

function around(bytes: Buffer, text: string): string {
  const at = bytes.indexOf(text);
  return bytes.subarray(Math.max(0, at - 80), at + 80).toString("latin1");
}
