import assert from "node:assert/strict";
import net, { type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { startBench, type Bench, type BenchOptions } from "../support/crossfade.ts";
import { json } from "../support/service.ts";
import { connectTo } from "../support/wire.ts";

/** A bench whose legacy writes bytes of the test's own choosing once it has seen a request's head. */
async function rawPrimary(
  t: TestContext,
  answer: (socket: Socket) => void,
  options: BenchOptions = {},
): Promise<Bench> {
  const bench = await startBench(t, options);
  await bench.legacy.close();
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let seen = "";
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      seen += bytes.toString("latin1");
      if (!seen.includes("\r\n\r\n")) return;
      seen = "";
      answer(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(bench.legacy.port, "127.0.0.1", resolve));
  assert.equal((server.address() as AddressInfo).port, bench.legacy.port);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return bench;
}

async function ask(bench: Bench, bytes: string): Promise<string> {
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write(bytes);
  return wire.ended();
}

test("uploads that break off before the primary could be reached end nothing but themselves", async (t) => {
  const bench = await startBench(t);
  await bench.legacy.close();
  for (let round = 0; round < 30; round++) {
    const wires = await Promise.all(Array.from({ length: 20 }, () => connectTo(bench.crossfade.proxyUrl)));
    for (const wire of wires) wire.write("PUT /users/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\nhalf");
    await new Promise((resolve) => setImmediate(resolve));
    for (const wire of wires) wire.close();
  }
  const [route] = await bench.settled(1);
  assert.equal(route?.pending, 0);
  assert.equal((await bench.status()).queue.bytes, 0);
});

test("early hints with several links in one line, and heads that Node will not write, reach the client as well as they can", async (t) => {
  const bench = await rawPrimary(t, (socket) => {
    socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload, </b>; rel=preload\r\n\r\n");
    socket.write("HTTP/1.1 200 \x01bad\u2713\r\nContent-Length: 2\r\n\r\nok");
  });
  for (const line of [
    "GET / HTTP/1.1",
    "GET http://h/abs HTTP/1.1",
    "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0",
  ]) {
    const answer = await ask(bench, `${line}\r\nHost: h\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /HTTP\/1\.1 (?:200 OK|502 Bad Gateway)\r\n/, `${line}: ${answer}`);
    assert.match(answer, /\r\n\r\n.+$/s);
  }
});

test("what an upload held is given back when the primary answers before it is complete, and goes on being given back", async (t) => {
  const bench = await rawPrimary(
    t,
    (socket) => void socket.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"),
  );
  for (const size of [600_000, 3_000_000]) {
    for (let i = 0; i < 5; i++) {
      const wire = await connectTo(bench.crossfade.proxyUrl);
      wire.write(`PUT /users/${i} HTTP/1.1\r\nHost: h\r\nContent-Length: ${size}\r\n\r\n`);
      wire.write(Buffer.alloc(size / 2));
      await wire.until("401");
      wire.write(Buffer.alloc(size / 2));
      await new Promise((resolve) => setTimeout(resolve, 20));
      wire.close();
    }
  }
  const [route] = await bench.settled(10);
  assert.equal(route?.reasons["not-accepted"], 10);
  // What the spool was writing is given back once the disk has it.
  for (let held = -1; held !== 0; await new Promise((resolve) => setTimeout(resolve, 5))) {
    const { queue } = await bench.api<{ queue: { bytes: number; spoolBytes: number } }>("/api/v1/status");
    held = queue.bytes + queue.spoolBytes;
  }
});

test("a write that the primary accepts before its body is complete is not mirrored by halves: unknown, with a repair entry", async (t) => {
  const bench = await rawPrimary(
    t,
    (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
  );
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write("PUT /users/1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  await wire.until("200 OK");
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["unknown"], 1);
  assert.equal(bench.next.seen.length, 0);
  const repairs = await bench.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
  assert.deepEqual(
    repairs.items.map(({ key, reason }) => [key, reason]),
    [["users/1", "unknown"]],
  );
  wire.close();
});

test("a 304 that says the length of what it does not send passes", async (t) => {
  const bench = await rawPrimary(
    t,
    (socket) => void socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 1234\r\n\r\n'),
  );
  const answer = await ask(bench, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assert.match(answer, /^HTTP\/1\.1 304 Not Modified\r\nETag: "x"\r\n/);
});

test("a Trailer header on a message that is not chunked is no reason to refuse it", async (t) => {
  const bench = await startBench(t, {
    legacy: (_seen, response) => {
      response.sendDate = false;
      response.socket?.write("HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
      response.socket?.end();
    },
  });
  const body = "PUT /x HTTP/1.1\r\nHost: h\r\nTrailer: x-check\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
  assert.match(await ask(bench, body), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nok$/s);
  assert.match(await ask(bench, "GET /x HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nok$/s);
});

test("an upload that asked with Expect may take longer than the primary's time-out, which counts from its last byte", async (t) => {
  const bench = await startBench(t, { legacyService: "asPrimary: { timeout: 1s }" });
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write("PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 8\r\nConnection: close\r\n\r\n");
  await wire.until("100 Continue");
  for (let i = 0; i < 8; i++) {
    wire.write("x");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  assert.match(await wire.ended(), /HTTP\/1\.1 200 OK/);
});

test("smuggling attempts are refused, and what follows them on the connection is not served", async (t) => {
  const bench = await startBench(t, { legacy: json(200, { ok: true }) });
  const attempts = [
    "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxxGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
  ];
  for (const attempt of attempts) assert.match(await ask(bench, attempt), /^HTTP\/1\.1 (?:400|501) /, attempt);
  assert.equal(
    bench.legacy.seen.some(({ target }) => target === "/smuggled"),
    false,
  );
  assert.equal(bench.next.seen.length, 0);
});
