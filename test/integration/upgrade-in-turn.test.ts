import assert from "node:assert/strict";
import { test } from "node:test";
import { startBench, type Bench } from "../support/crossfade.ts";
import { connectTo } from "../support/wire.ts";

const LARGE_BYTES = 8 * 1024 * 1024;

function get(path: string, upgrade: string | null = null): string {
  return `GET ${path} HTTP/1.1\r\nHost: h\r\n${upgrade === null ? "" : `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`}\r\n`;
}

function post(path: string, upgrade: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\nContent-Length: 5\r\n\r\nhello`;
}

function targetsAt(bench: Bench): string[] {
  return bench.legacy.seen.map(({ target }) => target);
}

for (const upgrade of ["h2c", "websocket"]) {
  test(`an answer that is read slowly comes whole though a request for ${upgrade} waits behind it`, async (t) => {
    const bench = await startBench(t, {
      legacy({ target }, response) {
        response.end(Buffer.alloc(target === "/large" ? LARGE_BYTES : 5, "a"));
      },
    });
    const wire = await connectTo(bench.crossfade.proxyUrl);
    wire.socket.pause();
    // The second is there when more of the first cannot be written.
    wire.write(get("/large"));
    await bench.legacy.sawAtLeast(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    wire.write(get("/small") + get("/last", upgrade));
    await new Promise((resolve) => setTimeout(resolve, 50));
    wire.socket.resume();
    await bench.legacy.sawAtLeast(3);
    assert.deepEqual(targetsAt(bench), ["/large", "/small", "/last"]);
    while (wire.received().split("HTTP/1.1 200 ").length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(wire.received().length > LARGE_BYTES);
    wire.close();
  });

  test(`a request for ${upgrade} behind an answer that ends the connection is not carried out`, async (t) => {
    const bench = await startBench(t, {
      legacy(_seen, response) {
        // Without a length and without chunks: its end is the connection's.
        response.useChunkedEncodingByDefault = false;
        response.write("until ");
        setImmediate(() => response.end("the end"));
      },
    });
    const wire = await connectTo(bench.crossfade.proxyUrl);
    wire.write(get("/first") + post("/behind", upgrade));
    assert.match(await wire.ended(), /until the end$/);
    assert.deepEqual(targetsAt(bench), ["/first"]);
    const other = await connectTo(bench.crossfade.proxyUrl);
    other.write(get("/other"));
    await other.ended();
    assert.deepEqual(targetsAt(bench), ["/first", "/other"]);
  });
}
