import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWERS, type HostileAnswer } from "./attacks/answers.ts";
import { request } from "./attacks/attack.ts";
import { connectClient } from "./client.ts";
import { misbehave } from "./misbehave.ts";
import { valuesOf } from "./readings.ts";
import { startStage, type Stage } from "./stage.ts";

test("whatever a shadow answers, the client has its own answer, and each copy its one outcome", async (t) => {
  const stage = await startStage(t, { shadowTimeout: "1s" });
  for (const answer of ANSWERS) {
    if (answer.methods !== undefined && !answer.methods.includes("POST")) continue;
    await t.test(answer.name, async () => {
      await mirrored(stage, answer);
      // Between two failures stands a success, or the breaker would keep the next attack from being tried.
      await stage.probe(6);
      await stage.settled();
      stage.check(answer.name);
    });
  }
  await t.test("nothing is left over", () => stage.endsClean());
});

async function mirrored(stage: Stage, answer: HostileAnswer): Promise<void> {
  const own = stage.ledger.sent();
  const foreign = stage.ledger.unsent();
  const misbehaviour = misbehave(stage.shadow, answer, own, foreign);
  const before = (await stage.settled()).routes[0]?.eligible ?? 0;
  const client = await connectClient(stage.proxyUrl);
  client.write(request("POST", own, ["Content-Length: 5"], "hello"));
  const { answers, surplus } = await client.answered(["POST"], 1);
  assert.deepEqual([answers[0]?.status, answers[0]?.body, surplus], [200, `answer to ${own}`, ""]);
  assert.deepEqual(valuesOf(answers[0]?.headers ?? [], "x-nonce"), [own]);
  client.socket.destroy();
  const after = await stage.settled();
  assert.equal(after.routes[0]?.eligible, before + 1);
  assert.equal(stage.shadow.arrivals.get(own), 1, "the copy was sent, once");
  misbehaviour.later();
  if (answer.reusable !== true) await misbehaviour.cutOff();
}
