/**
 * What this process life has counted in one partition, as totals. Redis keeps the same totals for each run and adds only
 * what they have grown by, so a count is neither added twice nor, where Redis lost the last writes, missing for good.
 */
import type { OutcomeCount } from "../../../proxy/evidence/evidence.ts";
import type { EssentialRows } from "../rows.ts";

type Title = readonly [route: string, outcome: string, reason: string];

export interface LedgerRows {
  /** [route, outcome, reason or empty, total] */
  readonly outcomes: readonly (readonly [...Title, number])[];
  /** [route, eligible writes, compared reads] */
  readonly totals: readonly (readonly [string, number, number])[];
}

export class Ledger {
  readonly #outcomes = new Map<string, { readonly title: Title; readonly count: number }>();
  readonly #totals = new Map<string, { readonly eligible: number; readonly comparedReads: number }>();

  routes(): readonly string[] {
    return [...this.#totals.keys()];
  }

  /** As they will be once `rows` are kept: of what `rows` change, or of everything. */
  after(rows: EssentialRows, everything: boolean): LedgerRows {
    const next = new Ledger();
    for (const [name, value] of this.#outcomes) next.#outcomes.set(name, value);
    for (const [route, value] of this.#totals) next.#totals.set(route, value);
    next.add(rows);
    const outcomeNames = everything ? next.#outcomes.keys() : rows.outcomes.map((row) => JSON.stringify(titleOf(row)));
    const routes = everything ? next.#totals.keys() : rows.totals.map(({ route }) => route);
    return {
      outcomes: [...outcomeNames].flatMap((name) => {
        const found = next.#outcomes.get(name);
        return found === undefined ? [] : [[...found.title, found.count] as const];
      }),
      totals: [...routes].map((route) => {
        const { eligible, comparedReads } = next.#totals.get(route) ?? NOTHING;
        return [route, eligible, comparedReads] as const;
      }),
    };
  }

  add({ outcomes, totals }: Pick<EssentialRows, "outcomes" | "totals">): void {
    for (const row of outcomes) {
      const title = titleOf(row);
      const name = JSON.stringify(title);
      this.#outcomes.set(name, { title, count: (this.#outcomes.get(name)?.count ?? 0) + row.count });
    }
    for (const { route, ...more } of totals) {
      const { eligible, comparedReads } = this.#totals.get(route) ?? NOTHING;
      const sum = { eligible: eligible + more.eligible, comparedReads: comparedReads + more.comparedReads };
      this.#totals.set(route, sum);
    }
  }
}

const NOTHING = { eligible: 0, comparedReads: 0 };

function titleOf({ route, outcome, reason }: Omit<OutcomeCount, "count">): Title {
  return [route, outcome, reason ?? ""];
}
