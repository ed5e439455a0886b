import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { whyNotMirrored } from "../../../proxy/config/route-rules.ts";
import type { RouteSettings } from "../../../proxy/config/settings.ts";
import { behindAfter, rowForFile } from "../../../proxy/moves/kept-phase.ts";
import { type Override, pausedRoutes, withOverrides } from "../../../proxy/moves/overrides.ts";
import { rollbackPrice } from "../../../proxy/phase/rollback-price.ts";
import { PHASES } from "../../../proxy/config/settings.ts";
import { errorsOf, settingsOf, spellMessages } from "../../support/config-file.ts";

const SERVICES = `services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "https://next.example.com" } }\n`;
const READS = "mirror: { reads: 5% }";

function config(route: string, more = ""): string {
  return `${SERVICES}${more}routes:\n  - { name: users, match: { path: "/users/**" }, sharedDatabase: true, ${route} }\n`;
}

function routeOf(t: TestContext, yaml: string): RouteSettings {
  return settingsOf(t, yaml).settings.routes[0] ?? assert.fail();
}

test("writes of a route with one database are not mirrored, whatever mirrors the others", (t) => {
  assert.equal(routeOf(t, config(READS)).mirror.writes, false);
  assert.equal(routeOf(t, config(READS, "defaults: { mirror: { writes: true } }\n")).mirror.writes, false);
  // So that what next does with mail and payments does not matter: no error asks for its effects.
  assert.deepEqual(errorsOf(t, config(READS)), []);
});

test("what would apply a write twice is refused, and so is what there is nothing for", (t) => {
  const first = (yaml: string): string => errorsOf(t, yaml)[0] ?? "";
  const twice = /is true, and the write would be applied twice to the one database that both services use/;
  assert.match(first(config("mirror: { writes: true }")), twice);
  const everywhere = `${SERVICES}defaults: { sharedDatabase: true, mirror: { writes: true } }\n`;
  assert.match(first(everywhere), twice);
  assert.match(first(config(`phase: backfilling, ${READS}`)), /no row has to be brought over; write dual-write/);
  const values = 'values: { learn: [{ at: "answer:/id", kind: user }] }';
  assert.match(first(config(`${values}, ${READS}`)), /values\.learn maps values, and both services use one database/);
  const kin = `${config(`entity: users, ${READS}`)}  - { name: admin, match: { path: "/admin/**" }, entity: users }\n`;
  assert.match(
    errorsOf(t, kin).join("\n"),
    /is false, and of users it is true: both are about users, whose rows are in one database/,
  );
  const { warnings } = settingsOf(t, config("phase: dual-write"));
  assert.match(spellMessages(warnings).join("\n"), /compared reads are all the evidence that there is; write mirror/);
});

test("a collection of such a route has a source alone, and any other one has both", (t) => {
  const source = "source: { sqlite: ./a.db, table: users, key: id }";
  const target = "target: { sqlite: ./b.db, table: users, key: id }";
  const with_ = (route: string, tables: string): string =>
    `${route}collections:\n  - { name: users, route: users, ${tables} }\n`;
  const { collections } = settingsOf(t, with_(config(READS), source)).settings;
  assert.deepEqual(collections[0]?.target, collections[0]?.source);
  const told = errorsOf(t, with_(config(READS), `${source}, ${target}`)).join("\n");
  assert.match(
    told,
    /target is there, of route users, whose services use one database \(sharedDatabase\): nothing is brought/,
  );
  const apart = config(READS).replace("sharedDatabase: true, ", "phase: legacy-only, ");
  assert.match(
    errorsOf(t, with_(apart, source)).join("\n"),
    /target is missing; write next's table, or sharedDatabase/,
  );
  assert.deepEqual(errorsOf(t, with_(apart, `${source}, ${target}`)), []);
});

test("no override of before mirrors a write, and none leaves a gap", (t) => {
  const { settings } = settingsOf(t, config(READS));
  const said = { by: "ops", at: "2026-11-01T00:00:00Z", reason: null };
  const pinned: Override = { route: "users", setting: "mirror", value: true, ...said };
  assert.equal(withOverrides(settings, [pinned]).routes[0]?.mirror.writes, false);
  assert.deepEqual(pausedRoutes(settings, [{ ...pinned, route: null, value: false }, pinned]), []);
  const route = settings.routes[0] ?? assert.fail();
  assert.match(whyNotMirrored(settings, route) ?? "", /would be applied a second time/);
});

test("nobody is ever behind, and the way back is free", (t) => {
  const route = routeOf(t, config(READS));
  for (const phase of PHASES) {
    assert.equal(behindAfter({ phase, behindSince: null, sharedDatabase: true }, "legacy-only", "2026"), null);
    const price = rollbackPrice({ phase, sharedDatabase: true }, 3, 2)?.price ?? "free";
    assert.equal(price, "free");
  }
  const kept = { route: "users", phase: "dual-write", epoch: 1, file: "dual-write", by: "x", at: "2026" } as const;
  const row = rowForFile({ ...route, phase: "legacy-only" }, { ...kept, reason: null, behindSince: null }, "2027");
  assert.equal(row?.behindSince, null);
});
