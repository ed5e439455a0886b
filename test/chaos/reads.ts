/**
 * Reads that next answers, over members that are killed, on a Redis that stops, beside a next that is slow and refuses: what was
 * acknowledged has to be in each answer that begins later (test/support/read-your-writes.ts). docs/chaos.md.
 */
import type { TestContext } from "node:test";
import { join } from "node:path";
import { type Journaled, startJournaled } from "../support/journaled.ts";
import { checkReads, noteRoutes, noteService, type ReadReport } from "../support/read-your-writes.ts";
import { redisServer } from "../support/redis.ts";
import { seeded } from "../support/seeded.ts";

export interface ReadsPlan {
  readonly seconds: number;
  readonly seed: number;
  readonly clients: number;
  /** One at a time, for as long as the run goes on. */
  readonly faults: readonly ReadFault[];
}

export const READ_FAULTS = ["redis-stops", "member-killed", "next-slow"] as const;
export type ReadFault = (typeof READ_FAULTS)[number];

export interface ReadsReport extends ReadReport {
  readonly faults: Readonly<Record<ReadFault, number>>;
}

const MEMBERS = 3;

export async function runReads(plan: ReadsPlan, say: (line: string) => void): Promise<ReadsReport> {
  const ends: (() => unknown)[] = [];
  const t = { after: (end: () => unknown) => void ends.push(end) } as Pick<TestContext, "after"> as TestContext;
  try {
    return await checked(t, plan, say);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function checked(t: TestContext, plan: ReadsPlan, say: (line: string) => void): Promise<ReadsReport> {
  const random = seeded(plan.seed).next;
  let slowMs = 60;
  const legacy = noteService({ side: "legacy", delayMs: () => random() * 3 });
  const next = noteService({
    side: "next",
    delayMs: () => random() * slowMs,
    refuses: (id) => id.endsWith("-s") && random() < 0.02,
  });
  const redis = await redisServer(t);
  const options = { redis: redis.url, config: noteRoutes("50%") };
  const first = await startJournaled(t, options);
  first.legacy.answerWith(legacy.answer);
  first.next.answerWith(next.answer);
  const members = [first];
  for (let n = 1; n < MEMBERS; n++) {
    members.push(await startJournaled(t, { ...options, folder: join(first.folder, `other-${n}`), services: first }));
  }
  const down = new Set<Journaled>();
  const faults = { "redis-stops": 0, "member-killed": 0, "next-slow": 0 };
  const until = performance.now() + plan.seconds * 1_000;
  const isOver = (): boolean => performance.now() >= until;

  const hit: Record<ReadFault, () => Promise<void>> = {
    async "redis-stops"() {
      redis.signal("SIGSTOP");
      await pause(20 + random() * 2_500);
      redis.signal("SIGCONT");
    },
    async "member-killed"() {
      const member = members[Math.floor(random() * members.length)] as Journaled;
      down.add(member);
      await member.kill();
      await pause(random() * 1_000);
      await member.start();
      down.delete(member);
    },
    async "next-slow"() {
      slowMs = 1_500;
      await pause(random() * 3_000);
      slowMs = 60;
    },
  };

  async function harm(): Promise<void> {
    while (plan.faults.length > 0 && !isOver()) {
      await pause(1_000 + random() * 3_000);
      const fault = plan.faults[Math.floor(random() * plan.faults.length)] as ReadFault;
      faults[fault] += 1;
      await hit[fault]();
    }
  }

  const [report] = await Promise.all([
    checkReads({
      urls: () => members.filter((member) => !down.has(member)).map((member) => member.running().proxyUrl),
      ...{ clients: plan.clients, keys: 3, seed: plan.seed },
      goesOn: ({ stale }) => !isOver() && stale.length < 20,
      mayFail: () => true,
    }),
    harm(),
  ]);
  for (const line of report.stale) say(line);
  return { ...report, faults };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
