/** The value map as jobs over rows ask and teach it. */
import { CrossfadeError } from "../errors.ts";
import type { Identity } from "../exchange.ts";
import type { Lesson, PairBook, Sought } from "../mirror/values/pair-book.ts";
import type { ValuePair } from "../mirror/values/seal.ts";
import type { RowValueAsked, RowValues } from "./row-values.ts";

/** Rejects with a CrossfadeError where the store does not keep a pair in time, or has no answer. */
export function createRowValues(book: Pick<PairBook, "look" | "teach" | "partnerOf">): RowValues {
  return async (asked) => {
    const all = asked.map(soughtOf);
    await book.look(all);
    const lessons = await Promise.all(
      asked.map((one): Promise<Lesson | null> => {
        const pair = pairOf(one);
        return pair === null ? Promise.resolve(null) : book.teach(pair);
      }),
    );
    if (lessons.includes("not-kept")) {
      const why = "the store has not kept pairs of values in time; try again";
      throw new CrossfadeError("store-unavailable", why, { source: "store", retryable: true });
    }
    // The map knew better.
    await book.look(all.filter((_, i) => lessons[i] === "conflict"));
    return all.map((sought) => {
      const partner = book.partnerOf(sought);
      const other = partner === null || partner === "unknown" ? null : partner.other.text;
      return sought.side === "legacy" ? { legacy: sought.text, next: other } : { legacy: other, next: sought.text };
    });
  };
}

function soughtOf({ kind, legacy, next = "" }: RowValueAsked): Sought {
  const side: Identity = legacy === undefined ? "next" : "legacy";
  return { kind, side, text: legacy ?? next };
}

/** Rows are copied while legacy is the source of truth: its values are those that clients hold. */
function pairOf({ kind, legacy, next, spelled = ["string", "string"] }: RowValueAsked): ValuePair | null {
  if (legacy === undefined || next === undefined) return null;
  const [ofLegacy, ofNext] = spelled;
  return {
    kind,
    legacy: { text: legacy, spelling: ofLegacy },
    next: { text: next, spelling: ofNext },
    held: "legacy",
    until: null,
  };
}
