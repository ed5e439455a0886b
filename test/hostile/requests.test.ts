import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attack, Nonces } from "./attacks/attack.ts";
import { CHUNKS } from "./attacks/chunks.ts";
import { ENCODINGS } from "./attacks/encodings.ts";
import { FIELDS } from "./attacks/fields.ts";
import { LENGTHS } from "./attacks/lengths.ts";
import { LINES } from "./attacks/lines.ts";
import { SIZES } from "./attacks/sizes.ts";
import { connectClient } from "./client.ts";
import { valuesOf } from "./readings.ts";
import { startStage, type Stage } from "./stage.ts";

const FAMILIES: Readonly<Record<string, readonly Attack[]>> = {
  lengths: LENGTHS,
  encodings: ENCODINGS,
  chunks: CHUNKS,
  "lines and versions": LINES,
  "fields and targets": FIELDS,
  sizes: SIZES,
};

test("no byte stream makes the primary see a request that its client did not send, or a client an answer that is not its own", async (t) => {
  const stage = await startStage(t);
  for (const [family, attacks] of Object.entries(FAMILIES)) {
    await t.test(family, async (t) => {
      for (const attack of attacks) {
        await t.test(attack.name, async () => {
          await carryOut(stage, attack);
          await stage.probe();
          stage.check(attack.name);
        });
      }
    });
  }
  await t.test("nothing is left over", () => stage.endsClean("wait"));
});

async function carryOut(stage: Stage, attack: Attack): Promise<void> {
  const { ledger, primary } = stage;
  const name = (letter: string): string => (attack.served.includes(letter) ? ledger.sent() : ledger.unsent());
  const nonces: Nonces = { a: name("a"), b: name("b"), c: name("c"), x: ledger.unsent(), y: ledger.unsent() };
  const served = [...attack.served].map((letter) => nonces[letter as "a"]);
  const bytes = attack.send(nonces);
  const methods = [...bytes.matchAll(/^([A-Z]+) \S*\/k\/(\w+)/gm)].filter(([, , nonce = ""]) => served.includes(nonce));
  const client = await connectClient(stage.proxyUrl);
  client.write(bytes);
  const { answers, surplus } = await client.answered(
    methods.map(([, method = ""]) => method),
    attack.answers.length,
  );
  // A refusal ends the connection; after answers it is the client that leaves.
  const refused = attack.answers.length !== served.length || served.length === 0;
  if (refused || attack.ends === true) await client.ended();
  else await client.finish();
  const statuses = answers.map(({ status }) => status);
  assert.deepEqual(statuses, attack.answers, JSON.stringify(client.received().slice(0, 1_000)));
  const own = answers.slice(0, served.length).flatMap(({ headers }) => valuesOf(headers, "x-nonce"));
  assert.deepEqual(own, served, "each request its own answer, in order");
  assert.equal(surplus, "");
  assert.deepEqual(
    served.map((nonce) => primary.arrivals.get(nonce)),
    served.map(() => 1),
  );
}
