import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "./attacks/attack.ts";
import { connectClient } from "./client.ts";
import { valuesOf } from "./readings.ts";
import { wellFormed } from "./recorder.ts";
import { startStage, type Stage } from "./stage.ts";

test("requests in one packet", async (t) => {
  const stage = await startStage(t);

  await t.test(
    "a thousand of mixed methods and framings: each its own answer, in order, one at a time at the primary",
    async () => {
      const most = concurrencyAt(stage);
      const { nonces, methods, bytes } = flood(stage, 1_000);
      const client = await connectClient(stage.proxyUrl);
      client.write(bytes);
      const { answers, surplus } = await client.answered(methods, nonces.length);
      assert.deepEqual(
        answers.map(({ headers }) => valuesOf(headers, "x-nonce")[0]),
        nonces,
      );
      assert.equal(surplus, "");
      assert.equal(most(), 1, "no request overtakes one before it");
      await client.finish();
      await stage.probe();
      stage.check("a thousand");
    },
  );

  await t.test("a hundred on each of ten connections", async () => {
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const { nonces, methods, bytes } = flood(stage, 100);
        const client = await connectClient(stage.proxyUrl);
        client.write(bytes);
        const { answers } = await client.answered(methods, nonces.length);
        assert.deepEqual(
          answers.map(({ headers }) => valuesOf(headers, "x-nonce")[0]),
          nonces,
        );
        client.reset();
      }),
    );
    stage.check("ten connections");
  });

  await t.test("a client that reads nothing of a thousand answers and leaves", async () => {
    const { bytes } = flood(stage, 1_000);
    const client = await connectClient(stage.proxyUrl);
    client.socket.pause();
    client.write(bytes);
    await new Promise((resolve) => setImmediate(resolve));
    client.reset();
    await stage.settled();
    await stage.probe();
    stage.check("a client that leaves");
  });

  await t.test("a write behind one that is not answered yet is not carried out when the client leaves", async () => {
    const [held, behind] = [stage.ledger.sent(), stage.ledger.unsent()];
    const arrived = new Promise<() => void>((resolve) => {
      stage.primary.behave(held, (socket) => resolve(() => socket.write(wellFormed(held, "POST"))));
    });
    const client = await connectClient(stage.proxyUrl);
    client.write(
      request("POST", held, ["Content-Length: 5"], "hello") + request("POST", behind, ["Content-Length: 5"], "hello"),
    );
    const answer = await arrived;
    client.reset();
    answer();
    await stage.settled();
    await stage.probe();
    stage.check("the client left");
  });

  await t.test("nothing is left over", () => stage.endsClean());
});

const METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"];

function flood(stage: Stage, count: number): { nonces: string[]; methods: string[]; bytes: string } {
  const nonces: string[] = [];
  const methods: string[] = [];
  let bytes = "";
  for (let i = 0; i < count; i++) {
    const method = METHODS[i % METHODS.length] ?? "GET";
    const nonce = stage.ledger.sent();
    nonces.push(nonce);
    methods.push(method);
    if (i % 3 === 0) bytes += request(method, nonce);
    else if (i % 3 === 1) bytes += request(method, nonce, ["Content-Length: 20"], "GET / HTTP/1.1\r\n\r\n12");
    else bytes += request(method, nonce, ["Transfer-Encoding: chunked"], "7\r\nGET / H\r\n3\r\nTTP\r\n0\r\n\r\n");
  }
  return { nonces, methods, bytes };
}

/** How many requests the primary had in hand at once, from now on. */
function concurrencyAt(stage: Stage): () => number {
  let inHand = 0;
  let most = 0;
  stage.primary.hold((answer) => {
    inHand += 1;
    most = Math.max(most, inHand);
    setImmediate(() => {
      inHand -= 1;
      answer();
    });
  });
  return () => {
    stage.primary.hold(null);
    return most;
  };
}
