import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { ByteBudget } from "../../../proxy/process/byte-budget.ts";
import { captures } from "../../../proxy/forward/capture.ts";
import { forward, type PrimaryEnding } from "../../../proxy/forward/forwarder.ts";
import { Spool } from "../../../proxy/forward/spool.ts";
import type { StreamedBody, Upstream } from "../../../proxy/ports.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";

const MIB = 1024 * 1024;

test("a body that has come but was not passed on when its answer came is not taken for copied whole", async (t) => {
  const { promise: ended, resolve } = Promise.withResolvers<PrimaryEnding>();
  const budget = new ByteBudget(MIB);
  const spool = new Spool(tmpdir(), new ByteBudget(MIB), budget);
  const server = createServer((request, response) => {
    /** Takes one chunk, reads no more, and answers once the client has sent everything. */
    const upstream: Upstream = {
      send({ body }, sink) {
        const { stream, abandon } = body as StreamedBody;
        stream.once("data", () => {
          stream.pause();
          request.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
          const look = setInterval(() => {
            if (!request.complete) return;
            clearInterval(look);
            sink.onHead(200, "OK", ["Content-Length", "0"]);
            sink.onEnd([]);
            abandon();
          }, 1);
        });
        sink.onSending();
        stream.resume();
        return { abort() {}, resume() {}, endSide() {}, relay() {} };
      },
      close: () => Promise.resolve(),
    };
    const headers = ["Transfer-Encoding", "chunked"];
    const limits = { headMs: 0, idleMs: 0, totalMs: 0 };
    const takers = captures({ memoryBytes: MIB, diskBytes: MIB }, { budget, spool });
    const job = { request, response, upstream, method: "POST", target: "/", headers, limits, takers };
    const told = (ending: PrimaryEnding): null => {
      resolve(ending);
      return null;
    };
    forward({ ...job, settleWrite: true, ended: told, closed() {} }, systemClock);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  t.after(async () => {
    socket.destroy();
    server.close();
    await once(server, "close");
  });
  socket.write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
  await once(socket, "data");
  socket.write("6\r\nsecond\r\n0\r\n\r\n");
  const ending = await ended;
  assert.ok(ending.end === "answered");
  assert.equal(ending.requestComplete, false);
  ending.release();
  assert.equal(budget.usedBytes, 0);
});
