import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { test, type TestContext } from "node:test";
import type { CrossfadeError } from "../../proxy/errors.ts";
import type { AnswerSink, StreamedBody, UpstreamRequest } from "../../proxy/ports.ts";
import { Connections } from "../../proxy/upstream/connections.ts";

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

interface Service {
  readonly connections: Connections;
  /** The proxy's ends of all connections that were ever opened. */
  readonly opened: net.Socket[];
}

/** Answers whatever comes, or does with each connection what `take` says. */
async function startService(
  t: TestContext,
  maxConnections: number | null = null,
  take = (socket: net.Socket): void => void socket.on("data", () => socket.write(ANSWER)),
): Promise<Service> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    take(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const opened: net.Socket[] = [];
  const connections = new Connections(
    (options) => {
      const socket = net.connect({ ...options, host: "127.0.0.1", port });
      opened.push(socket);
      return { socket, readyEvent: "connect" };
    },
    { connectTimeoutMs: 5_000, maxConnections },
  );
  t.after(async () => {
    connections.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { connections, opened };
}

function post(body: StreamedBody): UpstreamRequest {
  return { ...get(), method: "POST", headers: ["Host", "service", "Content-Length", "10"], body };
}

function get(freshConnection = false): UpstreamRequest {
  return {
    method: "GET",
    target: "/",
    headers: ["Host", "service"],
    body: null,
    headersTimeoutMs: 0,
    bodyTimeoutMs: 0,
    totalTimeoutMs: 60_000,
    freshConnection,
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
  const { connections } = await startService(t);
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
  const { connections } = await startService(t);
  const stream = new PassThrough();
  stream.end("01234");
  stream.resume();
  await once(stream, "end");
  const error = await ended(connections, post({ stream, trailers: () => [], abandon() {} }));
  assert.ok(error !== "answered");
  assert.equal(error.code, "internal");
});

test("a request that wants a connection of its own gets one though it had to wait for a place", async (t) => {
  const served: number[] = [];
  let made = 0;
  const { connections, opened } = await startService(t, 1, (socket) => {
    const mine = ++made;
    socket.on("data", () => {
      served.push(mine);
      socket.write(ANSWER);
    });
  });
  assert.deepEqual(await Promise.all([ended(connections, get()), ended(connections, get(true))]), [
    "answered",
    "answered",
  ]);
  assert.deepEqual(served, [1, 2]);
  assert.equal(opened.length, 2);
});

test("there are never more connections than allowed, also where one takes the place of another", async (t) => {
  let answers = 0;
  const { connections, opened } = await startService(t, 1, (socket) => {
    socket.on("data", () => {
      if (answers++ === 0) socket.write(ANSWER);
    });
  });
  await ended(connections, get());
  void ended(connections, get(true));
  void ended(connections, get());
  await once(opened[0] as net.Socket, "close");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(opened.filter((socket) => !socket.destroyed).length, 1);
});

test("a connection is not used again while the service has not taken the request that it answered", async (t) => {
  const { connections, opened } = await startService(t, null, (socket) => {
    socket.pause();
    socket.write(ANSWER);
  });
  assert.equal(
    await ended(connections, { ...get(), method: "POST", body: Buffer.alloc(16 * 1024 * 1024) }),
    "answered",
  );
  assert.equal(await ended(connections, get()), "answered");
  assert.equal(opened.length, 2);
});
