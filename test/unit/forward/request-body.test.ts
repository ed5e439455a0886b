import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { bodyAtHand, streamedBody } from "../../../proxy/forward/request-body.ts";

/** What is at hand a tick after each head: where the forwarder looks. */
async function serve(t: TestContext, onTick: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer((request, response) => process.nextTick(onTick, request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket: Socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  t.after(async () => {
    socket.destroy();
    server.close();
    await once(server, "close");
  });
  return socket;
}

const head = (length: number): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;

test("a body that came in one packet with its head is at hand whole, and the request sees its end", async (t) => {
  const bodies: string[] = [];
  const socket = await serve(t, (request, response) => {
    bodies.push(String(bodyAtHand(request, Number(request.headers["content-length"]))));
    request.once("end", () => response.end("seen"));
  });
  for (const body of ["first", "second"]) {
    socket.write(head(body.length) + body);
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /seen/);
  }
  assert.deepEqual(bodies, ["first", "second"]);
});

test("a body of which a part is still to come is not at hand, and nothing of it is taken away", async (t) => {
  const seen: (Buffer | null)[] = [];
  const socket = await serve(t, (request, response) => {
    seen.push(bodyAtHand(request, 21));
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => response.end(Buffer.concat(chunks)));
    socket.write("second half");
  });
  socket.write(`${head(21)}first half`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.deepEqual(seen, [null]);
  assert.match(answer.toString(), /first halfsecond half$/);
});

test("a connection that goes idle after an early answer ends like any other", async (t) => {
  const server = createServer({ keepAliveTimeout: 50, keepAliveTimeoutBuffer: 0 }, (request, response) => {
    streamedBody(request, null).stream.resume();
    response.end("early");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const closed = once(socket, "close", { signal: AbortSignal.timeout(5_000) });
  socket.write(`${head(10)}01234`);
  await once(socket, "data");
  socket.write("56789");
  await closed;
});
