import assert from "node:assert/strict";
import { test } from "node:test";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import { kindOfPath, withoutIds } from "../../../proxy/evidence/places.ts";
import { makeSettled } from "../../support/evidence.ts";

const redactor = createRedactor(Buffer.alloc(32, 7));
const TOKEN = "q8w7e6r5t4z3u2i1";

test("names that are secret to one exchange are redacted there, also where they were plain before", () => {
  const other = makeSettled();
  const own = makeSettled({
    request: { headers: ["Authorization", `Bearer ${TOKEN}`] },
    exchange: { route: other.exchange.route },
  });
  const places = [`/sessions/${TOKEN}/seen`, "/name"];
  const before = redactor.redactPlaces(other, places).places.map(({ at }) => at);
  const after = redactor.redactPlaces(own, places).places.map(({ at }) => at);
  assert.equal(before[1], "/name");
  assert.ok(
    after.every((at) => !at.includes(TOKEN)),
    after.join(),
  );
  assert.deepEqual(
    redactor.redactPlaces(other, places).places.map(({ at }) => at),
    before,
  );
  assert.deepEqual(
    redactor.redactPlaces(own, places).places.map(({ at }) => at),
    after,
  );
});

test("what stands at a secret place is not told by its class, whoever says that it is secret", () => {
  const settled = makeSettled({ route: { redact: [{ source: "answer", name: "/iban" }] } });
  const { places } = redactor.redactPlaces(settled, ["/password", "/iban", "/iban/*", "/name", "header:set-cookie"]);
  assert.deepEqual(
    places.map(({ isSecret }) => isSecret),
    [true, true, true, false, true],
  );
});

test("the kind of a path has no id, no key and nothing that a pattern caught", () => {
  const none = { named: {}, rest: [] };
  assert.equal(kindOfPath("/users/42/posts", "users/42", { named: {}, rest: ["42", "posts"] }), "/users/*/posts");
  assert.equal(kindOfPath("/users/ann/posts", "users/ann", { named: {}, rest: ["ann", "posts"] }), "/users/*/posts");
  assert.equal(kindOfPath("/users/ann", null, { named: { name: "ann" }, rest: [] }), "/users/*");
  assert.equal(kindOfPath("/users/[redacted 1f3a9c2e]", "users/[redacted 1f3a9c2e]", none), "/users/*");
  assert.equal(kindOfPath("/ann/notes", ":/ann/notes", { named: {}, rest: ["ann", "notes"] }), "/*/*");
  assert.equal(kindOfPath("/health", "health:/health", none), "/health");
  assert.equal(withoutIds("/byUser/ann/7/seen", "users/ann"), "/byUser/*/*/seen");
});
