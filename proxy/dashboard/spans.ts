/** Texts cut where a reader has to look: what two have apart, and what stands in for a secret. Pure. */
import { STAND_IN } from "../evidence/stored-pair.ts";

export interface Span {
  readonly text: string;
  readonly kind: "same" | "apart" | "redacted";
}

const STAND_INS = new RegExp(STAND_IN.source, "g");

/** The spans of `one`, beside `other`: what both begin and end with is the same. `other` null: there is nothing beside it. */
export function spansOf(one: string, other: string | null): readonly Span[] {
  if (other === null || other === one) return cutStandIns(one, "same");
  let from = 0;
  while (from < one.length && from < other.length && one[from] === other[from]) from += 1;
  let back = 0;
  const most = Math.min(one.length, other.length) - from;
  while (back < most && one[one.length - 1 - back] === other[other.length - 1 - back]) back += 1;
  // A stand-in that the cut goes through is whole on one side or the other.
  for (const { index, 0: found } of one.matchAll(STAND_INS)) {
    const end = index + found.length;
    if (index < from && from < end) from = index;
    if (index < one.length - back && one.length - back < end) back = one.length - end;
  }
  return [
    ...cutStandIns(one.slice(0, from), "same"),
    ...cutStandIns(one.slice(from, one.length - back), "apart"),
    ...cutStandIns(one.slice(one.length - back), "same"),
  ];
}

function cutStandIns(text: string, kind: "same" | "apart"): Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const { index, 0: found } of text.matchAll(STAND_INS)) {
    if (index > from) spans.push({ text: text.slice(from, index), kind });
    spans.push({ text: found, kind: "redacted" });
    from = index + found.length;
  }
  if (from < text.length) spans.push({ text: text.slice(from), kind });
  return spans;
}
