/** Groups through the real admin listener: what can be said of them, by whom, and what is answered when it is wrong. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { z } from "zod";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import { SCHEMAS } from "../../proxy/admin/schemas.ts";
import { createAdmin } from "../../proxy/admin/server.ts";
import type { GroupRecord } from "../../proxy/evidence/evidence.ts";
import type { Store } from "../../proxy/ports.ts";
import { systemClock } from "../../proxy/process/system-clock.ts";
import { sampleAdminParts, type SampleParts } from "../support/admin-parts.ts";
import { makeRecord, recordWrite } from "../support/evidence.ts";

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

interface Running {
  readonly store: Store;
  readonly group: string;
  get(path: string, init?: RequestInit): Promise<Response>;
  patch(body: unknown, init?: RequestInit): Promise<Response>;
}

async function start(change?: (parts: SampleParts) => void): Promise<Running> {
  const store = openMemoryStore({ clock: systemClock });
  const record = makeRecord({ build: "9f3c" });
  store.append([recordWrite(record), recordWrite(makeRecord({ method: "POST" }))]);
  const parts = sampleAdminParts(store);
  change?.(parts);
  const admin = await createAdmin(parts);
  open.push(admin);
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${admin.address.port}${path}`, init);
  const group = record.group as string;
  return {
    store,
    group,
    get,
    patch: (body, init = {}) =>
      get(`/api/v1/groups/${group}`, {
        method: "PATCH",
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...init,
        headers: { "content-type": "application/json", ...init.headers },
      }),
  };
}

function checkShape(name: keyof typeof SCHEMAS, value: unknown): void {
  const document = { $ref: `#/$defs/${name}`, $defs: SCHEMAS };
  const text = JSON.stringify(document).replaceAll("#/components/schemas/", "#/$defs/");
  const result = z.fromJSONSchema(JSON.parse(text)).safeParse(value);
  assert.ok(result.success, `${name}: ${result.success ? "" : z.prettifyError(result.error)}`);
}

test("a group is acknowledged with a reason, fixed and opened again; lists filter by what it is", async () => {
  const { get, patch, group } = await start();
  const idsOf = async (state: string): Promise<string[]> => {
    const page = (await (await get(`/api/v1/groups?state=${state}`)).json()) as { items: { id: string }[] };
    return page.items.map(({ id }) => id);
  };
  assert.equal((await idsOf("new")).length, 2);
  const begun = Date.now();
  const answer = await patch({
    state: "acknowledged",
    reason: " legacy pads names ",
    until: "2999-02-28",
    build: "9f3c",
  });
  assert.equal(answer.status, 200);
  const changed = (await answer.json()) as GroupRecord;
  checkShape("GroupRecord", changed);
  assert.equal(changed.state, "acknowledged");
  const { at, ...said } = changed.decision ?? { at: "" };
  assert.deepEqual(said, {
    state: "acknowledged",
    by: "loopback",
    reason: "legacy pads names",
    until: "2999-02-28T23:59:59.999Z",
    build: "9f3c",
  });
  assert.ok(Date.parse(at) >= begun && Date.parse(at) <= Date.now());
  assert.deepEqual(await idsOf("acknowledged"), [group]);
  assert.equal((await idsOf("new")).length, 1);

  const fixed = (await (await patch({ state: "fixed" })).json()) as GroupRecord;
  assert.deepEqual([fixed.state, fixed.decision?.reason, fixed.decision?.until], ["fixed", null, null]);
  const again = (await (await patch({ state: "new", reason: "not yet" })).json()) as GroupRecord;
  assert.deepEqual([again.state, again.decision?.reason], ["new", "not yet"]);
  const shown = (await (await get(`/api/v1/groups/${group}`)).json()) as GroupRecord;
  checkShape("GroupWithSamples", shown);
  assert.deepEqual(shown.decision, again.decision);
});

test("what is wrong with a change is problem+json that names the member, its value and what to write", async () => {
  const { patch, get } = await start();
  const cases: readonly (readonly [body: unknown, detail: RegExp])[] = [
    ["", /^the body is no JSON; send \{"state"/],
    ['{"state":', /^the body is no JSON/],
    ["[]", /^the body is no JSON object/],
    ["null", /^the body is no JSON object/],
    [{}, /^state is missing; write one of acknowledged, fixed, new$/],
    [{ state: "acknowleged", reason: "abc" }, /^state is "acknowleged", .*did you mean acknowledged\?$/],
    [{ state: 7 }, /^state is 7, which is none of/],
    [{ state: "regressed" }, /^state is "regressed", which comes of seeing a cause again and cannot be set/],
    [{ state: "acknowledged" }, /^reason is missing; say why/],
    [{ state: "acknowledged", reason: "  x  " }, /^reason is " {2}x {2}", which is no text of 3 to 500 characters/],
    [{ state: "acknowledged", reason: "x".repeat(501) }, /^reason is "x+…, which is no text/],
    [{ state: "acknowledged", reason: ["abc"] }, /^reason is \["abc"\], which is no text/],
    [{ state: "acknowledged", reason: "abc", until: "soon" }, /^until is "soon", which is no time; write a date/],
    [{ state: "acknowledged", reason: "abc", until: "2999-02-30" }, /no day of the calendar/],
    [{ state: "acknowledged", reason: "abc", until: "2026-01-01T00:00:00Z" }, /is over already/],
    [{ state: "acknowledged", reason: "abc", build: "" }, /^build is "", which is no text of 1 to 200/],
    [{ state: "fixed", until: "2999-01-01" }, /^until is "2999-01-01", which belongs to an acknowledgement/],
    [{ state: "fixed", build: "a" }, /^build is "a", which belongs to an acknowledgement/],
    [{ state: "fixed", reson: "abc" }, /^the body has no member "reson"; did you mean reason\?$/],
    ['{"state":"fixed","__proto__":{"reason":"abc"}}', /^the body has no member "__proto__"/],
  ];
  for (const [body, detail] of cases) {
    const answer = await patch(body);
    const label = JSON.stringify(body);
    assert.equal(answer.status, 400, label);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    const problem = (await answer.json()) as { detail: string };
    assert.match(problem.detail, detail, label);
    checkShape("Problem", problem);
  }
  const statuses: readonly (readonly [Promise<Response>, number])[] = [
    [patch(JSON.stringify({ state: "fixed", reason: "x".repeat(9_000) })), 413],
    [patch({ state: "fixed" }, { headers: { "content-type": "text/plain" } }), 415],
    [get("/api/v1/groups/00000000", { method: "PATCH", body: '{"state":"fixed"}', headers: JSON_TYPE }), 404],
    [get("/api/v1/groups?state=open"), 400],
  ];
  for (const [asked, status] of statuses) {
    const answer = await asked;
    assert.equal(answer.status, status);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    await answer.body?.cancel();
  }
  const page = (await (await get("/api/v1/groups?state=new")).json()) as { items: unknown[] };
  assert.equal(page.items.length, 2);
});

const JSON_TYPE = { "content-type": "application/json" };

test("with tokens, only the role operate changes anything, and its name is kept", async () => {
  const { patch, group, get } = await start((parts) => {
    const tokens = (["read", "bodies", "operate"] as const).map((role) => ({ name: `of-${role}`, role, token: role }));
    parts.settings = { ...parts.settings, admin: { ...parts.settings.admin, tokens } };
  });
  const as = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
  assert.equal((await patch({ state: "fixed" })).status, 401);
  assert.equal((await patch({ state: "fixed" }, as("wrong"))).status, 401);
  for (const role of ["read", "bodies"]) {
    const refused = await patch({ state: "fixed" }, as(role));
    assert.equal(refused.status, 403);
    const { detail } = (await refused.json()) as { detail: string };
    assert.match(detail, new RegExp(`needs a token with the role operate; it was asked with the token of-${role},`));
  }
  const kept = (await (await get(`/api/v1/groups/${group}`, as("read"))).json()) as GroupRecord;
  assert.deepEqual([kept.state, kept.decision], ["new", null]);
  const changed = (await (await patch({ state: "fixed" }, as("operate"))).json()) as GroupRecord;
  assert.deepEqual([changed.state, changed.decision?.by], ["fixed", "of-operate"]);
});

test("a body that nobody may send is refused before it is read", async () => {
  const { patch } = await start((parts) => {
    const tokens = [{ name: "eyes", role: "read" as const, token: "read" }];
    parts.settings = { ...parts.settings, admin: { ...parts.settings.admin, tokens } };
  });
  const answer = await patch("x".repeat(100_000), { headers: { authorization: "Bearer read" } });
  assert.equal(answer.status, 403);
});
