import assert from "node:assert/strict";
import { test } from "node:test";
import { collectionSetup } from "../../support/collection.ts";
import { startRowsApi } from "../../support/rows-api.ts";

const TRANSFORM = `export default ({ id, full_name, balance, at }) => {
  const [first, ...rest] = full_name.split(" ");
  return { id: String(id), first, last: rest.join(" ") || null, balance, at };
};`;
const EMPTY = "SELECT 1;";
const ROWS = 120;

/** Numbers beyond a double, more digits than a double, and a document within. */
function person(id: number): string {
  return `{"id":${id},"full_name":"P${id} of Somewhere","balance":9007199254740993.${id},"at":{"zip":"0${id}"},"_links":{"self":"/t/${id}"}}`;
}

test("rows go from one API to another through a transform; planted differences are found and repaired", async (t) => {
  const legacy = await startRowsApi({ key: ["id"], authorization: "Bearer legacy", list: "wrapped", most: 50 });
  const next = await startRowsApi({ key: ["id"], authorization: "Bearer next", required: ["last"], most: 40 });
  t.after(async () => {
    await legacy.close();
    await next.close();
  });
  for (let id = 1; id <= ROWS; id += 1) legacy.store(person(id));
  legacy.store('{"id":121,"full_name":"Cher","balance":1,"at":null}');
  const setup = collectionSetup(t, {
    legacy: EMPTY,
    next: EMPTY,
    transform: TRANSFORM,
    tables: `    source:
      http: "${legacy.url}"
      key: id
      item: /t/:id
      headers: { authorization: "Bearer legacy" }
      list: { next: "answer:/next", cursor: cursor, items: /items, limit: limit, most: 50, total: "answer:/count" }
      kinds: { balance: decimal, at: json }
      leaveOut: [_links]
    target:
      http: "${next.url}"
      key: id
      headers: { authorization: "Bearer next" }
      list: { after: id_gt, limit: limit }
      rate: 2000/s
      kinds: { balance: decimal, at: json }
`,
  });
  const ended = await setup.run("backfill", "users");
  assert.equal(
    ended.stdout,
    "users  121 rows read, 120 written, 1 set aside\n  121  " +
      `http://${new URL(next.url).host}/t: PUT /t/121 answered 422\n`,
  );
  assert.equal(next.bodies().length, ROWS);
  assert.equal(
    next.body("77"),
    '{"id":"77","first":"P77","last":"of Somewhere","balance":9007199254740993.77,"at":{"zip":"077"}}',
  );

  legacy.drop("121");
  next.drop("5");
  next.store('{"id":"999","first":"x","last":"y","balance":1,"at":null}');
  next.store(next.body("8")?.replace("9007199254740993.8,", "9007199254740993.81,") ?? "");
  next.store(next.body("9")?.replace("of Somewhere", "of Somewhere ") ?? "");
  const found = await setup.run("reconcile", "users");
  assert.equal(found.code, 1, found.stderr);
  assert.deepEqual(found.stdout.trimEnd().split("\n").toSorted(), [
    "extra       999",
    "mismatched  8  /balance (precision)",
    "mismatched  9  /last (value)",
    "missing     5",
    "users  120 rows against 120: 117 equal, 1 missing, 2 mismatched, 1 extra",
  ]);
  const repaired = await setup.run("reconcile", "users", "--repair");
  assert.match(repaired.stdout, /users {2}1 added, 2 written over, 1 removed; looked at again, all are equal\n$/);
  assert.equal(repaired.code, 0, repaired.stderr);
  assert.deepEqual(next.bodies().length, ROWS);
});
