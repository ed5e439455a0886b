import assert from "node:assert/strict";
import http, { METHODS } from "node:http";
import { test } from "node:test";
import { startBench } from "../support/crossfade.ts";
import { hang, json, startService, type Answer } from "../support/service.ts";
import { connectTo } from "../support/wire.ts";

test("every method of Node's parser and every target it lets through reaches the primary byte for byte", async (t) => {
  const bench = await startBench(t, { routes: "routes:\n  - { name: none, match: { path: /none } }\n" });
  const target = "/a/../b//%2F/%zz/;x?q=%00&&=?#";
  for (const method of METHODS.filter((name) => name !== "CONNECT")) {
    const wire = await connectTo(bench.crossfade.proxyUrl);
    wire.write(`${method} ${target} HTTP/1.1\r\nHost: api.example\r\nX-B: 1\r\nx-b: 2\r\nConnection: close\r\n\r\n`);
    const answer = await wire.ended();
    assert.match(answer, /^HTTP\/1\.1 200 /, `${method}: ${answer.slice(0, 80)}`);
    const seen = bench.legacy.seen.at(-1);
    assert.equal(`${seen?.method} ${seen?.target}`, `${method} ${target}`);
    const names = seen?.headers.filter((_part, i) => i % 2 === 0);
    assert.equal(seen?.header("host"), "api.example");
    assert.ok(names?.includes("X-B") && names.includes("x-b"), `${method}: ${names?.join()}`);
  }
});

test("a body passes whole whatever its content type says, also where there is none", async (t) => {
  const bench = await startBench(t, { legacy: (seen, response) => response.end(seen.body) });
  const types = [
    "text/plain",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "image/png",
    "not a type",
    ";;;",
    "",
  ];
  let sent = 0;
  for (const type of types) {
    for (const size of [5, 200_000]) {
      for (const method of ["POST", "DELETE", "QUERY", "MKCOL"]) {
        const body = "b".repeat(size);
        const wire = await connectTo(bench.crossfade.proxyUrl);
        const header = type === "" ? "" : `Content-Type: ${type}\r\n`;
        wire.write(
          `${method} /x/1 HTTP/1.1\r\nHost: h\r\n${header}Connection: close\r\nContent-Length: ${size}\r\n\r\n${body}`,
        );
        const answer = await wire.ended();
        sent++;
        assert.match(answer, /^HTTP\/1\.1 200 /, `${method} ${type}`);
        assert.ok(bench.legacy.seen.at(-1)?.body.equals(Buffer.from(body)), `${method} ${type} ${size}`);
        assert.equal(bench.legacy.seen.at(-1)?.header("content-type"), type === "" ? null : type);
      }
    }
  }
  const writes = (sent / 4) * 3;
  await bench.settled(writes);
  assert.equal(bench.next.seen.length, writes);
});

test("absolute-form targets and OPTIONS * pass as they came", async (t) => {
  const bench = await startBench(t);
  for (const line of ["GET http://other.example/abs?x HTTP/1.1", "OPTIONS * HTTP/1.1"]) {
    const wire = await connectTo(bench.crossfade.proxyUrl);
    wire.write(`${line}\r\nHost: h\r\nConnection: close\r\n\r\n`);
    assert.match(await wire.ended(), /^HTTP\/1\.1 200 /);
    assert.equal(`${bench.legacy.seen.at(-1)?.method} ${bench.legacy.seen.at(-1)?.target} HTTP/1.1`, line);
  }
});

test("status, reason, ordered and repeated headers, and body come back unchanged", async (t) => {
  const exact: Answer = (_seen, response) => {
    response.sendDate = false;
    response.writeHead(299, "Quite Fine", [
      "X-One",
      "1",
      "Set-Cookie",
      "a=1",
      "x-one",
      "2",
      "Set-Cookie",
      "b=2",
      "Content-Length",
      "5",
      "ETag",
      '"x"',
    ]);
    response.end("hello");
  };
  const bench = await startBench(t, { legacy: exact });
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const answer = await wire.ended();
  const head =
    'HTTP/1.1 299 Quite Fine\r\nX-One: 1\r\nSet-Cookie: a=1\r\nx-one: 2\r\nSet-Cookie: b=2\r\nContent-Length: 5\r\nETag: "x"\r\n';
  assert.equal(answer.slice(0, head.length), head);
  assert.ok(answer.endsWith("\r\n\r\nhello"));
});

test("a body is read from one side no faster than the other side takes it, both ways", async (t) => {
  const chunk = Buffer.alloc(64 * 1024, 1);
  const total = 2000 * chunk.length;
  let origin = { written: 0, stalled: false };
  const bench = await startBench(t, { routes: "routes:\n  - { name: none, match: { path: /none } }\n" });
  const server = http.createServer((request, response) => {
    if (request.method === "PUT") return;
    response.writeHead(200, { "content-length": total });
    const pump = (): void => {
      while (origin.written < total) {
        origin.written += chunk.length;
        if (response.write(chunk)) continue;
        origin.stalled = true;
        response.once("drain", pump);
        return;
      }
      response.end();
    };
    pump();
  });
  await bench.legacy.close();
  await new Promise<void>((resolve) => server.listen(bench.legacy.port, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });

  const reader = await connectTo(bench.crossfade.proxyUrl);
  reader.write("GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  reader.socket.pause();
  assert.ok(
    (await standsStill(() => origin.written)) < total / 2,
    `${origin.written} of ${total} bytes read ahead of the client`,
  );
  assert.equal(origin.stalled, true);
  let received = 0;
  reader.socket.on("data", (bytes: Buffer) => (received += bytes.length));
  reader.socket.resume();
  await new Promise((resolve) => reader.socket.once("close", resolve));
  assert.ok(received > total);

  const writer = await connectTo(bench.crossfade.proxyUrl);
  writer.write(`PUT /big HTTP/1.1\r\nHost: h\r\nContent-Length: ${total}\r\n\r\n`);
  for (let sent = 0; sent < total; sent += chunk.length) writer.write(chunk);
  const left = (): number => writer.socket.bytesWritten - writer.socket.writableLength;
  assert.ok((await standsStill(left)) < total / 2, `${left()} of ${total} bytes taken although the primary reads none`);
  writer.close();
});

/** The value once it has not changed for a while. */
async function standsStill(read: () => number): Promise<number> {
  for (;;) {
    const before = read();
    await new Promise((resolve) => setTimeout(resolve, 300));
    if (before > 0 && read() === before) return before;
  }
}

test("every byte value comes back as it was, in answers of every size", async (t) => {
  const bytes = (size: number): Buffer => Buffer.from(Array.from({ length: size }, (_, i) => i % 256));
  const bench = await startBench(t, {
    legacy: (seen, response) => {
      const body = bytes(Number(seen.target.slice(1)));
      response.writeHead(200, { "content-length": body.length });
      response.end(body);
    },
  });
  for (const size of [0, 1, 256, 8192, 8193, 300_000]) {
    const wire = await connectTo(bench.crossfade.proxyUrl);
    wire.write(`GET /${size} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    const answer = await wire.ended();
    assert.ok(Buffer.from(answer.slice(answer.indexOf("\r\n\r\n") + 4), "latin1").equals(bytes(size)), `${size} bytes`);
  }
});

test("server-sent events pass one by one, as they are sent", async (t) => {
  let send: ((text: string) => void) | null = null;
  const bench = await startBench(t, {
    legacy: (_seen, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      send = (text) => void response.write(text);
    },
  });
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
  await wire.until("text/event-stream");
  for (const event of ["data: one\n\n", "data: two\n\n"]) {
    (send as unknown as (text: string) => void)(event);
    assert.ok((await wire.until(event)).includes(event));
  }
  wire.close();
});

test("request and answer trailers pass", async (t) => {
  const bench = await startBench(t, {
    legacy: (_seen, response) => {
      response.writeHead(200, { trailer: "x-sum" });
      response.write("body");
      response.addTrailers({ "x-sum": "42" });
      response.end();
    },
  });
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write(
    "POST /x HTTP/1.1\r\nHost: h\r\nTrailer: x-check\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nbody\r\n0\r\nX-Check: 7\r\n\r\n",
  );
  const answer = await wire.ended();
  assert.match(answer, /x-sum: 42\r\n\r\n$/);
  assert.equal(bench.legacy.seen[0]?.body.toString(), "body");
});

test("Expect: 100-continue is the primary's to answer: its 100 is passed on, and its 417 comes without one", async (t) => {
  const primary = await startService(json(200, { ok: true }));
  t.after(() => primary.close());
  const bench = await startBench(t);
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
  await wire.until("100 Continue");
  wire.write("body");
  assert.match(await wire.ended(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  assert.equal(bench.legacy.seen[0]?.body.toString(), "body");
});

test("a primary that cannot be reached is 502, one that does not answer in time 504, both as problem+json and without a copy", async (t) => {
  const bench = await startBench(t, { legacy: hang, routes: "" });
  await bench.crossfade.stop();
  const gone = await startBench(t);
  await gone.legacy.close();
  const unreachable = await gone.send("POST", "/users", { a: 1 });
  assert.equal(unreachable.status, 502);
  assert.match(String(unreachable.headers["content-type"]), /application\/problem\+json/);
  assert.equal((JSON.parse(unreachable.text) as { status: number }).status, 502);
  const [route] = await gone.settled(1);
  assert.equal(route?.reasons["not-accepted"], 1, "nothing was sent, so nothing was applied");
  assert.equal(gone.next.seen.length, 0);
});

test("a read on a connection that the primary had closed is sent again on a fresh one; a write is not, and its end is unknown", async (t) => {
  let dropNext = false;
  const answers: Answer = (seen, response) => {
    if (dropNext) {
      dropNext = false;
      response.socket?.destroy();
      return;
    }
    json(200, { ok: true })(seen, response);
  };
  const bench = await startBench(t, { legacy: answers });
  await bench.send("GET", "/a");
  dropNext = true;
  assert.equal((await bench.send("GET", "/a")).status, 200);
  assert.equal(bench.legacy.seen.length, 3);
  dropNext = true;
  assert.equal((await bench.send("PUT", "/users/1", { a: 1 })).status, 502);
  assert.equal(bench.legacy.seen.length, 4, "sent once");
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["unknown"], 1);
  const repairs = await bench.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
  assert.deepEqual(
    repairs.items.map(({ key, reason }) => [key, reason]),
    [["users/1", "unknown"]],
  );
});

test("an answer that the primary breaks off is broken off for the client too", async (t) => {
  const bench = await startBench(t, {
    legacy: (_seen, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("half");
      setTimeout(() => response.socket?.destroy(), 20);
    },
  });
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  const answer = await wire.ended();
  assert.ok(answer.endsWith("half"));
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["unknown"], 1);
});

test("a client that leaves after a complete write: the primary's answer is drained and the write is mirrored", async (t) => {
  let answerNow: (() => void) | null = null;
  const bench = await startBench(t, {
    legacy: (seen, response) => void (answerNow = () => json(200, { ok: true })(seen, response)),
  });
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write("PUT /users/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
  await bench.legacy.sawAtLeast(1);
  wire.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  (answerNow as unknown as () => void)();
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["match"], 1);
  assert.equal(bench.next.seen.length, 1);
});

test("a client that leaves a read: the primary's connection is ended", async (t) => {
  const bench = await startBench(t, { legacy: hang });
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  await bench.legacy.sawAtLeast(1);
  wire.close();
  while (bench.legacy.openSockets() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a client that leaves in the middle of its upload: the primary's request is aborted and the end is unknown", async (t) => {
  const bench = await startBench(t);
  const wire = await connectTo(bench.crossfade.proxyUrl);
  wire.write("PUT /users/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf");
  while (bench.legacy.openSockets() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  wire.close();
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["unknown"], 1);
  assert.equal(bench.legacy.seen.length, 0);
  assert.equal(bench.next.seen.length, 0);
});
