import assert from "node:assert/strict";
import { test } from "node:test";
import { startBench } from "../../support/crossfade.ts";
import { json } from "../../support/service.ts";

interface RuleJson {
  readonly rule: string;
  readonly because: string | null;
  readonly until: string | null;
  readonly excused: number;
  readonly lastExcusedAt: string | null;
  readonly stale: boolean;
}

const RULES = `routes:
  - name: orders
    match: { path: "/orders/**" }
    compare:
      mustMatch: [/total]
      ignore: [{ at: /updatedAt, because: clocks, until: 2099-03-01 }]
      normalise: [{ at: /email, as: [trim, lowercase] }]
      tolerance: [{ at: /score, within: 0.01 }]
      unordered: [{ at: /items, by: /sku }]
`;

test("rules excuse through the whole proxy, at once and in the worker, and the API counts them", async (t) => {
  const answer = (over: object, pad: number) => ({
    updatedAt: "10:00",
    email: "a@b.c",
    score: 1,
    total: 10,
    items: [
      { sku: 1, n: 1 },
      { sku: 2, n: 2 },
    ],
    pad: "x".repeat(pad),
    ...over,
  });
  const bench = await startBench(t, { routes: RULES });
  for (const pad of [0, 100_000]) {
    bench.legacy.answerWith(json(200, answer({}, pad)));
    bench.next.answerWith(
      json(
        200,
        answer(
          {
            updatedAt: "10:01",
            email: " A@B.C",
            score: 1.01,
            items: [
              { sku: 2, n: 2 },
              { sku: 1, n: 1 },
            ],
          },
          pad,
        ),
      ),
    );
    await bench.send("PUT", `/orders/${pad}`, { a: 1 });
    const [route] = await bench.settled(pad === 0 ? 1 : 2);
    assert.equal(route?.outcomes["ignored"], pad === 0 ? 1 : 2, JSON.stringify(route));
  }
  bench.next.answerWith(json(200, answer({ updatedAt: "10:01", total: 11 }, 0)));
  bench.legacy.answerWith(json(200, answer({}, 0)));
  await bench.send("PUT", "/orders/7", { a: 1 });
  const [route] = await bench.settled(3);
  assert.equal(route?.outcomes["divergent"], 1);
  const { items } = await bench.api<{ items: { differences: { at: string }[] }[] }>("/api/v1/divergences");
  assert.deepEqual(
    items[0]?.differences.map(({ at }) => at),
    ["/total"],
  );

  const view = await bench.api<{ rules: RuleJson[]; compare: { mustMatch: string[] } }>("/api/v1/routes/orders");
  assert.deepEqual(view.compare.mustMatch, ["/total"]);
  assert.deepEqual(
    view.rules.map(({ rule, because, until, excused, stale }) => [rule, because, until, excused, stale]),
    [
      ["ignore /updatedAt", "clocks", "2099-03-01T23:59:59.999Z", 3, false],
      ["normalise /email as trim, lowercase", null, null, 2, false],
      ["tolerance /score within 0.01", null, null, 2, false],
      ["unordered /items by /sku", null, null, 2, false],
    ],
  );
  for (const { lastExcusedAt } of view.rules)
    assert.ok(Math.abs(Date.parse(lastExcusedAt ?? "") - Date.now()) < 60_000);
});

test("a rule without use is said to be stale in status and API after a thousand comparisons", async (t) => {
  // Each of them is compared, however long a machine that is busy takes.
  const patient = "effects: suppressed\nasShadow: { timeout: 60s, maxAge: 60s }";
  const bench = await startBench(t, { routes: RULES, nextService: patient });
  for (let sent = 0; sent < 1000; sent += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, i) => bench.send("PUT", `/orders/${sent + i}`, { a: 1 })));
  }
  const [route] = await bench.settled(1000);
  assert.equal(route?.outcomes["match"], 1000, JSON.stringify(route));
  const { rules } = await bench.api<{ rules: RuleJson[] }>("/api/v1/routes/orders");
  assert.ok(rules.every(({ stale, excused }) => stale && excused === 0));
  const { warnings } = await bench.status();
  const said = warnings.filter((line) => line.startsWith("orders: 4 rules excused nothing in 1,000 comparisons"));
  assert.equal(said.length, 1, warnings.join("\n"));
});
