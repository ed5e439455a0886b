/** What a service's answer says, as clients would have been told it. */
import type { ValuePlace } from "../../config/settings.ts";
import type { Answer, Identity } from "../../exchange.ts";
import { edit, type Edit, withoutCoding } from "./documents.ts";
import { forClients, isPair } from "./held.ts";
import type { PairBook } from "./pair-book.ts";
import { findInAnswer } from "./places.ts";
import type { ReadBody } from "./request-map.ts";
import { spellAs } from "./seal.ts";

export interface AnswerMapParts {
  readonly book: Pick<PairBook, "partnerOf" | "look">;
  readonly readBody: ReadBody;
}

/** A value of the shadow's that only looks right: it is the primary's, and at the shadow something else has it. */
const UNMAPPED = " (unmapped)";

/** `other`: whose values it must not seem to say; null: it may. A body that is not in memory stays as it is. */
export async function asClientsKnow(
  { book, readBody }: AnswerMapParts,
  answer: Answer,
  places: readonly ValuePlace[],
  side: Identity,
  other: Identity | null,
): Promise<Answer> {
  if (answer.body.kind !== "memory") return answer;
  const { headers } = answer;
  const documents = { target: "", headers, ...readBody(headers, answer.body.bytes) };
  const found = findInAnswer(documents, places);
  if (found.length === 0) return answer;
  const sides = other === null ? [side] : [side, other];
  await book.look(found.flatMap(({ kind, text }) => sides.map((one) => ({ kind, text, side: one }))));
  const edits = found.flatMap((value): Edit[] => {
    const { kind, text, start, end } = value;
    const partner = forClients(book, { kind, text, side });
    let written: string | null = null;
    if (partner === "as-it-is") return [];
    if (isPair(partner)) {
      written = value.write(partner.other.text, spellAs(value.spelling, partner.own, partner.other));
    } else if (other !== null && isPair(book.partnerOf({ kind, text, side: other }))) {
      // Left as it is, it would equal the primary's by chance.
      written = value.write(text + UNMAPPED, "string");
    }
    return written === null ? [] : [{ in: value.in, start, end, text: written }];
  });
  const edited = edit(documents, edits);
  if (edited.body === null || edited.body === documents.body) return { ...answer, headers: edited.headers };
  return { ...answer, headers: withoutCoding(edited.headers), body: { kind: "memory", bytes: edited.body } };
}
