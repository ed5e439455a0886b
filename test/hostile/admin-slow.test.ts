/** Clients of the admin listener that take their time, or all the places. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createAdmin } from "../../proxy/admin/server.ts";
import { sampleAdminParts, sampleDivergence, sampleSettings } from "../support/admin-parts.ts";
import { fixedStore } from "../support/fixed-store.ts";
import { until } from "../support/until.ts";
import { connectTo, type Wire } from "../support/wire.ts";

const LIMITS = { requestMs: 400, lookEveryMs: 50, connections: 16 };
/** Silent connections are closed after 30 s in any case. */
const BEFORE_IDLE_MS = 25_000;
const OPERATOR = "Authorization: Bearer s3cret";

async function start(t: TestContext, limits = LIMITS): Promise<string> {
  const many = Array.from({ length: 200 }, () => sampleDivergence({ error: "x".repeat(20_000) }));
  const parts = sampleAdminParts(fixedStore({ divergences: many }));
  parts.settings = sampleSettings({
    admin: { ...parts.settings.admin, tokens: [{ name: "ops", role: "operate", token: "s3cret" }] },
  });
  const admin = await createAdmin(parts, limits);
  t.after(async () => {
    await admin.close();
    assert.deepEqual(parts.errors, []);
  });
  return `http://127.0.0.1:${admin.address.port}`;
}

function closed(wires: readonly Wire[]): number {
  return wires.filter(({ socket }) => socket.closed).length;
}

test("heads and bodies that come a byte at a time are ended in time, whoever sends them", async (t) => {
  const url = await start(t);
  const begun = [
    "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    `POST /api/v1/mirror HTTP/1.1\r\nHost: localhost\r\n${OPERATOR}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`,
    `POST /api/v1/mirror HTTP/1.1\r\nHost: localhost\r\n${OPERATOR}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n`,
  ];
  const slow = await Promise.all(
    begun.map(async (head) => {
      const wire = await connectTo(url);
      wire.write(head);
      return wire;
    }),
  );
  const drip = setInterval(() => slow.forEach((wire) => wire.write("x")), 20);
  t.after(() => clearInterval(drip));
  for (const wire of slow) assert.match(await wire.ended(), /^HTTP\/1\.1 408 /);
});

test("who sends a body without being allowed to is answered before any of it is read", async (t) => {
  const url = await start(t);
  const wire = await connectTo(url);
  wire.write(
    "POST /api/v1/mirror HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
  );
  assert.match(await wire.until("a token is needed"), /^HTTP\/1\.1 401 /);
  await wire.ended();
});

test("strangers who take all the places, and more, keep nobody out", async (t) => {
  const url = await start(t, { ...LIMITS, requestMs: 60_000, lookEveryMs: 1_000 });
  const reader = await connectTo(url);
  reader.write(`GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n${OPERATOR}\r\n\r\n`);
  await reader.until("event: status");
  const heads = [
    "",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /api/v1/mirror HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n",
  ];
  const began = performance.now();
  const crowd: Wire[] = [];
  for (let i = 0; i < 4 * LIMITS.connections; i++) {
    const wire = await connectTo(url);
    wire.write(heads[i % heads.length] ?? "");
    crowd.push(wire);
    if (i % 8 === 0) assert.equal((await fetch(`${url}/healthz`, { headers: { connection: "close" } })).status, 200);
  }
  await until(() => closed(crowd) >= 3 * LIMITS.connections);
  assert.ok(performance.now() - began < BEFORE_IDLE_MS, "for each that came another one went");
  assert.equal(reader.socket.closed, false, "who may ask keeps the place");
  crowd.forEach((wire) => wire.close());
  reader.close();
});

test("where all places are taken by those who may ask, the next one is closed", async (t) => {
  const url = await start(t, { requestMs: 60_000, lookEveryMs: 1_000, connections: 3 });
  const readers = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const reader = await connectTo(url);
      reader.write(`GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n${OPERATOR}\r\n\r\n`);
      await reader.until("event: status");
      return reader;
    }),
  );
  const began = performance.now();
  const late = await connectTo(url);
  await late.ended();
  assert.ok(performance.now() - began < BEFORE_IDLE_MS);
  assert.equal(closed(readers), 0);
  readers[0]?.close();
  await until(async () => (await fetch(`${url}/healthz`).catch(() => null))?.status === 200);
  readers.forEach((reader) => reader.close());
});
