import assert from "node:assert/strict";
import net, { type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { startBench, type Bench, type BenchOptions } from "../support/crossfade.ts";
import { json } from "../support/service.ts";
import { connectTo } from "../support/wire.ts";

const HANDSHAKE =
  "GET /chat?room=%2F HTTP/1.1\r\nHost: api.example\r\nX-First: 1\r\nUpgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer t\r\nCookie: a=1; b=2\r\n\r\n";
const SWITCHED =
  "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nX-Odd-Case: yes\r\n\r\n";

/** Legacy is a bare server: `take` gets each connection once its first head has come, with that head. */
async function rawLegacy(t: TestContext, take: (socket: Socket, head: string) => void, options: BenchOptions = {}) {
  const bench = await startBench(t, options);
  await bench.legacy.close();
  const sockets = new Set<Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", (bytes) => take(socket, bytes.toString("latin1")));
  });
  await new Promise<void>((resolve) => server.listen(bench.legacy.port, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return bench;
}

async function open(bench: Bench, extra = "") {
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write(HANDSHAKE + extra);
  return wire;
}

test("a WebSocket handshake reaches the primary with all of its headers, its 101 reaches the client as it is, then bytes pass both ways", async (t) => {
  const heads: string[] = [];
  const bench = await rawLegacy(t, (socket, head) => {
    heads.push(head);
    socket.write(`${SWITCHED}hello`);
    socket.on("data", (bytes: Buffer) => socket.write(bytes.toString("latin1").toUpperCase()));
  });
  const wire = await open(bench, "early");
  await wire.until("EARLY");
  assert.equal(wire.received(), `${SWITCHED}helloEARLY`);
  wire.write("later");
  await wire.until("LATER");
  const expected = HANDSHAKE.slice(0, -2);
  assert.equal(heads[0]?.startsWith(expected), true, heads[0]);
  assert.match(heads[0] ?? "", /\r\nx-forwarded-for: 127\.0\.0\.1\r\n/);
  assert.equal(bench.next.seen.length, 0);
  const { routes } = await bench.status();
  assert.equal(routes[0]?.eligible, 0);
  wire.close();
});

test("the primary's refusal of an upgrade reaches the client as it is", async (t) => {
  const bench = await rawLegacy(t, (socket) => {
    socket.write(
      "HTTP/1.1 403 Not You\r\nX-Why: rules\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\nX-Sum: 1\r\n\r\n",
    );
  });
  const wire = await open(bench);
  assert.match(
    await wire.ended(),
    /^HTTP\/1\.1 403 Not You\r\nX-Why: rules\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nno\r\n0\r\nX-Sum: 1\r\n\r\n$/,
  );
});

test("a refusal with a large body reaches the client whole", async (t) => {
  const bytes = 8 * 1024 * 1024;
  const bench = await rawLegacy(t, (socket) => {
    socket.write(`HTTP/1.1 403 Not You\r\nContent-Length: ${bytes}\r\n\r\n`);
    socket.write(Buffer.alloc(bytes, "n"));
  });
  const wire = await open(bench);
  const [head, body] = (await wire.ended()).split("\r\n\r\n");
  assert.match(head ?? "", /^HTTP\/1\.1 403 Not You\r\n/);
  assert.equal(body?.length, bytes);
});

test("a client that ends its side while an upgrade is refused ends the primary's", async (t) => {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const bench = await rawLegacy(t, (socket) => {
    socket.once("end", resolve).resume();
    socket.write("HTTP/1.1 403 Not You\r\nContent-Length: 4\r\n\r\nno");
  });
  const wire = await open(bench, "a frame sent too early");
  await wire.until("no");
  wire.socket.end();
  await ended;
});

test("a primary that cannot be reached refuses an upgrade with 502", async (t) => {
  const bench = await startBench(t);
  await bench.legacy.close();
  const wire = await open(bench);
  assert.match(await wire.ended(), /^HTTP\/1\.1 502 Bad Gateway\r\n/);
});

test("each side of a tunnel ends by itself, and what the other still says arrives", async (t) => {
  const ended: string[] = [];
  let primary: Socket | null = null;
  const bench = await rawLegacy(t, (socket) => {
    primary = socket;
    socket.write(SWITCHED);
    socket.once("end", () => {
      ended.push("client");
      socket.end("after your end");
    });
  });
  const wire = await open(bench);
  await wire.until("101");
  wire.socket.end("bye");
  assert.match(await wire.ended(), /after your end$/);
  assert.deepEqual(ended, ["client"]);
  assert.notEqual(primary, null);
});

test("a client that breaks off its tunnel ends the primary's side, and a primary that resets cuts the client's", async (t) => {
  const sockets: Socket[] = [];
  const bench = await rawLegacy(t, (socket) => {
    sockets.push(socket);
    socket.write(SWITCHED);
    socket.resume();
  });
  const first = await open(bench);
  await first.until("101");
  const gone = new Promise((resolve) => sockets[0]?.once("close", resolve));
  first.socket.resetAndDestroy();
  await gone;
  const second = await open(bench);
  await second.until("101");
  (sockets[1] as Socket).resetAndDestroy();
  await second.ended();
});

test("a tunnel that its reader does not drain does not fill the proxy's memory", async (t) => {
  let written = 0;
  const stalled = Promise.withResolvers<void>();
  const bench = await rawLegacy(t, (socket) => {
    socket.write(SWITCHED);
    const block = Buffer.alloc(64 * 1024, "x");
    const fill = (): void => {
      while (written < 256 * 1024 * 1024) {
        written += block.length;
        if (!socket.write(block)) break;
      }
      const at = written;
      setTimeout(() => {
        if (written === at) stalled.resolve();
      }, 300);
    };
    socket.on("drain", fill);
    fill();
  });
  const wire = await open(bench);
  await wire.until("101");
  wire.socket.pause();
  await stalled.promise;
  // Two sockets' kernel buffers, and what one read brings.
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`);
  wire.close();
});

test("an Upgrade that is not tunnelled is an ordinary request, and nothing behind it on the connection is lost", async (t) => {
  const bench = await startBench(t, {
    legacy: (seen, response) => response.end(`${seen.method} ${seen.target} ${seen.body.toString()}`),
  });
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write(
    "POST /users/1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nContent-Length: 2\r\n\r\nhi" +
      "GET /second HTTP/1.1\r\nHost: h\r\n\r\n",
  );
  await wire.until("GET /second");
  wire.write("GET /third HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const answers = await wire.ended();
  assert.deepEqual(answers.match(/(?:POST|GET) \/\S+ (?:hi)?/g), ["POST /users/1 hi", "GET /second ", "GET /third "]);
  assert.deepEqual(
    bench.legacy.seen.map((seen) => [seen.method, seen.header("upgrade"), seen.header("http2-settings")]),
    [
      ["POST", null, null],
      ["GET", null, null],
      ["GET", null, null],
    ],
  );
  await bench.settled(1);
  assert.equal(bench.next.seen.length, 1);
});

test("an upgrade behind an unanswered request waits until that is answered", async (t) => {
  let answer = (): void => {};
  const seen: string[] = [];
  const bench = await startBench(t, {
    legacy: (request, response) => {
      seen.push(request.target);
      answer = () => json(200, { first: true })(request, response);
    },
  });
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write(`GET /first HTTP/1.1\r\nHost: h\r\n\r\n${HANDSHAKE}`);
  await bench.legacy.sawAtLeast(1);
  // Node's server has handed the upgrade over with the same packet.
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, ["/first"]);
  answer();
  await wire.until("first");
  await bench.legacy.sawAtLeast(2);
  answer();
  await wire.ended();
  assert.deepEqual(seen, ["/first", "/chat?room=%2F"]);
});
