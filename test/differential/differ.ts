import assert from "node:assert/strict";
import { test } from "node:test";
import { EXCEPTIONS } from "./exceptions.ts";
import { type Front, type Next, startCrossfadeBefore } from "./fronts.ts";
import { apartFromHops, declared, differences, type Observation } from "./observation.ts";
import { play } from "./play.ts";
import type { Case } from "./script.ts";
import { ScriptedService } from "./service.ts";

/** One test a case: what both ends see through Crossfade is what they see without it. */
export function testThroughCrossfade(title: string, next: Next, cases: readonly Case[]): void {
  test(`${title}; next is ${next}`, async (t) => {
    const service = await ScriptedService.start();
    const crossfade = await startCrossfadeBefore(service, next);
    t.after(async () => {
      await crossfade.close();
      await service.close();
    });
    for (const one of cases) await t.test(one.name, () => comparePlays(one, service, crossfade));
  });
}

async function comparePlays(one: Case, service: ScriptedService, crossfade: Front): Promise<void> {
  const same = declared(await playDirectly(one, service));
  const through = apartFromHops(await play(one, service, crossfade.port));
  assert.deepEqual(differences(through, expectedOf(one, same)), []);
}

function expectedOf({ exception }: Case, same: Observation): Observation {
  if (exception === undefined) return same;
  const met = EXCEPTIONS.find(({ name }) => name === exception);
  assert.ok(met !== undefined, `there is no exception ${exception}`);
  return met.differently(same);
}

/** @throws AssertionError: the case itself does not work */
export async function playDirectly(one: Case, service: ScriptedService): Promise<Observation> {
  const seen = await play(one, service, service.port);
  assert.deepEqual(seen.stuck, [], "played without a proxy");
  return apartFromHops(seen);
}
