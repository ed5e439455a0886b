/** A client's request as its primary knows the values in it, and the answer as clients know them (held.ts). */
import type { LearnPlace, RouteSettings, ValuePlace } from "../../config/settings.ts";
import type { Identity, RawHeaders } from "../../exchange.ts";
import { edit, type Documents, type Edit, withoutCoding } from "./documents.ts";
import { atService, bothSides, forClients, isPair, type Named } from "./held.ts";
import type { PairBook, Sought } from "./pair-book.ts";
import { findInAnswer, findInRequest, type FoundValue, type InPath, MAX_VALUES } from "./places.ts";
import type { ReadBody } from "./request-map.ts";
import { spellAs } from "./seal.ts";

type Now<T> = T | Promise<T>;

export interface ClientValuesParts {
  readonly book: Pick<PairBook, "partnerOf" | "look">;
  readonly readBody: ReadBody;
}

/** A request, or an answer (whose `target` is empty), with all of its body. */
export interface Message {
  readonly target: string;
  readonly headers: RawHeaders;
  readonly body: Buffer;
}

export interface MappedMessage extends Message {
  /** Places at which another value stands now. */
  readonly replaced: number;
  /** Values that have no pair, or none that is known. */
  readonly unpaired: number;
}

export class ClientValues {
  readonly #parts: ClientValuesParts;

  constructor(parts: ClientValuesParts) {
    this.#parts = parts;
  }

  /** Whether values may stand in the body of such a request, or such an answer. */
  readsRequest({ values }: RouteSettings, headers: RawHeaders): boolean {
    return values.apply.some(({ at }) => at.source === "body") && this.#isRead(headers);
  }

  readsAnswer({ values }: RouteSettings, headers: RawHeaders): boolean {
    const inBody = ({ at }: LearnPlace | ValuePlace): boolean => at.source === "answer" || at.source === "body";
    return [...values.learn, ...values.apply].some(inBody) && this.#isRead(headers);
  }

  /**
   * At once where memory knows its values. null: it says more values than are looked for. Rejects where the store has no answer.
   */
  request(message: Message, inPath: InPath, side: Identity): Now<MappedMessage | null> {
    const documents = this.#documents(message);
    const found = findInRequest(documents, inPath.route.values.apply, inPath);
    if (found.length > MAX_VALUES) return null;
    return this.#mapped(message, documents, found, ({ kind, text }) =>
      atService(this.#parts.book, { kind, text, side }),
    );
  }

  /** The same of an answer of `side`'s. */
  answer(message: Message, { values }: RouteSettings, side: Identity): Now<MappedMessage> {
    const documents = this.#documents(message);
    const found = findInAnswer(documents, [...values.learn, ...values.apply]);
    return this.#mapped(message, documents, found, ({ kind, text }) =>
      forClients(this.#parts.book, { kind, text, side }),
    );
  }

  #isRead(headers: RawHeaders): boolean {
    return this.#parts.readBody(headers, NO_BYTES).form !== "none";
  }

  #documents({ target, headers, body }: Message): Documents {
    return { target, headers, ...this.#parts.readBody(headers, body) };
  }

  #mapped(
    message: Message,
    documents: Documents,
    found: readonly FoundValue[],
    nameOf: (value: FoundValue) => Named,
  ): Now<MappedMessage> {
    const cold = found.filter((value) => nameOf(value) === null);
    if (cold.length === 0) return edited(message, documents, found, nameOf);
    const sought: readonly Sought[] = cold.flatMap(bothSides);
    return this.#parts.book.look(sought).then(() => edited(message, documents, found, nameOf));
  }
}

const NO_BYTES = Buffer.alloc(0);

function edited(
  message: Message,
  documents: Documents,
  found: readonly FoundValue[],
  nameOf: (value: FoundValue) => Named,
): MappedMessage {
  const edits = found.flatMap((value): Edit[] => {
    const partner = nameOf(value);
    if (!isPair(partner)) return [];
    const { own, other } = partner;
    const text = other.text === own.text ? null : value.write(other.text, spellAs(value.spelling, own, other));
    return text === null ? [] : [{ in: value.in, start: value.start, end: value.end, text }];
  });
  const unpaired = found.filter((value) => [null, "unknown"].includes(nameOf(value) as string | null)).length;
  const done = { replaced: edits.length, unpaired };
  if (edits.length === 0) return { ...message, ...done };
  const { target, headers, body } = edit(documents, edits);
  if (body === null || body === documents.body) return { target, headers, body: message.body, ...done };
  return { target, headers: withoutCoding(headers), body, ...done };
}
