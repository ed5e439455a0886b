import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { test, type TestContext } from "node:test";
import type { CrossfadeError } from "../../proxy/errors.ts";
import type { AnswerSink, StreamedBody, UpstreamRequest } from "../../proxy/ports.ts";
import { Connections } from "../../proxy/upstream/connections.ts";

async function startService(t: TestContext): Promise<Connections> {
  const server = net.createServer((socket) => {
    socket.on("error", () => {}).on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const connections = new Connections(
    (options) => ({ socket: net.connect({ ...options, host: "127.0.0.1", port }), readyEvent: "connect" }),
    { connectTimeoutMs: 5_000, maxConnections: null },
  );
  t.after(async () => {
    connections.close();
    await new Promise((resolve) => server.close(resolve));
  });
  return connections;
}

function post(body: StreamedBody): UpstreamRequest {
  return {
    method: "POST",
    target: "/",
    headers: ["Host", "service", "Content-Length", "10"],
    body,
    headersTimeoutMs: 0,
    bodyTimeoutMs: 0,
    totalTimeoutMs: 60_000,
    freshConnection: false,
    upgrade: false,
  };
}

/** Resolves to how the exchange ended. */
function ended(connections: Connections, request: UpstreamRequest): Promise<CrossfadeError | "answered"> {
  return new Promise((resolve) => {
    const sink: AnswerSink = {
      onSending() {},
      onInformation() {},
      onHead() {},
      onData: () => true,
      onEnd: () => resolve("answered"),
      onError: resolve,
    };
    connections.send(request, sink);
  });
}

test("a body that broke off while the connection was made ends its own exchange only", async (t) => {
  const connections = await startService(t);
  const stream = new PassThrough();
  stream.on("error", () => {});
  let abandoned = 0;
  const end = ended(connections, post({ stream, trailers: () => [], abandon: () => abandoned++ }));
  stream.destroy(new Error("the client went away"));
  const error = await end;
  assert.ok(error !== "answered");
  assert.equal(error.code, "aborted");
  assert.equal(error.source, "client");
  assert.equal(abandoned, 1);
  const whole = new PassThrough();
  whole.end("0123456789");
  assert.equal(await ended(connections, post({ stream: whole, trailers: () => [], abandon() {} })), "answered");
});

test("a body that has ended before the connection is there is told as shorter than its length", async (t) => {
  const connections = await startService(t);
  const stream = new PassThrough();
  stream.end("01234");
  stream.resume();
  await once(stream, "end");
  const error = await ended(connections, post({ stream, trailers: () => [], abandon() {} }));
  assert.ok(error !== "answered");
  assert.equal(error.code, "internal");
});
