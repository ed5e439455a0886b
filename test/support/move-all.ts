import assert from "node:assert/strict";
import { request } from "undici";
import type { Bench } from "./crossfade.ts";

/** Moves every route one step, past the gate: a test has no seven days. */
export async function moveAll({ crossfade, status }: Bench, step: "advance" | "rollback"): Promise<void> {
  for (const { name, phase } of (await status()).routes) {
    // With another one that it moves together with.
    if ((await status()).routes.find((route) => route.name === name)?.phase !== phase) continue;
    const answer = await request(`${crossfade.adminUrl}/api/v1/routes/${name}/phase`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ step, force: true, reason: "a test has no seven days" }),
    });
    const text = await answer.body.text();
    assert.equal(answer.statusCode, 200, `${name}: ${text}`);
  }
}
