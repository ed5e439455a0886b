import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import tls from "node:tls";
import { createHttp2Sessions } from "../../../proxy/listen/http2-sessions.ts";
import type { Http2Response } from "../../../proxy/listen/http2-exchange.ts";
import { makeAuthority } from "../../support/certificates.ts";

const IDLE_MS = 200;

/** A listener whose connections are idle soon; each request waits until the test answers it. */
async function startSoonIdle(t: TestContext) {
  const authority = makeAuthority(t);
  const responses: Http2Response[] = [];
  const sessions = createHttp2Sessions((_request, response) => responses.push(response), IDLE_MS);
  const server = tls.createServer({ ...authority.issue(["localhost"]), ALPNProtocols: ["h2"] }, (socket) =>
    sessions.accept(socket),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = http2.connect(`https://localhost:${(server.address() as AddressInfo).port}`, { ca: authority.ca });
  t.after(async () => {
    session.destroy();
    sessions.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  await once(session, "connect");
  // The proxy's own timers do not keep its process alive; here nothing else would.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  return { session, responses };
}

test("a connection whose first request never comes is closed", async (t) => {
  const { session } = await startSoonIdle(t);
  await once(session, "close");
});

test("a connection is closed once it has had no request for a while, and not while one is open", async (t) => {
  const { session, responses } = await startSoonIdle(t);
  const stream = session.request({ ":path": "/slow" });
  stream.resume();
  const [closed, ended] = [once(session, "close"), once(stream, "close")];
  await new Promise((resolve) => setTimeout(resolve, 3 * IDLE_MS));
  assert.equal(session.closed, false);
  responses[0]?.writeHead(200, "OK", ["content-length", "2"]).end("ok");
  await ended;
  assert.equal(stream.rstCode, http2.constants.NGHTTP2_NO_ERROR);
  await closed;
});
