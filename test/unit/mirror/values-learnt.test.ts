/** Which value of the one answer belongs to which of the other, and which values nobody can have known before. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openMemoryStore } from "../../../adapters/store/memory.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";
import { JSON_HEADERS, mirroredWrites } from "../../support/mirrored-writes.ts";
import { testValueMap } from "../../support/value-map.ts";

const ROUTES = `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - name: things
    match: { path: "/things/:id?" }
    values:
      learn: [{ at: "answer:/id", kind: thing }, { at: "answer:/parts/*/id", kind: thing }]
      apply: [{ at: "path:id", kind: thing }, { at: "body:/refs/*", kind: thing }]
`;
const NOTHING_PASSED: ReadonlySet<string> = new Set();

function worldOf(t: TestContext) {
  const values = testValueMap(openMemoryStore({ clock: systemClock }), systemClock, (step, error) => {
    assert.fail(`${step}: ${String(error)}`);
  });
  const write = mirroredWrites(t, ROUTES);
  const bytes = (document: unknown): Buffer => Buffer.from(JSON.stringify(document));
  const answer = (document: unknown, status = 201) => ({ status, headers: JSON_HEADERS, body: bytes(document) });

  async function learn(ours: unknown, theirs: unknown): Promise<void> {
    const exchange = write("POST", "/things");
    const teaching = values.begin(exchange, bytes({}), answer(ours));
    assert.ok(teaching !== null);
    assert.deepEqual(await values.learn(exchange, teaching, NOTHING_PASSED, answer(ours), answer(theirs)), []);
  }

  /** What next is sent for a body that names these, or that nothing is; `target` with an id: an update. */
  async function sent(refs: readonly number[], target = "/things"): Promise<readonly [target: string, refs: unknown]> {
    const exchange = write(target === "/things" ? "POST" : "PUT", target);
    const body = bytes({ refs });
    const primary = answer({ id: 1_000 });
    const teaching = values.begin(exchange, body, primary);
    assert.ok(teaching !== null);
    const deadline = systemClock.monotonic() + 1_000;
    const order = {
      exchange,
      body: { kind: "memory", bytes: body },
      primary,
      made: false,
      teaching,
      deadline,
    } as const;
    const mapped = await values.request(order);
    values.end(exchange, teaching);
    if (mapped.end !== "mapped") return [target, mapped.end];
    const request = { method: "POST", target, headers: JSON_HEADERS, body: { kind: "memory", bytes: body } } as const;
    const rewritten = mapped.rewrite(request, exchange);
    assert.ok(rewritten.body.kind === "memory");
    return [rewritten.target, (JSON.parse(rewritten.body.bytes.toString()) as { refs: unknown }).refs];
  }
  return { values, write, bytes, answer, learn, sent };
}

test("of two lists each value belongs to the one at its own place, whatever else its kind holds", async (t) => {
  const { learn, sent } = worldOf(t);
  const parts = (ids: readonly unknown[]): readonly unknown[] => ids.map((id) => ({ id }));
  await learn({ id: 1, parts: parts([2, 3, 4, 5]) }, { id: "a", parts: parts(["b", "c", "d", "e"]) });
  assert.deepEqual(await sent([1, 2, 3, 4, 5]), ["/things", ["a", "b", "c", "d", "e"]]);
});

test("of lists that are not of one length, or leave out different places, nobody knows which belong together", async (t) => {
  const { learn, sent } = worldOf(t);
  await learn({ id: 1, parts: [{ id: 2 }, { id: 3 }] }, { id: "a", parts: [{ id: "b" }] });
  assert.deepEqual(await sent([1]), ["/things", ["a"]]);
  for (const id of [2, 3]) assert.deepEqual(await sent([id]), ["/things", "unmapped"]);
  await learn({ id: 11, parts: [{ id: 12 }, {}, { id: 13 }] }, { id: "k", parts: [{ id: "l" }, { id: "m" }, {}] });
  assert.deepEqual(await sent([11, 12]), ["/things", ["k", "l"]]);
  assert.deepEqual(await sent([13]), ["/things", "unmapped"]);
});

test("what a request names was there before: its write makes the rest, nobody waits for it, and its failure takes nothing away", async (t) => {
  const { values, write, bytes, answer, sent } = worldOf(t);
  // Nobody has learnt 5 and 7: they were there before the proxy was.
  const update = write("PUT", "/things/5");
  const teaching = values.begin(update, bytes({ refs: [7] }), answer({ id: 5, parts: [{ id: 7 }, { id: 9 }] }, 200));
  assert.deepEqual(
    teaching?.values.map(({ kind, text }) => [kind, text]),
    [["thing", "9"]],
  );
  assert.deepEqual(await sent([7], "/things/5"), ["/things/5", [7]], "while it is under way");
  values.end(update, teaching);
  assert.deepEqual(await sent([7], "/things/5"), ["/things/5", [7]], "once it has come to nothing");
});
