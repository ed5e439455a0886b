/** Causes from real traffic to API and terminal. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json as readJson } from "node:stream/consumers";
import { test } from "node:test";
import type { StatusView } from "../../proxy/admin/status-view.ts";
import type { DivergenceRecord, ListedGroup } from "../../proxy/evidence/evidence.ts";
import { spellSignature } from "../../proxy/evidence/group-sentence.ts";
import { runCli } from "../support/cli.ts";
import { startBench, type Bench } from "../support/crossfade.ts";
import { hang, json } from "../support/service.ts";

async function groupsOf(bench: Bench, query = ""): Promise<readonly ListedGroup[]> {
  return (await bench.api<{ items: ListedGroup[] }>(`/api/v1/groups${query}`)).items;
}

/** `PUT /total type (number → null) ×2` */
async function told(bench: Bench): Promise<readonly string[]> {
  const groups = await groupsOf(bench);
  return groups.map(({ method, signature, count }) => `${method} ${spellSignature(signature)} ×${count}`).sort();
}

const ROUTES = 'routes: [{ name: orders, match: { path: "/orders/:id" } }]';

test("null where there was a number and another number are two causes, in whatever order they come", async (t) => {
  const bench = await startBench(t, { routes: ROUTES, store: "sqlite" });
  let sent = 0;
  const put = async (legacy: string, next: string): Promise<void> => {
    bench.legacy.answerWith(json(200, `{"id":"o","items":[{"total":${legacy}}]}`));
    bench.next.answerWith(json(200, `{"id":"o","items":[{"total":${next}}]}`));
    await bench.send("PUT", `/orders/o${++sent}`, {});
    await bench.settled(sent);
  };
  await put("12", "13");
  await put("12.5", "null");
  await put("7", "7.25");
  await put("8", "null");
  await put("9007199254740993", "9007199254740992");
  await put("1", "1");
  assert.deepEqual(await told(bench), [
    "PUT /items/*/total precision ×1",
    "PUT /items/*/total type (number → null) ×2",
    "PUT /items/*/total value ×2",
  ]);
  const [first] = await groupsOf(bench, "?limit=1");
  const seen = first?.trend.hours.reduce((sum, count) => sum + count, 0);
  assert.deepEqual([first?.share, first?.state, seen], [2 / 6, "new", 2]);
});

test("statuses that differ are told both ways, and never with the bodies that follow from them", async (t) => {
  const bench = await startBench(t, {
    routes: `${ROUTES.slice(0, -2)}, mirror: { reads: 100% } }]`,
    legacy: json(200, { a: 1 }),
    next: json(404, { error: "no such order" }, { location: "/x" }),
  });
  await bench.send("GET", "/orders/1");
  await bench.settled(1);
  bench.legacy.answerWith(json(404, { error: "none" }));
  bench.next.answerWith(json(200, { a: 1 }));
  await bench.send("GET", "/orders/2");
  await bench.settled(2);
  assert.deepEqual(await told(bench), ["GET status 200 → 404 ×1", "GET status 404 → 200 ×1"]);
});

test("shadows that fail are causes by route, method and error; what follows from them is counted there", async (t) => {
  const bench = await startBench(t, {
    routes: ROUTES,
    nextService: "effects: suppressed\nasShadow: { timeout: 100ms }",
    legacy: (seen, response) => json(seen.method === "POST" ? 201 : 200, { v: seen.method })(seen, response),
    next: hang,
  });
  await bench.send("PUT", "/orders/1", {});
  await bench.settled(1);
  await bench.send("PUT", "/orders/2", {});
  await bench.settled(2);
  // The shadow answers again, and its order 1 is not what it would be: that follows from the lost write.
  bench.next.answerWith(json(200, { v: "stale" }));
  await bench.send("PATCH", "/orders/1", {});
  await bench.settled(3);
  bench.next.answerWith((_, response) => response.destroy());
  await bench.send("DELETE", "/orders/3");
  await bench.settled(4);
  const groups = await groupsOf(bench);
  assert.deepEqual(
    groups.map(({ method, signature, count, tainted }) => [method, spellSignature(signature), count, tainted]),
    [
      ["PUT", "no answer (timeout)", 2, 1],
      ["DELETE", `no answer (${groups[1]?.signature[0]?.shadow})`, 1, 0],
    ],
  );
  const { items } = await bench.api<{ items: { method: string; group: string; taintedBy: string | null }[] }>(
    `/api/v1/divergences?group=${groups[0]?.id}`,
  );
  assert.deepEqual(
    items.map(({ method, taintedBy }) => [method, taintedBy !== null]),
    [
      ["PATCH", true],
      ["PUT", false],
      ["PUT", false],
    ],
  );

  // A write that is answered alike lifts the taint: the next difference of that key is a cause again.
  bench.next.answerWith(json(200, { v: "PATCH" }));
  await bench.send("PATCH", "/orders/1", {});
  await bench.settled(5);
  bench.next.answerWith(json(200, { v: "wrong" }));
  await bench.send("PATCH", "/orders/1", {});
  await bench.settled(6);
  assert.ok((await told(bench)).includes("PATCH /v value ×1"));
});

test("an acknowledged cause is quiet in status and exit code until it comes back, and the webhook hears of both", async (t) => {
  const hooks: Record<string, unknown>[] = [];
  const receiver = createServer((request, response) => {
    void readJson(request).then((body) => {
      hooks.push(body as Record<string, unknown>);
      response.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  t.after(() => receiver.close().closeAllConnections());
  const { port } = receiver.address() as AddressInfo;
  let build = "9f3c";
  const bench = await startBench(t, {
    store: "sqlite",
    routes: `${ROUTES}\nwebhook: { url: "http://127.0.0.1:${port}/hook?token=hunter2hunter2" }`,
    nextService: 'effects: suppressed\nbuild: "header:x-build"',
    legacy: json(200, { name: "Ann" }),
    next: (seen, response) => json(200, { name: null }, { "x-build": build })(seen, response),
  });
  const cli = (...args: string[]) =>
    runCli([...args, "--admin", bench.crossfade.adminUrl], { cwd: bench.folder, env: { COLUMNS: "200" } });
  const hookCalls = async (count: number): Promise<void> => {
    while (hooks.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  await bench.send("PUT", "/orders/1", {});
  await bench.settled(1);
  const [group] = await groupsOf(bench);
  const id = group?.id ?? "";
  await hookCalls(1);
  assert.deepEqual(
    [hooks[0]?.["event"], hooks[0]?.["sentence"]],
    ["new", "A new cause of differences: PUT on orders: /name type (text → null), in build 9f3c."],
  );
  const loud = await cli("status");
  assert.equal(loud.code, 1);
  assert.match(loud.stdout, /^Not safe to cut over orders: 1 of 1 compared exchange differs \(100 %, 1 open cause\)/);
  assert.match(loud.stdout, /100 % divergent \(1 cause new\)/);

  const refused = await cli("divergences", "ack", id, "--reason", "x");
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /^crossfade: reason is "x", which is no text of 3 to 500 characters/);
  assert.equal((await cli("divergences", "ack", id)).code, 2);
  assert.equal((await cli("divergences", "ack", "00000000", "--reason", "known")).code, 1);
  const acked = await cli("divergences", "ack", id, "--reason", "agreed with Ann", "--build", "9f3c");
  assert.equal(acked.code, 0, acked.stderr);
  assert.match(
    acked.stdout,
    /^[0-9a-f]{8} {2}PUT orders, \/name type \(text → null\): acknowledged by loopback at \S+ for build 9f3c: agreed with Ann\n$/,
  );

  const quiet = await cli("status");
  assert.deepEqual([quiet.code, quiet.stderr], [0, ""]);
  assert.match(quiet.stdout, /^(?:All quiet|No difference is open): 0 of 1 match, 1 known cause\./);
  const table = await cli("divergences", "groups", "--state", "acknowledged");
  assert.match(table.stdout, new RegExp(`${id} +1 +100 % +acknowledged +steady`));
  for (const [command, flag, value, count] of [
    ["list", "--group", id, 1],
    ["list", "--group", "00000000", 0],
    ["list", "--state", "acknowledged", 1],
    ["export", "--state", "acknowledged", 1],
    ["export", "--state", "new", 0],
    ["export", "--group", id, 1],
  ] as const) {
    const listed = await cli("divergences", command, flag, value, "--json");
    const lines = listed.stdout.split("\n").filter((line) => line.startsWith("{"));
    const groups = lines.map((line) => (JSON.parse(line) as DivergenceRecord).group);
    assert.deepEqual(groups, Array<string>(count).fill(id), `${command} ${flag} ${value}`);
  }

  // The same build again: still quiet. Another build: it has regressed.
  await bench.send("PUT", "/orders/2", {});
  await bench.settled(2);
  assert.equal((await cli("status")).code, 0);
  build = "a001";
  await bench.send("PUT", "/orders/3", {});
  await bench.settled(3);
  await hookCalls(2);
  assert.deepEqual(
    [hooks[1]?.["event"], hooks[1]?.["sentence"]],
    [
      "regressed",
      "A cause came back after loopback had it acknowledged: PUT on orders: /name type (text → null), in build a001.",
    ],
  );
  const back = await cli("status");
  assert.equal(back.code, 1);
  assert.match(back.stdout, /^Not safe to cut over orders: 3 of 3 compared exchanges differ .* 1 cause came back\./);
  const shown = await cli("divergences", "show", id);
  assert.match(shown.stdout, /first \S+ in build 9f3c, last \S+ in build a001; regressed\n/);
  assert.match(shown.stdout, /\nacknowledged by loopback at \S+ for build 9f3c: agreed with Ann\n/);

  assert.equal((await cli("divergences", "fixed", id, "--reason", "build b002")).code, 0);
  assert.equal((await cli("status")).code, 0);
  const reopened = await cli("divergences", "reopen", id, "--json");
  assert.equal((JSON.parse(reopened.stdout) as ListedGroup).state, "new");
  const status = await bench.api<StatusView>("/api/v1/status");
  assert.deepEqual(status.routes[0]?.causes, { new: 1, acknowledged: 0, fixed: 0, regressed: 0 });
  assert.deepEqual([status.webhook?.delivered, status.webhook?.origin], [2, `http://127.0.0.1:${port}`]);
  assert.equal(hooks.length, 2);
});

test("what an operator said outlives the process", async (t) => {
  const bench = await startBench(t, {
    store: "sqlite",
    routes: ROUTES,
    legacy: json(200, { a: 1 }),
    next: json(200, {}),
  });
  await bench.send("PUT", "/orders/1", {});
  await bench.settled(1);
  const [group] = await groupsOf(bench);
  const answer = await fetch(`${bench.crossfade.adminUrl}/api/v1/groups/${group?.id}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ state: "acknowledged", reason: "agreed" }),
  });
  assert.equal(answer.status, 200);
  await bench.crossfade.stop();
  const { openSqliteStore } = await import("../../adapters/store/sqlite/store.ts");
  const { systemClock } = await import("../../proxy/process/system-clock.ts");
  const store = await openSqliteStore({ file: `${bench.folder}/crossfade.db`, clock: systemClock });
  t.after(() => store.close());
  const kept = (await store.group(group?.id ?? ""))?.group;
  assert.deepEqual([kept?.state, kept?.decision?.reason, kept?.count], ["acknowledged", "agreed", 1]);
});
