import assert from "node:assert/strict";
import { test } from "node:test";
import { Essentials } from "../../../adapters/store/essentials.ts";
import { OwnOverrides } from "../../../adapters/store/redis/own-overrides.ts";
import { AUDIT_KEPT } from "../../../proxy/evidence/audit.ts";
import type { Override } from "../../../proxy/moves/overrides.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";

const said = { by: "ops", at: "2026-11-22T12:00:00.000Z", reason: null };
const off = (route: string | null): Override => ({ ...said, route, setting: "mirror", value: false });
const pin = (override: Override) => ({ type: "pin", override }) as const;
const unpin = (route: string | null) => ({ type: "unpin", route, setting: "mirror" }) as const;

function auditOf(number: number): Extract<StoreWrite, { type: "audit" }> {
  const entry = {
    id: String(number),
    at: said.at,
    by: "ops",
    action: "override",
    subject: null,
    what: "",
    reason: null,
  };
  return { type: "audit", entry: { ...entry, action: "override" } };
}

test("however often operators change something while the store is away, what waits is bounded", () => {
  const essentials = new Essentials();
  for (let i = 0; i < AUDIT_KEPT + 50; i++) {
    essentials.add(i % 2 === 0 ? pin(off(null)) : unpin(null));
    essentials.add(pin(off("users")));
    essentials.add(auditOf(i));
  }
  const later = new Essentials();
  later.add(pin(off(null)));
  later.add(auditOf(AUDIT_KEPT + 50));
  essentials.absorb(later);
  const { controls } = essentials.rows();
  const audits = controls.filter((row) => row.type === "audit");
  assert.equal(audits.length, AUDIT_KEPT);
  assert.equal(audits.at(-1)?.entry.id, String(AUDIT_KEPT + 50));
  assert.deepEqual(
    controls.filter((row) => row.type !== "audit"),
    [pin(off(null)), pin(off("users"))],
  );
});

const mark = (batch: number) => ({ batch, records: 0, pairs: 0 });

test("what is not there yet acts over what is kept; once it is there, what is kept has the say", async () => {
  let reached = 0;
  const own = new OwnOverrides(({ batch }) => batch <= reached);
  own.note(pin(off(null)), mark(1));
  own.note(unpin("users"), mark(2));
  const kept = [off("users")];
  assert.deepEqual(await own.over(() => Promise.resolve(kept)), [off(null)]);
  reached = 2;
  assert.deepEqual(await own.over(() => Promise.resolve(kept)), kept);
});

test("a change that comes while it is read has it read again", async () => {
  const own = new OwnOverrides(() => false);
  let reads = 0;
  const read = (): Promise<readonly Override[]> => {
    reads += 1;
    if (reads === 1) own.note(pin(off(null)), mark(1));
    return Promise.resolve([]);
  };
  assert.deepEqual(await own.over(read), [off(null)]);
  assert.equal(reads, 2);
});
