import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { collectionSetup } from "../../support/collection.ts";
import { startRowsApi } from "../../support/rows-api.ts";
import { json, startService } from "../../support/service.ts";

const EMPTY = "SELECT 1;";

/** Ten rows of an API, and a proxy that says what it is told to of every freeze. */
async function besideProxy(t: TestContext, holds: (asked: number) => boolean) {
  const [legacy, next] = [await startRowsApi({ key: ["id"] }), await startRowsApi({ key: ["id"] })];
  for (let id = 1; id <= 10; id += 1) legacy.store(`{"id":${id},"n":9007199254740993}`);
  const asked: string[] = [];
  let confirms = 0;
  const proxy = await startService((seen, response) => {
    const what = /\/api\/v1\/(.*)/.exec(seen.target)?.[1] ?? "";
    const say = (status: number, body: unknown): void => json(status, body)(seen, response);
    if (what.startsWith("running-jobs")) return say(404, {});
    asked.push(what.split("/").at(-1) ?? "");
    if (what === "routes/users") return say(200, { phase: "backfilling", mirror: { writes: true } });
    if (what === "backfills") return say(200, { id: "job", entity: "users" });
    if (what.endsWith("/freeze")) return say(200, { end: "frozen", freeze: 1, touched: [] });
    if (what.endsWith("/confirm")) return say(200, { holds: holds(++confirms) });
    return say(200, { at: asked.length });
  });
  t.after(async () => {
    await Promise.all([legacy.close(), next.close(), proxy.close()]);
  });
  const setup = (nextService: string) =>
    collectionSetup(t, {
      legacy: EMPTY,
      next: EMPTY,
      phase: "backfilling",
      nextService,
      tables: `    source: { http: "${legacy.url}", key: id, list: { after: id_gt } }
    target: { http: "${next.url}", key: id, list: { after: id_gt } }
`,
    });
  return { next, asked, setup, admin: ["--admin", proxy.url] };
}

test("rows are put into an API beside live writes while what was confirmed holds, and none is sent after that", async (t) => {
  const { next, asked, setup, admin } = await besideProxy(t, (confirms) => confirms > 1);
  const putsAt: number[] = [];
  next.before = (method) => {
    if (method === "PUT") putsAt.push(asked.filter((what) => what === "confirm").length);
    return null;
  };
  const ended = await setup("asShadow: { maxWork: 3s }").run("backfill", "users", "--chunk", "20", ...admin);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^users {2}10 rows read, 10 written/);
  assert.equal(next.bodies().length, 10);
  assert.equal(next.body("7"), '{"id":7,"n":9007199254740993}');
  // The first freeze was lifted: its rows were read again, in halves, and none had been sent.
  assert.deepEqual(putsAt.toSorted()[0], 2);
  assert.deepEqual(
    asked.filter((what) => what === "freeze" || what === "confirm"),
    ["freeze", "confirm", "freeze", "confirm", "freeze", "confirm"],
  );
});

test("an API that may take longer than live writes wait for a killed job is refused, with the bound and the way out", async (t) => {
  const { next, setup, admin } = await besideProxy(t, () => true);
  const ended = await setup("asShadow: { maxWork: 30s }").run("backfill", "users", ...admin);
  assert.equal(ended.code, 1);
  assert.match(
    ended.stderr,
    /is there up to 30 s later \(services\.next\.asShadow\.maxWork\), .* wait for 3 s .*; write maxWork: 3s/,
  );
  assert.deepEqual(next.bodies(), []);
});
