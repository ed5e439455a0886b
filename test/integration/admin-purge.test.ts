/** `POST /api/v1/divergences/purge`: who may, what is answered, and what is said where it fails. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import { SCHEMAS } from "../../proxy/admin/schemas.ts";
import { createAdmin } from "../../proxy/admin/server.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import type { Store } from "../../proxy/ports.ts";
import type { PurgeResult } from "../../proxy/evidence/purge.ts";
import { openDivergenceLog } from "../../proxy/record/divergence-log.ts";
import { createPurge, type PurgeAudit, type PurgeParts } from "../../proxy/record/purge.ts";
import { createRedactor } from "../../proxy/record/redaction.ts";
import { systemClock } from "../../proxy/process/system-clock.ts";
import { sampleAdminParts, type SampleParts } from "../support/admin-parts.ts";
import { evidenceFolder, makeRecord, recordWrite } from "../support/evidence.ts";
import { NO_PAIRS } from "../support/pairs.ts";

interface Running {
  readonly url: string;
  readonly file: string;
  readonly parts: SampleParts;
  readonly store: Store;
  readonly audited: PurgeAudit[];
  post(body: unknown, init?: RequestInit): Promise<Response>;
}

const KEYS = ["users/1", "users/1", "users/2"];

async function start(t: TestContext, over: Partial<PurgeParts> = {}): Promise<Running> {
  const store = openMemoryStore({ clock: systemClock });
  const file = join(evidenceFolder(t), "divergences.ndjson");
  const log = await openDivergenceLog({ file, keepMs: 1e9, maxBytes: 1e9, clock: systemClock });
  for (const record of KEYS.map((key) => makeRecord({ key }))) {
    store.append([recordWrite(record)]);
    log.append(JSON.stringify(record));
  }
  await log.flush();
  const audited: PurgeAudit[] = [];
  const redactor = createRedactor(Buffer.alloc(32, 7));
  const purge = createPurge({ store, log, redactor, pairs: NO_PAIRS, audit: (entry) => audited.push(entry), ...over });
  const parts = sampleAdminParts(store, { purge });
  const admin = await createAdmin(parts);
  t.after(async () => {
    await admin.close();
    await log.close();
  });
  const url = `http://127.0.0.1:${admin.address.port}/api/v1/divergences/purge`;
  return {
    url,
    file,
    parts,
    store,
    audited,
    post: (body, init = {}) =>
      fetch(url, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...init,
        headers: { "content-type": "application/json", ...init.headers },
      }),
  };
}

const countOf = async (store: Store): Promise<number> => (await store.divergences({ limit: 100 })).items.length;

test("it answers what went, in the documented shape, and writes who asked into the log without the key", async (t) => {
  const { post, store, file, audited } = await start(t);
  appendFileSync(file, '{"key":"users/1", torn\n');
  const dry = (await (await post({ key: "users/1", dryRun: true })).json()) as PurgeResult;
  assert.deepEqual([dry.dryRun, dry.records, dry.samples, dry.logLines], [true, 2, 2, 2]);
  assert.equal(await countOf(store), 3);

  const answer = await post({ key: "users/1" });
  assert.equal(answer.status, 200);
  const result = (await answer.json()) as PurgeResult;
  const text = JSON.stringify({ $ref: "#/$defs/Purged", $defs: SCHEMAS }).replaceAll(
    "#/components/schemas/",
    "#/$defs/",
  );
  assert.ok(z.fromJSONSchema(JSON.parse(text)).safeParse(result).success);
  assert.deepEqual({ ...result, kept: [] }, { dryRun: false, records: 2, samples: 2, pairs: 0, logLines: 2, kept: [] });
  assert.match(result.kept.join("\n"), /repair list and gaps stay, .*\n1 line .* no JSON/);
  assert.equal(await countOf(store), 1);

  assert.equal(audited.length, 2);
  const [, { key, ...said }] = audited as [PurgeAudit, PurgeAudit];
  assert.match(key, /^\[redacted [0-9a-f]{8}\]$/);
  assert.deepEqual(said, {
    route: null,
    by: "loopback",
    reason: null,
    dryRun: false,
    records: 2,
    samples: 2,
    pairs: 0,
    logLines: 2,
    failed: null,
  });
});

test("with tokens, only the role operate purges, and no body of others is read", async (t) => {
  const { post, parts, store, audited } = await start(t);
  const tokens = (["read", "bodies", "operate"] as const).map((role) => ({ name: `of-${role}`, role, token: role }));
  parts.settings = { ...parts.settings, admin: { ...parts.settings.admin, tokens } };
  const as = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
  assert.equal((await post({ key: "users/1" })).status, 401);
  for (const role of ["read", "bodies"]) {
    const refused = await post({ key: "users/1", dryRun: true }, as(role));
    assert.equal(refused.status, 403);
    assert.match(refused.headers.get("content-type") ?? "", /^application\/problem\+json/);
    assert.equal((await post("x".repeat(5_000_000), as(role))).status, 403);
  }
  assert.equal(await countOf(store), 3);
  assert.equal((await post({ key: "users/1" }, as("operate"))).status, 200);
  assert.deepEqual(
    audited.map(({ by }) => by),
    ["of-operate"],
  );
});

test("what is wrong with a request is told, and its key is not repeated", async (t) => {
  const { post, url, store, audited } = await start(t);
  const cases: readonly (readonly [unknown, number, RegExp])[] = [
    ["", 400, /the body is no JSON; send \{"key":"users\/42"\}/],
    ["[]", 400, /no JSON object/],
    [{}, 400, /key is missing/],
    [{ key: "" }, 400, /key is no text of 1 to 262144 characters/],
    [{ key: 42 }, 400, /key is no text/],
    [{ key: "users/1".repeat(40_000) }, 400, /^key is no text of 1 to 262144 characters; [^1]*$/],
    [{ key: "x".repeat(2_000_000) }, 413, /./],
    [{ key: "users/1", route: "" }, 400, /route is "", which is no text/],
    [{ key: "users/1", dryRun: "yes" }, 400, /dryRun is "yes", which is neither true nor false/],
    [{ key: "users/1", dry_run: true }, 400, /no member "dry_run"; did you mean dryRun\?/],
  ];
  for (const [body, status, detail] of cases) {
    const answer = await post(body);
    assert.equal(answer.status, status, JSON.stringify(body).slice(0, 80));
    assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    assert.match(((await answer.json()) as { detail: string }).detail, detail);
  }
  for (const method of ["GET", "DELETE", "PUT"]) {
    const answer = await fetch(url, { method });
    assert.deepEqual([answer.status, answer.headers.get("allow")], [405, "POST"], method);
  }
  assert.equal(await countOf(store), 3);
  assert.deepEqual(audited, []);
});

test("a log that cannot be written is a 503 that says how far it came; asked again, it is completed", async (t) => {
  let broken = true;
  const { post, store, audited } = await start(t, {
    log: {
      erase: () => {
        if (!broken) return Promise.resolve({ erased: 2, unreadable: 0 });
        return Promise.reject(new CrossfadeError("log-unwritable", "no room", { source: "store", retryable: true }));
      },
    },
  });
  const failed = await post({ key: "users/1" });
  assert.equal(failed.status, 503);
  const { detail, code } = (await failed.json()) as { detail: string; code: string };
  assert.deepEqual(
    [code, detail],
    ["log-unwritable", "the purge is not complete (2 records erased): no room; purge again"],
  );
  assert.equal(audited[0]?.failed, "no room");
  broken = false;
  assert.equal(((await (await post({ key: "users/1" })).json()) as PurgeResult).logLines, 2);
  assert.equal(await countOf(store), 1);
});

test("purges that are asked for at once run one after another", async (t) => {
  const { post, file } = await start(t);
  const results = await Promise.all(
    ["users/1", "users/2", "users/1"].map(async (key) => (await (await post({ key })).json()) as PurgeResult),
  );
  assert.equal(
    results.reduce((sum, { records }) => sum + records, 0),
    3,
  );
  assert.equal(
    results.reduce((sum, { logLines }) => sum + logLines, 0),
    3,
  );
  assert.equal(readFileSync(file, "utf8"), "");
});

test("the API's document tells of it", async (t) => {
  const { url } = await start(t);
  const { paths } = (await (await fetch(new URL("/api/v1/openapi.json", url))).json()) as {
    paths: Record<string, { post?: { requestBody?: { content: unknown } } }>;
  };
  assert.deepEqual(paths["/api/v1/divergences/purge"]?.post?.requestBody?.content, {
    "application/json": { schema: { $ref: "#/components/schemas/Purge" } },
  });
});
