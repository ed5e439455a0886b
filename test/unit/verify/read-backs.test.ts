import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../proxy/ports.ts";
import { createReadBacks, type ReadBacksParts } from "../../../proxy/verify/read-backs.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { settingsOf } from "../../support/config-file.ts";
import { dueOf } from "../../contract/journal.ts";

const HOUR = 60 * 60_000;

/** What is left on the list, and what the journal is told of it. */
function resumed(ageMs: number): { readonly marked: string[]; readonly ended: unknown[]; readonly leftOut: number } {
  const [marked, ended]: [string[], unknown[]] = [[], []];
  const due = dueOf("chosen");
  const place = { key: "users/1", method: "PUT", path: "/users/1", host: null };
  const clock: Pick<Clock, "now" | "monotonic"> = { now: () => due.settledAt + ageMs, monotonic: () => 0 };
  const parts = {
    clock,
    sealer: { open: () => JSON.stringify(place) },
    journal: { readBackDue() {}, readBackEnded: (id: string, mark: unknown) => ended.push([id, mark]) },
    recorder: { mark: ({ exchangeId }: { exchangeId: string }) => marked.push(exchangeId) },
    telemetry: { readBack() {} },
    mirroringEnabled: () => false,
    snapshot: () => ({ settings: { routes: [] }, router: { match: () => null } }),
    caught: (_step: string, error: unknown) => assert.ifError(error),
  } as unknown as ReadBacksParts;
  const readBacks = createReadBacks(parts);
  readBacks.resume([due]);
  return { marked, ended, leftOut: readBacks.of("users")["left-out"] };
}

test("a read-back of an earlier process that is too old leaves its key on the repair list; one whose route is gone, nothing", () => {
  const { mark } = dueOf("chosen");
  assert.deepEqual(resumed(2 * HOUR), { marked: ["chosen"], ended: [["chosen", mark]], leftOut: 1 });
  assert.deepEqual(resumed(HOUR / 2), { marked: [], ended: [["chosen", null]], leftOut: 0 });
});

test("a read-back that comes to its turn behind a cutover asks nobody: it was about other roles", async (t) => {
  const urls = 'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { url: "http://127.0.0.1:4000" }\n';
  const routes = (phase: string) => `routes: [{ name: users, match: { path: "/users/**" }, phase: ${phase} }]\n`;
  const file = (phase: string) => settingsOf(t, urls + routes(phase)).settings;
  const snapshotOf = (phase: string) => {
    const settings = file(phase);
    return { revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() };
  };
  let snapshot = snapshotOf("dual-write");
  const beyond = snapshotOf("next-primary");
  let visits = 0;
  const counted = Promise.withResolvers<string>();
  const place = { key: "users/1", method: "PUT", path: "/users/1", host: null };
  const due = dueOf("chosen");
  const parts = {
    clock: { now: () => due.settledAt, monotonic: () => performance.now() },
    sealer: { open: () => JSON.stringify(place) },
    journal: { readBackDue() {}, readBackEnded() {} },
    recorder: { mark() {} },
    telemetry: { readBack: (_route: string, result: string) => counted.resolve(result) },
    mirroringEnabled: () => true,
    snapshot: () => snapshot,
    hold: {
      holds() {
        // The move is made while the read-back waits for its next look.
        const isHeld = snapshot !== beyond;
        snapshot = beyond;
        return isHeld;
      },
    },
    openWrites: { enter() {}, leave() {} },
    visit: () => Promise.resolve(void visits++).then(() => null),
    caught: (_step: string, error: unknown) => counted.reject(error),
  } as unknown as ReadBacksParts;
  const readBacks = createReadBacks(parts);
  readBacks.resume([due]);
  assert.deepEqual([await counted.promise, visits], ["failed", 0]);
  await readBacks.stop();
});
