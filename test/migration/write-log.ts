/**
 * What clients were told of their writes, kept by themselves: from it each row's end is known, or what it may be where an answer did
 * not come. Pure.
 */
import { COLUMNS, growPlace, type Place } from "./rows.ts";
import { type Changes, RAISED_EVERY } from "./tables.ts";

/** How a write ended for its client. */
export type WriteEnd =
  | { readonly end: "accepted"; readonly id: string | null }
  | { readonly end: "refused" }
  /** The primary may have done it. */
  | { readonly end: "unknown" };

export type LiveWrite =
  | { readonly kind: "create"; readonly values: Changes }
  | { readonly kind: "replace"; readonly id: string; readonly values: Changes }
  | { readonly kind: "bump"; readonly id: string }
  | { readonly kind: "remove"; readonly id: string }
  | { readonly kind: "transfer"; readonly from: string; readonly to: string }
  | { readonly kind: "raise"; readonly of: number };

interface Known {
  /** One of these, over what was there before. */
  values: readonly Changes[];
  gone: "no" | "yes" | "maybe";
}

interface Span {
  least: number;
  most: number;
}

/** What a write may have left different at next where its member was killed around it. */
export interface Doubt {
  readonly ids: readonly string[];
  /** The rows that a raise is of; null: none. */
  readonly raised: number | null;
  /** A row whose id nobody was told. */
  readonly made: boolean;
}

export class WriteLog {
  readonly accepted: Record<LiveWrite["kind"], number> = {
    create: 0,
    replace: 0,
    bump: 0,
    remove: 0,
    transfer: 0,
    raise: 0,
  };
  unanswered = 0;
  refused = 0;
  readonly #rows: number;
  readonly #known = new Map<string, Known>();
  readonly #moved = new Map<string, Span>();
  readonly #raised = new Map<number, Span>();
  /** Rows that may be there although no client was told. */
  #mayBeMade = 0;

  /** `rows`: those that were there before the first write. */
  constructor(rows: number) {
    this.#rows = rows;
  }

  ended(write: LiveWrite, how: WriteEnd): void {
    if (how.end === "refused") {
      this.refused += 1;
      return;
    }
    if (how.end === "unknown") this.unanswered += 1;
    else this.accepted[write.kind] += 1;
    const isSure = how.end === "accepted";
    switch (write.kind) {
      case "create":
        if (how.end !== "accepted") this.#mayBeMade += 1;
        else this.#known.set(how.id ?? "", { values: [write.values], gone: "no" });
        return;
      case "replace": {
        const known = this.#of(write.id);
        const replaced = known.values.map((before) => ({ ...before, ...write.values }));
        known.values = isSure ? replaced : [...known.values, ...replaced];
        return;
      }
      case "bump":
        move(this.#moved, write.id, 1, isSure);
        return;
      case "remove":
        this.#of(write.id).gone = isSure ? "yes" : "maybe";
        return;
      case "transfer":
        move(this.#moved, write.from, -1, isSure);
        move(this.#moved, write.to, 1, isSure);
        return;
      case "raise":
        move(this.#raised, write.of, 1, isSure);
        return;
      default:
        write satisfies never;
    }
  }

  /** Why this row of legacy is not what its clients were told; null: it is. */
  whyNot(row: Place): string | null {
    const known = this.#known.get(row.id);
    if (known === undefined && Number(row.id) > this.#rows) {
      this.#mayBeMade -= 1;
      return this.#mayBeMade >= 0 ? null : `${row.id} is there, and nobody has made it`;
    }
    if (known?.gone === "yes") return `${row.id} is there, and was removed`;
    const grown = Number(row.id) > this.#rows ? null : growPlace(Number(row.id));
    const asOneOf = (known?.values ?? [{}]).some((values) => {
      const expected = { ...grown, ...values } as Partial<Place>;
      return COLUMNS.every((column) => column === "n" || row[column] === (expected[column] ?? null));
    });
    if (!asOneOf) return `${row.id} holds ${JSON.stringify(row)}, and clients were told otherwise`;
    const moved = this.#moved.get(row.id) ?? { least: 0, most: 0 };
    const raised = this.#raised.get(Number(row.id) % RAISED_EVERY) ?? { least: 0, most: 0 };
    // Of a row that clients made nobody knows which raise found it.
    const least = Number(grown?.n ?? 0) + moved.least + (grown === null ? 0 : raised.least);
    const most = Number(grown?.n ?? 0) + moved.most + raised.most;
    const n = Number(row.n);
    return n >= least && n <= most ? null : `${row.id} has n ${n}, and clients were told of ${least} to ${most}`;
  }

  /** Of the rows that have to be there: whether clients were told that they were removed, or not told that they were not. */
  mayBeGone(id: string): boolean {
    return (this.#known.get(id)?.gone ?? "no") !== "no";
  }

  /** Ids of rows that clients made. */
  *made(): Generator<string> {
    for (const id of this.#known.keys()) if (Number(id) > this.#rows) yield id;
  }

  #of(id: string): Known {
    const known = this.#known.get(id) ?? { values: [{}], gone: "no" };
    this.#known.set(id, known);
    return known;
  }
}

function move<Key>(spans: Map<Key, Span>, key: Key, by: number, isSure: boolean): void {
  const span = spans.get(key) ?? { least: 0, most: 0 };
  spans.set(key, {
    least: span.least + (isSure || by < 0 ? by : 0),
    most: span.most + (isSure || by > 0 ? by : 0),
  });
}

export function doubtOf(write: LiveWrite, end: WriteEnd): Doubt {
  const none = { ids: [], raised: null, made: false };
  if (write.kind === "raise") return { ...none, raised: write.of };
  if (write.kind === "transfer") return { ...none, ids: [write.from, write.to] };
  if (write.kind !== "create") return { ...none, ids: [write.id] };
  return end.end === "accepted" && end.id !== null ? { ...none, ids: [end.id] } : { ...none, made: true };
}
