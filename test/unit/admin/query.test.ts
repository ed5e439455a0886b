import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../../../proxy/admin/problem.ts";
import { type ParameterName, readQuery } from "../../../proxy/admin/query.ts";

const ALL: readonly ParameterName[] = ["route", "kind", "at", "outcome", "since", "group", "limit", "cursor"];
const NOW = Date.parse("2026-11-22T12:00:00.000Z");

function refusal(query: string, allowed = ALL): Problem {
  try {
    readQuery(query, allowed, NOW);
  } catch (error) {
    assert.ok(error instanceof Problem);
    assert.equal(error.status, 400);
    return error;
  }
  return assert.fail(`${query} was taken`);
}

test("every parameter is read, decoded once", () => {
  const values = readQuery(
    "route=a%2Fb&kind=value&at=%2Fx~1y&outcome=divergent&limit=7&cursor=abc%3D&group=b1",
    ALL,
    NOW,
  );
  assert.deepEqual(values, {
    route: "a/b",
    kind: "value",
    at: "/x~1y",
    outcome: "divergent",
    limit: 7,
    cursor: "abc=",
    group: "b1",
  });
  assert.deepEqual(readQuery("", ALL, NOW), {});
});

test("since is an instant with a zone, a date, or a span before now", () => {
  const cases: readonly (readonly [text: string, since: string])[] = [
    ["2026-11-22T11:00:00Z", "2026-11-22T11:00:00.000Z"],
    ["2026-11-22T11:00:00.250Z", "2026-11-22T11:00:00.250Z"],
    ["2026-11-22T13:00:00%2B02:00", "2026-11-22T11:00:00.000Z"],
    ["2026-11-22T13:00:00+02:00", "2026-11-22T11:00:00.000Z"],
    ["2026-11-21", "2026-11-21T00:00:00.000Z"],
    ["90s", "2026-11-22T11:58:30.000Z"],
    ["15m", "2026-11-22T11:45:00.000Z"],
    ["2h", "2026-11-22T10:00:00.000Z"],
    ["7d", "2026-11-15T12:00:00.000Z"],
  ];
  for (const [text, since] of cases) {
    assert.equal(new Date(readQuery(`since=${text}`, ALL, NOW).since ?? 0).toISOString(), since, text);
  }
  for (const text of ["yesterday", "1", "2026-13-40", "2026-11-22T11:00:00", "-5m", "5", "5 fortnights", ""]) {
    assert.match(refusal(`since=${text}`).message, /^since is ".*", which is neither an instant/, text);
  }
});

test("limit is a whole number from 1 to 1000, and the error names value and bound", () => {
  assert.equal(readQuery("limit=1", ALL, NOW).limit, 1);
  assert.equal(readQuery("limit=1000", ALL, NOW).limit, 1000);
  for (const text of ["0", "1001", "-1", "1.5", "1e2", "ten", "", "99999999999999999999"]) {
    const { message, members } = refusal(`limit=${text}`);
    assert.equal(message, `limit is "${text}", which is not a whole number from 1 to 1000`);
    assert.deepEqual(members, { parameter: "limit", value: text });
  }
});

test("a place is a pointer or a header, whose name is found however it is written", () => {
  for (const text of ["", "/", "/items/*/price", "/a~1b~0c"]) {
    assert.equal(readQuery(`at=${encodeURIComponent(text)}`, ALL, NOW).at, text);
  }
  assert.equal(readQuery("at=Header:ETag", ALL, NOW).at, "header:etag");
  for (const text of ["total", "$.total", "/a~2", "header:", "header:a b", "header:é"]) {
    assert.equal(
      refusal(`at=${encodeURIComponent(text)}`).message,
      `at is "${text}", which is neither a JSON pointer (/total, /items/*/price) nor header:NAME (header:etag)`,
    );
  }
});

test("a value of a closed list is named with the one it is near to", () => {
  assert.match(
    refusal("kind=presicion").message,
    /^kind is "presicion", which is none of status, .*; did you mean precision\?$/,
  );
  assert.match(refusal("outcome=zzz").message, /^outcome is "zzz", which is none of match, .*unknown$/);
});

test("an unknown parameter is refused with the nearest name, or with those there are", () => {
  assert.equal(refusal("rout=users").message, 'there is no parameter "rout"; did you mean route?');
  assert.equal(refusal("q=1", ["limit"]).message, 'there is no parameter "q"; this endpoint takes limit');
  assert.equal(refusal("q=1", []).message, 'there is no parameter "q"; this endpoint takes none');
  assert.equal(refusal("kind=value", ["limit"]).message, 'there is no parameter "kind"; this endpoint takes limit');
});

test("a parameter given twice is refused rather than one of the two being chosen", () => {
  assert.equal(refusal("limit=1&limit=2").message, 'limit is "2", which is given twice; give it once');
});

test("endless values are refused and shown shortened", () => {
  const { message, members } = refusal(`route=${"x".repeat(5000)}`);
  assert.ok(message.length < 250, message);
  assert.ok(String(members["value"]).length < 120);
  assert.ok(refusal(`${"y".repeat(5000)}=1`).message.length < 300);
});
