/** One episode: traffic, faults one after another, quiet, and the verdict. Its stage is its own, so that a gap of one excuses nothing in another. */
import { setTimeout as wait } from "node:timers/promises";
import { checkRun, type Verdict, type Violation } from "./check-run.ts";
import { type EpisodeKind, type Fault, planFaults } from "./faults.ts";
import type { Accounts, RunRecord } from "./records.ts";
import { repairEverything } from "./repair-run.ts";
import { Stage, type StageOptions } from "./stage.ts";

export interface EpisodeOptions extends Omit<StageOptions, "smallDisk"> {
  readonly kind: EpisodeKind;
  /** How many, or which. */
  readonly faults: number | readonly Fault[];
  /** Whether a disk can be filled here. */
  readonly canFill: boolean;
  /** Whether `crossfade repair` is there and is to make all equal at the end. */
  readonly repairs: boolean;
  /** A member that is killed must leave no gap: its journal outlives it. */
  readonly expectNoGaps: boolean;
}

export interface EpisodeReport extends Verdict {
  readonly kind: EpisodeKind;
  readonly seed: number;
  /** By name, in the order in which they came. */
  readonly faults: readonly string[];
  readonly outcomes: Readonly<Record<string, number>>;
  readonly gaps: number;
  /** Entries of the repair list by reason. */
  readonly repairs: Readonly<Record<string, number>>;
  readonly seconds: number;
}

const BEFORE_EACH_FAULT = 25;
/** On a machine that is busy with other things intents are not durable within their 5 ms: that is a gap in any episode. */
const SLOW_JOURNAL = /did not take intents in time|were not journaled when the (run|life) before ended/;
const QUIET_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 25;

export async function runEpisode(options: EpisodeOptions): Promise<EpisodeReport> {
  const began = performance.now();
  const { kind, seed } = options;
  const smallDisk = kind === "store" && options.canFill && options.store === "sqlite";
  const stage = await Stage.open({ ...options, smallDisk });
  try {
    const trouble: Violation[] = [];
    const harness = (words: string): void => void trouble.push({ kind: "harness", words });
    const plan = typeof options.faults === "number" ? planFaults(kind, options.faults, stage) : options.faults;
    const faults: string[] = [];
    for (const fault of plan) {
      await stage.traffic(BEFORE_EACH_FAULT);
      faults.push(fault.name);
      await fault.run(stage);
      if (await stage.recovery(BEFORE_EACH_FAULT)) continue;
      harness(`no writes were accepted any more after "${fault.name}" was undone`);
      break;
    }
    await stage.stopClients();
    await quieten(stage);
    const record = await recordOf(stage);
    const verdict = checkRun(record);
    const mayHaveGaps = kind === "store" || (kind === "kills" && !options.expectNoGaps);
    const unexcused = mayHaveGaps ? [] : record.gaps.filter(({ why }) => !SLOW_JOURNAL.test(why));
    if (unexcused.length > 0) harness(`there are gaps: ${unexcused.map(({ why }) => why).join("; ")}`);
    // What lies in a gap is on no list: a reconcile's work.
    if (options.repairs && record.gaps.length === 0) trouble.push(...(await repairEverything(stage, options.entry)));
    for (const member of stage.members) {
      const code = await member.end("SIGTERM");
      if (code !== 0) harness(`asked to end, the proxy ended with ${code ?? "a signal"}`);
    }
    for (const words of stage.unexpectedEnds) harness(words);
    return {
      counts: verdict.counts,
      violations: [...trouble, ...verdict.violations],
      kind,
      seed,
      faults,
      outcomes: record.accounts.outcomes,
      gaps: record.gaps.length,
      repairs: Object.fromEntries(
        [...Map.groupBy(record.repairs, ({ reason }) => reason)].map(([reason, of]) => [reason, of.length]),
      ),
      seconds: (performance.now() - began) / 1000,
    };
  } finally {
    await stage.close();
  }
}

interface StatusJson {
  readonly routes: readonly Accounts[];
  readonly store: { readonly pendingWrites: number };
}

/** Until nothing is under way any more anywhere; where that does not come about, the accounts say so. */
async function quieten({ members, legacy, next }: Stage): Promise<void> {
  const until = performance.now() + QUIET_WITHIN_MS;
  while (performance.now() < until) {
    const all = await Promise.all(members.map((member) => member.api<StatusJson>("/api/v1/status")));
    const isSettled = all.every(
      ({ routes, store }) => routes.every(({ pending }) => pending === 0) && store.pendingWrites === 0,
    );
    if (isSettled && (await legacy.waiting()) + (await next.waiting()) === 0) return;
    await wait(LOOK_EVERY_MS);
  }
}

/** Every member shows what all of them did: they share the store. */
async function recordOf({ members, legacy, next, sent }: Stage): Promise<RunRecord> {
  const [member] = members;
  if (member === undefined) throw new Error("a stage has a member");
  const [{ routes }, repairs, gaps, primary, shadow] = await Promise.all([
    member.api<StatusJson>("/api/v1/status"),
    member.list<RunRecord["repairs"][number]>("/api/v1/repairs"),
    member.list<RunRecord["gaps"][number]>("/api/v1/gaps"),
    legacy.record(),
    next.record(),
  ]);
  const [route] = routes;
  if (route === undefined) throw new Error("the proxy has no route");
  return { members: members.length, sent, primary, shadow, accounts: route, repairs, gaps };
}
