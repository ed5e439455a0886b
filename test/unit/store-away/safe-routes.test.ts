import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { KeptPhase } from "../../../proxy/moves/kept-phase.ts";
import { type Safe, safeRoutes } from "../../../proxy/store-away/safe-routes.ts";
import { settingsOf } from "../../support/config-file.ts";

const REGISTERED = { isRegistered: true, inDoubt: [] };
const AT_NEXT: KeptPhase = {
  ...{ route: "users", phase: "next-primary", epoch: 2, file: "dual-write", by: "ops" },
  ...{ at: "2026-11-22T12:00:00.000Z", reason: null, behindSince: null },
};

function file(t: TestContext, users: string) {
  return settingsOf(
    t,
    `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
routes:
  - { name: users, match: { path: "/users/**" }${users} }
  - { name: rest, match: { path: "/**" } }
`,
  ).settings;
}

const whyNot = (safe: Safe): string => (safe.isSafe ? assert.fail("it is safe") : safe.why);
const refused = (safe: Safe): readonly string[] => (safe.isSafe ? [...safe.refused.keys()] : assert.fail(safe.why));

test("a registered member goes by its copy of the phases, and by its file where that may act", (t) => {
  const safe = safeRoutes(file(t, ", phase: legacy-only"), REGISTERED, [AT_NEXT]);
  assert.ok(safe.isSafe);
  const { settings, epochs } = safe.snapshot;
  assert.deepEqual(
    [settings.routes.map(({ phase }) => phase), [...epochs], [...safe.refused]],
    [["next-primary", "dual-write"], [["users", 2]], []],
  );
});

test("one that has left, and one whose copy knows nothing of what its file says of next, forward nothing", (t) => {
  assert.match(whyNot(safeRoutes(file(t, ""), { isRegistered: false, inDoubt: [] }, [AT_NEXT])), /has left/);
  assert.match(
    whyNot(safeRoutes(file(t, ", phase: next-primary"), REGISTERED, [])),
    /next is the source of truth of users/,
  );
  assert.equal(refused(safeRoutes(file(t, ", phase: next-primary"), REGISTERED, [AT_NEXT])).length, 0);
});

test("routes of a move whose end is in the store alone are refused, and those whose clients call things by what is there alone", (t) => {
  assert.deepEqual(refused(safeRoutes(file(t, ""), { isRegistered: true, inDoubt: ["users"] }, [])), ["users"]);
  const values =
    ', values: { learn: [{ at: "answer:/id", kind: user-id }], apply: [{ at: "path:id", kind: user-id }] }';
  assert.deepEqual(refused(safeRoutes(file(t, values), REGISTERED, [])), []);
  assert.deepEqual(refused(safeRoutes(file(t, values), REGISTERED, [AT_NEXT])), ["users"]);
});
