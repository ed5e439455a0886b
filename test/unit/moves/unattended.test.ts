import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { Phase, RouteSettings, Settings } from "../../../proxy/config/settings.ts";
import type { KeptPhase } from "../../../proxy/moves/kept-phase.ts";
import type { MoveOrder, MoveReport } from "../../../proxy/moves/phase-move.ts";
import { createUnattended, wishesOf } from "../../../proxy/moves/unattended.ts";
import { makeSettled } from "../../support/evidence.ts";

function routeOf(name: string, phase: Phase, over: Partial<RouteSettings> = {}): RouteSettings {
  const match = { path: `/${name}`, methods: null, host: null, headers: [] };
  return { ...DEFAULT_ROUTE, name, match, entity: name, phase, unattended: true, ...over };
}

/** `file`: what it said when the row was set. */
function rows(file: Readonly<Record<string, Phase>>): (route: string) => KeptPhase | undefined {
  return (route) => {
    const said = file[route];
    if (said === undefined) return undefined;
    const at = "2026-11-22T12:00:00.000Z";
    return { route, phase: said, file: said, epoch: 1, by: "file", at, reason: null, behindSince: null };
  };
}

test("a file asks for what it says anew, beyond the barrier, where it says so", () => {
  const wished = (file: RouteSettings, acting: Phase, said: Phase): unknown =>
    wishesOf([file], [{ ...file, phase: acting }], rows({ users: said }))[0] ?? null;
  const next = routeOf("users", "next-primary");
  assert.deepEqual(wished(next, "dual-write", "dual-write"), { route: "users", to: "next-primary", step: "advance" });
  assert.deepEqual(wished(next, "backfilling", "dual-write"), { route: "users", to: "next-primary", step: "advance" });
  const back = routeOf("users", "dual-write");
  assert.deepEqual(wished(back, "next-primary", "next-primary"), {
    route: "users",
    to: "dual-write",
    step: "rollback",
  });
  // An operator has moved it back since: that holds until the file changes.
  assert.equal(wished(next, "dual-write", "next-primary"), null);
  assert.equal(wished({ ...next, unattended: false }, "dual-write", "dual-write"), null);
  // That crosses nothing: it acts by itself.
  assert.equal(wished(routeOf("users", "next-only"), "next-primary", "next-primary"), null);
  assert.deepEqual(wished(routeOf("users", "next-only"), "dual-write", "dual-write"), {
    route: "users",
    to: "next-only",
    why: "dual-write is more than one step from there",
  });
});

test("routes that move together are asked for once, and only where the file says the same of all of them", () => {
  const group = (phase: Phase, over: Partial<RouteSettings> = {}): readonly RouteSettings[] => [
    routeOf("cart", "next-primary", { group: "shop" }),
    routeOf("order", phase, { group: "shop", ...over }),
  ];
  const acting = [routeOf("cart", "dual-write"), routeOf("order", "dual-write")];
  const said = rows({ cart: "dual-write", order: "dual-write" });
  assert.deepEqual(wishesOf(group("next-primary"), acting, said), [
    { route: "cart", to: "next-primary", step: "advance" },
  ]);
  assert.deepEqual(wishesOf(group("dual-write"), acting, said), [
    { route: "cart", to: "next-primary", why: "it moves together with order, which is to be dual-write by the file" },
  ]);
  assert.deepEqual(wishesOf(group("next-primary", { unattended: false }), acting, said), [
    { route: "cart", to: "next-primary", why: "it moves together with order, which is not unattended by the file" },
  ]);
});

test("it moves once nothing stands in the way, never by force, and says what it waits for until then", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const file = routeOf("users", "next-primary");
  let acting: Phase = "dual-write";
  const { snapshot } = makeSettled().exchange;
  const settings = (phase: Phase): Settings => ({ ...snapshot.settings, routes: [{ ...file, phase }] });
  const orders: MoveOrder[] = [];
  const moved: string[] = [];
  let isOpen = false;
  const unattended = createUnattended({
    acting: { snapshot: () => ({ ...snapshot, settings: settings(acting) }), file: () => settings("next-primary") },
    phases: { rowOf: rows({ users: "dual-write" }) },
    move: (order) => {
      orders.push(order);
      const end = !isOpen ? "refused" : order.dryRun ? "would-move" : "moved";
      if (end === "moved") acting = "next-primary";
      return Promise.resolve({ end, sentence: end } as MoveReport);
    },
    everyMs: 1_000,
    moved: (sentence) => moved.push(sentence),
    caught: (step, error) => assert.fail(`${step}: ${String(error)}`),
  });
  t.after(() => unattended.stop());
  await unattended.look();
  assert.deepEqual(unattended.warnings(), ["the file moves users to next-primary unattended, and it waits: refused"]);
  assert.deepEqual(
    orders.map(({ dryRun }) => dryRun),
    [true],
  );
  isOpen = true;
  t.mock.timers.tick(1_000);
  await unattended.look();
  assert.deepEqual([unattended.warnings(), moved], [[], ["moved"]]);
  assert.deepEqual(orders.at(-1), {
    route: "users",
    step: "advance",
    to: "next-primary",
    force: false,
    dryRun: false,
    by: "file",
    reason: "unattended: the file says next-primary",
  });
  const asked = orders.length;
  await unattended.look();
  assert.equal(orders.length, asked, "it is there");
});
