/**
 * Rows are moved from legacy to next beside live writes, with jobs and a member killed at random; then both tables are compared by
 * Crossfade and by ourselves, and planted differences are to be found and repaired (docs/rows.md, "How it is shown").
 */
import { setTimeout as wait } from "node:timers/promises";
import { seeded } from "../support/seeded.ts";
import { Clients } from "./clients.ts";
import { type Compared, compareTables, type RowDifference } from "./compare.ts";
import { type JobResult, runJob } from "./job.ts";
import { plant, type Planted } from "./planted.ts";
import type { Member, PairPlace, Site } from "./site.ts";
import { openTable, type PlaceTable, RAISED_EVERY } from "./tables.ts";
import type { Doubt, WriteLog } from "./write-log.ts";

export interface MigrationPlan {
  /** Those that are there before. */
  readonly rows: number;
  readonly seed: number;
  readonly clients: number;
  readonly writesPerSecond: number;
  /** Of the job. */
  readonly kills: number;
  readonly killedAfterMs: readonly [number, number];
  /** Whether a member is killed, and when, from the job's begin on. */
  readonly memberKilledAfterMs: readonly [number, number] | null;
  readonly jobOptions: readonly string[];
  /** Planted differences of each kind. */
  readonly planted: number;
}

export interface MigrationResult {
  readonly pair: string;
  readonly rows: number;
  readonly accepted: WriteLog["accepted"];
  readonly refused: number;
  readonly unanswered: number;
  readonly membersKilled: number;
  readonly job: JobResult;
  /** Rows that differed after the repair list was gone through: a killed member's unanswered creates and transfers, on the list as a whole. */
  readonly excused: number;
  readonly reconcileFound: number;
  readonly reconcileSeconds: number;
  readonly planted: Readonly<Record<string, number>>;
  readonly found: Readonly<Record<string, number>>;
  readonly repaired: number;
  /** By ourselves, at the end. */
  readonly left: number;
  readonly problems: readonly string[];
}

/** What a killed member was asked so shortly before may be known to nobody. */
const DOUBTED_MS = 2_000;
/** Where it was so slow that writes passed by its journal. */
const DOUBTED_IN_GAP_MS = 60_000;
const MOST_PROBLEMS = 20;
const MOST_REPAIR_RUNS = 30;

export async function runMigration(
  site: Site,
  pair: PairPlace,
  plan: MigrationPlan,
  say: (line: string) => void,
): Promise<MigrationResult> {
  const tables = { legacy: openTable(pair.legacy), next: openTable(pair.next) };
  try {
    return await migrate(site, pair, plan, { ...tables, say });
  } finally {
    await Promise.all([tables.legacy.close(), tables.next.close()]);
  }
}

interface Given {
  readonly legacy: PlaceTable;
  readonly next: PlaceTable;
  readonly say: (line: string) => void;
}

async function migrate(site: Site, pair: PairPlace, plan: MigrationPlan, given: Given): Promise<MigrationResult> {
  const { legacy, next, say } = given;
  const { name } = pair;
  const problems: string[] = [];
  const chance = seeded(plan.seed);
  const clients = new Clients({ pair: name, ...plan, doors: site.members });
  const killing = killMember(site, clients, plan, chance.next());
  let job: JobResult;
  try {
    job = await runJob(
      site,
      { pair: name, ...plan, options: plan.jobOptions, chance: seeded(plan.seed + 1) },
      problems,
    );
  } finally {
    await killing.catch(() => null);
    await clients.stop();
  }
  const killed = await killing;
  for (const error of clients.errors.slice(0, 3)) problems.push(`a client was answered ${error}`);
  say(`${name}: ${job.read} rows read in ${job.seconds.toFixed(1)} s, ${job.kills} kills; draining`);
  await site.drained();
  const [member] = site.members as [Member];
  const unlisted = await repairKeys(site, member, name, problems);

  const { log } = clients;
  const made = new Set(log.made());
  const moved = await compareTables(legacy, next, (row) => {
    made.delete(row.id);
    const why = log.whyNot(row);
    if (why !== null) problems.push(`legacy: ${why}`);
  });
  for (const id of made)
    if (!log.mayBeGone(id)) problems.push(`legacy: ${id} is not there, and a client was told that it is`);
  const isDoubted = doubted(killed, unlisted.isGap, plan.rows);
  const excused = moved.differences.filter((one) => unlisted.isWhole && isDoubted(one));
  for (const one of moved.differences) {
    if (!excused.includes(one)) problems.push(`after the backfill: ${spell(one)}, and no repair entry or gap says so`);
  }
  const begunAt = performance.now();
  const first = await reconcile(site, member, name);
  const reconcileSeconds = (performance.now() - begunAt) / 1_000;
  sameFindings(first.findings, moved.differences, pair, problems, "after the backfill");
  say(`${name}: reconcile found ${first.findings.length}, ${excused.length} of them listed for a killed member`);

  // Rows are repaired by hand while nothing is mirrored.
  await member.patch(`/api/v1/routes/${name}`, { mirror: false, reason: "rows are repaired" });
  if (excused.length > 0) await repairByHand(site, member, name, problems);
  const planted = await plant({ legacy, next }, { rows: plan.rows, each: plan.planted, seed: plan.seed });
  const before = await compareTables(legacy, next, () => undefined);
  const expected = planted.map(({ difference }) => difference);
  sameDifferences(before.differences, expected, problems);
  const found = await reconcile(site, member, name);
  sameFindings(found.findings, expected, pair, problems, "planted");
  const repaired = await repairByHand(site, member, name, problems);
  const last = await reconcile(site, member, name);
  for (const { kind, key } of last.findings) problems.push(`after the repair reconcile still finds ${kind} ${key}`);
  const left = await compareTables(legacy, next, () => undefined);
  for (const one of left.differences) problems.push(`after the repair: ${spell(one)}`);
  return {
    pair: name,
    rows: moved.rows,
    accepted: log.accepted,
    refused: log.refused,
    unanswered: log.unanswered,
    membersKilled: killed === null ? 0 : 1,
    job,
    excused: excused.length,
    reconcileFound: first.findings.length,
    reconcileSeconds,
    planted: countBy(planted, ({ kind }) => kind),
    found: countBy(
      planted.filter(({ difference }) => found.findings.some(({ key }) => key === difference.id)),
      ({ kind }) => kind,
    ),
    repaired,
    left: left.differences.length,
    problems: problems.slice(0, MOST_PROBLEMS),
  };
}

/** What was under way at the member that was killed, and is up again. null: none was to be. */
async function killMember(
  site: Site,
  clients: Clients,
  { memberKilledAfterMs }: MigrationPlan,
  chance: number,
): Promise<{ recent(ms: number): readonly Doubt[] } | null> {
  if (memberKilledAfterMs === null) return null;
  const [least, most] = memberKilledAfterMs;
  await wait(least + chance * (most - least));
  const member = site.members[Math.floor(chance * 1_000) % site.members.length] as Member;
  const [near, far] = [clients.doubtsOf(member, DOUBTED_MS), clients.doubtsOf(member, DOUBTED_IN_GAP_MS)];
  await member.kill();
  await wait(300);
  await member.start();
  return { recent: (ms) => (ms > DOUBTED_MS ? far : near).map((doubt) => doubt()) };
}

interface Unlisted {
  /** Something stands for a whole collection, or a gap for a while. */
  readonly isWhole: boolean;
  readonly isGap: boolean;
}

/** Makes what is on the repair list by its key equal; what is left has no key. */
async function repairKeys(site: Site, member: Member, pair: string, problems: string[]): Promise<Unlisted> {
  const at = ["--config", member.configFile, "--admin", member.adminUrl];
  const isOurs = ({ route }: { readonly route: string | null }): boolean => route === null || route.startsWith(pair);
  for (let runs = 1; ; runs += 1) {
    const ran = await site.run("repair", "--route", pair, ...at);
    const { items } = await member.api<{ items: readonly Listed[] }>("/api/v1/repairs?limit=1000");
    const keyed = items.filter(({ key }) => key?.startsWith(`${pair}/`) === true);
    // What a member was writing when it was killed may land for as long as the shadow's timeout.
    const isEarly = keyed.some(({ notBefore }) => notBefore !== null && Date.parse(notBefore) > Date.now());
    if (keyed.length > 0 && (runs < MOST_REPAIR_RUNS || isEarly)) {
      await wait(200);
      continue;
    }
    for (const { key, reason } of keyed) problems.push(`${key} stays on the list (${reason})`);
    if (keyed.length > 0) problems.push(`repair ended with ${ran.code}: ${ran.stdout}${ran.stderr}`);
    const gaps = (await member.api<{ items: readonly { route: string | null }[] }>("/api/v1/gaps?limit=1000")).items;
    const isGap = gaps.some(isOurs);
    return { isGap, isWhole: isGap || items.some(isOurs) };
  }
}

interface Listed {
  readonly route: string;
  readonly key: string | null;
  readonly reason: string;
  readonly notBefore: string | null;
}

interface Finding {
  readonly kind: string;
  readonly key: string;
  readonly differences?: readonly { readonly at: string }[];
}

async function reconcile(site: Site, { configFile, adminUrl }: Member, pair: string) {
  const { stdout, stderr } = await site.run("reconcile", pair, "--config", configFile, "--admin", adminUrl, "--json");
  const lines = stdout.split("\n").filter((line) => line !== "");
  const parsed = lines.map(
    (line) => JSON.parse(line) as Finding & { readonly type?: string; readonly extraUnknown?: unknown },
  );
  const sums = parsed.find(({ type }) => type === "reconcile");
  if (sums === undefined) throw new Error(`reconcile of ${pair} ended otherwise: ${stdout}${stderr}`);
  return { findings: parsed.filter(({ type }) => type === undefined) };
}

/** Returns how many rows were written or removed. */
async function repairByHand(site: Site, member: Member, pair: string, problems: string[]): Promise<number> {
  const { configFile } = member;
  const { code, stdout, stderr } = await site.run("reconcile", pair, "--config", configFile, "--repair", "--json");
  const repair = stdout.split("\n").find((line) => line.startsWith('{"type":"repair"'));
  if (code !== 0 || repair === undefined) {
    problems.push(`reconcile --repair of ${pair} ended with ${code}: ${stdout.slice(-500)}${stderr}`);
    return 0;
  }
  const { added, replaced, removed } = JSON.parse(repair) as { added: number; replaced: number; removed: number };
  return added + replaced + removed;
}

function sameDifferences(found: Compared["differences"], expected: readonly RowDifference[], problems: string[]): void {
  const told = new Set(found.map(spell));
  for (const one of expected)
    if (!told.delete(spell(one))) problems.push(`planted, and we did not see it: ${spell(one)}`);
  for (const one of told) problems.push(`nobody planted: ${one}`);
}

/** By kind, key and column. */
function sameFindings(
  findings: readonly Finding[],
  expected: readonly RowDifference[],
  { overHttp }: PairPlace,
  problems: string[],
  when: string,
): void {
  const called = (column: string): string =>
    overHttp ? ({ name: "title", seen: "seen_at" }[column] ?? column) : column;
  const wanted = new Map(
    expected.map((one) => [
      one.id,
      one.kind === "mismatched"
        ? `mismatched ${one.columns
            .map((column) => `/${called(column)}`)
            .toSorted()
            .join(" ")}`
        : one.kind,
    ]),
  );
  for (const { kind, key, differences = [] } of findings) {
    // A label is made of its title.
    const places = differences.map(({ at }) => at).filter((at) => at !== "/label");
    const said = kind === "mismatched" ? `mismatched ${places.toSorted().join(" ")}` : kind;
    const want = wanted.get(key);
    wanted.delete(key);
    if (said !== want) problems.push(`${when}: reconcile says ${said} of ${key}, which is ${want ?? "equal"}`);
  }
  for (const [key, want] of wanted) problems.push(`${when}: reconcile did not find ${key}: ${want}`);
}

function doubted(
  killed: Awaited<ReturnType<typeof killMember>>,
  isGap: boolean,
  rows: number,
): (one: RowDifference) => boolean {
  const doubts = killed?.recent(isGap ? DOUBTED_IN_GAP_MS : DOUBTED_MS) ?? [];
  const ids = new Set(doubts.flatMap((doubt) => doubt.ids));
  const raised = new Set(doubts.flatMap((doubt) => doubt.raised ?? []));
  const isMade = doubts.some(({ made }) => made);
  return ({ id, kind }) =>
    ids.has(id) || raised.has(Number(id) % RAISED_EVERY) || (isMade && kind === "missing" && Number(id) > rows);
}

function spell(one: RowDifference): string {
  return one.kind === "mismatched"
    ? `mismatched ${one.id} ${one.columns.toSorted().join(" ")}`
    : `${one.kind} ${one.id}`;
}

function countBy(planted: readonly Planted[], of: (one: Planted) => string): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(planted, of)].map(([kind, some]) => [kind, some.length]));
}
