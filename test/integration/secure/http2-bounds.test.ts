import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { test } from "node:test";
import { connectFrames, END_HEADERS, END_STREAM, FRAME, literalHeaders } from "../../support/h2-wire.ts";
import { answerOf, startRawUpstream, startSecure } from "../../support/secure.ts";
import { json, startService } from "../../support/service.ts";

const MIB = 1024 * 1024;

test("a primary that does not read stops the client's upload at a bounded number of bytes", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  // What waits in the client itself counts against a bound of its own, 10 MB by default.
  const session = await connect({ maxSessionMemory: 1_000 });
  const stream = session.request({ ":method": "POST", ":path": "/", "content-length": 64 * MIB });
  stream.on("error", () => {});
  const chunk = Buffer.alloc(MIB);
  for (let i = 0; i < 64; i++) stream.write(chunk);
  const exchange = await upstream.next();
  exchange.socket.pause();
  // Other streams of the same connection are not held up; while they come and go, the upload would go on if it could.
  const until = performance.now() + 1_500;
  for (let turns = 0; turns < 20 || performance.now() < until; turns++) {
    const other = session.request({ ":path": "/other" });
    const answered = answerOf(other);
    const second = await upstream.next();
    await second.until("\r\n\r\n");
    second.socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    assert.equal((await answered).text, "ok");
  }
  assert.ok(stream.writableLength > 40 * MIB, `${64 * MIB - stream.writableLength} bytes have left the client`);
  // Nothing is lost: the rest comes once the primary reads.
  exchange.socket.removeAllListeners("data");
  let received = exchange.received().length;
  exchange.socket.on("data", (more: Buffer) => {
    received += more.length;
    if (received > 64 * MIB) exchange.socket.end("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nread");
  });
  exchange.socket.resume();
  stream.end();
  assert.equal((await answerOf(stream)).text, "read");
});

test("a client that does not read stops the primary's answer at a bounded number of bytes", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const stream = session.request({ ":path": "/" });
  stream.pause();
  const exchange = await upstream.next();
  await exchange.until("\r\n\r\n");
  const total = 96 * MIB;
  exchange.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
  let written = 0;
  const chunk = Buffer.alloc(MIB, "x");
  const writeOn = (): void => {
    while (written < total) {
      written += chunk.length;
      if (!exchange.socket.write(chunk)) return;
    }
    exchange.socket.removeListener("drain", writeOn);
  };
  exchange.socket.on("drain", writeOn);
  writeOn();
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.ok(written < 32 * MIB, `${written} bytes have left the primary`);
  let received = 0;
  stream.on("data", (part: Buffer) => {
    received += part.length;
  });
  stream.resume();
  await once(stream, "end");
  assert.equal(received, total);
});

test("on stop the client is told (GOAWAY), what is under way ends as it should, and nothing new begins", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect, crossfade } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const stream = session.request({ ":path": "/slow" });
  const answered = answerOf(stream);
  const exchange = await upstream.next();
  await exchange.until("\r\n\r\n");
  const told = once(session, "goaway");
  const stopped = crossfade.stop(5_000);
  await told;
  const late = session.closed ? null : answerOf(session.request({ ":path": "/late" }));
  exchange.socket.end("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
  assert.equal((await answered).text, "done");
  const { cutOff } = await stopped;
  assert.equal(cutOff, false);
  assert.notEqual((await late)?.status, 200);
  assert.equal(upstream.connections, 1);
});

test("an idle connection does not hold up the stop", async (t) => {
  const legacy = await startService(json(200, {}));
  t.after(() => legacy.close());
  const { connect, crossfade } = await startSecure(t, { legacyUrl: legacy.url });
  const session = await connect();
  await answerOf(session.request({ ":path": "/" }));
  const closed = once(session, "close");
  const { cutOff } = await crossfade.stop(5_000);
  assert.equal(cutOff, false);
  await closed;
});

test("a stop that takes too long ends what is left", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect, crossfade } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const answered = answerOf(session.request({ ":path": "/never" }));
  await upstream.next();
  const { cutOff } = await crossfade.stop(100);
  assert.equal(cutOff, true);
  assert.equal((await answered).status, 0);
});

test("streams that a client opens and resets at once (rapid reset) end its connection, and others are served", async (t) => {
  const legacy = await startService((_seen, response) => {
    setImmediate(() => response.end("ok"));
  });
  t.after(() => legacy.close());
  const { crossfade, authority, connect } = await startSecure(t, { legacyUrl: legacy.url });
  const attacker = await connectFrames(crossfade.proxyUrl, authority.ca);
  for (let i = 0; i < 5_000; i++) {
    attacker.open(2 * i + 1, END_HEADERS | END_STREAM, { ":method": "GET", ":path": `/${i}` });
    attacker.send(FRAME.rstStream, 0, 2 * i + 1, Buffer.of(0, 0, 0, 8));
  }
  const goaway = await attacker.until(({ type }) => type === FRAME.goaway);
  assert.equal(goaway?.payload.readUInt32BE(4), http2.constants.NGHTTP2_INTERNAL_ERROR);
  await attacker.until(() => false);
  assert.ok(legacy.seen.length < 2_000, `${legacy.seen.length} requests reached the primary`);
  const session = await connect();
  assert.equal((await answerOf(session.request({ ":path": "/" }))).text, "ok");
});

test("a client that opens more streams at once than it was allowed is cut off", async (t) => {
  const upstream = await startRawUpstream(t);
  const { crossfade, authority } = await startSecure(t, { legacyUrl: upstream.url });
  const client = await connectFrames(crossfade.proxyUrl, authority.ca);
  const allowed = await client.until(({ type, flags }) => type === FRAME.settings && flags === 0);
  // SETTINGS_MAX_CONCURRENT_STREAMS (3) with its value, 128.
  assert.ok(allowed?.payload.includes(Buffer.of(0, 3, 0, 0, 0, 128)));
  client.send(FRAME.ping, 0, 0, Buffer.alloc(8));
  // By now the server has read that its settings are known.
  await client.until(({ type }) => type === FRAME.ping);
  for (let i = 0; i < 140; i++) {
    client.open(2 * i + 1, END_HEADERS | END_STREAM, { ":method": "GET", ":path": `/${i}` });
  }
  const goaway = await client.until(({ type }) => type === FRAME.goaway);
  assert.equal(goaway?.payload.readUInt32BE(4), http2.constants.NGHTTP2_PROTOCOL_ERROR);
  assert.ok(upstream.connections <= 128);
});

test("CONNECT is refused, and WebSocket over HTTP/2 is not offered", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  assert.equal(session.remoteSettings.enableConnectProtocol, false);
  const stream = session.request({ ":method": "CONNECT", ":authority": "elsewhere.example:443" });
  const answered = answerOf(stream);
  await once(stream, "response");
  stream.end();
  assert.equal((await answered).status, 405);
  assert.equal(upstream.connections, 0);
});

test("what HTTP/1.1 could not say, or would say as something else, never reaches a service", async (t) => {
  const upstream = await startRawUpstream(t);
  const { crossfade, authority } = await startSecure(t, { legacyUrl: upstream.url });
  const cases: readonly Readonly<Record<string, string>>[] = [
    { ":method": "GET", ":path": "/", "X-Upper": "1" },
    { ":method": "GET", ":path": "/", connection: "close" },
    { ":method": "POST", ":path": "/", "transfer-encoding": "chunked" },
    { ":method": "GET", ":path": "/", te: "gzip" },
    { ":method": "GET", ":path": "/ HTTP/1.1\r\nHost: evil\r\n\r\n" },
    { ":method": "GET", ":path": "/a b" },
    { ":method": "GET", ":path": "" },
    { ":method": "GET", ":path": "*" },
    { ":method": "GET", ":path": "x" },
    { ":method": "GET", ":path": "http://evil/" },
    { ":method": "GET / HTTP/1.1\r\nx:", ":path": "/" },
    { ":method": "GET / HTTP/1.1", ":path": "/" },
    { ":method": "GET", ":path": "/", ":authority": "a\r\nx-b: 1" },
    { ":method": "GET", ":path": "/", ":authority": "a b" },
    { ":method": "GET", ":path": "/", ":unknown": "1" },
    { ":method": "GET", ":scheme": "x", ":path": "x" },
    { ":path": "/" },
    { ":method": "GET", ":path": "/", ":authority": "" },
    { ":method": "POST", ":path": "/", "content-length": "1" },
    { ":method": "POST", ":path": "/", "content-length": "+0" },
  ];
  for (const headers of cases) {
    const client = await connectFrames(crossfade.proxyUrl, authority.ca);
    client.open(1, END_HEADERS | END_STREAM, headers);
    const answer = await client.until(
      ({ type, stream }) =>
        type === FRAME.goaway || (stream === 1 && (type === FRAME.rstStream || type === FRAME.headers)),
    );
    assert.notEqual(answer, null, JSON.stringify(headers));
    client.socket.destroy();
  }
  assert.equal(upstream.connections, 0);
});

test("a header line with a line break in its name or value is left out, by nghttp2, and nothing of it arrives", async (t) => {
  const upstream = await startRawUpstream(t);
  const { crossfade, authority } = await startSecure(t, { legacyUrl: upstream.url });
  for (const line of [
    { "x-a": "1\r\nx-evil: 1" },
    { "x-a": "1\nx-evil: 2" },
    { "x-a": "1\0x-evil: 2" },
    { "x-a\r\nx-evil": "1" },
    { "x-a: 1\r\nx-evil": "1" },
    { "x-a": "1\r\n\r\nGET /x-evil HTTP/1.1" },
  ]) {
    const client = await connectFrames(crossfade.proxyUrl, authority.ca);
    client.open(1, END_HEADERS | END_STREAM, { ":method": "GET", ":path": "/", ...line, "x-z": "1" });
    const exchange = await upstream.next();
    const received = await exchange.until("\r\n\r\n");
    assert.match(received, /^GET \/ HTTP\/1\.1\r\nhost: h2\.test\r\nx-z: 1\r\n/);
    assert.doesNotMatch(received, /x-evil|x-a/);
    client.socket.destroy();
    await exchange.closed();
  }
});

test("a body that is longer or shorter than its length is refused, and the primary does not take it for whole", async (t) => {
  const upstream = await startRawUpstream(t);
  const { crossfade, authority } = await startSecure(t, { legacyUrl: upstream.url });
  for (const [length, body] of [
    ["3", "four"],
    ["100", "four"],
  ] as const) {
    const client = await connectFrames(crossfade.proxyUrl, authority.ca);
    client.open(1, END_HEADERS, { ":method": "POST", ":path": "/", "content-length": length });
    client.send(FRAME.data, END_STREAM, 1, Buffer.from(body));
    const refused = await client.until(
      ({ type, stream }) => type === FRAME.goaway || (stream === 1 && type === FRAME.rstStream),
    );
    assert.notEqual(refused, null, length);
    client.socket.destroy();
    await crossfadeIsIdle(upstream);
  }
});

/** Whatever reached the upstream was cut off before it was whole. */
async function crossfadeIsIdle(upstream: Awaited<ReturnType<typeof startRawUpstream>>): Promise<void> {
  if (upstream.connections === 0) return;
  const exchange = await upstream.next();
  await exchange.closed();
  assert.doesNotMatch(exchange.received(), /\r\n\r\nfou(?:r|$)/);
}

test("heads without end (CONTINUATION flood) end the connection", async (t) => {
  const upstream = await startRawUpstream(t);
  const { crossfade, authority } = await startSecure(t, { legacyUrl: upstream.url });
  const client = await connectFrames(crossfade.proxyUrl, authority.ca);
  const pseudo = { ":method": "GET", ":path": "/", ":scheme": "https", ":authority": "a" };
  client.send(FRAME.headers, END_STREAM, 1, literalHeaders(pseudo));
  for (let i = 0; i < 2_000 && !client.socket.destroyed; i++) {
    client.send(FRAME.continuation, 0, 1, literalHeaders({ [`x-${i}`]: "y".repeat(1_000) }));
  }
  await client.until(() => false);
  assert.equal(upstream.connections, 0);
});

test("large heads pass: many lines to the primary, and an answer's head of 100 KiB", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect({ settings: { maxHeaderListSize: MIB }, maxHeaderListPairs: 4_000 });
  const lines = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`x-${i}`, "v"]));
  const stream = session.request({ ":path": "/", ...lines });
  const exchange = await upstream.next();
  const received = await exchange.until("\r\n\r\n");
  assert.equal(received.match(/\r\nx-\d+: v/g)?.length, 400);
  const many = Array.from({ length: 25 }, (_, i) => `X-${i}: ${"v".repeat(4_096)}\r\n`).join("");
  exchange.socket.end(`HTTP/1.1 200 OK\r\n${many}Content-Length: 2\r\n\r\nok`);
  const { headers, text } = await answerOf(stream);
  assert.equal(text, "ok");
  assert.equal(headers["x-24"]?.length, 4_096);
});

test("a status that HTTP/2 does not have becomes 502", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const stream = session.request({ ":path": "/" });
  const exchange = await upstream.next();
  await exchange.until("\r\n\r\n");
  exchange.socket.end("HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n");
  assert.equal((await answerOf(stream)).status, 502);
});

test("a primary that cannot be reached is 502, and the connection goes on", async (t) => {
  const gone = await startService();
  await gone.close();
  const { connect } = await startSecure(t, { legacyUrl: gone.url });
  const session = await connect();
  for (let i = 0; i < 2; i++) {
    const { status, headers } = await answerOf(session.request({ ":path": "/" }));
    assert.deepEqual([status, headers["content-type"]], [502, "application/problem+json"]);
  }
});
