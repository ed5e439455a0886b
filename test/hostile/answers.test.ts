import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWERS, type HostileAnswer } from "./attacks/answers.ts";
import { request } from "./attacks/attack.ts";
import { connectClient } from "./client.ts";
import { misbehave } from "./misbehave.ts";
import { valuesOf } from "./readings.ts";
import { startStage, type Stage } from "./stage.ts";

test("whatever a primary answers, its client gets its own answer, a refusal or a cut, and nobody else gets any of it", async (t) => {
  const stage = await startStage(t, { primaryTimeout: "1s" });
  for (const answer of ANSWERS) {
    for (const method of answer.methods ?? ["GET", "POST"]) {
      await t.test(`${answer.name}, to ${method}`, async () => {
        await suffer(stage, answer, method);
        await stage.probe();
        stage.check(answer.name);
      });
    }
  }
  await t.test("nothing is left over", () => stage.endsClean());
});

async function suffer(stage: Stage, answer: HostileAnswer, method: string): Promise<void> {
  // A bodiless read whose connection broke is sent again, once.
  const own = stage.ledger.sent(method === "POST" ? 1 : 2);
  const foreign = stage.ledger.unsent();
  const misbehaviour = misbehave(stage.primary, answer, own, foreign);
  const client = await connectClient(stage.proxyUrl);
  const body = method === "POST" ? "hello" : "";
  client.write(request(method, own, method === "POST" ? ["Content-Length: 5"] : [], body));
  const { answers, surplus } = await client.answered([method], 1);
  const got = kindOf(own, answers[0]);
  assert.ok(
    (answer.client as readonly string[]).includes(got),
    `${got}: ${JSON.stringify(client.received().slice(0, 500))}`,
  );
  assert.equal(surplus, "", "nothing follows the answer");
  assert.equal(client.received().includes(foreign), false, "nothing of another answer");
  misbehaviour.later();
  if (answer.reusable !== true) await misbehaviour.cutOff();
  client.socket.destroy();
}

type Answered = { readonly status: number; readonly headers: readonly string[]; readonly whole: boolean };

function kindOf(own: string, answer: Answered | undefined): string {
  if (answer === undefined) return "cut";
  if (!answer.whole) return "cut";
  if (answer.status === 502 || answer.status === 504) return "refused";
  const nonces = valuesOf(answer.headers, "x-nonce");
  return nonces.length === 0 || nonces[0] === own ? "own" : `the answer to ${nonces.join()}`;
}
