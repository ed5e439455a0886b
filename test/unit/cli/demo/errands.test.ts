import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDataSet } from "../../../../proxy/cli/demo/data-set.ts";
import { type Errand, Errands, repeatableRandom } from "../../../../proxy/cli/demo/errands.ts";

const dataSet = makeDataSet();
const ROUNDS = 500;

test("the same seed makes the same errands", () => {
  const [a, b] = [take(), take()];
  assert.deepEqual(a, b);

  function take(): readonly string[] {
    const errands = new Errands(dataSet, repeatableRandom(7));
    return Array.from({ length: ROUNDS }, () => spell(errands.next()));
  }
});

test("a note is changed only once it was made, and never by two at a time", () => {
  const errands = new Errands(dataSet, repeatableRandom(1));
  const seeded = new Set(dataSet.notes.map((note) => String(note.id)));
  const made = new Set<string>();
  const busy = new Map<string, Errand>();
  let nextId = 101;
  let changes = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const errand = errands.next();
    const id = /^\/notes\/(\d+)$/.exec(errand.target)?.[1];
    if (errand.method === "POST" && errand.contentType === "application/json" && errand.body?.endsWith("}") === true) {
      made.add(String(nextId));
      errand.done(201, JSON.stringify({ id: nextId++ }));
    }
    if (errand.method === "GET" || id === undefined) continue;
    changes++;
    assert.ok(seeded.has(id) || made.has(id), `${spell(errand)} before it was made`);
    assert.ok(!busy.has(id), `${spell(errand)} while another write of it is on its way`);
    busy.set(id, errand);
    // Answered a little later.
    if (busy.size < 3) continue;
    const [[oldId, old]] = busy as unknown as [[string, Errand]];
    busy.delete(oldId);
    old.done(200, "{}");
  }
  assert.ok(changes > 50);
});

test("every collection is read and written", () => {
  const errands = new Errands(dataSet, repeatableRandom(1));
  const kinds = new Set<string>();
  for (let i = 0; i < ROUNDS; i++) {
    const errand = errands.next();
    if (errand.method === "POST") errand.done(201, JSON.stringify({ id: 1000 + i }));
    kinds.add(`${errand.method} ${errand.target.split(/[/?]/)[1] ?? ""}`);
  }
  for (const kind of [
    "GET countries",
    "GET notes",
    "POST notes",
    "PUT notes",
    "PATCH notes",
    "DELETE notes",
    "PATCH visits",
    "GET visits",
  ]) {
    assert.ok(kinds.has(kind), kind);
  }
});

function spell({ method, target, body }: Errand): string {
  return `${method} ${target} ${body ?? ""}`;
}
