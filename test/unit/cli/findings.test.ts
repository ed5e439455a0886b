import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeFindings, type Finding, type GroupEvidence } from "../../../proxy/cli/findings.ts";
import type { Difference, DivergenceRecord } from "../../../proxy/evidence/evidence.ts";
import { groupId, groupSignature } from "../../../proxy/evidence/groups.ts";

interface Seen {
  readonly method?: string;
  readonly path?: string;
  readonly route?: string;
  readonly statuses?: readonly [primary: number, shadow: number];
  readonly differences: readonly Partial<Difference>[];
  readonly more?: number;
  readonly count?: number;
  readonly services?: readonly [primary: string, shadow: string];
}

function group(seen: Seen): GroupEvidence {
  const { method = "GET", path = "/notes/7", route = "notes", statuses = [200, 200], more = 0, count = 1 } = seen;
  const [primary, shadow] = seen.services ?? ["legacy", "next"];
  const differences = seen.differences.map(
    (part) => ({ at: "", kind: "value", primary: null, shadow: null, ...part }) as Difference,
  );
  const signature = groupSignature(differences);
  const id = groupId(route, method, signature);
  const sample: DivergenceRecord = {
    id: "01J",
    time: "2026-11-22T12:00:00.000Z",
    route,
    phase: "dual-write",
    outcome: "divergent",
    reason: null,
    key: null,
    method,
    path,
    query: null,
    traceId: "0",
    group: id,
    taintedBy: null,
    build: null,
    primary: { service: primary, status: statuses[0], ms: 1, bytes: 1 },
    shadow: { service: shadow, status: statuses[1], ms: 1, bytes: 1, attempts: 1 },
    differences,
    moreDifferences: more,
    error: null,
  };
  const time = sample.time;
  return {
    id,
    route,
    method,
    signature,
    count,
    share: 0.5,
    firstSeen: time,
    lastSeen: time,
    firstBuild: null,
    lastBuild: null,
    tainted: 0,
    trend: { direction: "steady", hours: [] },
    decision: null,
    state: "new",
    samples: [sample],
  };
}

function tell(...seen: readonly Seen[]): readonly Finding[] {
  return describeFindings(seen.map(group));
}

const TABLE: readonly (readonly [name: string, seen: Seen, sentence: string])[] = [
  [
    "another status",
    {
      method: "POST",
      path: "/notes",
      statuses: [201, 500],
      differences: [{ kind: "status", primary: "201", shadow: "500" }],
    },
    "POST /notes: legacy answers 201, next 500",
  ],
  [
    "another kind of answer",
    { path: "/countries", differences: [{ kind: "type", primary: '[{"id":"CHE"}]', shadow: '{"first":1}' }] },
    "GET /countries: legacy answers an array, next an object",
  ],
  [
    "another type of a member",
    { differences: [{ at: "/id", kind: "type", primary: "7", shadow: '"7"' }] },
    'GET /notes/7: /id is a number (7) in legacy, a string ("7") in next',
  ],
  [
    "another type, where a value would say nothing",
    { differences: [{ at: "/tags", kind: "type", primary: "null", shadow: "[]" }] },
    "GET /notes/7: /tags is null in legacy, an array in next",
  ],
  [
    "another value",
    { differences: [{ at: "/text", primary: '"a"', shadow: '"b"' }] },
    'GET /notes/7: /text is "a" in legacy, "b" in next',
  ],
  [
    "other digits",
    { differences: [{ at: "/balance", kind: "precision", primary: "9007199254740993", shadow: "9007199254740992" }] },
    "GET /notes/7: /balance has other digits: 9007199254740993 in legacy, 9007199254740992 in next",
  ],
  [
    "a list of another length, whatever is shifted by it",
    {
      path: "/countries",
      differences: [
        { kind: "length", primary: "2", shadow: "1" },
        { at: "/0/name", primary: '"a"', shadow: '"b"' },
      ],
    },
    "GET /countries: legacy lists 2 entries, next 1",
  ],
  [
    "entries that are not there",
    {
      path: "/countries",
      differences: [0, 1, 2].map((i) => ({ at: `/${i}`, kind: "missing" as const, primary: "{}" })),
    },
    "GET /countries: next leaves out 3 entries",
  ],
  [
    "another order",
    { path: "/countries", differences: [{ kind: "order", primary: "[1,2]", shadow: "[2,1]" }] },
    "GET /countries: same entries, but next has them in another order",
  ],
  [
    "a member that is not there",
    { differences: [{ at: "/pinned", kind: "missing", primary: "true" }] },
    "GET /notes/7: next leaves out /pinned (true)",
  ],
  [
    "several members too many",
    { differences: ["/a", "/b", "/c", "/d"].map((at) => ({ at, kind: "extra" as const, shadow: "1" })) },
    "GET /notes/7: next adds /a, /b and 2 more",
  ],
  [
    "a header that is not there",
    { differences: [{ at: "header:etag", kind: "header", primary: '"x"' }] },
    "GET /notes/7: next sends no etag header",
  ],
  [
    "another header",
    { differences: [{ at: "header:content-type", kind: "header", primary: "text/html", shadow: "text/plain" }] },
    "GET /notes/7: content-type is text/html in legacy, text/plain in next",
  ],
  ["bodies that are not JSON", { differences: [{ kind: "body" }] }, "GET /notes/7: the bodies differ"],
  [
    "the same error with another body",
    { statuses: [404, 404], differences: [{ at: "/error", kind: "extra", shadow: '"Not Found"' }] },
    'GET /notes/7: both answer 404, but next adds /error ("Not Found")',
  ],
  [
    "the serious before the slight, and how much is not told",
    {
      differences: [
        { at: "header:etag", kind: "header", primary: "a", shadow: "b" },
        { at: "/x", kind: "type", primary: "1", shadow: "true" },
        { at: "/y", primary: "1", shadow: "2" },
      ],
      more: 40,
    },
    "GET /notes/7: /y is 1 in legacy, 2 in next; /x is a number (1) in legacy, a boolean (true) in next, and 41 more differences",
  ],
  [
    "roles that were swapped",
    { services: ["billing", "legacy"], differences: [{ kind: "status", primary: "200", shadow: "409" }] },
    "GET /notes/7: billing answers 200, legacy 409",
  ],
];

describe("one cause is one sentence with a sample", () => {
  for (const [name, seen, sentence] of TABLE) {
    test(name, () => {
      assert.deepEqual(
        tell(seen).map(({ what }) => what),
        [sentence],
      );
    });
  }
});

const CREATED: Seen = {
  method: "POST",
  path: "/notes",
  statuses: [201, 201],
  count: 40,
  differences: [
    { at: "header:location", kind: "header", primary: "http://127.0.0.1/notes/101" },
    { at: "/id", kind: "type", primary: "101", shadow: '"k3f9"' },
  ],
};

function notFound(method: string, count: number, route = "notes"): Seen {
  return {
    method,
    path: "/notes/101",
    route,
    statuses: [200, 404],
    count,
    differences: [{ kind: "status", primary: "200", shadow: "404" }],
  };
}

test("ids that each side made are told with the follow-up writes that found nothing", () => {
  const findings = tell(
    notFound("DELETE", 8),
    CREATED,
    notFound("PATCH", 30),
    notFound("GET", 5),
    notFound("PUT", 2, "users"),
  );
  assert.deepEqual(
    findings.map(({ what, consequence, count, groups }) => ({ what, consequence, count, groups: groups.length })),
    [
      {
        what: "POST /notes: legacy made id 101, next made k3f9; next sends no location header",
        consequence: "38 follow-up writes to such ids got 404 from next, and so did 5 reads",
        count: 40,
        groups: 4,
      },
      { what: "PUT /notes/101: legacy answers 200, next 404", consequence: null, count: 2, groups: 1 },
    ],
  );
});

test("what follows from a write that found nothing is told with it, not as a cause of its own", () => {
  const refused = { ...group(notFound("PATCH", 3)), tainted: 5 };
  const [finding] = describeFindings([group(CREATED), refused]);
  assert.equal(
    finding?.consequence,
    "3 follow-up writes to such ids got 404 from next; 5 later requests for the same ids differ as well",
  );
});

test("ids that nobody has used yet are told with what would happen", () => {
  const [finding] = tell(CREATED);
  assert.equal(finding?.consequence, "next does not know such an id: writes to it would be 404");
});

test("the same difference of several methods is one finding", () => {
  const difference = { at: "/id", kind: "type", primary: "7", shadow: '"7"' } as const;
  const findings = tell(
    { differences: [difference], count: 3 },
    { method: "PATCH", differences: [difference], count: 4 },
  );
  assert.deepEqual(
    findings.map(({ what, count }) => [what, count]),
    [['GET, PATCH /notes/7: /id is a number (7) in legacy, a string ("7") in next', 7]],
  );
});

test("a group whose samples were evicted is told by its places", () => {
  const evicted = { ...group({ differences: [{ at: "/id", primary: "1", shadow: "2" }] }), samples: [] };
  assert.deepEqual(
    describeFindings([evicted]).map(({ what }) => what),
    ["GET on notes: /id value"],
  );
  const refused = {
    ...group({ differences: [{ at: "", kind: "status", primary: "200", shadow: "404" }] }),
    samples: [],
  };
  assert.equal(describeFindings([refused])[0]?.what, "GET on notes: status 200 → 404");
});

test("the serious come first, and of equals the frequent", () => {
  const header: Seen = {
    path: "/a",
    count: 900,
    differences: [{ at: "header:etag", kind: "header", primary: "a", shadow: "b" }],
  };
  const rare: Seen = { path: "/b", count: 1, differences: [{ at: "/v", primary: "1", shadow: "2" }] };
  const often: Seen = { path: "/c", count: 2, differences: [{ at: "/w", primary: "1", shadow: "2" }] };
  const findings = tell(header, rare, CREATED, often);
  assert.deepEqual(
    findings.map(({ what }) => what.split(":")[0]),
    ["POST /notes", "GET /c", "GET /b", "GET /a"],
  );
});

test("long values are cut", () => {
  const [finding] = tell({ differences: [{ at: "/text", primary: `"${"a".repeat(500)}"`, shadow: '""' }] });
  assert.equal(finding?.what, `GET /notes/7: /text is "${"a".repeat(26)}… in legacy, "" in next`);
});
