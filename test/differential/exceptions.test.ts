import assert from "node:assert/strict";
import { test } from "node:test";
import { playDirectly } from "./differ.ts";
import { blurred, DECLARED, EXCEPTIONS } from "./exceptions.ts";
import { startCrossfadeBefore } from "./fronts.ts";
import { apartFromHops, declared, differences, type Observation } from "./observation.ts";
import { play } from "./play.ts";
import { ScriptedService } from "./service.ts";

function linesOf(seen: Observation): string[] {
  const heads = [...seen.requests.map(({ fields }) => fields), ...seen.answers.map(({ final }) => final?.fields ?? [])];
  return heads.flat().map(([name, value]) => `${name}: ${value}`);
}

test("exceptions: what differs through Crossfade differs as docs/transparency.md says", async (t) => {
  const service = await ScriptedService.start();
  const crossfade = await startCrossfadeBefore(service);
  t.after(async () => {
    await crossfade.close();
    await service.close();
  });
  for (const one of DECLARED) {
    await t.test(one.name, async () => {
      const direct = await play(one, service, service.port);
      const through = await play(one, service, crossfade.port);
      assert.deepEqual(differences(apartFromHops(through), declared(apartFromHops(direct))), []);
      const [sent, received] = [linesOf(direct), linesOf(through)];
      assert.deepEqual(
        [one.gone.filter((line) => !sent.includes(line)), one.added.filter((line) => sent.includes(line))],
        [[], []],
      );
      assert.deepEqual(
        [one.gone.filter((line) => received.includes(line)), one.added.filter((line) => !received.includes(line))],
        [[], []],
      );
    });
  }
  for (const one of EXCEPTIONS) {
    await t.test(one.name, async () => {
      const same = declared(await playDirectly(one, service));
      const through = blurred(apartFromHops(await play(one, service, crossfade.port)));
      const expected = one.differently(same);
      assert.deepEqual(differences(through, expected), []);
      assert.notDeepEqual(differences(expected, same), [], "the row is needed no more");
    });
  }
});
