import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { get, request } from "./attacks/attack.ts";
import { connectClient, type RawClient } from "./client.ts";
import { startStage, type Stage } from "./stage.ts";

const WISH = ["Connection: Upgrade", "Upgrade: websocket"];
const GRANTED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const CLOSED_WITHIN_MS = 3_000;

test("tunnels that break off or are refused leave nothing behind, and no bytes for anybody else", async (t) => {
  const stage = await startStage(t);

  await t.test("bytes sent too early are the tunnel's, not a request", async () => {
    const hidden = stage.ledger.unsent();
    const { client, socket, came } = await ask(stage, [], get(hidden));
    socket.write(`${GRANTED}surplus`);
    while (!client.received().includes("surplus")) await once(client.socket, "data");
    while (!came().includes(hidden)) await once(socket, "data");
    client.socket.end();
    await closed(socket);
  });

  for (const [when, granted] of [
    ["before", false],
    ["after", true],
  ] as const) {
    for (const side of ["client", "primary"]) {
      await t.test(`the ${side} resets ${when} the primary's answer`, async () => {
        const { client, socket } = await ask(stage);
        if (granted) {
          socket.write(GRANTED);
          while (!client.received().includes("101")) await once(client.socket, "data");
        }
        if (side === "client") client.reset();
        else socket.resetAndDestroy();
        await closed(socket);
        if (side === "primary") await client.ended();
        await stage.probe();
        stage.check(side);
      });
    }
  }

  // The body is never sent: on a connection used again it would be the next client's request.
  for (const framing of ["Content-Length: 50", "Transfer-Encoding: chunked"]) {
    await t.test(`a refusal of one that announced ${framing}`, async () => {
      const hidden = stage.ledger.unsent();
      const { client, socket } = await ask(stage, [framing], get(hidden), false);
      socket.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
      await client.ended();
      assert.match(client.received(), /^HTTP\/1\.1 401 /);
      await closed(socket);
      await stage.probe();
      stage.check(framing);
    });
  }

  await t.test("nothing is left over", () => stage.endsClean());
});

interface Asked {
  readonly client: RawClient;
  /** The primary's. */
  readonly socket: Socket;
  /** What came there behind the request. */
  readonly came: () => string;
}

/** A request to become a WebSocket that has reached the primary; nothing is answered yet. */
async function ask(stage: Stage, lines: readonly string[] = [], behind = "", whole = true): Promise<Asked> {
  const nonce = whole ? stage.ledger.sent() : stage.ledger.unsent();
  const beginning = stage.primary.begins(nonce);
  let came = "";
  const reached = new Promise<Socket>((resolve) => {
    stage.primary.behave(nonce, (socket) => {
      stage.primary.takeOver(socket, (bytes) => (came += bytes.toString("latin1")));
      resolve(socket);
    });
  });
  const client = await connectClient(stage.proxyUrl);
  client.write(request("GET", nonce, [...WISH, ...lines], behind));
  return { client, socket: await (whole ? reached : beginning), came: () => came };
}

/** A reset closes a connection as well as an end does. */
async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const late = AbortSignal.timeout(CLOSED_WITHIN_MS);
  await new Promise<void>((resolve, reject) => {
    socket.once("close", () => resolve());
    late.addEventListener("abort", () => reject(new Error("the primary's connection is still there")));
  });
}
