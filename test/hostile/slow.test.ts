import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { streamedBody } from "../../proxy/forward/request-body.ts";
import { createListener } from "../../proxy/listen/server.ts";
import { connectClient } from "./client.ts";

const SILENCE_MS = 600;

test("heads that come a byte at a time are refused with 408 in time, and hold up nobody else", async (t) => {
  const listener = await createListener(
    { listen: { host: "127.0.0.1", port: 0 }, socketMode: 0o660, tls: null },
    {
      handle: (_request, response) => void response.end("served"),
      tunnel: (_request, socket) => void socket.destroy(),
      tunnels: () => false,
    },
    { patience: { headMs: SILENCE_MS, lookEveryMs: 50 } },
  );
  t.after(() => listener.close());
  assert.ok("port" in listener.address);
  const url = `http://127.0.0.1:${listener.address.port}`;
  const slow = await Promise.all(Array.from({ length: 100 }, () => connectClient(url)));
  const drip = setInterval(() => {
    for (const client of slow) if (!client.closed) client.write("X");
  }, 20);
  t.after(() => clearInterval(drip));
  for (const client of slow) client.write("GET / HTTP/1.1\r\nHost: h\r\n");
  const swift = await connectClient(url);
  swift.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.equal((await swift.answered(["GET"], 1)).answers[0]?.body, "served");
  await Promise.all(slow.map((client) => client.ended()));
  for (const client of slow) assert.match(client.received(), /^HTTP\/1\.1 408 Request Timeout\r\n/);
  swift.socket.destroy();
});

/** A server that reads bodies as the forwarder does; resolves with the first request. */
async function bodyReader(t: TestContext): Promise<{ url: string; request: Promise<IncomingMessage> }> {
  const server = createServer();
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const request = once(server, "request").then(([incoming]) => incoming as IncomingMessage);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, request };
}

const HALF = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf";

test("a client that falls silent within its body is cut off", async (t) => {
  const { url, request } = await bodyReader(t);
  const client = await connectClient(url);
  client.write(HALF);
  const body = streamedBody(await request, null, SILENCE_MS);
  body.stream.resume();
  await client.ended();
});

test("a body that comes slowly is left to come, and so is one that the primary does not read", async (t) => {
  const { url, request } = await bodyReader(t);
  const client = await connectClient(url);
  client.write(HALF);
  const body = streamedBody(await request, null, SILENCE_MS);
  body.stream.resume();
  for (let i = 0; i < 12; i++) {
    await pause(SILENCE_MS / 6);
    client.write("x");
  }
  assert.equal(client.closed, false, "twelve bytes in twice the time");
  body.stream.pause();
  await pause(SILENCE_MS * 3);
  assert.equal(client.closed, false, "nobody reads");
  body.stream.resume();
  client.write("x".repeat(1000 - 4 - 12));
  await once(body.stream, "end");
  client.socket.destroy();
});
