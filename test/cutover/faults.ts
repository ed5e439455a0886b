/**
 * Faults of a move over two members, enumerated: at each step of the transition, before Redis has seen it and before its answer is
 * read, something happens to the member that leads the move, to the other one, or to Redis. Afterwards everything comes
 * back, and both services' own accounts are asked (docs/cutover.md).
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Redis } from "ioredis";
import { request } from "undici";
import { findRedisServer } from "../../deploy/servers.mjs";
import { freePort } from "../support/free-port.ts";
import { agreed, Clients, violationsOf } from "./fault-account.ts";
import { type Caught, type Moment, type RedisWire, startRedisWire, type Step } from "./redis-wire.ts";

export const STEPS: readonly { readonly step: Step; readonly by: "leader" | "other" }[] = [
  { step: "announce", by: "leader" },
  { step: "acknowledge", by: "other" },
  { step: "prepare", by: "leader" },
  // The second one: of having drained.
  { step: "acknowledge", by: "other" },
  { step: "commit", by: "leader" },
  // The leader's commit was lost on its way.
  { step: "abort", by: "leader" },
  // The leader was killed before it could commit, and the time of the move is over.
  { step: "abort", by: "other" },
];
const [DRAINED, COMMIT, ABORT_BY_LEADER, ABORT_BY_OTHER] = [3, 4, 5, 6] as const;

export const FAULTS = [
  "kill leader",
  "kill other",
  "stop leader",
  "stop other",
  "cut leader off",
  "cut other off",
  "cut both off",
  "lose the connection",
  "kill redis",
  "stop redis",
  // It is not heard any more, as Redis has it, and lives.
  "silence leader",
  "silence other",
  // One after the other, by SIGTERM, while Redis is killed.
  "restart all",
  "join",
  "leave",
  // Of the commit alone: a failover to a replica that did not have it, which one member had read and the other had not.
  "forget leader unaware",
  "forget other unaware",
  // While it holds writes back, until it was given up and the next move is announced.
  "sleep leader",
  "sleep other",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultCase {
  /** Index of STEPS. */
  readonly step: number;
  readonly moment: Moment;
  readonly fault: Fault;
}

export function spellCase({ step, moment, fault }: FaultCase): string {
  const at = STEPS[step] as (typeof STEPS)[number];
  return `${fault}, ${moment} ${at.step}${at.step === "abort" ? ` by the ${at.by}` : ""}`;
}

export interface FaultResult {
  readonly phase: string;
  /** What whoever asked for the move was told; null: nothing ever came. */
  readonly answered: { readonly status: number | null; readonly detail: string };
  readonly acknowledged: number;
  readonly refused: number;
  /** ms from when everything was back until all agreed. */
  readonly agreedMs: number;
  readonly violations: readonly string[];
}

const OF_ABORT_BY_LEADER: ReadonlySet<Fault> = new Set<Fault>([
  ...(["kill leader", "kill other", "stop leader", "stop other", "cut leader off", "cut other off"] as const),
  ...(["cut both off", "lose the connection", "kill redis", "stop redis", "join"] as const),
]);
/** The leader is gone by then. */
const OF_ABORT_BY_OTHER: ReadonlySet<Fault> = new Set<Fault>([
  ...(["kill other", "stop other", "cut other off", "lose the connection", "kill redis"] as const),
]);

function exists({ fault, step, moment }: FaultCase): boolean {
  if (fault.startsWith("forget") || fault === "sleep leader") return step === COMMIT && moment === "before";
  if (fault === "sleep other") return step === DRAINED && moment === "before";
  if (step === ABORT_BY_LEADER) return OF_ABORT_BY_LEADER.has(fault);
  return step !== ABORT_BY_OTHER || OF_ABORT_BY_OTHER.has(fault);
}

/** Every case that there is: 5 steps, 2 moments, 15 faults; 2 of what a Redis may forget; 32 of an abort, and 2 that sleep over it. */
export const CASES: readonly FaultCase[] = [
  ...casesOf(STEPS.slice(0, ABORT_BY_LEADER).keys()),
  ...casesOf([ABORT_BY_LEADER, ABORT_BY_OTHER]),
];

function casesOf(steps: Iterable<number>): readonly FaultCase[] {
  const all = [...steps];
  return FAULTS.flatMap((fault) =>
    all.flatMap((step) => (["before", "after"] as const).map((moment) => ({ step, moment, fault }))),
  ).filter(exists);
}

/** Longer than a move may take, and than held writes wait. */
const STOPPED_MS = 6_000;
const MOST_TRIES = 5;
/** Longer than held writes wait, members are heard again after a loss, and a start takes on a busy machine. */
const AGREED_WITHIN_MS = 20_000;
/** The next move is made by all as soon as the sleeper is awake; it would be given up after 10 s. */
const MADE_WITHIN_MS = 8_000;
/** Of a member that is asked to end while Redis is away, and may hold writes back. */
const ENDED_WITHIN_MS = 15_000;

interface Member {
  readonly name: string;
  readonly wire: RedisWire;
  child: ChildProcess;
  proxyUrl: string;
  adminUrl: string;
}

export async function runFault(cli: string, { step, moment, fault }: FaultCase): Promise<FaultResult> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-faults-"));
  const children: ChildProcess[] = [];
  const wires: RedisWire[] = [];
  try {
    const redisPort = await freePort();
    const startRedis = (): ChildProcess => {
      const child = spawn(
        findRedisServer(),
        ["--port", `${redisPort}`, "--bind", "127.0.0.1", "--dir", folder, "--save", ""].concat([
          "--appendonly",
          "yes",
          "--appendfsync",
          "always",
          "--loglevel",
          "warning",
        ]),
        { stdio: "ignore" },
      );
      children.push(child);
      return child;
    };
    let redis = startRedis();
    const services = [await service(children), await service(children)] as const;
    const begin = async (name: string): Promise<Member> => {
      const wire = await startRedisWire(redisPort);
      wires.push(wire);
      const member = { name, wire, ...(await start(cli, folder, name, wire.url, services)) };
      children.push(member.child);
      return member;
    };
    const again = async (member: Member): Promise<void> => {
      Object.assign(member, await start(cli, folder, member.name, member.wire.url, services));
      children.push(member.child);
    };
    const [leader, other] = [await begin("leader"), await begin("other")];
    const members = [leader, other];
    const clients = new Clients(members);
    clients.begin();
    await wait(150);

    const at = STEPS[step] as (typeof STEPS)[number];
    const isAbort = at.step === "abort";
    const violations: string[] = [];
    let hasStruck = false;
    let isGivenUp = false;
    const happened = Promise.withResolvers<void>();
    let bringBack: () => Promise<void> = () => Promise.resolve();
    const act = (what: Caught): void => {
      hasStruck = true;
      void (async () => {
        bringBack = await strike();
        // What a process that is gone, or cut off, has not sent yet is never seen.
        const isSender = [`kill ${at.by}`, `cut ${at.by} off`, "cut both off", "restart all"].includes(fault);
        if (fault.startsWith("forget")) {
          if (fault === "forget leader unaware") what.passUnanswered();
          else what.pass();
          // The other one reads it meanwhile.
          setTimeout(happened.resolve, 100);
          return;
        }
        const isLost = fault === "lose the connection" || fault.startsWith("sleep");
        if (isLost || (isSender && moment === "before")) what.drop();
        else what.pass();
        happened.resolve();
      })();
    };
    const strike = async (): Promise<() => Promise<void>> => {
      const [verb, who] = fault.split(" ");
      const victim = who === "leader" ? leader : other;
      switch (verb) {
        case "kill": {
          if (who === "redis") {
            redis.kill("SIGKILL");
            await exited(redis);
            return () => Promise.resolve(void (redis = startRedis()));
          }
          victim.child.kill("SIGKILL");
          await exited(victim.child);
          return () => again(victim);
        }
        case "stop": {
          const { child } = who === "redis" ? { child: redis } : victim;
          child.kill("SIGSTOP");
          return () => Promise.resolve(void child.kill("SIGCONT"));
        }
        case "cut": {
          const cut = who === "both" ? members : [victim];
          for (const one of cut) one.wire.cut();
          return async () => cut.forEach((one) => one.wire.mend());
        }
        case "sleep": {
          victim.child.kill("SIGSTOP");
          return async () => {
            violations.push(...(await moveOverSleeper(redisPort, victim, victim === leader ? other : leader)));
          };
        }
        case "silence":
          return await silence(redisPort, victim.name);
        case "restart":
          redis.kill("SIGKILL");
          await exited(redis);
          for (const one of members) {
            one.child.kill("SIGTERM");
            await Promise.race([exited(one.child), wait(ENDED_WITHIN_MS)]);
            one.child.kill("SIGKILL");
            await exited(one.child);
            await again(one);
          }
          return () => Promise.resolve(void (redis = startRedis()));
        case "join":
          members.push(await begin("third"));
          return () => Promise.resolve();
        case "forget": {
          const before = await wholeOf(redisPort);
          if (victim === other) other.wire.cut();
          return async () => {
            await putBack(redisPort, before);
            redis.kill("SIGKILL");
            await exited(redis);
            redis = startRedis();
            victim.wire.mend();
          };
        }
        case "leave":
          other.child.kill("SIGTERM");
          return async () => {
            await exited(other.child);
            await again(other);
          };
        default:
          return () => Promise.resolve();
      }
    };
    const wire = (at.by === "leader" ? leader : other).wire;
    // The first acknowledgement passes where the second is meant.
    if (step === DRAINED) wire.at("acknowledge", "after", ({ pass }) => (wire.at("acknowledge", moment, act), pass()));
    else if (isAbort) {
      // What the leader has not sent by then nobody does: whoever is left aborts.
      leader.wire.at("commit", "before", ({ drop }) => {
        isGivenUp = true;
        if (step === ABORT_BY_OTHER) leader.child.kill("SIGKILL");
        wire.at("abort", moment, act);
        drop();
      });
    } else wire.at(at.step, moment, act);
    let moving = move(leader.adminUrl);
    // On a busy machine a move may be given up before it comes to its step: it is made again.
    for (let tries = 1; ; tries++) {
      const ended = await Promise.race([happened.promise, moving]);
      if (ended === undefined || hasStruck || isGivenUp) break;
      if (tries === MOST_TRIES || ended.status === 200) throw new Error(`its step was not seen: ${ended.detail}`);
      moving = move(leader.adminUrl);
    }
    await happened.promise;
    const lasts = ["stop", "cut", "silence"].some((verb) => fault.startsWith(verb)) ? STOPPED_MS : 300;
    await wait(lasts);
    await bringBack();
    if (step === ABORT_BY_OTHER) await again(leader);
    const backAt = performance.now();
    const answered = await Promise.race([moving, wait(15_000).then(() => NO_ANSWER)]);
    const phase = await agreed(members);
    const agreedMs = Math.round(performance.now() - backAt);
    if (isAbort && phase !== "dual-write") violations.push(`it was given up, and ended in ${phase}`);
    if (agreedMs > AGREED_WITHIN_MS) violations.push(`it took ${agreedMs} ms until all agreed`);
    await wait(300);
    await clients.end();
    violations.push(...(await violationsOf(members, clients, services, phase)));
    const acknowledged = [...clients.acknowledged.values()].reduce((sum, { size }) => sum + size, 0);
    return { phase, answered, acknowledged, refused: clients.refused, agreedMs, violations };
  } finally {
    for (const child of children) {
      child.kill("SIGKILL");
      child.kill("SIGCONT");
    }
    await Promise.all(children.map(exited));
    for (const wire of wires) await wire.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whoever sleeps has agreed to a move, which is given up meanwhile, and wakes to the next one. Returns what it did wrong. */
async function moveOverSleeper(port: number, sleeper: Member, awake: Member): Promise<readonly string[]> {
  const first = await untilTransition(port, ({ state }) => state === "aborted");
  const announced = untilTransition(port, ({ id }) => id !== first).then(
    () => null,
    () => null,
  );
  let next = move(awake.adminUrl);
  // Whoever led the first one may be busy with its end; on a busy machine the sleeper may be known to be silent by now.
  for (;;) {
    const early = await Promise.race([announced, next]);
    if (early === null || early.detail.includes("silent")) break;
    next = move(awake.adminUrl);
  }
  sleeper.child.kill("SIGCONT");
  const until = performance.now() + MADE_WITHIN_MS;
  for (;;) {
    const left = Math.max(0, until - performance.now());
    const { status, detail } = await Promise.race([next, wait(left).then(() => NO_ANSWER)]);
    if (status === 200) return [];
    // On a busy machine copies may be behind.
    if (status !== 409 || left === 0) return [`the next move was not made: ${detail}`];
    await wait(100);
    next = move(awake.adminUrl);
  }
}

/** Its id. */
async function untilTransition(port: number, is: (one: { id: string; state: string }) => boolean): Promise<string> {
  return await withRedis(port, async (redis) => {
    for (;;) {
      const text = await redis.get("crossfade:{0}:transition");
      const one = text === null ? null : (JSON.parse(text) as { id: string; state: string });
      if (one !== null && is(one)) return one.id;
      await wait(20);
    }
  });
}

/** What members agree on, as Redis has it. */
async function wholeOf(port: number): Promise<readonly (readonly [key: string, dump: Buffer])[]> {
  return await withRedis(port, async (redis) => {
    const keys = ["phases", "transition", "transition:acks"].map((name) => `crossfade:{0}:${name}`);
    const dumps = await Promise.all(keys.map(async (key) => [key, await redis.dumpBuffer(key)] as const));
    return dumps.filter((dump): dump is readonly [string, Buffer] => dump[1] !== null);
  });
}

async function putBack(port: number, before: readonly (readonly [string, Buffer])[]): Promise<void> {
  await withRedis(port, async (redis) => {
    for (const [key, dump] of before) await redis.restore(key, 0, dump, "REPLACE");
  });
}

/** What it says of itself counts for nothing, as if it were lost on the way. */
async function silence(port: number, name: string): Promise<() => Promise<void>> {
  const redis = new Redis({ port, host: "127.0.0.1" });
  const rows = await redis.hgetall("crossfade:{0}:members");
  const id = Object.keys(rows).find((one) => (JSON.parse(rows[one] as string) as { name: string }).name === name);
  const say = (): void => void redis.hset("crossfade:{0}:members:heard", id as string, "0 0").catch(() => undefined);
  const timer = setInterval(say, 20);
  return async () => {
    clearInterval(timer);
    redis.disconnect();
  };
}

async function withRedis<T>(port: number, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ port, host: "127.0.0.1" });
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

const NO_ANSWER = { status: null, detail: "no answer" };

async function move(adminUrl: string): Promise<FaultResult["answered"]> {
  const answer = await request(`${adminUrl}/api/v1/routes/users/phase`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ step: "advance", force: true, reason: "a fault is tried" }),
  }).catch(() => null);
  const body = (await answer?.body.json().catch(() => null)) as { detail?: string; sentence?: string } | null;
  return answer === null ? NO_ANSWER : { status: answer.statusCode, detail: body?.detail ?? body?.sentence ?? "" };
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function service(children: ChildProcess[]): Promise<string> {
  const child = fork(join(import.meta.dirname, "service.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  children.push(child);
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return `http://127.0.0.1:${port}`;
}

async function start(
  cli: string,
  folder: string,
  name: string,
  store: string,
  [legacy, next]: readonly [string, string],
): Promise<Pick<Member, "child" | "proxyUrl" | "adminUrl">> {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
store: "${store}"
member: { folder: "${join(folder, name)}", name: ${name} }
divergenceLog: { file: "${join(folder, `${name}.ndjson`)}" }
services:
  legacy: { url: "${legacy}", effects: suppressed }
  next: { url: "${next}", effects: suppressed, idempotency: honoured }
routes:
  - { name: users, match: { path: "/users/**" } }
`,
  );
  const child = spawn(process.execPath, [cli, "start", "--config", file, "--log-level", "silent"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ready = await new Promise<RegExpExecArray>((resolve, reject) => {
    let seen = "";
    child.stdout.on("data", (chunk: Buffer) => {
      seen += String(chunk);
      const found = /crossfade ready proxy=(\S+) admin=(\S+)\n/.exec(seen);
      if (found !== null) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code} before it was ready`)));
  });
  return { child, proxyUrl: ready[1] as string, adminUrl: ready[2] as string };
}
