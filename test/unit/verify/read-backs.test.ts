import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../proxy/ports.ts";
import { createReadBacks, type ReadBacksParts } from "../../../proxy/verify/read-backs.ts";
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
