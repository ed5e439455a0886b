/**
 * Moves over the barrier that a file asks for where a route says `unattended: true`: the same moves as by CLI, one step, through the
 * gate and never forced, once nothing stands in the way. What a file has said already is not said again: a move by CLI or API
 * holds until the file's phase changes.
 */
import type { Phase, RouteSettings } from "../config/settings.ts";
import type { Switchboard } from "../config/switchboard.ts";
import type { Cutover } from "./cutover.ts";
import { groupOf, type KeptPhase } from "./kept-phase.ts";
import type { PhaseBook } from "../phase/phase-book.ts";
import { crossesBarrier, type Step, step, stepTowards } from "./phase-steps.ts";

export interface UnattendedParts {
  readonly acting: Pick<Switchboard, "snapshot" | "file">;
  readonly phases: Pick<PhaseBook, "rowOf">;
  readonly move: Cutover["move"];
  /** How often it is tried while something stands in the way. Default 30 s. */
  readonly everyMs?: number;
  readonly moved: (sentence: string) => void;
  readonly caught: (step: string, error: unknown) => void;
}

export interface Unattended {
  /** The file has changed, or phases have. Resolves when what it asks for has been tried. */
  look(): Promise<void>;
  /** What the file asks for and does not come about yet, and why: a sentence each. */
  warnings(): readonly string[];
  stop(): void;
}

const EVERY_MS = 30_000;

export function createUnattended(parts: UnattendedParts): Unattended {
  const { acting, everyMs = EVERY_MS } = parts;
  let warnings: readonly string[] = [];
  let timer: NodeJS.Timeout | null = null;
  let looking: Promise<void> | null = null;
  let again = false;
  let stopped = false;

  async function lookOnce(): Promise<void> {
    const wishes = wishesOf(acting.file().routes, acting.snapshot().settings.routes, parts.phases.rowOf);
    const left: string[] = [];
    for (const wish of wishes) {
      const why = "why" in wish ? wish.why : await tryTo(wish);
      if (why !== null) left.push(`the file moves ${wish.route} to ${wish.to} unattended, and it waits: ${why}`);
    }
    warnings = left;
  }

  /**
   * null: it has moved. A dry run first: a move waits for copies to come close, and another one cannot begin meanwhile. Another member,
   * whose file says the same, may have moved it by the time that is over: one step, not two.
   */
  async function tryTo({ route, step: wanted, to }: Possible): Promise<string | null> {
    const reason = `unattended: the file says ${to}`;
    const order = { route, step: wanted, to, force: false, reason, by: "file" };
    try {
      const would = await parts.move({ ...order, dryRun: true });
      if (would?.end !== "would-move") return would?.sentence ?? "there is no such route";
      if (stopped) return "Crossfade ends";
      const report = await parts.move({ ...order, dryRun: false });
      if (report?.end !== "moved") return report?.sentence ?? "there is no such route";
      parts.moved(report.sentence);
      return null;
    } catch (error) {
      parts.caught("unattended", error);
      return error instanceof Error ? error.message : String(error);
    }
  }

  async function lookUntilDone(): Promise<void> {
    do {
      again = false;
      if (!stopped) await lookOnce();
    } while (again);
    looking = null;
    if (stopped || warnings.length === 0) return;
    timer = setTimeout(() => void look(), everyMs).unref();
  }

  function look(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    again = true;
    looking ??= lookUntilDone();
    return looking;
  }

  return {
    look,
    warnings: () => warnings,
    stop() {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

interface Possible {
  readonly route: string;
  readonly step: Step;
  readonly to: Phase;
}

export type Wish = Possible | { readonly route: string; readonly to: Phase; readonly why: string };

/** One a group of routes that move together. Pure. */
export function wishesOf(
  file: readonly RouteSettings[],
  acting: readonly RouteSettings[],
  rowOf: (route: string) => KeptPhase | undefined,
): readonly Wish[] {
  const wishes: Wish[] = [];
  const done = new Set<string>();
  for (const route of file) {
    const phase = acting.find(({ name }) => name === route.name)?.phase;
    if (phase === undefined || done.has(route.name) || !asksFor(route, phase, rowOf(route.name))) continue;
    const group = groupOf(file, route.name);
    for (const { name } of group) done.add(name);
    const about = { route: route.name, to: route.phase };
    const other = group.find((one) => one.phase !== route.phase || !one.unattended);
    if (other !== undefined) {
      const what = other.phase === route.phase ? "is not unattended" : `is to be ${other.phase}`;
      wishes.push({ ...about, why: `it moves together with ${other.name}, which ${what} by the file` });
      continue;
    }
    const stepped = step(phase, stepTowards(route.phase));
    if (stepped.legal && stepped.to === route.phase) wishes.push({ ...about, step: stepped.step });
    else wishes.push({ ...about, why: `${phase} is more than one step from there` });
  }
  return wishes;
}

/** Whether the file says something new, and that is beyond the barrier. */
function asksFor(route: RouteSettings, phase: Phase, row: KeptPhase | undefined): boolean {
  if (!route.unattended || row === undefined || row.file === route.phase) return false;
  return crossesBarrier(phase, route.phase);
}
