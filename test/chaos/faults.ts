/** The faults of a chaos run: each is named, applied, undone and counted. What it lasts for is traffic, not time, where that can be. */
import { rmSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { Service } from "./children.ts";
import type { Mood } from "./moods.ts";
import type { RedisPair } from "./redis.ts";
import type { Stage } from "./stage.ts";

export const EPISODES = ["services", "kills", "store"] as const;
/**
 * What an episode is about. `services`: whatever the services do and however the proxy is stopped and asked to end, no gap
 * is an excuse. `kills`: members are killed as well. `store`: what they write to is taken from them.
 */
export type EpisodeKind = (typeof EPISODES)[number];

export interface Fault {
  readonly name: string;
  readonly episodes: readonly EpisodeKind[];
  /** It cannot be done there, or would prove nothing. */
  readonly unfit?: (stage: FaultPlace) => boolean;
  /** Applied and undone. */
  run(stage: Stage): Promise<void>;
}

/** What decides which faults there are. */
export type FaultPlace = Pick<Stage, "chance" | "disk" | "redis" | "honours" | "workers">;

/** Writes that a fault lasts for, and how long it lasts where there are none. */
const FEW = 40;
/** Of which so many have come to the sick service, unless nothing comes through at all. */
const FELT = 8;
const FELT_WITHIN_MS = 4_000;

type Side = "legacy" | "next";

function mood(name: string, side: Side, how: Mood, share = 1, writes = FEW): Fault {
  return {
    name,
    episodes: EPISODES,
    // Nobody can know of what the network delivers twice but a receiver that looks at the idempotency key.
    unfit: ({ honours }) => how === "duplicating" && !honours,
    async run(stage) {
      const service: Service = stage[side];
      await service.become(how, share);
      await stage.traffic(writes + stage.chance.below(FEW));
      if (how !== "refusing") await untilFelt(service);
      await service.become("well");
    },
  };
}

/** A breaker that is still open from before lets nothing through to feel it. */
async function untilFelt(service: Service): Promise<void> {
  const until = performance.now() + FELT_WITHIN_MS;
  while ((await service.felt()) < FELT && performance.now() < until) await wait(10);
}

function killed(name: string, side: Side): Fault {
  return {
    name,
    episodes: EPISODES,
    async run(stage) {
      await stage[side].end();
      await stage.traffic(FEW / 2, 1_000);
      await stage[side].start();
    },
  };
}

/** SIGSTOP and SIGCONT: who waits for it sees nothing at all, for longer or shorter than it is waited for. */
function paused(name: string, side: Side | "member"): Fault {
  return {
    name,
    episodes: EPISODES,
    async run(stage) {
      const child = side === "member" ? stage.someMember() : stage[side];
      child.pause();
      await wait(200 + stage.chance.below(800));
      child.goOn();
    },
  };
}

/** Something befalls one worker of some member. */
function onWorker(name: string, run: (pid: number, stage: Stage) => Promise<void>): Fault {
  return {
    name,
    episodes: ["kills"],
    unfit: ({ workers }) => workers === 0,
    async run(stage) {
      const pid = stage.chance.one(stage.someMember().workers());
      await run(pid, stage);
    },
  };
}

function onSqlite(name: string, run: Fault["run"]): Fault {
  return { name, episodes: ["store"], unfit: ({ redis }) => redis !== null, run };
}

function onFullDisk(name: string, run: Fault["run"]): Fault {
  return { name, episodes: ["store"], unfit: ({ disk }) => disk === null, run };
}

function onRedis(name: string, run: (redis: RedisPair, stage: Stage) => Promise<void>): Fault {
  return {
    name,
    episodes: ["store"],
    unfit: ({ redis }) => redis === null,
    run: async (stage) => await run(stage.redis as RedisPair, stage),
  };
}

export const FAULTS: readonly Fault[] = [
  // Long enough for a lane to hold several.
  mood("shadow slow", "next", "slow", 1, 8 * FEW),
  mood("shadow hanging", "next", "hanging"),
  mood("shadow late", "next", "late", 0.3),
  mood("shadow first attempt late", "next", "reset-then-late", 0.3),
  mood("shadow resets before", "next", "reset-before", 0.4),
  mood("shadow resets after", "next", "reset-after", 0.4),
  mood("shadow 503", "next", "failing", 0.5),
  mood("shadow refusing", "next", "refusing"),
  mood("shadow delivered twice", "next", "duplicating"),
  mood("primary slow", "legacy", "slow"),
  mood("primary late", "legacy", "late", 0.2),
  mood("primary resets before", "legacy", "reset-before", 0.3),
  mood("primary resets after", "legacy", "reset-after", 0.3),
  mood("primary 503", "legacy", "failing", 0.5),
  killed("shadow killed", "next"),
  killed("primary killed", "legacy"),
  paused("shadow stopped", "next"),
  paused("primary stopped", "legacy"),
  paused("member stopped", "member"),
  {
    name: "member asked to end",
    episodes: ["services", "kills"],
    async run(stage) {
      const member = stage.someMember();
      // With some of it still waiting for a slow shadow.
      await stage.next.become("slow");
      await untilFelt(stage.next);
      await member.end("SIGTERM");
      await member.start();
      await stage.next.become("well");
    },
  },
  {
    name: "member killed",
    episodes: ["kills"],
    async run(stage) {
      const member = stage.someMember();
      await member.end();
      await member.start();
    },
  },
  {
    name: "member killed, shadow hanging",
    episodes: ["kills"],
    async run(stage) {
      const member = stage.someMember();
      await stage.next.become("hanging");
      await untilFelt(stage.next);
      await member.end();
      await member.start();
      await stage.next.become("well");
    },
  },
  {
    name: "member and shadow killed",
    episodes: ["kills"],
    async run(stage) {
      const member = stage.someMember();
      await Promise.all([member.end(), stage.next.end()]);
      await member.start();
      await stage.next.start();
    },
  },
  {
    name: "member and primary killed",
    episodes: ["kills"],
    async run(stage) {
      const member = stage.someMember();
      await Promise.all([member.end(), stage.legacy.end()]);
      await Promise.all([member.start(), stage.legacy.start()]);
    },
  },
  {
    name: "member killed while it starts",
    episodes: ["kills"],
    async run(stage) {
      const member = stage.someMember();
      await member.end();
      const started = member.start().catch(() => "killed before it was ready");
      await wait(stage.chance.below(400));
      await member.end();
      await started;
      await member.start();
    },
  },
  onWorker("worker killed", async (pid, stage) => {
    process.kill(pid, "SIGKILL");
    await stage.traffic(FEW);
  }),
  onWorker("worker killed, shadow and primary slow", async (pid, stage) => {
    await Promise.all([stage.next.become("slow"), stage.legacy.become("slow")]);
    await untilFelt(stage.legacy);
    process.kill(pid, "SIGKILL");
    await stage.traffic(FEW);
    await Promise.all([stage.next.become("well"), stage.legacy.become("well")]);
  }),
  onWorker("worker stopped", async (pid, stage) => {
    process.kill(pid, "SIGSTOP");
    await wait(200 + stage.chance.below(800));
    process.kill(pid, "SIGCONT");
  }),
  // Longer than a lane waits for an intent without an answer.
  onWorker("worker stopped for 5 s with answers on their way", async (pid, stage) => {
    await withAnswersOnTheirWay(stage, () => process.kill(pid, "SIGSTOP"));
    await wait(5_200);
    process.kill(pid, "SIGCONT");
    await stage.traffic(FEW);
  }),
  onWorker("worker's parent stopped for 2 s with answers on their way", async (_pid, stage) => {
    const member = stage.someMember();
    await withAnswersOnTheirWay(stage, () => member.pause());
    await wait(2_000);
    member.goOn();
    await stage.traffic(FEW);
  }),
  onFullDisk("disk full", async (stage) => {
    stage.disk?.fill();
    await stage.traffic(4 * FEW);
    stage.disk?.empty();
  }),
  onFullDisk("disk full, member killed", async (stage) => {
    const member = stage.someMember();
    stage.disk?.fill();
    await stage.traffic(2 * FEW);
    await member.end();
    stage.disk?.empty();
    await member.start();
  }),
  onSqlite("store removed", async (stage) => {
    removeStore(stage);
    await stage.traffic(2 * FEW);
  }),
  onSqlite("store and member lost together", async (stage) => {
    const member = stage.someMember();
    await member.end();
    removeStore(stage);
    await member.start();
  }),
  onSqlite("store, journal and member lost together", async (stage) => {
    const member = stage.someMember();
    await stage.next.become("hanging");
    await untilFelt(stage.next);
    await member.end();
    removeStore(stage);
    rmSync(`${stage.storeFile}.lanes`, { recursive: true, force: true });
    await member.start();
    await stage.next.become("well");
  }),
  onRedis("redis killed", async (redis, stage) => {
    await redis.kill();
    await stage.traffic(FEW);
    await redis.restart();
  }),
  onRedis("redis stopped", async (redis, stage) => {
    redis.pause();
    await wait(200 + stage.chance.below(2_000));
    redis.goOn();
  }),
  onRedis("redis fails over and loses writes", async (redis, stage) => {
    await redis.cutOffReplica();
    await stage.traffic(FEW);
    await redis.failOver();
  }),
  onRedis("redis and member killed together", async (redis, stage) => {
    const member = stage.someMember();
    await Promise.all([redis.kill(), member.end()]);
    await redis.restart();
    await member.start();
  }),
];

/** What the primary has applied by then it answers, but nobody reads it. */
async function withAnswersOnTheirWay(stage: Stage, stop: () => void): Promise<void> {
  await stage.legacy.become("hanging");
  await untilFelt(stage.legacy);
  stop();
  await stage.legacy.become("well");
}

/** The database and what SQLite keeps beside it. Journal and key file stay, as they do where only a database is lost. */
function removeStore({ storeFile }: Stage): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(storeFile + suffix, { force: true });
}

/**
 * As many faults in an order that `stage.chance` decides. All that fit come once before any comes again; what an episode is
 * about and others are not has every second place.
 */
export function planFaults(kind: EpisodeKind, count: number, stage: FaultPlace): readonly Fault[] {
  const fit = FAULTS.filter(({ episodes, unfit }) => episodes.includes(kind) && unfit?.(stage) !== true);
  const own = kind === "services" ? [] : fit.filter(({ episodes }) => !episodes.includes("services"));
  const bags = { fit: [] as Fault[], own: [] as Fault[] };
  const draw = (name: "fit" | "own", from: readonly Fault[]): Fault => {
    if (bags[name].length === 0) bags[name] = [...from];
    return bags[name].splice(stage.chance.below(bags[name].length), 1)[0] as Fault;
  };
  return Array.from({ length: count }, (_, n) => (n % 2 === 1 && own.length > 0 ? draw("own", own) : draw("fit", fit)));
}
