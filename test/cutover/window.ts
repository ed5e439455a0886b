/** Where the time goes in which writes are held back over several members: steps of a move as Redis tells them (docs/cutover.md). */
import { Redis } from "ioredis";

/** Of one move, ms. Before and behind them are one way to Redis and one back. */
export interface WindowParts {
  /** From when writes were held until the last member said that its own had ended. */
  readonly drain: number;
  /** From then until the leader's commit. */
  readonly commit: number;
}

export interface WindowWatch {
  /** Of moves that were committed, in their order. */
  readonly parts: readonly WindowParts[];
  close(): void;
}

export async function watchWindows(url: string): Promise<WindowWatch> {
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => undefined);
  const parts: WindowParts[] = [];
  let [id, preparedAt, drainedAt] = ["", 0, 0];
  client.on("message", (_channel: string, told: string) => {
    const [of = "", step] = told.split(" ");
    const now = performance.now();
    if (step === "prepared") [id, preparedAt, drainedAt] = [of, now, now];
    if (of !== id) return;
    if (step === "drained") drainedAt = now;
    if (step === "committed") parts.push({ drain: drainedAt - preparedAt, commit: now - drainedAt });
  });
  await client.subscribe("crossfade:{0}:moves");
  return { parts, close: () => client.disconnect() };
}
