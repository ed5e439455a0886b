import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { ByteBudget } from "../../proxy/process/byte-budget.ts";
import { Spool } from "../../proxy/forward/spool.ts";
import type { StoredBody } from "../../proxy/evidence/stored-body.ts";

/** A body as the spool holds it, until the test ends. */
export async function spooled(t: TestContext, text: string): Promise<StoredBody> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-spooled-"));
  const file = new Spool(folder, new ByteBudget(1 << 30), new ByteBudget(1 << 30)).begin();
  t.after(() => {
    file.discard();
    rmSync(folder, { recursive: true });
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 65_536) file.write(bytes.subarray(at, at + 65_536));
  assert.equal(await file.whole(), null);
  return file.stored();
}
