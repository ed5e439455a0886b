/** Cutovers and rollbacks under load from real clients, and what both services' accounts say of it (docs/cutover.md). */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Agent, request } from "undici";
import type { MoveReport } from "../../proxy/moves/phase-move.ts";
import { findRedisServer } from "../../deploy/servers.mjs";
import { freePort } from "../support/free-port.ts";
import { type Costs, countCosts } from "./costs.ts";
import { watchWindows, type WindowParts } from "./window.ts";
import { type Account, check, type ClientKey, type Verdict } from "./check.ts";

export interface CutoverPlan {
  /** Of the CLI. */
  readonly cli: string;
  /** Processes that share a Redis; 0: one alone, on SQLite. */
  readonly members: number;
  /** Of each. */
  readonly workers: number;
  /** Each is a cutover and a rollback. */
  readonly rounds: number;
  readonly writesPerSecond: number;
  readonly clients: number;
  /** Traffic between two moves. */
  readonly betweenMs: number;
}

export interface CutoverResult extends Verdict {
  readonly moves: number;
  /** Moves that were given up, or not begun with copies that far behind, which leaves the old primary; they are tried again. */
  readonly aborted: number;
  readonly clientErrors: number;
  /** Keys of which Redis did not tell in time what was before; their order is not judged. */
  readonly doubted: number;
  /** ms, of each move: how long writes were held back, and the slowest write that a client saw meanwhile. */
  readonly held: readonly number[];
  readonly slowest: readonly number[];
  /** ms: writes that no move overlapped. */
  readonly undisturbed: readonly number[];
  /** Of moves of several members. */
  readonly parts: readonly WindowParts[];
  readonly costs: Costs;
}

/** A machine on which copies stay behind for that long does not bear that many writes. */
const MOVED_WITHIN_MS = 60_000;

interface Sent {
  readonly begunAt: number;
  readonly ms: number;
}

export async function runCutovers(plan: CutoverPlan, say: (line: string) => void): Promise<CutoverResult> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-cutover-"));
  const children: ChildProcess[] = [];
  const dispatcher = new Agent({ connections: plan.clients, pipelining: 1 });
  const closing: (() => void)[] = [];
  let isOver = false;
  try {
    const [legacy, next] = [await service(children), await service(children)];
    const redis = plan.members > 0 ? await startRedis(folder, children) : null;
    const store = redis === null ? `sqlite:${join(folder, "crossfade.db")}` : `"${redis.url}"`;
    const members: StartedProxy[] = [];
    for (let n = 0; n < Math.max(1, plan.members); n++)
      members.push(
        await startProxy({ plan, folder, name: `member-${n + 1}`, store, services: [legacy, next] }, children),
      );
    const windows = redis === null ? null : await watchWindows(redis.url);
    if (windows !== null) closing.push(() => windows.close());
    const costsOf = await countCosts({ proxies: members.map(({ child }) => child), redis });
    const keys = Array.from({ length: plan.clients }, (_, n) => ({ key: `/users/${n}`, acknowledged: 0 }));
    const sent: Sent[] = [];
    let clientErrors = 0;
    let sends = 0;
    /** A client's writes come to all members in turn. */
    const proxyUrl = (): string => (members[sends++ % members.length] as StartedProxy).proxyUrl;
    const everyMs = (1_000 * plan.clients) / plan.writesPerSecond;
    const clients = keys.map(async (own, n) => {
      await wait((everyMs * n) / plan.clients);
      for (let due = performance.now(); !isOver; due += everyMs) {
        await wait(Math.max(0, due - performance.now()));
        const begunAt = performance.now();
        const body = JSON.stringify({ n: own.acknowledged + 1 });
        const headers = { "content-type": "application/json" };
        const answer = await request(proxyUrl() + own.key, { method: "PUT", body, headers, dispatcher }).catch(
          () => null,
        );
        await answer?.body.dump();
        sent.push({ begunAt, ms: performance.now() - begunAt });
        if (answer?.statusCode === 200) own.acknowledged++;
        else clientErrors++;
      }
    });
    await wait(plan.betweenMs);
    const [held, spans, tally] = [[] as number[], [] as (readonly [number, number])[], { aborted: 0 }];
    for (let round = 1; round <= plan.rounds; round++) {
      for (const step of ["advance", "rollback"] as const) {
        const asked = members[spans.length % members.length] as StartedProxy;
        const { report, span } = await moveUntilMoved(asked.adminUrl, step, tally);
        held.push(report.pauseMs ?? 0);
        spans.push(span);
        await wait(plan.betweenMs);
      }
      if (round % 10 === 0) say(`${round} rounds, last pause ${held.at(-1)} ms`);
    }
    isOver = true;
    await Promise.all(clients);
    for (const { adminUrl } of members) await untilSettled(adminUrl);
    const costs = await costsOf(sent.length);
    const [ofLegacy, ofNext] = [await accountOf(legacy), await accountOf(next)];
    // What is listed has not been read, or was read and is listed again: a process reads before it takes an entry off.
    const doubted = new Set([...(await listedAsOverlap(members[0] as StartedProxy)), ...ofLegacy.read, ...ofNext.read]);
    const told: readonly ClientKey[] = keys.map((own) => ({ ...own, isDoubted: doubted.has(own.key) }));
    const verdict = check({ legacy: ofLegacy.applied, next: ofNext.applied }, told, spans.length);
    const overlaps = ([from, to]: readonly [number, number], { begunAt, ms }: Sent): boolean =>
      begunAt < to && begunAt + ms > from;
    return {
      ...verdict,
      doubted: doubted.size,
      moves: spans.length,
      aborted: tally.aborted,
      clientErrors,
      held,
      slowest: spans.map((span) => Math.max(0, ...sent.filter((one) => overlaps(span, one)).map(({ ms }) => ms))),
      undisturbed: sent.filter((one) => !spans.some((span) => overlaps(span, one))).map(({ ms }) => ms),
      parts: windows?.parts ?? [],
      costs,
    };
  } finally {
    // Also where a move threw: clients would go on for good.
    isOver = true;
    for (const close of closing) close();
    await dispatcher.destroy();
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map(ended));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** The nearest rank. @param share 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

async function moveUntilMoved(adminUrl: string, step: string, tally: { aborted: number }) {
  const until = performance.now() + MOVED_WITHIN_MS;
  for (;;) {
    const from = performance.now();
    const answer = await request(`${adminUrl}/api/v1/routes/users/phase`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      // A gate of seven days is not what is tried here.
      body: JSON.stringify({ step, force: true, reason: "a run of cutovers" }),
    });
    const body = (await answer.body.json()) as MoveReport & { readonly report?: MoveReport; readonly detail?: string };
    if (answer.statusCode === 200) return { report: body, span: [from, performance.now()] as const };
    const isBehind = /copies are [\d,]+ ms behind/.test(body.detail ?? "");
    const isTooLate = performance.now() > until;
    if (isTooLate || (body.report?.end !== "aborted" && !isBehind))
      throw new Error(`${step} was refused: ${body.detail}`);
    tally.aborted++;
    await wait(isBehind ? 50 : 0);
  }
}

async function service(children: ChildProcess[]): Promise<string> {
  const child = fork(join(import.meta.dirname, "service.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  children.push(child);
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return `http://127.0.0.1:${port}`;
}

interface StartedProxy {
  readonly child: ChildProcess;
  readonly proxyUrl: string;
  readonly adminUrl: string;
}

async function startRedis(folder: string, children: ChildProcess[]) {
  const port = await freePort();
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--loglevel", "warning"];
  const child = spawn(findRedisServer(), args, { stdio: "ignore" });
  children.push(child);
  // The proxies wait until it answers.
  return { child, url: `redis://127.0.0.1:${port}` };
}

async function startProxy(
  {
    plan,
    folder,
    name,
    store,
    services: [legacy, next],
  }: {
    readonly plan: CutoverPlan;
    readonly folder: string;
    readonly name: string;
    readonly store: string;
    readonly services: readonly [string, string];
  },
  children: ChildProcess[],
): Promise<StartedProxy> {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
store: ${store}
workers: ${plan.workers}
${plan.members > 0 ? `member: { folder: ${join(folder, name)}, name: ${name} }` : ""}
divergenceLog: { file: ${join(folder, `${name}.ndjson`)} }
services:
  legacy: { url: "${legacy}", effects: suppressed }
  next: { url: "${next}", effects: suppressed }
routes:
  - { name: users, match: { path: "/users/**" } }
`,
  );
  const args = [plan.cli, "start", "--config", file, "--log-level", "error"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const ready = await new Promise<RegExpExecArray>((resolve, reject) => {
    let seen = "";
    child.stdout.on("data", (chunk: Buffer) => {
      seen += String(chunk);
      const found = /^crossfade ready proxy=(\S+) admin=(\S+)\n/.exec(seen);
      if (found !== null) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`the proxy ended with ${code} before it was ready`)));
  });
  return { child, proxyUrl: ready[1] as string, adminUrl: ready[2] as string };
}

async function untilSettled(adminUrl: string): Promise<void> {
  for (;;) {
    const { body } = await request(`${adminUrl}/api/v1/status`);
    const { routes, store } = (await body.json()) as {
      routes: { pending: number }[];
      store: { pendingWrites: number };
    };
    if (routes.every(({ pending }) => pending === 0) && store.pendingWrites === 0) return;
    await wait(20);
  }
}

/** What a service of a run applied, and which keys were read there. */
export async function accountOf(url: string): Promise<{ readonly applied: Account; readonly read: readonly string[] }> {
  return (await (await request(`${url}/account`)).body.json()) as { applied: Account; read: readonly string[] };
}

/** Paths. What has settled is on the list once it is durable. */
async function listedAsOverlap({ adminUrl }: StartedProxy): Promise<readonly string[]> {
  const { body } = await request(`${adminUrl}/api/v1/repairs?limit=1000`);
  const { items } = (await body.json()) as { items: readonly { key: string; reason: string }[] };
  return items.filter(({ reason }) => reason === "overlap").map(({ key }) => `/${key}`);
}
