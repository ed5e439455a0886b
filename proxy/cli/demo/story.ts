/** The demo's story: real differences, a next that hangs, and accounts that sum. Everything told is measured or asked of the admin API. */
import type { StatusView } from "../../admin/status-view.ts";
import { plural, spellCount } from "../../admin/sentences.ts";
import type { GroupRecord } from "../../evidence/evidence.ts";
import type { Api } from "../api.ts";
import { EXIT, Exit } from "../exit.ts";
import { describeFindings, type Finding, type GroupEvidence } from "../findings.ts";
import { type Accounts, accountsOf, waitingCopies } from "./accounts.ts";
import type { Client } from "./client.ts";
import type { Measured } from "./latencies.ts";
import type { Service } from "./services.ts";
import type { Stage } from "./stage.ts";

export interface Scene {
  readonly stage: Stage;
  readonly client: Client;
  readonly api: Api;
  readonly next: Service;
}

/** What the story showed, for programs. */
export interface StoryReport {
  readonly findings: readonly Finding[];
  readonly client: {
    readonly requests: number;
    readonly errors: number;
    readonly p99BeforeMs: number | null;
    readonly p99SuspendedMs: number | null;
  };
  readonly queue: {
    readonly before: number;
    readonly peak: number;
    readonly after: number;
    readonly drainedInMs: number;
  };
  readonly accounts: Accounts;
}

const REQUESTS_PER_SECOND = 60;
/** The first requests are slower than any later one: code is compiled, connections are opened. Not measured. */
const WARM_UP_MS = 2_500;
const LOOK_MS = 5_500;
/** The end of the look: what the seconds in which next hangs are held against. */
const BASELINE_MS = 4_000;
/** Slow machines get more time to come to a first finding. */
const LOOK_AT_MOST_MS = 20_000;
/** In which nothing new is found: every kind of errand has come up again. */
const QUIET_REQUESTS = 100;
const ASK_FINDINGS_EVERY_MS = 1_000;
const SUSPENDED_MS = 6_000;
const DRAIN_AT_MOST_MS = 30_000;
const FRAME_MS = 200;
const FINDINGS_SHOWN = 8;
const FINDING_INDENT = " ".repeat(9);
const SAMPLED_GROUPS = 50;

export async function tellStory(scene: Scene): Promise<StoryReport> {
  const { client } = scene;
  client.setRate(REQUESTS_PER_SECOND);
  await pause(WARM_UP_MS);
  const { findings, measured: before } = await lookForDifferences(scene);
  const { queue, measured: suspended } = await suspendNext(scene, before);
  const accounts = await settleAccounts(scene);
  const { requests, errors } = client.latencies;
  return {
    findings,
    client: { requests, errors, p99BeforeMs: before.p99, p99SuspendedMs: suspended.p99 },
    queue,
    accounts,
  };
}

async function lookForDifferences({
  stage,
  client,
  api,
}: Scene): Promise<{ readonly findings: readonly Finding[]; readonly measured: Measured }> {
  const from = performance.now();
  let findings: readonly Finding[] = [];
  let [askedAt, newestAt] = [from, 0];
  for (;;) {
    const now = performance.now();
    if (now - askedAt >= ASK_FINDINGS_EVERY_MS) {
      askedAt = now;
      const before = findings.length;
      findings = await askFindings(api);
      if (findings.length > before) newestAt = client.latencies.requests;
      const isQuiet = findings.length > 0 && client.latencies.requests - newestAt >= QUIET_REQUESTS;
      if ((now - from >= LOOK_MS && isQuiet) || now - from >= LOOK_AT_MOST_MS) break;
    }
    const status = await askStatus(api);
    const copies = status.routes.reduce((sum, { eligible }) => sum + eligible, 0);
    stage.live(`${clientLine(client, 0)} | ${spellCount(copies)} copies to next, answers compared`);
    await pause(FRAME_MS);
  }
  const now = performance.now();
  const measured = client.latencies.between(now - BASELINE_MS, now);
  stage.say({ text: `What differs, found in ${plural(client.latencies.requests, "request")}:`, style: "bold" });
  for (const finding of findings.slice(0, FINDINGS_SHOWN)) sayFinding(stage, finding);
  const more = findings.length - FINDINGS_SHOWN;
  if (more > 0) stage.say({ prefix: FINDING_INDENT, text: `and ${plural(more, "more finding")}, on the dashboard` });
  stage.gap();
  return { findings, measured };
}

function sayFinding(stage: Stage, { what, consequence, count }: Finding): void {
  stage.say({ prefix: `${spellCount(count)} ×  `.padStart(FINDING_INDENT.length), text: what });
  if (consequence !== null) stage.say({ prefix: FINDING_INDENT, text: consequence, style: "yellow" });
}

async function suspendNext(
  scene: Scene,
  before: Measured,
): Promise<{ readonly queue: StoryReport["queue"]; readonly measured: Measured }> {
  const { stage, client, api, next } = scene;
  stage.say({ text: `Now next hangs: its process is suspended for ${SUSPENDED_MS / 1000} s.`, style: "bold" });
  const waitingBefore = waitingCopies(await askStatus(api));
  let peak = waitingBefore;
  const from = performance.now();
  next.suspend();
  try {
    for (;;) {
      const waiting = waitingCopies(await askStatus(api));
      peak = Math.max(peak, waiting);
      const took = performance.now() - from;
      if (took >= SUSPENDED_MS) break;
      stage.live(`${seconds(took)} ${clientLine(client, from)} | ${queueLine(waiting)}`);
      await pause(FRAME_MS);
    }
  } finally {
    next.resume();
  }
  const until = performance.now();
  const measured = client.latencies.between(from, until);
  stage.keep(`hung ${seconds(until - from)}: ${spellMeasured(measured)} | ${queueLine(peak)}`);

  const { after, drainedInMs } = await watchQueueDrain(scene, waitingBefore);
  stage.keep(`next is back: ${spellCount(peak)} copies -> ${spellCount(after)} in ${seconds(drainedInMs)}`);
  stage.say({
    prefix: "  ",
    text: `client p99: ${milliseconds(before.p99)} before, ${milliseconds(measured.p99)} while next hung; ${plural(measured.errors, "error")}`,
    style: measured.errors === 0 ? "green" : "red",
  });
  stage.gap();
  return { queue: { before: waitingBefore, peak, after, drainedInMs }, measured };
}

/**
 * Drained is what brings the queue back to where it was: of the traffic that goes on, something is always on its way.
 * Then the client rests, and without it the queue must come to nothing.
 */
async function watchQueueDrain(
  { stage, client, api }: Scene,
  waitingBefore: number,
): Promise<{ readonly after: number; readonly drainedInMs: number }> {
  const from = performance.now();
  for (;;) {
    const waiting = waitingCopies(await askStatus(api));
    const took = performance.now() - from;
    if (waiting <= waitingBefore || took >= DRAIN_AT_MOST_MS) break;
    stage.live(`next is back, ${seconds(took)}: ${queueLine(waiting)}`);
    await pause(FRAME_MS / 4);
  }
  const drainedInMs = performance.now() - from;
  client.setRate(0);
  await client.whenIdle();
  return { after: await waitForOutcomes(api), drainedInMs };
}

async function settleAccounts({ stage, client, api }: Scene): Promise<Accounts> {
  const accounts = accountsOf(await askStatus(api));
  stage.say({ text: "Every exchange that was to be copied has one outcome, and they sum:", style: "bold" });
  for (const { route, sum } of accounts.routes) stage.say({ prefix: `  ${route.padEnd(10)} `, text: sum });
  const errors = client.latencies.errors;
  const well = errors === 0 && accounts.lost === 0 && accounts.sums;
  stage.say({
    prefix: "  ",
    text: `client errors ${spellCount(errors)}, lost ${spellCount(accounts.lost)}${accounts.sums ? "" : "; the accounts do NOT sum"}`,
    style: well ? "green" : "red",
  });
  stage.gap();
  return accounts;
}

async function waitForOutcomes(api: Api): Promise<number> {
  const deadline = performance.now() + DRAIN_AT_MOST_MS;
  for (;;) {
    const waiting = waitingCopies(await askStatus(api));
    if (waiting === 0 || performance.now() >= deadline) return waiting;
    await pause(FRAME_MS / 4);
  }
}

async function askStatus(api: Api): Promise<StatusView> {
  return found(await api.get<StatusView>("/api/v1/status"), api);
}

async function askFindings(api: Api): Promise<readonly Finding[]> {
  const page = found(
    await api.get<{ readonly items: readonly GroupRecord[] }>("/api/v1/groups", { limit: SAMPLED_GROUPS }),
    api,
  );
  const groups = await Promise.all(page.items.map((group) => api.get<GroupEvidence>(`/api/v1/groups/${group.id}`)));
  return describeFindings(groups.filter((group) => group !== null));
}

function found<T>(answer: T | null, api: Api): T {
  if (answer === null) throw new Exit(EXIT.failed, `${api.url} does not answer as Crossfade's admin listener does`);
  return answer;
}

/** Of the last two seconds, and not of what was before `from`. */
function clientLine({ latencies }: Client, from: number): string {
  const now = performance.now();
  return spellMeasured({ ...latencies.between(Math.max(from, now - 2_000), now), errors: latencies.errors });
}

function spellMeasured({ rate, p99, errors }: Measured): string {
  return `client ${Math.round(rate)}/s, p99 ${milliseconds(p99)}, ${plural(errors, "error")}`;
}

function queueLine(waiting: number): string {
  return `${plural(waiting, "copy waits", "copies wait")} ${bar(waiting)}`;
}

function milliseconds(ms: number | null): string {
  return ms === null ? "- ms" : `${ms < 10 ? ms.toFixed(1) : Math.round(ms).toString()} ms`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** A mark for every 50. */
function bar(count: number): string {
  return "#".repeat(Math.ceil(count / 50));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
