import assert from "node:assert/strict";
import { test } from "node:test";
import { PHASES, type Phase } from "../../../proxy/config/settings.ts";
import type { RequestClass } from "../../../proxy/exchange.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";

const ROLES: Record<Phase, [primary: string, shadow: string | null]> = {
  "legacy-only": ["legacy", null],
  "dual-write": ["legacy", "next"],
  backfilling: ["legacy", "next"],
  "next-primary": ["next", "legacy"],
  "next-only": ["next", null],
};

for (const phase of PHASES) {
  test(`${phase}: roles, and what is mirrored, over every setting`, () => {
    const [primary, shadow] = ROLES[phase];
    for (const requestClass of ["write", "read"] as RequestClass[]) {
      for (const mirrorWrites of [true, false]) {
        for (const readShare of [0, 0.01, 0.5, 1]) {
          for (const mirroringEnabled of [true, false]) {
            for (const point of [0, 0.009, 0.01, 0.4999, 0.5, 0.9999]) {
              const sampled = readShare === 1 || point < readShare;
              const wanted =
                shadow !== null &&
                mirroringEnabled &&
                (requestClass === "write" ? mirrorWrites : readShare > 0 && sampled);
              const input = { phase, requestClass, mirrorWrites, readShare, mirroringEnabled };
              const plan = planExchange({ ...input, samplePoint: () => point });
              const name = JSON.stringify({ ...input, point });
              assert.equal(plan.primary, primary, name);
              assert.equal(plan.mirror, wanted, name);
              assert.equal(plan.shadow, wanted ? shadow : null, name);
              assert.equal(plan.requestClass, requestClass, name);
            }
          }
        }
      }
    }
  });
}

test("why a request is not mirrored names the first thing that stands in the way", () => {
  const base = {
    phase: "dual-write",
    requestClass: "write",
    mirrorWrites: true,
    readShare: 0,
    mirroringEnabled: true,
  } as const;
  const why = (change: object) => {
    const plan = planExchange({ ...base, samplePoint: () => 0.7, ...change });
    return plan.mirror ? "mirrored" : plan.why;
  };
  assert.equal(why({}), "mirrored");
  assert.equal(why({ phase: "legacy-only", mirroringEnabled: false }), "phase-does-not-mirror");
  assert.equal(why({ mirroringEnabled: false, mirrorWrites: false }), "mirroring-off");
  assert.equal(why({ mirrorWrites: false }), "writes-off");
  assert.equal(why({ requestClass: "read" }), "reads-off");
  assert.equal(why({ requestClass: "read", readShare: 0.5 }), "read-not-sampled");
});

test("the sample point is not computed where it cannot matter", () => {
  const never = () => assert.fail("computed");
  const base = { phase: "dual-write", mirrorWrites: true, mirroringEnabled: true, samplePoint: never } as const;
  planExchange({ ...base, requestClass: "write", readShare: 0.5 });
  planExchange({ ...base, requestClass: "read", readShare: 0 });
  planExchange({ ...base, requestClass: "read", readShare: 1 });
});

test("safe methods read, every other one writes, an override on POST counts, treatAs wins", () => {
  const reads = ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"];
  for (const method of reads) assert.equal(classifyRequest(method, "by-method", null), "read", method);
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "MKCOL", "LOCK", "PURGE", "get"]) {
    assert.equal(classifyRequest(method, "by-method", null), "write", method);
  }
  assert.equal(classifyRequest("POST", "by-method", "get"), "read");
  assert.equal(classifyRequest("POST", "by-method", "DELETE"), "write");
  assert.equal(classifyRequest("GET", "by-method", "DELETE"), "read");
  assert.equal(classifyRequest("POST", "read", null), "read");
  assert.equal(classifyRequest("GET", "write", null), "write");
});
