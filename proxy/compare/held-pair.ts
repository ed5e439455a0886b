/** A pair on its way to be compared: its bodies are in memory, or lie in the spool until the comparing thread reads them. */
import type { StoredBody } from "../stored-body.ts";
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

/** Null where a body is not in memory. */
export function pairInMemory(pair: HeldPair): AnswerPair | null {
  const [primary, shadow] = [inMemory(pair.primary), inMemory(pair.shadow)];
  return primary === null || shadow === null ? null : { ...pair, primary, shadow };
}

function inMemory(answer: HeldAnswer): ComparableAnswer | null {
  const { body } = answer;
  return body.kind === "stored" ? null : { ...answer, body };
}

/** Bytes that its bodies take, or will once they are read. */
export function heldBytes({ primary, shadow }: HeldPair): number {
  return lengthOf(primary.body) + lengthOf(shadow.body);
}

function lengthOf(body: HeldBody): number {
  if (body.kind === "digest") return 0;
  return body.kind === "bytes" ? body.bytes.length : body.length;
}
