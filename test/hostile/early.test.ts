import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { connectClient, type RawClient } from "./client.ts";
import { wellFormed } from "./recorder.ts";
import { startStage, type Stage } from "./stage.ts";

const HALF = 200_000;

/** What the client does once it has the answer to an upload of which it has sent one half. */
const GOES_ON: Readonly<Record<string, (client: RawClient) => Promise<void>>> = {
  "sends the rest": async (client) => client.write("x".repeat(HALF)),
  resets: async (client) => client.reset(),
  closes: async (client) => void client.socket.destroy(),
  "sends less and ends": async (client) => {
    client.write("x".repeat(HALF / 2));
    await client.finish();
  },
};

test("an upload that is answered before it is whole keeps its connection to the primary for itself, and no longer than it lasts", async (t) => {
  const stage = await startStage(t);
  for (const [way, goOn] of Object.entries(GOES_ON)) {
    for (const method of ["POST", "GET"]) {
      await t.test(`${method}, and then the client ${way}`, async () => {
        const whole = way === "sends the rest";
        const nonce = whole ? stage.ledger.sent() : stage.ledger.unsent();
        const { client, socket } = await answeredEarly(stage, nonce, method);
        await stage.probe();
        await goOn(client);
        if (whole) await stage.primary.arrived(nonce);
        else if (!socket.closed) await once(socket, "close", { signal: AbortSignal.timeout(3_000) });
        await stage.settled();
        await stage.probe();
        stage.check(way);
      });
    }
  }
  await t.test("nothing is left over", () => stage.endsClean());
});

/** A client that has its answer and has sent half of its upload, and the primary's socket. */
async function answeredEarly(
  stage: Stage,
  nonce: string,
  method: string,
): Promise<{ readonly client: RawClient; readonly socket: Socket }> {
  const beginning = stage.primary.begins(nonce);
  stage.primary.behave(nonce, () => {});
  const client = await connectClient(stage.proxyUrl);
  client.write(
    `${method} /k/${nonce} HTTP/1.1\r\nHost: h\r\nx-nonce: ${nonce}\r\nContent-Length: ${2 * HALF}\r\n\r\n${"x".repeat(HALF)}`,
  );
  const socket = await beginning;
  socket.write(wellFormed(nonce, method));
  const { answers } = await client.answered([method], 1);
  assert.equal(answers[0]?.body, `answer to ${nonce}`);
  return { client, socket };
}
