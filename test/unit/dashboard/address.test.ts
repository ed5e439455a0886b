import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PAGES, readPlace, spellPlace } from "../../../proxy/dashboard/address.ts";

test("every page has an address of its own, and reads back what is in it", () => {
  const addresses = new Set<string>();
  for (const page of PAGES.filter((one) => one !== "lost")) {
    const id = page === "route" || page === "cause" ? "x" : "";
    const address = spellPlace(page, id);
    addresses.add(address);
    assert.deepEqual(readPlace(address), { page, id, query: {} });
  }
  assert.equal(addresses.size, PAGES.length - 1);
});

test("any route's name and any filter come back as they were", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1 });
  fc.assert(
    fc.property(text, text, (id, value) => {
      assert.deepEqual(readPlace(spellPlace("route", id, { at: value })), { page: "route", id, query: { at: value } });
    }),
  );
});

test("what is no address of ours is said to be none", () => {
  for (const hash of ["#/nope", "#/routes/%zz", "#/live/x", "#/audit/1", "#/__proto__", "#/constructor"])
    assert.equal(readPlace(hash).page, "lost", hash);
  for (const hash of ["", "#", "#/"]) assert.equal(readPlace(hash).page, "overview", hash);
  assert.equal(spellPlace("live", "", { route: "", kind: "value" }), "#/live?kind=value");
});
