/** A pair on its way to be compared: its bodies are in memory, or lie in the spool until the comparing thread reads them. */
import type { StoredBody } from "../evidence/stored-body.ts";
import type { AnswerPair, ComparableAnswer } from "./diff-answers.ts";
import type { ComparableBody } from "./diff-bodies.ts";

export type HeldBody = ComparableBody | StoredBody;

export interface HeldAnswer extends Omit<ComparableAnswer, "body"> {
  readonly body: HeldBody;
}

export interface HeldPair extends Omit<AnswerPair, "primary" | "shadow"> {
  readonly primary: HeldAnswer;
  readonly shadow: HeldAnswer;
}

export function isInMemory(pair: HeldPair): pair is AnswerPair {
  return pair.primary.body.kind !== "stored" && pair.shadow.body.kind !== "stored";
}

/** Bytes that its bodies take, or will once they are read. */
export function heldBytes({ primary, shadow }: HeldPair): number {
  return lengthOf(primary.body) + lengthOf(shadow.body);
}

function lengthOf(body: HeldBody): number {
  if (body.kind === "digest") return 0;
  return body.kind === "bytes" ? body.bytes.length : body.length;
}
