import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { test } from "node:test";
import { connectFrames, END_HEADERS, FRAME } from "../../support/h2-wire.ts";
import { json, startService } from "../../support/service.ts";
import { answerOf, startRawUpstream, startSecure } from "../../support/secure.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** Header lines as the upstream got them, without what the proxy adds. */
function linesOf(received: string): string[] {
  const head = received.slice(0, received.indexOf("\r\n\r\n"));
  return head.split("\r\n").filter((line) => !/^(x-forwarded-|connection:)/i.test(line));
}

test("a request says in HTTP/1.1 what it said in HTTP/2: target, Host first, order, cookies in one line", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const stream = session.request({
    ":method": "GET",
    ":path": "/a//../%2F%zz?x=1&y",
    ":authority": "api.example:8443",
    "x-b": "2",
    cookie: ["a=1", "b=2", "c=3"],
    "x-a": ["1", "1 again"],
    te: "trailers",
  });
  const exchange = await upstream.next();
  const received = await exchange.until("\r\n\r\n");
  assert.deepEqual(linesOf(received), [
    "GET /a//../%2F%zz?x=1&y HTTP/1.1",
    "host: api.example:8443",
    "x-b: 2",
    "cookie: a=1; b=2; c=3",
    "x-a: 1",
    "x-a: 1 again",
  ]);
  assert.match(received, /\r\nx-forwarded-proto: https\r\n/);
  assert.match(received, /\r\nx-forwarded-for: 127\.0\.0\.1\r\n/);
  exchange.socket.write(OK);
  assert.deepEqual((await answerOf(stream)).text, "ok");
});

test(":authority rules over a Host header, and a Host header alone is kept", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  for (const [headers, host] of [
    [{ ":authority": "one.example", host: "two.example" }, "one.example"],
    [{ host: "two.example" }, "two.example"],
  ] as const) {
    const stream = session.request({ ":path": "/", ...headers });
    const exchange = await upstream.next();
    const hosts = linesOf(await exchange.until("\r\n\r\n")).filter((line) => /^host:/i.test(line));
    assert.deepEqual(hosts, [`host: ${host}`]);
    exchange.socket.end(OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    await answerOf(stream);
  }
});

test("a body with a length keeps it, and one without is chunked", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const sized = session.request({ ":method": "POST", ":path": "/", "content-length": 5 });
  sized.end("hello");
  const first = await upstream.next();
  assert.match(await first.until("hello"), /\r\ncontent-length: 5\r\n/i);
  assert.doesNotMatch(first.received(), /transfer-encoding/i);
  first.socket.end(OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  await answerOf(sized);

  const streamed = session.request({ ":method": "POST", ":path": "/" });
  streamed.write("hel");
  const second = await upstream.next();
  await second.until("hel");
  streamed.end("lo");
  const received = await second.until("\r\n0\r\n\r\n");
  assert.match(received, /\r\ntransfer-encoding: chunked\r\n/i);
  assert.doesNotMatch(received, /\r\ncontent-length:/i);
  assert.equal(received.slice(received.indexOf("\r\n\r\n") + 4).replace(/\r\n\d+\r\n|^\d+\r\n|\r\n/g, ""), "hello");
  second.socket.write(OK);
  await answerOf(streamed);
});

test("a request without a body has neither length nor chunks", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  for (const method of ["GET", "POST", "DELETE"]) {
    const stream = session.request({ ":method": method, ":path": "/" }, { endStream: true });
    const exchange = await upstream.next();
    assert.doesNotMatch(await exchange.until("\r\n\r\n"), /content-length|transfer-encoding/i, method);
    exchange.socket.end(OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    await answerOf(stream);
  }
});

test("an answer keeps its status, its lines in order and repeated; names are lower case and the phrase is gone", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const stream = session.request({ ":path": "/" });
  const lines: string[] = [];
  stream.once("response", (_headers, _flags, raw: string[]) => {
    for (let i = 0; i < raw.length; i += 2) lines.push(`${raw[i]}: ${raw[i + 1]}`);
  });
  const exchange = await upstream.next();
  exchange.socket.write(
    "HTTP/1.1 299 Very Fine\r\nX-B: 2\r\nSet-Cookie: a=1\r\nX-A: 1\r\nSet-Cookie: b=2\r\nETag: one\r\nETag: two\r\n7: seven\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
  );
  assert.equal((await answerOf(stream)).resetCode, 0);
  assert.deepEqual(lines, [
    ":status: 299",
    "x-b: 2",
    "set-cookie: a=1",
    "x-a: 1",
    "set-cookie: b=2",
    "etag: one",
    "etag: two",
    "7: seven",
    "content-length: 2",
  ]);
});

test("trailers pass both ways, announced or not", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  for (const announced of [true, false]) {
    const stream = session.request(
      { ":method": "POST", ":path": "/", ...(announced ? { trailer: "x-sum" } : {}) },
      { waitForTrailers: true },
    );
    stream.once("wantTrailers", () => stream.sendTrailers({ "x-sum": "abc" }));
    stream.end("hello");
    const exchange = await upstream.next();
    assert.match(await exchange.until("x-sum: abc\r\n\r\n"), /\r\n5\r\nhello\r\n0\r\nx-sum: abc\r\n\r\n$/);
    exchange.socket.end(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${announced ? "Trailer: X-Up\r\n" : ""}Connection: close\r\n\r\n2\r\nok\r\n0\r\nX-Up: 1\r\nX-Up: 2\r\n\r\n`,
    );
    const { text, trailers, resetCode } = await answerOf(stream);
    assert.deepEqual([text, trailers?.["x-up"], resetCode], ["ok", "1, 2", 0]);
  }
});

test("trailers of a request that has a length are dropped: HTTP/1.1 has no place for them", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const stream = session.request({ ":method": "POST", ":path": "/", "content-length": 5 }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "x-sum": "abc" }));
  stream.end("hello");
  const answered = answerOf(stream);
  const exchange = await upstream.next();
  await exchange.until("\r\n\r\nhello");
  exchange.socket.end(OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  assert.equal((await answered).text, "ok");
  assert.doesNotMatch(exchange.received(), /x-sum/);
});

test("an answer that changes the protocol is 502", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const answered = answerOf(session.request({ ":path": "/" }));
  const exchange = await upstream.next();
  await exchange.until("\r\n\r\n");
  exchange.socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
  assert.equal((await answered).status, 502);
});

test("interim answers pass: 103 with its links, and 100 when the primary says so", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const stream = session.request({ ":method": "POST", ":path": "/", expect: "100-continue", "content-length": 2 });
  const answered = answerOf(stream);
  const exchange = await upstream.next();
  assert.match(await exchange.until("\r\n\r\n"), /\r\nexpect: 100-continue\r\n/i);
  exchange.socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
  const continued = once(stream, "continue");
  exchange.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  await continued;
  stream.end("hi");
  await exchange.until("\r\n\r\nhi");
  exchange.socket.write(OK);
  const { interim, status } = await answered;
  assert.equal(status, 200);
  assert.deepEqual(
    interim.map((fields) => [fields[":status"], fields["link"]]),
    [
      [103, "</a.css>; rel=preload"],
      [100, undefined],
    ],
  );
});

test("an expectation that the primary refuses is refused, and the body is never asked for", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const stream = session.request({ ":method": "POST", ":path": "/", expect: "100-continue", "content-length": 2 });
  const exchange = await upstream.next();
  await exchange.until("\r\n\r\n");
  exchange.socket.end("HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
  assert.equal(headers[":status"], 417);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await answerOf(stream);
});

test("an answer that comes before the body was read reaches a client that is still sending", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  const stream = session.request({ ":method": "POST", ":path": "/" });
  const answered = answerOf(stream);
  stream.write("first");
  const exchange = await upstream.next();
  await exchange.until("first");
  exchange.socket.end("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!");
  await once(stream, "end");
  // Two MiB more than any window holds: what nobody wants is read and thrown away.
  for (let i = 0; i < 32; i++) stream.write(Buffer.alloc(64 * 1024));
  stream.end();
  const { status, text, resetCode } = await answered;
  assert.deepEqual([status, text, resetCode], [413, "no!", 0]);
});

test("HEAD, 204 and 304 have no body, and keep the length that they say", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  for (const [method, answer, length] of [
    ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nConnection: close\r\n\r\n", "1234"],
    ["HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n", undefined],
    ["GET", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", undefined],
    ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: x\r\nConnection: close\r\n\r\n", "1234"],
    ["GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "0"],
  ] as const) {
    const stream = session.request({ ":method": method, ":path": "/" });
    const exchange = await upstream.next();
    await exchange.until("\r\n\r\n");
    exchange.socket.end(answer);
    const { headers, text, resetCode } = await answerOf(stream);
    assert.deepEqual([headers["content-length"], text, resetCode], [length, "", 0], answer);
  }
});

test("an answer that the primary cuts off is reset, never ended: with a length, chunked, and without either", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  for (const head of ["Content-Length: 100", "Transfer-Encoding: chunked", "Connection: close"]) {
    const stream = session.request({ ":path": "/" });
    const answered = answerOf(stream);
    const exchange = await upstream.next();
    await exchange.until("\r\n\r\n");
    exchange.socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n4\r\nhalf\r\n`);
    await once(stream, "data");
    exchange.socket.resetAndDestroy();
    const { resetCode, status } = await answered;
    assert.deepEqual([status, resetCode], [200, http2.constants.NGHTTP2_INTERNAL_ERROR], head);
  }
});

test("a client that resets its stream is gone: the primary's request is ended", async (t) => {
  const upstream = await startRawUpstream(t);
  const { connect } = await startSecure(t, { legacyUrl: upstream.url });
  const session = await connect();
  for (const method of ["GET", "HEAD"]) {
    const stream = session.request({ ":method": method, ":path": "/" });
    stream.on("error", () => {});
    const exchange = await upstream.next();
    await exchange.until("\r\n\r\n");
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await exchange.closed();
  }
});

test("an upload that is broken off never looks complete to the primary, however it is broken off", async (t) => {
  const upstream = await startRawUpstream(t);
  const { crossfade, authority } = await startSecure(t, { legacyUrl: upstream.url });
  for (const code of [http2.constants.NGHTTP2_CANCEL, http2.constants.NGHTTP2_NO_ERROR, null]) {
    const client = await connectFrames(crossfade.proxyUrl, authority.ca);
    client.open(1, END_HEADERS, { ":method": "POST", ":path": "/" });
    client.send(FRAME.data, 0, 1, Buffer.from("half of it"));
    const exchange = await upstream.next();
    await exchange.until("half of it");
    if (code === null) client.socket.destroy();
    else client.send(FRAME.rstStream, 0, 1, Buffer.of(0, 0, 0, code));
    await exchange.closed();
    assert.doesNotMatch(exchange.received(), /\r\n0\r\n/, `code ${code}`);
    client.socket.destroy();
  }
});

test("100 streams at once each get their own answer", async (t) => {
  const legacy = await startService((seen, response) => {
    setImmediate(() => response.end(`${seen.target} ${seen.body.toString()}`));
  });
  t.after(() => legacy.close());
  const { connect } = await startSecure(t, { legacyUrl: legacy.url });
  const session = await connect();
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => {
      const stream = session.request({ ":method": "PUT", ":path": `/items/${i}` });
      stream.end(`nonce ${i}`);
      return answerOf(stream);
    }),
  );
  for (const [i, { text }] of answers.entries()) assert.equal(text, `/items/${i} nonce ${i}`);
});

test("a write over HTTP/2 is mirrored and compared like any other", async (t) => {
  const legacy = await startService(json(201, { id: 7 }));
  t.after(() => legacy.close());
  const { connect, next, crossfade } = await startSecure(t, { legacyUrl: legacy.url });
  next.answerWith(json(201, { id: 7 }));
  const session = await connect();
  const stream = session.request({ ":method": "POST", ":path": "/items", "content-type": "application/json" });
  stream.end('{"name":"Ann"}');
  assert.equal((await answerOf(stream)).text, '{"id":7}');
  const [copy] = await next.sawAtLeast(1);
  assert.equal(copy?.body.toString(), '{"name":"Ann"}');
  assert.equal(copy?.header("x-forwarded-proto"), "https");
  assert.equal(copy?.header("host"), new URL(crossfade.proxyUrl).host);
});
