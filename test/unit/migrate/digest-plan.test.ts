import assert from "node:assert/strict";
import { test } from "node:test";
import { type DigestSide, planDigests } from "../../../proxy/migrate/digest-plan.ts";
import { compareHashes, differingSpans } from "../../../proxy/migrate/digest-ranges.ts";
import type { ColumnKind, DigestWay, RowDigests, RowKey } from "../../../proxy/rows/rows.ts";

type Column = readonly [name: string, kind: ColumnKind, declared: string];

function side(columns: readonly Column[], ways: readonly DigestWay[], more: Partial<DigestSide> = {}): DigestSide {
  const shape = {
    columns: columns.map(([name, kind, declared]) => ({ name, kind, declared, nullable: true, generated: false })),
    estimate: null,
  };
  return { digests: { ways } as unknown as RowDigests, key: ["id"], keyOrder: "integer", shape, ...more };
}

const POSTGRES: readonly DigestWay[] = ["postgres", "portable"];
const MYSQL: readonly DigestWay[] = ["mysql", "portable"];
const ID: Column = ["id", "integer", "bigint"];

function planned(ours: readonly Column[], theirs: readonly Column[], ways = POSTGRES, otherWays = POSTGRES): unknown {
  const plan = planDigests(side([ID, ...ours], ways), side([ID, ...theirs], otherWays), false);
  return plan.possible ? plan.columns.slice(1).map(({ spelling }) => spelling) : plan.why;
}

test("columns are spelled so that one text is one value, or there are no digests", () => {
  const cases: readonly (readonly [Column, Column, unknown, (readonly DigestWay[])?])[] = [
    [["a", "text", "text"], ["a", "text", "character varying(9)"], ["stored"]],
    [["a", "decimal", "numeric(9,2)"], ["a", "decimal", "numeric(9,2)"], ["stored"]],
    [["a", "decimal", "numeric"], ["a", "decimal", "numeric"], ["portable"]],
    [["a", "decimal", "numeric(9,2)"], ["a", "decimal", "numeric(9,3)"], ["portable"]],
    [["a", "json", "jsonb"], ["a", "json", "jsonb"], ["stored"]],
    [
      ["a", "json", "json"],
      ["a", "json", "jsonb"],
      /column a is json here and jsonb there, which are spelled in two ways/,
    ],
    // Their texts are the same, and the comparison tells them apart.
    [["a", "array", "text[]"], ["a", "array", "integer[]"], /column a is text\[\] here/],
    [["a", "integer", "integer"], ["a", "text", "text"], /column a is integer here and text there/],
    [["a", "text", "text"], ["a", "text", "longtext"], ["portable"], MYSQL],
    [["a", "double", "double precision"], ["a", "double", "double"], /spelled in two ways/, MYSQL],
    [["a", "other", "date"], ["a", "other", "date"], ["stored"], MYSQL],
    [["a", "other", "mood"], ["a", "other", "enum('a')"], /spelled in two ways/, MYSQL],
    [["a", "text", "text"], ["b", "text", "text"], /the target has no column a/],
  ];
  for (const [ours, theirs, wanted, otherWays] of cases) {
    const got = planned([ours], [theirs], POSTGRES, otherWays);
    if (wanted instanceof RegExp) assert.match(String(got), wanted);
    else assert.deepEqual(got, wanted);
  }
});

test("what has no digests says why", () => {
  const one = side([ID], POSTGRES);
  const why = (source: DigestSide, target: DigestSide, isTransformed = false): string => {
    const plan = planDigests(source, target, isTransformed);
    return plan.possible ? plan.way : plan.why;
  };
  assert.equal(why(one, one), "postgres");
  assert.equal(why(one, side([ID], MYSQL)), "portable");
  assert.equal(why(side([ID], MYSQL), side([ID], MYSQL)), "mysql");
  assert.match(why(one, one, true), /the transform makes the rows/);
  assert.match(why(one, { ...one, digests: null }), /one of the databases computes none/);
  assert.match(why(one, { ...one, key: ["a"] }), /other columns/);
  assert.match(why({ ...one, keyOrder: null }, { ...one, keyOrder: null }), /sort their keys in two ways/);
  assert.match(why(one, { ...one, keyOrder: "utf-8" }), /sort their keys in two ways/);
});

/** Rows of a number each, digested by their sum. */
function digestsOf(rows: ReadonlyMap<number, bigint>): RowDigests {
  const within = (after: RowKey | null, upTo: RowKey | null) =>
    [...rows].filter(([id]) => (after === null || id > Number(after[0])) && (upTo === null || id <= Number(upTo[0])));
  return {
    ways: ["portable"],
    keyOrder: async () => await Promise.resolve("integer"),
    async keyAt(after, count) {
      const found = within(after, null)
        .map(([id]) => id)
        .sort((a, b) => a - b)[count - 1];
      return await Promise.resolve(found === undefined ? null : [BigInt(found)]);
    },
    async of(_, __, { after, upTo }) {
      const found = within(after, upTo);
      return await Promise.resolve({ rows: found.length, sum: found.reduce((sum, [, value]) => sum + value, 0n) });
    },
    async hashes(_, __, { after, upTo }, limit) {
      const found = within(after, upTo).sort(([a], [b]) => a - b);
      return await Promise.resolve(found.slice(0, limit).map(([id, hash]) => ({ key: [id], hash })));
    },
  };
}

async function spansOf(source: ReadonlyMap<number, bigint>, target: ReadonlyMap<number, bigint>) {
  let equal = 0;
  const pair = {
    source: digestsOf(source),
    target: digestsOf(target),
    way: "portable" as const,
    columns: [],
    chunkRows: 10,
  };
  const spans = differingSpans({ ...pair, equal: (rows) => (equal += rows) });
  const found: string[] = [];
  let hashed: Awaited<ReturnType<typeof compareHashes>> | undefined;
  for (let next = await spans.next(); ; next = await spans.next(hashed)) {
    if (next.done === true) return { found, equal, counts: next.value };
    const { after, upTo } = next.value;
    found.push(`${String(after?.[0] ?? "")}..${String(upTo?.[0] ?? "")}`);
    hashed = await compareHashes({ ...pair, equal: () => 0 }, next.value);
  }
}

test("chunks that differ are the ones that are read, those beyond either table's last row too", async () => {
  const rows = (count: number) => new Map(Array.from({ length: count }, (_, i) => [i + 1, 1n]));
  const same = await spansOf(rows(100), rows(100));
  assert.deepEqual(same, { found: [], equal: 100, counts: { chunks: 11, differing: 0, gaveUp: false } });
  assert.deepEqual((await spansOf(rows(0), rows(0))).found, []);
  assert.deepEqual((await spansOf(rows(0), rows(5))).found, [".."]);
  assert.deepEqual((await spansOf(rows(25), rows(40))).found, ["20.."]);
  assert.deepEqual((await spansOf(rows(40), rows(25))).found, ["20..30", "30..40"]);
  const changed = rows(100).set(15, 2n).set(95, 9n);
  changed.delete(37);
  const found = await spansOf(rows(100), changed);
  assert.deepEqual(found.found, ["10..20", "30..40", "90..100"]);
  assert.equal(found.equal, 70);
  // A row before the first one, and one in between.
  assert.deepEqual((await spansOf(rows(100), rows(100).set(0, 1n).set(55.5, 1n))).found, ["..10", "50..60"]);
});

test("of a span the rows that differ are told, and those of the target that the source has not", async () => {
  const rows = new Map(Array.from({ length: 50_000 }, (_, i) => [i + 1, 1n]));
  const other = new Map(rows).set(17, 2n).set(50_001, 1n).set(60_000, 1n);
  other.delete(49_000);
  const pair = {
    source: digestsOf(rows),
    target: digestsOf(other),
    way: "portable" as const,
    columns: [],
    equal: () => 0,
  };
  assert.deepEqual(await compareHashes(pair, { after: [10n], upTo: [55_000n] }), {
    sourceRows: 49_990,
    targetRows: 49_990,
    equal: 49_988,
    differing: [[17], [49_000]],
    extra: [[50_001]],
  });
});

test("where everything differs digests are asked for no longer, and the rest is one span", async () => {
  const rows = (value: bigint) => new Map(Array.from({ length: 1_000 }, (_, i) => [i + 1, value]));
  const { found, equal, counts } = await spansOf(rows(1n), rows(2n));
  assert.deepEqual(found, ["..10", "10..20", "20..30", "30..40", "40..50", "50..60", "60..70", "70..80", "80.."]);
  assert.equal(equal, 0);
  assert.deepEqual(counts, { chunks: 8, differing: 8, gaveUp: true });
  // One row of each chunk: their hashes tell which.
  const one = rows(1n);
  for (let id = 1; id <= 1_000; id += 10) one.set(id, 2n);
  const few = await spansOf(rows(1n), one);
  assert.deepEqual([few.found.length, few.counts.gaveUp], [100, false]);
});
