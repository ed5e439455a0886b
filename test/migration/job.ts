/** `crossfade backfill`, killed again and again and begun again at another member, with its memory looked at meanwhile. */
import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Seeded } from "../support/seeded.ts";
import { endOf, type Member, type Site } from "./site.ts";

export interface JobGiven {
  readonly pair: string;
  readonly kills: number;
  /** Of a run that is killed: ms from its start, at least and at most. */
  readonly killedAfterMs: readonly [number, number];
  readonly options: readonly string[];
  readonly chance: Seeded;
}

export interface JobResult {
  readonly kills: number;
  /** Runs that ended because the member that they talked to was killed. */
  readonly lostMembers: number;
  readonly seconds: number;
  readonly read: number;
  readonly written: number;
  readonly readAgain: number;
  readonly toRepair: number;
  readonly longestFreezeMs: number;
  /** Of the run that came to the end: resident bytes a while after its start, in the middle and at the end; null: nobody can tell. */
  readonly memory: readonly [number, number, number] | null;
}

const MOST_RUNS = 50;
const LOOKED_AT_EVERY_MS = 200;
/** Until then a process loads. */
const LOADED_AFTER_MS = 1_500;

/** `problems`: what should not have been. */
export async function runJob(site: Site, given: JobGiven, problems: string[]): Promise<JobResult> {
  const { pair, chance } = given;
  const file = join(site.folder, `${pair}.checkpoint.json`);
  const begunAt = performance.now();
  let [kills, lostMembers] = [0, 0];
  for (let run = 0; run < MOST_RUNS; run += 1) {
    const member = await upMember(site, run);
    const at = ["--config", member.configFile, "--admin", member.adminUrl, "--checkpoint", file];
    const child = site.spawn(["backfill", pair, ...at, "--json", ...given.options]);
    const memory = watchMemory(child);
    const ended = endOf(child);
    const [least, most] = given.killedAfterMs;
    const isEnded = await Promise.race([
      ended.then(() => true),
      wait(least + chance.next() * (most - least)).then(() => kills >= given.kills),
    ]);
    if (!isEnded) {
      kills += 1;
      child.kill("SIGKILL");
      await ended;
      memory.stop();
      continue;
    }
    const { code, stdout, stderr } = await ended;
    const resident = memory.stop();
    const end = JSON.parse(stdout.split("\n").find((line) => line.startsWith('{"type":"backfill"')) ?? "{}") as JobEnd;
    if (end.end !== "done") {
      // Its member was killed under it.
      if (
        member.proxyUrl === null ||
        /ECONNREFUSED|ECONNRESET|socket hang up|other side closed|does not answer|not running/i.test(stderr)
      )
        lostMembers += 1;
      else problems.push(`backfill of ${pair} ended with ${code}: ${stdout}${stderr}`);
      if (problems.length > 3) break;
      continue;
    }
    if (code !== 0 && end.toRepair === 0) problems.push(`backfill of ${pair} ended with ${code}: ${stdout}${stderr}`);
    const { read, written, readAgain, toRepair, longestFreezeMs } = end;
    const seconds = (performance.now() - begunAt) / 1_000;
    return { kills, lostMembers, seconds, read, written, readAgain, toRepair, longestFreezeMs, memory: resident };
  }
  const noted = existsSync(file) ? readFileSync(file, "utf8") : "nothing";
  throw new Error(`the backfill of ${pair} did not come to its end; it noted ${noted}\n${problems.join("\n")}`);
}

interface JobEnd {
  readonly end?: string;
  readonly read: number;
  readonly written: number;
  readonly readAgain: number;
  readonly toRepair: number;
  readonly longestFreezeMs: number;
}

/** Another one for each run. */
async function upMember({ members }: Site, run: number): Promise<Member> {
  for (let n = run; ; n += 1) {
    const member = members[n % members.length] as Member;
    if (member.proxyUrl !== null) return member;
    await wait(20);
  }
}

function watchMemory({ pid }: ChildProcess): { stop(): JobResult["memory"] } {
  const seen: number[] = [];
  const begunAt = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - begunAt < LOADED_AFTER_MS) return;
    const bytes = residentBytes(pid);
    if (bytes !== null) seen.push(bytes);
  }, LOOKED_AT_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      const part = (from: number): number => {
        const some = seen.slice(Math.floor(seen.length * from), Math.ceil(seen.length * (from + 0.2)));
        return some.toSorted((a, b) => a - b)[Math.floor(some.length / 2)] ?? 0;
      };
      return seen.length < 5 ? null : [part(0), part(0.4), part(0.8)];
    },
  };
}

function residentBytes(pid: number | undefined): number | null {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kib === undefined ? null : Number(kib) * 1024;
  } catch {
    return null;
  }
}
