import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { request } from "./attacks/attack.ts";
import { connectClient, type RawClient } from "./client.ts";
import { CLIENT_STAGES, type ClientStage } from "./stages.ts";
import { startStage, type Stage } from "./stage.ts";

const WAYS: Readonly<Record<string, (client: RawClient) => Promise<void>>> = {
  resets: async (client) => client.reset(),
  ends: (client) => client.finish(),
};

test("clients that break off", async (t) => {
  const stage = await startStage(t);
  for (const at of CLIENT_STAGES) {
    for (const [way, leave] of Object.entries(WAYS)) {
      await t.test(`a client that ${way} ${at.name}`, async () => {
        await breakOff(stage, at, leave);
        await stage.settled();
        await stage.probe();
        stage.check(at.name);
      });
    }
  }

  for (const [way, leave] of Object.entries(WAYS)) {
    await t.test(`a client that ${way} within its answer`, async () => {
      const [nonce, socket] = heldAnswer(stage);
      const client = await connectClient(stage.proxyUrl);
      client.write(request("POST", nonce, ["Content-Length: 5"], "hello"));
      const service = await socket;
      service.write(`HTTP/1.1 200 OK\r\nx-nonce: ${nonce}\r\nContent-Length: 10\r\n\r\nhalf-`);
      while (!client.received().includes("half-")) await once(client.socket, "data");
      const left = leave(client);
      service.write("other");
      await left;
      await stage.settled();
      await stage.probe();
      stage.check(way);
    });
  }

  await t.test("two hundred at once, each broken off somewhere", async () => {
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const at = CLIENT_STAGES[i % CLIENT_STAGES.length] as ClientStage;
        await breakOff(stage, at, i % 2 === 0 ? (client) => client.finish() : async (client) => client.reset());
      }),
    );
    await stage.settled();
    await stage.probe();
    stage.check("two hundred");
  });

  await t.test("nothing is left over", () => stage.endsClean());
});

async function breakOff(stage: Stage, at: ClientStage, leave: (client: RawClient) => Promise<void>): Promise<void> {
  const nonce = at.whole ? stage.ledger.sent() : stage.ledger.unsent();
  const client = await connectClient(stage.proxyUrl);
  client.write(at.sends(nonce));
  // Gives the proxy some turns of its event loop: it meets the break where we are, or a little before.
  for (let i = 0; i < 3; i++) await turn();
  await leave(client);
}

/** A nonce, and the primary's socket once its request is there; nothing is answered. */
function heldAnswer(stage: Stage): [string, Promise<Socket>] {
  const nonce = stage.ledger.sent();
  return [nonce, new Promise((resolve) => stage.primary.behave(nonce, (socket) => resolve(socket)))];
}
