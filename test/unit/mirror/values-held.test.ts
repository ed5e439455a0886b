import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Identity } from "../../../proxy/exchange.ts";
import { atService, bothSides, forClients, isPair, isTurned } from "../../../proxy/mirror/values/held.ts";
import { PairCache } from "../../../proxy/mirror/values/pair-cache.ts";
import { otherSide } from "../../../proxy/mirror/values/seal.ts";
import { settingsOf } from "../../support/config-file.ts";

type Event = { readonly is: "made"; readonly learnt: boolean } | { readonly is: "moved" } | { readonly is: "used" };

interface Entity {
  readonly legacy: string;
  readonly next: string;
  /** What the client that made it was told. */
  readonly told: string;
  /** Both services have it, and each other's name is known. */
  readonly isPaired: boolean;
  readonly madeBy: Identity;
}

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ is: fc.constant("made" as const), learnt: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ is: "moved" as const }) },
  { weight: 2, arbitrary: fc.constant({ is: "used" as const }) },
);

test("whatever is made, learnt and moved in whatever order: clients know a thing by one name, and each service by its own", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let primary: Identity = "legacy";
      let count = 0;
      const entities: Entity[] = [];
      const cache = new PairCache({ capacity: 1_000, unknownForMs: 1_000, now: () => 0, monotonic: () => 0 });
      const look = (text: string): void => {
        for (const { kind, side } of bothSides({ kind: "k", text })) {
          if (cache.partnerOf(kind, side, text) === null) cache.addUnknown(kind, side, text);
        }
      };
      const pairs = {
        partnerOf: ({ kind, side, text }: { kind: string; side: Identity; text: string }) =>
          cache.partnerOf(kind, side, text),
      };
      const named = (to: typeof atService, side: Identity, text: string): string => {
        look(text);
        const found = to(pairs, { kind: "k", side, text });
        assert.notEqual(found, null);
        return isPair(found) ? found.other.text : text;
      };
      for (const one of events) {
        if (one.is === "made") {
          const [legacy, next] = [String(++count), `n-${count}`];
          const told = named(forClients, primary, primary === "legacy" ? legacy : next);
          entities.push({ legacy, next, told, isPaired: one.learnt, madeBy: primary });
          if (!one.learnt) continue;
          const value = (text: string) => ({ text, spelling: "plain" as const });
          cache.add({ kind: "k", legacy: value(legacy), next: value(next), held: primary, until: null });
        } else if (one.is === "moved") primary = otherSide(primary);
        for (const { isPaired, madeBy, told, ...own } of entities) {
          // What the other service has not, or nobody knows the name of there, cannot be asked of it.
          if (!isPaired && madeBy !== primary) continue;
          assert.equal(named(atService, primary, told), own[primary]);
          assert.equal(named(forClients, primary, own[primary]), told);
          if (!isPaired) continue;
          // Its copy goes to the other one, and what that answers is compared in the clients' words.
          assert.equal(named(atService, otherSide(primary), told), own[otherSide(primary)]);
          assert.equal(named(forClients, otherSide(primary), own[otherSide(primary)]), told);
          // A name that no client was told means the same thing.
          assert.equal(named(atService, primary, own[otherSide(primary)]), own[primary]);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("a route is looked at once next is, or has been, the primary of one with values of its kinds; before, and beside it, none is", (t) => {
  const { settings } = settingsOf(
    t,
    `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - { name: users, match: { path: "/users/:id?" }, values: { learn: [{ at: "answer:/id", kind: user }] } }
  - { name: notes, match: { path: "/notes" }, values: { apply: [{ at: "body:/by", kind: user }] } }
  - { name: carts, match: { path: "/carts" }, values: { learn: [{ at: "answer:/id", kind: cart }] } }
  - { name: rest, match: { path: "/**" } }
`,
  );
  const turnedAfter = (
    epochs: ReadonlyMap<string, number>,
    users: "dual-write" | "next-primary",
  ): readonly string[] => {
    const routes = settings.routes.map((route) => (route.name === "users" ? { ...route, phase: users } : route));
    const router = { routes, match: () => null };
    const snapshot = { revision: 1, settings: { ...settings, routes }, router, epochs };
    return routes.filter((route) => isTurned(snapshot, route)).map(({ name }) => name);
  };
  assert.deepEqual(turnedAfter(new Map(), "dual-write"), []);
  assert.deepEqual(turnedAfter(new Map([["users", 1]]), "dual-write"), []);
  assert.deepEqual(turnedAfter(new Map(), "next-primary"), ["users", "notes"]);
  assert.deepEqual(turnedAfter(new Map([["users", 3]]), "dual-write"), ["users", "notes"]);
});
