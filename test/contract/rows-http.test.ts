import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openHttp } from "../../adapters/rows/http/open.ts";
import type { HttpRows, RowListPaging } from "../../proxy/config/collection-settings.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import type { Row, RowTarget } from "../../proxy/rows/rows.ts";
import { canonicalJson, type RowsApi, type RowsApiGiven, startRowsApi } from "../support/rows-api.ts";
import { full } from "./contract-table.ts";
import { rowContract } from "./rows.ts";

const apis: RowsApi[] = [];
after(async () => {
  for (const api of apis) await api.close();
});

async function start(given: RowsApiGiven): Promise<RowsApi> {
  const api = await startRowsApi(given);
  apis.push(api);
  return api;
}

const KINDS: HttpRows["kinds"] = {
  id: "integer",
  tenant: "text",
  name: "text",
  price: "decimal",
  ratio: "double",
  done: "boolean",
  photo: "bytes",
  meta: "json",
  version: "integer",
};

function place(url: string, key: readonly string[], more: Partial<HttpRows> = {}): HttpRows {
  return {
    kind: "http",
    url,
    headers: [],
    requestsPerSecond: null,
    paging: { by: "key", after: key.map((column) => `${column}_gt`) },
    limit: "limit",
    pageRows: 100,
    items: "",
    total: null,
    item: `/t${key.map((column) => `/:${column}`).join("")}`,
    create: "PUT",
    kinds: KINDS,
    leaveOut: [],
    effects: null,
    ...more,
  };
}

function open(
  at: HttpRows,
  key: readonly string[] = ["id"],
  version: string | null = null,
  readOnly = false,
): RowTarget {
  return openHttp({ place: at, key, version }, "api t", readOnly);
}

/** Each way in which a list goes on is held to the contract. */
function contractWith(
  name: string,
  more: (key: readonly string[]) => Partial<HttpRows>,
  api: Partial<RowsApiGiven> = {},
): void {
  const placeOf = new WeakMap<object, HttpRows>();
  rowContract({
    name: `http by ${name}`,
    lacks: ["schema", "constraints", "transactions", "tombstones"],
    // JSON has one null, and a document within a document its own spelling.
    spelled: (row) => {
      const { meta } = row;
      if (typeof meta !== "string") return row;
      return { ...row, meta: meta === "null" ? null : canonicalJson(meta) };
    },
    manyRows: 300,
    async open({ key, version }) {
      const { url } = await start({ key, required: ["tenant"], ...api });
      const at = place(url, key, more(key));
      const table = open(at, key, version ?? null);
      placeOf.set(table, at);
      return table;
    },
    openReadOnly: async (table) =>
      await Promise.resolve(open(placeOf.get(table) ?? assert.fail("of another test"), table.key, null, true)),
    async openBroken(which) {
      const there = await start({ key: ["id"], ...(api.list === undefined ? {} : { list: api.list }) });
      there.store('{"id":1,"tenant":"t","name":"n"}');
      const url = which === "no-table" ? new URL("/nothing", there.url).href : there.url;
      return open(place(url, ["id"], more(["id"])), [which === "no-column" ? "nowhere" : "id"]);
    },
  });
}

const NUMBERED: RowListPaging = { by: "page", page: "page", first: 1 };
const BY_CURSOR: RowListPaging = { by: "cursor", cursor: "cursor", next: { source: "answer", name: "/next" } };
const BY_LINK: RowListPaging = { by: "cursor", cursor: null, next: { source: "answer-header", name: "link" } };

contractWith("key", () => ({}));
contractWith("page", () => ({ paging: NUMBERED, pageRows: 4 }), { etags: false });
contractWith("cursor", () => ({ paging: BY_CURSOR, items: "/items" }), { list: "wrapped" });
contractWith("link", () => ({ paging: BY_LINK, create: "POST" }), { onlyPost: true });
contractWith("whole", () => ({ paging: { by: "whole" }, limit: null }), { most: 1_000_000 });

test("http: what JSON does not tell has to be said, and nothing is rounded", async () => {
  const api = await start({ key: ["id"] });
  const table = open(place(api.url, ["id"], { kinds: {} }));
  for (const [member, says] of [
    ['"address":{"zip":1}', /member address is an object; say what it is: kinds: \{ address: json \}/],
    ['"tags":["a"]', /member tags is a list/],
    ['"price":12345678901234567890.5', /member price holds a number with more digits than a double has/],
    ['"price":1e999', /member price holds a number/],
  ] as const) {
    api.store(`{"id":1,${member}}`);
    await assert.rejects(table.page(null, 10), (error) => {
      assert.ok(error instanceof CrossfadeError && error.code === "rows-unusable");
      assert.match(error.message, says);
      return true;
    });
  }
  api.store('{"id":1,"big":18446744073709551615,"half":0.5,"on":true,"gone":null,"text":"1","__proto__":"x"}');
  const [row] = (await table.page(null, 10)).rows;
  assert.deepEqual(
    Object.entries(row ?? {}),
    Object.entries({
      id: 1n,
      big: 18446744073709551615n,
      half: 0.5,
      on: true,
      gone: null,
      text: "1",
      ["__proto__"]: "x",
    }),
  );
  for (const [value, says] of [
    [{ photo: Buffer.from([1]) }, /column photo holds bytes; write kinds: \{ photo: bytes \}/],
    [{ ratio: Number.POSITIVE_INFINITY }, /column ratio: JSON has no Infinity/],
  ] as const) {
    await assert.rejects(table.upsert([{ id: 2n, ...value }]), (error) => {
      assert.ok(error instanceof CrossfadeError && error.code === "rows-refused");
      assert.match(error.message, says);
      return true;
    });
  }
  await table.close();
});

test("http: members that a row says nothing of are kept as they are, to the digit, and those that are left out are not sent", async () => {
  const api = await start({ key: ["id"] });
  api.store('{"id":1,"n":1.10,"big":9007199254740993,"deep":{"a":[1.0]},"_links":{"self":"/t/1"}}');
  const table = open(place(api.url, ["id"], { kinds: { deep: "json" }, leaveOut: ["_links"] }));
  assert.deepEqual(await table.upsert([{ id: 1n, name: "x" }]), { written: 1, kept: 0 });
  assert.equal(api.body("1"), '{"id":1,"n":1.10,"big":9007199254740993,"deep":{"a":[1.0]},"name":"x"}');
  const puts = (): number => api.requests.filter(({ method }) => method === "PUT").length;
  const before = puts();
  assert.deepEqual(await table.upsert([{ id: 1n, name: "x" }]), { written: 1, kept: 0 });
  assert.equal(puts(), before, "a row that is there as it should be is not written again");
  await table.close();
});

test("http: a row that another writes in between is not written over; with an upsert it is read again first", async () => {
  const api = await start({ key: ["id"] });
  const table = open(place(api.url, ["id"], { kinds: {} }));
  api.store('{"id":1,"name":"a","note":"old"}');
  let comes = 1;
  api.before = (method) => {
    if (method === "PUT" && comes > 0) {
      comes -= 1;
      api.store('{"id":1,"name":"a","note":"theirs"}');
    }
    return null;
  };
  await table.upsert([{ id: 1n, name: "b" }]);
  assert.equal(api.body("1"), '{"id":1,"name":"b","note":"theirs"}');
  comes = 1;
  await assert.rejects(
    table.revise([[1n]], () => ({ add: [], replace: [{ id: 1n, name: "c" }], remove: [] })),
    (error) =>
      error instanceof CrossfadeError &&
      error.code === "rows-refused" &&
      /row 1 was written by another/.test(error.message),
  );
  assert.equal(api.body("1"), '{"id":1,"name":"a","note":"theirs"}');
  await table.close();
});

test("http: pages by number that move while they are read hold every row that stays", async () => {
  const api = await start({ key: ["id"] });
  for (let id = 1; id <= 30; id += 1) api.store(`{"id":${id}}`);
  const table = open(place(api.url, ["id"], { paging: NUMBERED, pageRows: 5, kinds: {} }));
  const drops = ["1", "2", "8", "12"];
  let lists = 0;
  api.before = (method, target) => {
    if (method === "GET" && target.startsWith("/t?")) {
      lists += 1;
      if (lists % 3 === 0) api.drop(drops.shift() ?? "");
    }
    return null;
  };
  const ids: Row[] = [];
  for (let after: readonly bigint[] | null = null; ;) {
    const { rows, isFull } = await table.page(after, 6);
    ids.push(...rows);
    if (!isFull) break;
    after = [rows.at(-1)?.["id"] as bigint];
  }
  assert.deepEqual(drops, []);
  const seen = new Set(ids.map(({ id }) => String(id)));
  for (const body of api.bodies()) assert.ok(seen.has(String((JSON.parse(body) as { id: number }).id)), body);
  await table.close();
});

test("http: a list that leaves rows out without a word is told of: unsorted, the key again, two rows of one key", async () => {
  const api = await start({ key: ["id"], most: 3 });
  for (let id = 1; id <= 9; id += 1) api.store(`{"id":${id},"name":"n"}`);
  const says = async (more: Partial<HttpRows>, key: readonly string[], message: RegExp): Promise<void> => {
    const table = open(place(api.url, key, { kinds: {}, ...more }), key);
    await assert.rejects(
      table.page(null, 9),
      (error) => error instanceof CrossfadeError && message.test(error.message),
    );
    await table.close();
  };
  await says({ paging: { by: "key", after: ["no_such"] } }, ["id"], /lists the key 3 when it is asked for what/);
  await says({}, ["name"], /two rows have the key n: name does not tell rows apart/);
  await says({ items: "/items" }, ["id"], /has no list at \/items of the answer/);
  await says(
    { paging: { by: "cursor", cursor: null, next: { source: "answer", name: "/0/name" } } },
    ["id"],
    /answered 404/,
  );
});

test("http: a place in a cursor's list is found again by another run, and one that is gone is told", async () => {
  const api = await start({ key: ["id"], list: "wrapped" });
  for (let id = 1; id <= 30; id += 1) api.store(`{"id":${id}}`);
  const at = place(api.url, ["id"], {
    paging: BY_CURSOR,
    items: "/items",
    total: { source: "answer", name: "/count" },
    kinds: {},
  });
  const table = open(at);
  const { rows } = await table.page([17n], 5);
  assert.deepEqual(
    rows.map(({ id }) => id),
    [18n, 19n, 20n, 21n, 22n],
  );
  assert.equal((await table.describe()).estimate, 30);
  await assert.rejects(
    table.page([99n], 5),
    /no longer has the key 99, after which it was to go on; begin anew \(--restart\)/,
  );
  await table.close();
});

test("http: requests keep to their rate, wait where they are told to, and are tried again; what is secret is in no message", async () => {
  const api = await start({ key: ["id"], authorization: "Bearer hush" });
  for (let id = 1; id <= 3; id += 1) api.store(`{"id":${id}}`);
  const at = place(`${api.url}?token=hush`, ["id"], { kinds: {} });
  const stranger = open(at);
  await assert.rejects(stranger.page(null, 3), (error) => {
    assert.ok(error instanceof CrossfadeError && error.code === "rows-unusable");
    assert.match(error.message, /GET \/t answered 401; write headers: \{ authorization: … \}/);
    assert.doesNotMatch(error.message, /hush/);
    return true;
  });
  await stranger.close();
  const table = open({ ...at, headers: [["authorization", "Bearer hush"]], requestsPerSecond: 100 });
  const refusals = [{ status: 429, headers: { "retry-after": "0" } }, { status: 503 }];
  api.before = () => refusals.shift() ?? null;
  const began = performance.now();
  await table.byKeys(Array.from({ length: 20 }, (_, i) => [BigInt(i)]));
  // 22 requests, ten milliseconds apart.
  assert.ok(performance.now() - began >= 200);
  assert.equal(api.requests.filter(({ target }) => target.startsWith("/t/")).length, 22);
  api.before = () => ({ status: 429, headers: { "retry-after": "3600" } });
  await assert.rejects(
    table.byKeys([[1n]]),
    (error) =>
      error instanceof CrossfadeError &&
      error.retryable &&
      /answered 429, 1 times \(retry-after: 3600 s\)/.test(error.message),
  );
  api.before = null;
  await table.close();
});

test("http: an API that gives rows keys of its own, or makes none by PUT, is told of", async () => {
  const api = await start({ key: ["id"], onlyPost: true });
  const table = open(place(api.url, ["id"], { kinds: {} }));
  await assert.rejects(
    table.upsert([{ id: 1n }]),
    /PUT \/t\/1 answered 404: it makes no row there; write create: POST/,
  );
  await table.close();
  const own = open(place(api.url, ["id"], { kinds: {}, create: "POST" }));
  api.before = (method) => (method === "POST" ? { status: 201 } : null);
  await assert.rejects(own.upsert([{ id: 1n }]), /POST \/t made no row 1: it gives rows keys of its own/);
  await assert.rejects(own.upsert([{ id: ".." }]), /no path can name the key "\.\."/);
  await own.close();
});

test("http: a batch of full rows in one PUT each, and its values by their declared kinds", async () => {
  const api = await start({ key: ["id"] });
  const table = open(place(api.url, ["id"]));
  await table.upsert([full(1n, { price: "1.50", meta: '{"a":1.0}' })]);
  assert.equal(
    api.body("1"),
    '{"id":1,"tenant":"t","name":"n","price":1.50,"ratio":2.5,"done":false,"meta":{"a":1.0},"version":1,"photo":"AQ=="}',
  );
  await table.close();
});
