/** The sums of a trial and its causes, each with a sample. */
import { askedFor, type DivergenceRecord, type SignaturePart } from "../evidence/evidence.ts";
import { failureSignature, groupId } from "../evidence/groups.ts";
import { buildRecord } from "../record/divergence-record.ts";
import type { Redactor } from "../record/redaction.ts";
import type { LeftOutWhy } from "./choose.ts";
import type { Replayed } from "./replay.ts";

/** Every request of the file is in exactly one of them: `requests` is the sum of the others. */
export interface Sums {
  readonly requests: number;
  readonly match: number;
  readonly excused: number;
  readonly divergent: number;
  /** A service gave no complete answer, or the two could not be compared. */
  readonly failed: number;
  readonly leftOut: number;
}

export interface Cause {
  /** As `groups.ts` makes it: the same as in the proxy's own evidence. */
  readonly id: string;
  readonly route: string;
  readonly method: string;
  readonly signature: readonly SignaturePart[];
  readonly count: number;
  /** Who gave no answer; `comparison`: both did, and they could not be compared; null: they differ. */
  readonly failed: "legacy" | "next" | "comparison" | null;
  /** Redacted, the plainest that was seen. */
  readonly sample: DivergenceRecord;
}

export interface Tallied {
  readonly sums: Sums;
  /** How many of each kind were left out; those of which there are none are not there. */
  readonly leftOut: Readonly<Partial<Record<LeftOutWhy, number>>>;
  /** Divergent ones first, of equals the most frequent. */
  readonly causes: readonly Cause[];
  /** Divergent or failed requests of further causes, beyond those that are kept. */
  readonly ofFurtherCauses: number;
  /** How often each rule excused a difference, the most frequent first. */
  readonly excusedBy: readonly { readonly route: string; readonly rule: string; readonly times: number }[];
}

/** A service that answers in a new way each time must not fill the memory. */
const MOST_CAUSES = 1_000;
const DIFFERENCES_IN_SAMPLE = 20;

export class Tally {
  readonly #redactor: Redactor;
  readonly #leftOut = new Map<LeftOutWhy, number>();
  readonly #causes = new Map<string, Cause>();
  readonly #excusedBy = new Map<string, { readonly route: string; readonly rule: string; times: number }>();
  #requests = 0;
  #match = 0;
  #excused = 0;
  #divergent = 0;
  #failed = 0;
  #ofFurtherCauses = 0;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  leftOut(why: LeftOutWhy, count = 1): void {
    this.#requests += count;
    if (count > 0) this.#leftOut.set(why, (this.#leftOut.get(why) ?? 0) + count);
  }

  replayed({ settled, excusedBy, unanswered }: Replayed): void {
    this.#requests++;
    const route = settled.exchange.route.name;
    for (const { rule, times } of excusedBy) {
      const name = JSON.stringify([route, rule]);
      const known = this.#excusedBy.get(name);
      if (known === undefined) this.#excusedBy.set(name, { route, rule, times });
      else known.times += times;
    }
    const { kind } = settled.outcome;
    if (kind === "match") this.#match++;
    else if (kind === "ignored") this.#excused++;
    else {
      if (kind === "divergent") this.#divergent++;
      else this.#failed++;
      this.#addCause({ settled, excusedBy, unanswered });
    }
  }

  result(): Tallied {
    const leftOut = [...this.#leftOut.values()].reduce((sum, count) => sum + count, 0);
    return {
      sums: {
        requests: this.#requests,
        match: this.#match,
        excused: this.#excused,
        divergent: this.#divergent,
        failed: this.#failed,
        leftOut,
      },
      leftOut: Object.fromEntries(this.#leftOut) as Partial<Record<LeftOutWhy, number>>,
      causes: [...this.#causes.values()].sort(
        (a, b) => Number(a.failed !== null) - Number(b.failed !== null) || b.count - a.count || (a.id < b.id ? -1 : 1),
      ),
      ofFurtherCauses: this.#ofFurtherCauses,
      excusedBy: [...this.#excusedBy.values()].sort((a, b) => b.times - a.times),
    };
  }

  #addCause({ settled, unanswered }: Replayed): void {
    const { exchange, outcome } = settled;
    const { record: whole, signature: ofNext } = buildRecord(settled, this.#redactor.redact(settled), null);
    const record = withFewDifferences(whole);
    const failed =
      outcome.kind === "divergent"
        ? null
        : unanswered.legacy !== null
          ? "legacy"
          : unanswered.next !== null
            ? "next"
            : "comparison";
    const signature = ofNext ?? failureSignature(`${failed ?? ""} ${unanswered.legacy ?? "failed"}`);
    const route = exchange.route.name;
    const { method } = exchange.request;
    const id = groupId(route, method, signature);
    const known = this.#causes.get(id);
    if (known !== undefined) {
      const sample = isPlainer(record, known.sample) ? record : known.sample;
      this.#causes.set(id, { ...known, count: known.count + 1, sample });
    } else if (this.#causes.size < MOST_CAUSES) {
      const sample = { ...record, group: id };
      this.#causes.set(id, { id, route, method, signature, count: 1, failed, sample });
    } else this.#ofFurtherCauses++;
  }
}

function withFewDifferences(record: DivergenceRecord): DivergenceRecord {
  const differences = record.differences.slice(0, DIFFERENCES_IN_SAMPLE);
  const cut = record.differences.length - differences.length;
  return { ...record, differences, moreDifferences: record.moreDifferences + cut };
}

/** The same whatever order the answers came in. */
function isPlainer(a: DivergenceRecord, b: DivergenceRecord): boolean {
  const [asked, known] = [askedFor(a), askedFor(b)];
  return asked.length === known.length ? asked < known : asked.length < known.length;
}
