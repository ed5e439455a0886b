/** Reads that next answers, over members that share one Redis: what was acknowledged is in every answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "undici";
import { startSite, type TestMember } from "../support/member.ts";
import { checkReads, noteRoutes, noteService } from "../support/read-your-writes.ts";
import { seeded } from "../support/seeded.ts";
import { until } from "../support/until.ts";

const SEED = 20261127;
const RUN_MS = 1_500;

function sides(seed: number) {
  const random = seeded(seed).next;
  const legacy = noteService({ side: "legacy", delayMs: () => random() * 3 });
  const next = noteService({
    side: "next",
    delayMs: () => random() * 60,
    refuses: (id) => id.endsWith("-s") && random() < 0.3,
  });
  return { legacy, next };
}

test("with the dial at 50% over three members on Redis, every read under load has what was acknowledged before it began, and next answers its share", async (t) => {
  const { legacy, next } = sides(SEED);
  const site = await startSite(t, { legacy: legacy.answer, next: next.answer });
  const routes = noteRoutes("50%");
  const members: TestMember[] = [];
  for (const name of ["a", "b", "c"]) members.push(await site.start(name, { routes }));
  const urls = members.map(({ crossfade }) => crossfade.proxyUrl);

  // The checker tells: of those that read the new service whatever was written, some read what was.
  const unpinned = await checkReads({
    urls: () => urls,
    readUrls: () => [site.next.url],
    ...{ clients: 8, keys: 2, seed: SEED },
    goesOn: ({ stale }) => stale.length === 0,
  });
  assert.ok(unpinned.stale.length > 0, "reads past the proxy were not found to be stale");

  // A look at the store by each, and all of them dial.
  await until(async () => {
    const answers = await Promise.all(
      urls.flatMap((url) => Array.from({ length: 8 }, (_, k) => request(`${url}/notes/u${k}-0`))),
    );
    await Promise.all(answers.map(({ body }) => body.dump()));
    const states = await Promise.all(members.map((member) => member.status()));
    return states.every(({ routes: [route] }) => (route?.dialledReads.next ?? 0) > 0);
  });
  const before = performance.now();
  const report = await checkReads({
    urls: () => urls,
    ...{ clients: 24, keys: 3, seed: SEED + 1 },
    // Not for a time alone: on a busy machine little is done in it.
    goesOn: ({ writes, reads, atNext: { one = 0, feed = 0 } }) =>
      performance.now() - before < RUN_MS || writes < 150 || reads < 400 || one < 20 || feed === 0,
  });
  assert.deepEqual(report.stale, []);
  t.diagnostic(JSON.stringify(report));
});
