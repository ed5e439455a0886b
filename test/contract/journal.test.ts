import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLogJournal, readLog } from "../../adapters/journal/log.ts";
import { createMemoryJournal } from "../../proxy/mirror/journal.ts";
import { journalContract } from "./journal.ts";

journalContract("memory", async () => ({
  outlivesProcess: false,
  open: async () => ({ journal: createMemoryJournal(), leftOver: [], readBacksLeft: [] }),
}));

for (const survives of ["process", "power"] as const) {
  journalContract(`log, ${survives}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "crossfade-lanes-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const journalKey = Buffer.alloc(32, 7);
    const settings = { folder, journalKey, survives, limitBytes: () => 1 << 30, monotonic: () => performance.now() };
    let generation = 0;
    return {
      outlivesProcess: true,
      async open() {
        const read = await readLog(settings, 0);
        const journal = await openLogJournal({
          ...settings,
          read,
          countedUpTo: 0,
          generation: ++generation,
          counted: () => 0,
        });
        return { journal, leftOver: journal.leftOver, readBacksLeft: journal.readBacksLeft };
      },
    };
  });
}
