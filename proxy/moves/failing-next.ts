/**
 * Watches next after a cutover: where it is shown to fail for too many entities (phase/failing.ts), that is said, and with
 * `gate.automaticReturn` the route goes back to legacy, as by `crossfade phase ROUTE rollback` and never by force. Each process
 * judges by what it has seen itself since it began.
 */
import type { RouteSettings } from "../config/settings.ts";
import type { Cutover } from "./cutover.ts";
import type { Settled, Snapshot } from "../exchange.ts";
import { afterBlock, FAILING_LOG_S } from "../phase/failing.ts";
import { hashOfKey, UnitBlock } from "../phase/unit-block.ts";
import { plural, spellCount, spellPercent } from "../phase/words.ts";
import type { Clock } from "../ports.ts";

export interface FailingNextParts {
  readonly snapshot: () => Snapshot;
  readonly move: Cutover["move"];
  readonly clock: Clock;
  /** As of the evidence. */
  readonly seed: number;
  /** Default 10 s. */
  readonly blockMs?: number;
  readonly moved: (sentence: string) => void;
  readonly caught: (step: string, error: unknown) => void;
}

export interface FailingNext {
  /** An eligible exchange has its outcome. */
  settled(settled: Settled): void;
  /** Closes blocks that are over, and acts on them. Resolves when what it began has ended. */
  look(): Promise<void>;
  /** Routes of which next is shown to fail, a sentence each. */
  warnings(): readonly string[];
  stop(): void;
}

const BLOCK_MS = 10_000;
const NO_KEY = "";
/** From here on an answer is a failure of its service's. */
const FAILED_FROM = 500;

/** Of one route since its last move over the barrier, or since the process began. */
interface Watched {
  readonly epoch: number;
  block: UnitBlock;
  /** ms, of a clock that is never set: since when the block is open. */
  since: number;
  logS: number;
  /** Of the blocks in which the stake has grown. */
  units: number;
  failed: number;
  /** Why it did not go back; null: it was not tried. */
  stays: string | null;
}

export function createFailingNext(parts: FailingNextParts): FailingNext {
  const { clock, blockMs = BLOCK_MS } = parts;
  const routes = new Map<string, Watched>();
  let looking: Promise<void> | null = null;
  let stopped = false;
  const timer = setInterval(() => void look(), blockMs).unref();

  function watchedOf({ name }: Pick<RouteSettings, "name">, { epochs }: Pick<Snapshot, "epochs">): Watched | null {
    const epoch = epochs.get(name) ?? 1;
    const known = routes.get(name);
    if (known !== undefined && known.epoch >= epoch) return known.epoch === epoch ? known : null;
    const block = new UnitBlock(clock.now());
    const since = clock.monotonic();
    const fresh: Watched = { epoch, block, since, logS: 0, units: 0, failed: 0, stays: null };
    routes.set(name, fresh);
    return fresh;
  }

  function closeBlock(watched: Watched, bound: number): void {
    const { clean, divergent: failed } = watched.block.counts().all;
    watched.block = new UnitBlock(clock.now());
    watched.since = clock.monotonic();
    watched.logS = afterBlock(watched.logS, { well: clean, failed }, bound);
    const goesOn = watched.logS > 0;
    watched.units = goesOn ? watched.units + clean + failed : 0;
    watched.failed = goesOn ? watched.failed + failed : 0;
  }

  async function lookOnce(): Promise<void> {
    for (const [name, watched] of [...routes]) {
      // Anew for each: what was moved back meanwhile has taken those along that move together with it.
      const present = parts.snapshot();
      const route = present.settings.routes.find((one) => one.name === name);
      if (route?.phase !== "next-primary" || watched.epoch !== (present.epochs.get(name) ?? 1)) {
        routes.delete(name);
        continue;
      }
      if (clock.monotonic() - watched.since >= blockMs) closeBlock(watched, route.gate.failuresBelow);
      if (isShown(watched) && route.gate.automaticReturn && !stopped) await goBack(route, watched);
    }
  }

  async function goBack(route: RouteSettings, watched: Watched): Promise<void> {
    const [force, dryRun] = [false, false];
    const order = { route: route.name, step: "rollback", to: "dual-write", force, dryRun, by: "gate" } as const;
    try {
      const report = await parts.move({ ...order, reason: `automatic return: ${spell(watched)}` });
      watched.stays = report?.end === "moved" ? null : (report?.sentence ?? "there is no such route");
      if (report?.end === "moved") parts.moved(report.sentence);
    } catch (error) {
      parts.caught("automatic return", error);
      watched.stays = error instanceof Error ? error.message : String(error);
    }
  }

  function look(): Promise<void> {
    looking ??= lookOnce().finally(() => (looking = null));
    return looking;
  }

  return {
    settled({ exchange, primary, outcome, key, moreKeys }) {
      const { route, plan, snapshot } = exchange;
      if (plan.primary !== "next" || !plan.mirror) return;
      // What a client broke off, or nobody heard the end of, says nothing of next.
      if (primary.status === null && outcome.kind === "unknown") return;
      const watched = watchedOf(route, snapshot);
      if (watched === null) return;
      const verdict = primary.status === null || primary.status >= FAILED_FROM ? "divergent" : "clean";
      for (const one of [key ?? NO_KEY, ...moreKeys]) {
        watched.block.add(hashOfKey(one, parts.seed), primary.status, verdict);
      }
    },
    look,
    warnings: () =>
      parts.snapshot().settings.routes.flatMap((route) => {
        const watched = routes.get(route.name);
        if (watched === undefined || route.phase !== "next-primary" || !isShown(watched)) return [];
        const back = watched.stays ?? `crossfade phase ${route.name} rollback`;
        return [`next fails as the source of truth of ${route.name}: ${spell(watched)}; ${back}`];
      }),
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

function isShown({ logS }: Watched): boolean {
  return logS >= FAILING_LOG_S;
}

function spell({ failed, units }: Watched): string {
  return `${spellCount(failed)} of ${plural(units, "distinct key")} (${spellPercent(failed / Math.max(1, units))}) answered with 5xx or not at all`;
}
