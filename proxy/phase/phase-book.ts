/** The phases that act, and what of them the store keeps. */
import type { Phase, Settings } from "../config/settings.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import { CrossfadeError } from "../errors.ts";
import type { Clock, Store } from "../ports.ts";
import type { Transitions } from "../moves/transition.ts";
import { behindGap } from "../moves/behind-gap.ts";
import { makeUlid } from "../identity.ts";
import {
  actingPhase,
  isLater,
  isStill,
  type KeptPhase,
  type PhaseMove,
  rowForFile,
  withPhases,
} from "../moves/kept-phase.ts";
import { crossesBarrier, stepTowards } from "../moves/phase-steps.ts";

export interface PhaseBook {
  /** The file's settings with the phases that act. */
  applied(file: Settings): Settings;
  epochs(): ReadonlyMap<string, number>;
  rowOf(route: string): KeptPhase | undefined;
  /** A file is in use from now on: what its values change is kept, soon. */
  took(file: Settings): void;
  /** @throws CrossfadeError of the store: whether it was moved is then to be asked with `reread` */
  move(moves: readonly PhaseMove[]): Promise<"done" | "changed">;
  /** The store is there: what it could not be told of files is kept now. */
  keepAgain(): void;
  /** What the store has now. */
  reread(): Promise<void>;
  /**
   * The store has these. What was set before what is known here is not taken, and told as `lost`, as is what it has no row of.
   * `changed`: others act now. The copy beside the store has them once `keepCopy` was called.
   */
  follow(rows: readonly KeptPhase[]): { readonly lost: readonly KeptPhase[]; readonly changed: boolean };
  /** What is known here is on disk, in the copy beside the store, when this returns; where the disk refuses it is `uncopied`. */
  keepCopy(): void;
  /** Routes of which the copy beside the store, on disk, does not say what is known here. */
  uncopied(): readonly string[];
  /** A sentence for each route that its file wants on the other side of the barrier. */
  warnings(file: Settings): readonly string[];
}

export interface PhaseBookParts {
  readonly store: Pick<Store, "phases" | "movePhases" | "append">;
  /** null: nobody shares the store. */
  readonly transitions: Pick<Transitions, "tellAgain"> | null;
  readonly clock: Clock;
  readonly settings: Settings;
  /** The file may begin a route with next as primary: somebody said that the move was made. */
  readonly adopt: boolean;
  /** Beside the store, and not lost with it; null: nothing is. */
  readonly copy: PhasesCopy | null;
  readonly warn: (line: string) => void;
  readonly caught: (step: string, error: unknown) => void;
  /** Other rows are kept than those that are known here. */
  readonly lookAgain: () => void;
}

export interface PhasesCopy {
  readonly file: string;
  /** @throws CrossfadeError where it cannot be read */
  read(): readonly KeptPhase[];
  write(rows: readonly KeptPhase[]): void;
}

/** @throws CrossfadeError `config-invalid` where the file wants next as primary of a route that the store knows nothing of */
export async function openPhaseBook(parts: PhaseBookParts): Promise<PhaseBook> {
  const { store, clock } = parts;
  /** Told of by this process, by route and beginning. */
  const gaps = new Set<string>();
  let kept = byRoute(await store.phases());
  let copied = byRoute(parts.copy?.read() ?? []);
  const lost = [...copied.values()].filter((row) => isLater(row, kept.get(row.route)));
  // What this process' last life did not mirror, and what of that the store has lost.
  for (const [route, row] of copied) cameBackElsewhere(row, kept.get(route));
  for (const row of lost) cameBack(kept.get(row.route), row, false);
  if (lost.length > 0 && parts.copy !== null) {
    if (parts.transitions !== null) await parts.transitions.tellAgain(lost);
    else await store.movePhases(lost.map((row) => ({ row, instead: kept.get(row.route) ?? null })));
    kept = new Map([...kept, ...byRoute(lost)]);
    const which = lost.map(({ route, phase }) => `${route} (${phase})`).join(", ");
    parts.warn(`the store has lost the phases of ${which}; they are taken from ${parts.copy.file}`);
  }
  refuseUnknown(parts, kept);
  keepCopy();

  /** Of files, and not kept yet: the store was away. By route. */
  const unkept = new Map<string, PhaseMove>();
  /** One at a time: a second one would find what the first has kept. */
  let keeping: Promise<void> | null = null;

  function keepUnkept(): Promise<void> {
    keeping = (keeping ?? Promise.resolve()).catch(() => undefined).then(keepOnce);
    const last = keeping;
    const over = (): void => {
      if (keeping === last) keeping = null;
    };
    last.then(over, over);
    return last;
  }

  async function keepOnce(): Promise<void> {
    const moves = [...unkept.values()];
    if (moves.length === 0) return;
    const end = await store.movePhases(moves);
    for (const move of moves) if (unkept.get(move.row.route) === move) unkept.delete(move.row.route);
    // Somebody else was first, and has said it for all.
    if (end === "changed") parts.lookAgain();
  }

  function follow(rows: readonly KeptPhase[]): ReturnType<PhaseBook["follow"]> {
    const theirs = byRoute(rows);
    const own = [...kept.values()].filter(({ route }) => !unkept.has(route));
    const lost = own.filter((row) => isLater(row, theirs.get(row.route)));
    for (const row of lost) cameBack(theirs.get(row.route), row, false);
    const news = rows.filter((row) => isNews(row, kept.get(row.route)));
    for (const row of news) cameBackElsewhere(kept.get(row.route), row);
    if (news.length > 0) know(news);
    return { lost, changed: news.length > 0 };
  }

  function isNews(row: KeptPhase, own: KeptPhase | undefined): boolean {
    if (own === undefined || isLater(row, own)) return true;
    // Two were set in place of one: the store's is the one that all have.
    return !isLater(own, row) && row.at !== own.at && !unkept.has(row.route);
  }

  function know(rows: readonly KeptPhase[]): void {
    kept = new Map([...kept, ...byRoute(rows)]);
  }

  function put(rows: readonly KeptPhase[]): void {
    know(rows);
    keepCopy();
  }

  function uncopied(): readonly string[] {
    if (parts.copy === null) return [];
    return [...kept.values()].filter((row) => !isStill(copied.get(row.route), row)).map(({ route }) => route);
  }

  function keepCopy(): void {
    if (uncopied().length === 0) return;
    try {
      parts.copy?.write([...kept.values()]);
      copied = kept;
    } catch (error) {
      parts.caught("phases", error);
    }
  }

  /**
   * `row` in place of `before`: where copies go out again that did not meanwhile, that time is a gap. `isTold`: whoever set it has
   * told of it, and everybody was held back until then.
   */
  function cameBack(before: KeptPhase | undefined, row: KeptPhase | undefined, isTold: boolean): void {
    const from = before?.behindSince ?? null;
    if (from === null || row === undefined || row.behindSince !== null || isTold) return;
    const name = `${row.route} ${from}`;
    const gap = gaps.has(name) ? null : behindGap(makeUlid(clock.now()), from, row);
    if (gap === null) return;
    gaps.add(name);
    store.append([gap, { type: "gap-closed", id: gap.id, to: new Date(clock.now()).toISOString() }]);
  }

  /** `row` was set by somebody else. A file acts in each process by itself; of two that were set at once one is not told of. */
  function cameBackElsewhere(before: KeptPhase | undefined, row: KeptPhase | undefined): void {
    cameBack(before, row, row !== undefined && row.by !== "file" && isLater(row, before));
  }

  const book: PhaseBook = {
    applied: (file) => withPhases(file, kept),
    epochs: () => new Map([...kept.values()].map(({ route, epoch }) => [route, epoch])),
    rowOf: (route) => kept.get(route),
    took(file) {
      const at = new Date(clock.now()).toISOString();
      const rows: KeptPhase[] = [];
      for (const route of file.routes) {
        const before = kept.get(route.name);
        const row = rowForFile(route, before, at);
        if (row === null) continue;
        rows.push(row);
        if (!route.sharedDatabase) cameBack(before, row, false);
        unkept.set(route.name, { row, instead: unkept.get(route.name)?.instead ?? before ?? null });
      }
      if (rows.length === 0) return;
      // They act, and are found again at the next start, whether or not they are kept.
      put(rows);
      keepUnkept().catch((error: unknown) => parts.caught("phases", error));
    },
    async move(moves) {
      await keepUnkept();
      const end = await store.movePhases(moves);
      if (end === "done") put(moves.map(({ row }) => row));
      return end;
    },
    keepAgain() {
      if (unkept.size === 0 || keeping !== null) return;
      keepUnkept().catch((error: unknown) => parts.caught("phases", error));
    },
    async reread() {
      follow(await store.phases());
      keepCopy();
    },
    follow,
    keepCopy,
    uncopied,
    warnings: (file) =>
      file.routes.flatMap((route) => {
        const acting = actingPhase(route, kept.get(route.name));
        if (!crossesBarrier(acting, route.phase)) return [];
        // What it waits for is told by whoever moves it.
        if (route.unattended && kept.get(route.name)?.file !== route.phase) return [];
        const step = stepTowards(route.phase);
        return [
          `${route.name} is in phase ${acting}, and the file says ${route.phase}: a file never takes a route over the barrier; crossfade phase ${route.name} ${step}, or write ${acting}`,
        ];
      }),
  };
  book.took(parts.settings);
  return book;
}

function byRoute(rows: readonly KeptPhase[]): ReadonlyMap<string, KeptPhase> {
  return new Map(rows.map((row) => [row.route, row]));
}

/** A store that knows nothing of a route may have been lost: whether clients were with next already, only an operator can say. */
function refuseUnknown({ settings, adopt }: PhaseBookParts, kept: ReadonlyMap<string, KeptPhase>): void {
  if (adopt) return;
  const unknown = settings.routes.filter(({ name, phase }) => isBeyond(phase) && !kept.has(name));
  if (unknown.length === 0) return;
  const which = unknown.map(({ name, phase }) => `${name} (${phase})`).join(", ");
  throw new CrossfadeError(
    "config-invalid",
    `next is the source of truth of ${which} by the file, and the store knows nothing of that: a route reaches it by crossfade phase ROUTE advance. ` +
      "Where the move was made and the store is new, start with --adopt-phases; else write dual-write",
    { source: "config" },
  );
}

function isBeyond(phase: Phase): boolean {
  return PHASE_ROLES[phase].primary === "next";
}
