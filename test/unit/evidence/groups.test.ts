import assert from "node:assert/strict";
import { test } from "node:test";
import type { Difference } from "../../../proxy/evidence/evidence.ts";
import { failureSignature, groupId, groupSignature, isFailure } from "../../../proxy/evidence/groups.ts";

function difference(at: string, kind: Difference["kind"] = "value", primary = "1", shadow = "2"): Difference {
  return { at, kind, primary, shadow };
}

test("indices and ids in pointers do not split a group", () => {
  const ids = [
    "0",
    "4711",
    "9b2f8c1e-7d1a-4a55-9a53-0d6f3c2b1a00",
    "9B2F8C1E-7D1A-4A55-9A53-0D6F3C2B1A00",
    "01JAXK8Q1V9ZC3T6M2F4S7D5EW",
    "507f1f77bcf86cd799439011",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  ];
  for (const id of ids)
    assert.deepEqual(groupSignature([difference(`/users/${id}/name`)]), [{ at: "/users/*/name", kind: "value" }], id);
});

test("names stay names", () => {
  for (const at of ["/users/v2/name", "/feedface", "/a1", "/deadbeef/1a", "/x-y", "/00-11", "/", "", "/a~1b"]) {
    assert.deepEqual(groupSignature([difference(at)]), [{ at, kind: "value" }]);
  }
});

test("a signature tells each place and kind once, in an order of its own", () => {
  const there = [
    difference("/items/3/price"),
    difference("header:etag", "header"),
    difference("/items/12/price"),
    difference("/items/3/price", "type"),
  ];
  const expected = [
    { at: "/items/*/price", kind: "type" },
    { at: "/items/*/price", kind: "value" },
    { at: "header:etag", kind: "header" },
  ];
  assert.deepEqual(groupSignature(there), expected);
  assert.deepEqual(groupSignature(there.toReversed()), expected);
});

test("values do not make a group, except those of the status", () => {
  assert.deepEqual(
    groupSignature([difference("/a", "value", "1", "2")]),
    groupSignature([difference("/a", "value", "3", "4")]),
  );
  assert.deepEqual(groupSignature([difference("", "status", "200", "404")]), [
    { at: "", kind: "status", primary: "200", shadow: "404" },
  ]);
  assert.notDeepEqual(
    groupSignature([difference("", "status", "200", "404")]),
    groupSignature([difference("", "status", "404", "200")]),
  );
  const idOf = (...differences: Difference[]): string => groupId("users", "PUT", groupSignature(differences));
  assert.notEqual(idOf(difference("", "status", "200", "404")), idOf(difference("", "status", "404", "200")));
  assert.notEqual(idOf(difference("", "status", "200", "404")), idOf(difference("", "status", "200", "500")));
});

test("null where there was a number is one cause, another number a second, a member left out a third", () => {
  const idOf = (kind: Difference["kind"], primary: string | null, shadow: string | null): string =>
    groupId("users", "PUT", groupSignature([{ at: "/total", kind, primary, shadow }]));
  const ids = [
    idOf("value", "12", "13"),
    idOf("type", "12", "null"),
    idOf("missing", "12", null),
    idOf("type", "12", '"12"'),
    idOf("missing", "null", null),
  ];
  assert.equal(new Set(ids).size, ids.length);
  // And what only chance tells apart is the same cause.
  assert.equal(idOf("value", "12.5", "13"), ids[0]);
  assert.equal(idOf("type", "0.5", "null"), ids[1]);
});

test("a signature holds classes where they differ, and no part of any value", () => {
  assert.deepEqual(groupSignature([{ at: "/id", kind: "type", primary: "4711", shadow: '"9f3c-secret"' }]), [
    { at: "/id", kind: "type", primary: "number", shadow: "text" },
  ]);
});

test("a failure is one cause for each error code", () => {
  assert.notEqual(
    groupId("users", "PUT", failureSignature("timeout")),
    groupId("users", "PUT", failureSignature("connect-failed")),
  );
  assert.equal(isFailure(failureSignature("timeout")), true);
  assert.equal(isFailure(groupSignature([difference("", "status", "200", "404")])), false);
  assert.equal(isFailure([]), false);
});

test("the id is made of route, method and signature, and stays the same in all versions", () => {
  const signature = groupSignature([difference("/balance", "precision")]);
  assert.equal(groupId("users", "PUT", signature), "ba757d18");
  assert.match(groupId("users", "PUT", []), /^[0-9a-f]{8}$/);
  const ids = [groupId("users", "POST", signature), groupId("user", "sPUT", signature), groupId("users", "PUT", [])];
  assert.equal(new Set([...ids, groupId("users", "PUT", signature)]).size, 4);
});
