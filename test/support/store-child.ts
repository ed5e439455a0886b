/**
 * A process of its own with a store open, for tests that kill it or limit it. Arguments: what to do, and the file.
 * Says what it did, one JSON value a line.
 */
import { openSqliteStore } from "../../adapters/store/sqlite/store.ts";
import type { StoreWrite } from "../../proxy/ports.ts";
import { makeRecord, recordWrite } from "./evidence.ts";

const [, , deed, file] = process.argv as [string, string, string, string];
const clock = { now: () => Date.now(), monotonic: () => performance.now() };
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

const store = await openSqliteStore({ file, clock, patienceMs: 5_000 }).catch((error: unknown) => {
  const { code, message } = error as { code: string; message: string };
  say({ refused: code, message });
  process.exit(0);
});
say({ generation: store.generation, previousEnd: store.opened.previousEnd });

function oneExchange(error: string | null): StoreWrite[] {
  const record = makeRecord({ error });
  return [
    { type: "eligible", route: "users" },
    { type: "count", route: "users", outcome: "divergent", reason: null },
    recordWrite(record),
  ];
}

if (deed === "write") {
  // One more write that never gets an outcome; then exchanges without end, each batch said once it is durable.
  store.append([{ type: "eligible", route: "users" }]);
  for (let exchanges = 0; ;) {
    for (let i = 0; i < 50; i++, exchanges++) store.append(oneExchange(null));
    await store.flush();
    say({ durable: exchanges });
  }
}

if (deed === "fill") {
  // 4 MB of evidence into a file that may not grow that far.
  for (let i = 0; i < 400; i++) store.append(oneExchange("x".repeat(10_000)));
  await store.flush();
  say({ failed: store.health() });
  store.append([
    {
      type: "repair",
      route: "users",
      key: "users/1",
      reason: "dropped",
      exchangeId: "A",
      at: "2026-11-22T12:00:00.000Z",
      notBefore: null,
      place: null,
    },
  ]);
  await store.flush();
  say({ outcomes: await store.outcomeCounts(), repairs: (await store.repairs({ limit: 10 })).items });
  await store.close();
  say({ closed: store.health() });
}

if (deed === "hold")
  await new Promise<void>((resolve) => process.stdin.once("data", () => resolve()).once("end", () => resolve()));
if (deed !== "fill") await store.close();
