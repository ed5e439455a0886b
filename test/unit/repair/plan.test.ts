import assert from "node:assert/strict";
import { test } from "node:test";
import type { RepairEnd } from "../../../proxy/evidence/evidence.ts";
import { endOf } from "../../../proxy/repair/after.ts";
import type { Mended } from "../../../proxy/repair/mend.ts";
import { type Agreement, isTaken, otherWay, planRepair, type Reading } from "../../../proxy/repair/plan.ts";
import { NOON } from "../../support/evidence.ts";

const here: Reading = {
  is: "present",
  answer: { status: 200, headers: [], body: { kind: "memory", bytes: Buffer.from("{}") }, ms: 1 },
  discard() {},
};
const huge: Reading = { ...here, answer: { ...here.answer, body: { kind: "digest", length: 9, sha256: "00" } } };
const gone: Reading = { is: "absent", status: 404 };
const unknown: Reading = { is: "unknown", status: 503, why: "answered 503 to the GET" };
const equal: Agreement = { kind: "equal" };
const differs: Agreement = { kind: "differs", differences: [{ at: "/a", kind: "value", primary: "1", shadow: "2" }] };
const paths = { path: "/users/1", above: "/users" };

test("what is written follows from what both sides say", () => {
  const table: readonly (readonly [Reading, Reading, Agreement | null, "put-else-post" | "put" | "post", string])[] = [
    [here, here, equal, "put", "none"],
    [gone, gone, null, "put", "none"],
    [here, here, differs, "post", "PUT /users/1"],
    [here, gone, null, "put-else-post", "PUT /users/1"],
    [here, gone, null, "post", "POST /users"],
    [gone, here, null, "put", "DELETE /users/1"],
    [unknown, here, null, "put", "the primary answered 503 to the GET"],
    [here, unknown, null, "put", "the shadow answered 503 to the GET"],
    [gone, unknown, null, "put", "the shadow answered 503 to the GET"],
    [here, here, { kind: "undecided", why: "no room" }, "put", "no room"],
    [huge, gone, null, "put", "the entity is larger than limits.bodyOnDisk, and cannot be copied"],
    [huge, huge, equal, "put", "none"],
  ];
  for (const [primary, shadow, agreement, rule, expected] of table) {
    const step = planRepair(primary, shadow, agreement, paths, rule);
    const said =
      step.step === "write" ? `${step.write.method} ${step.write.path}` : step.step === "wait" ? step.why : step.step;
    assert.equal(said, expected);
  }
  const nowhere = planRepair(here, gone, null, { ...paths, above: null }, "post");
  assert.match(nowhere.step === "wait" ? nowhere.why : "", /cannot be created by POST/);
});

test("an entity that the shadow has under no id that is known is made once, and only where it is known not to be there", () => {
  const never: Reading = { is: "apart", uncreated: true };
  const perhaps: Reading = { is: "apart", uncreated: false };
  const alike: Reading = { ...perhaps, why: "values.find: the shadow has 2 that are alike" };
  const table: readonly (readonly [Reading, Reading, "put-else-post" | "put" | "post", RegExp])[] = [
    [here, never, "put-else-post", /^POST \/users makes$/],
    [here, never, "post", /^POST \/users makes$/],
    [here, never, "put", /^wait: .*repair\.write is put$/],
    [huge, never, "post", /^wait: the entity is larger than limits\.bodyOnDisk/],
    [here, perhaps, "put-else-post", /^stuck: the shadow may have it under an id .*write values\.find/],
    [here, alike, "put-else-post", /^stuck: values\.find: the shadow has 2 that are alike$/],
    [gone, never, "put", /^none$/],
    [gone, perhaps, "put", /^stuck: the primary has it no more, and the shadow may have it/],
    [unknown, never, "put", /^wait: the primary answered 503/],
  ];
  for (const [primary, shadow, rule, expected] of table) {
    const step = planRepair(primary, shadow, null, paths, rule);
    const { step: kind } = step;
    const said =
      kind === "write"
        ? `${step.write.method} ${step.write.path}${step.write.makes === true ? " makes" : ""}`
        : kind === "none"
          ? kind
          : `${kind}: ${step.why}`;
    assert.match(said, expected);
  }
  const nowhere = planRepair(here, never, null, { ...paths, above: null }, "post");
  assert.match(nowhere.step === "wait" ? nowhere.why : "", /cannot be created by POST/);
});

test("what has an id at the shadow is not given another one", () => {
  const own = { ...paths, makesIds: true };
  const put = { method: "PUT", path: "/users/1" } as const;
  assert.equal(otherWay(put, 404, gone, own, "put-else-post"), null);
  const step = planRepair(here, gone, null, own, "post");
  assert.match(step.step === "wait" ? step.why : "", /a POST would give it another id/);
});

test("a refused PUT becomes a POST only where the shadow has no such entity and the rule allows it", () => {
  const put = { method: "PUT", path: "/users/1" } as const;
  const post = { method: "POST", path: "/users" };
  assert.deepEqual(otherWay(put, 405, gone, paths, "put-else-post"), post);
  assert.deepEqual(otherWay(put, 404, gone, paths, "put-else-post"), post);
  for (const other of [
    otherWay(put, 422, gone, paths, "put-else-post"),
    otherWay(put, 405, here, paths, "put-else-post"),
    otherWay(put, 405, gone, paths, "put"),
    otherWay(put, 405, gone, { ...paths, above: null }, "put-else-post"),
    otherWay({ method: "DELETE", path: "/users/1" }, 405, gone, paths, "put-else-post"),
  ]) {
    assert.equal(other, null);
  }
  assert.deepEqual(
    [isTaken({ ...put, method: "DELETE" }, 404), isTaken(put, 404), isTaken(put, 204), isTaken(put, 303)],
    [true, false, true, false],
  );
});

test("failures back off and park; what was not reached counts for nothing; a late write is waited for", () => {
  const evidence = { at: "", path: "", wrote: null, answered: null, primary: null, shadow: null, differences: [] };
  const parts = { now: NOON, maxWorkMs: 30_000, attempts: 3, lastError: "no", evidence };
  const iso = (ms: number): string => new Date(NOON + ms).toISOString();
  const seen = { ...evidence, entity: null };
  const failed = (kind: Extract<Mended, { end: "failed" }>["kind"]): Mended => ({
    end: "failed",
    why: "no",
    kind,
    seen,
  });
  const after = (mended: Mended, attempts = 0): Partial<Extract<RepairEnd, { kind: "failed" }>> => {
    const end = endOf({ state: "open", attempts, notBefore: null }, mended, parts);
    assert.equal(end?.kind, "failed");
    const { state, nextTry, notBefore, attempts: counted } = end as Extract<RepairEnd, { kind: "failed" }>;
    return { state, attempts: counted, nextTry, notBefore };
  };
  const open = { state: "open", notBefore: null } as const;
  assert.deepEqual(after(failed("unreached"), 2), { ...open, attempts: 2, nextTry: iso(5_000) });
  assert.deepEqual(after(failed("refused")), { ...open, attempts: 1, nextTry: iso(5_000) });
  assert.deepEqual(after(failed("refused"), 1), { ...open, attempts: 2, nextTry: iso(10_000) });
  assert.deepEqual(after(failed("refused"), 2), {
    state: "parked",
    notBefore: null,
    attempts: 3,
    nextTry: iso(20_000),
  });
  assert.deepEqual(after(failed("hopeless")), { state: "parked", notBefore: null, attempts: 1, nextTry: iso(5_000) });
  assert.deepEqual(after(failed("late")), { state: "open", attempts: 1, nextTry: iso(5_000), notBefore: iso(30_000) });
  // What it may have made is not made a second time.
  const made = { end: "failed", why: "", kind: "hopeless", seen: { ...seen, wrote: "POST" } } as const;
  assert.deepEqual(after(made), { state: "parked", attempts: 1, nextTry: iso(5_000), notBefore: iso(30_000) });
  assert.deepEqual(after({ end: "waits", why: "", seen }, 2), { ...open, attempts: 2, nextTry: iso(5_000) });
  assert.deepEqual(after({ end: "differs", would: "PUT", seen }, 2), { ...open, attempts: 2, nextTry: iso(600_000) });
  assert.equal(endOf({ state: "open", attempts: 0, notBefore: null }, { end: "busy" }, parts), null);
  const isEqual = endOf({ state: "parked", attempts: 9, notBefore: null }, { end: "equal", wrote: "PUT" }, parts);
  assert.deepEqual(isEqual, { kind: "equal" });
});
