/** From a pair of answers to counts of its places: survey → redact → book → store. Nothing here throws or is waited for. */
import type { ComparableAnswer } from "../compare/diff-answers.ts";
import { createSurveyor } from "../compare/surveyor.ts";
import { inSlices } from "../mirror/loop-share.ts";
import { kindOfPath, type SurveyedPlace, type SurveyFailure, withoutIds } from "../evidence/places.ts";
import type { Clock, Store } from "../ports.ts";
import type { PlaceBook, SurveyedPair } from "../record/place-book.ts";
import type { Asked, Redactor } from "../record/redaction.ts";
import { rulesDigest } from "../evidence/rules-digest.ts";

export interface LearningParts {
  readonly book: PlaceBook;
  readonly redactor: Pick<Redactor, "redactPlaces">;
  readonly store: Pick<Store, "append">;
  /** Secret bytes that hashes of values are made with. */
  readonly hashKey: Buffer;
  readonly clock: Clock;
  readonly caught: (step: string, error: unknown) => void;
}

export interface AnswersTold {
  readonly asked: Asked;
  readonly of: SurveyedPair["of"];
  readonly first: ComparableAnswer;
  readonly second: ComparableAnswer;
}

/** `why` null: its places are in the book, but for those that found no room there. */
type Told = (why: SurveyFailure | null, leftOut: number) => void;

export interface Learning {
  learn(pair: AnswersTold, told: Told): void;
  /** Hands over what has not reached the store yet. */
  close(): Promise<void>;
}

/** Pairs of 512 KiB at most. */
const SURVEYS_WAITING = 16;
const SURVEY_TIME_LIMIT_MS = 10_000;
const WRITTEN_EVERY_MS = 1_000;

export function createLearning(parts: LearningParts): Learning {
  const surveyor = createSurveyor({
    key: parts.hashKey,
    mostWaiting: SURVEYS_WAITING,
    timeLimitMs: SURVEY_TIME_LIMIT_MS,
  });
  let timer: NodeJS.Timeout | null = null;

  async function survey({ asked, of, first, second }: AnswersTold, told: Told): Promise<void> {
    const rules = asked.exchange.route.compare;
    const found = await surveyor.survey({ first, second, rules, now: parts.clock.now() });
    if ("why" in found) {
      told(found.why, 0);
      return;
    }
    // Redaction takes longer than all else that is done here on the event loop.
    inSlices(() => {
      try {
        const leftOut = parts.book.add(redacted(asked, of, found.places));
        timer ??= setTimeout(keep, WRITTEN_EVERY_MS).unref();
        told(null, leftOut);
      } catch (error) {
        failed(error, told);
      }
    });
  }

  function failed(error: unknown, told: Told): void {
    parts.caught("noise", error);
    told("failed", 0);
  }

  function redacted(asked: Asked, of: SurveyedPair["of"], surveyed: readonly SurveyedPlace[]): SurveyedPair {
    const { route, request, params } = asked.exchange;
    const shown = parts.redactor.redactPlaces(
      asked,
      surveyed.map(({ at }) => at),
    );
    const places = surveyed.map((place, i) => {
      const { at, isSecret } = shown.places[i] as (typeof shown.places)[number];
      return { ...place, at: withoutIds(at, shown.key), ...(isSecret ? { valueClass: "secret" } : {}) };
    });
    return {
      route: route.name,
      method: request.method,
      path: kindOfPath(shown.path, shown.key, params),
      rules: rulesDigest(route.compare),
      of,
      places: merged(places),
      at: parts.clock.now(),
    };
  }

  function keep(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const places = parts.book.takeChanged();
    if (places.length > 0) parts.store.append([{ type: "places", places }]);
  }

  return {
    learn(pair, told) {
      survey(pair, told).catch((error: unknown) => failed(error, told));
    },
    async close() {
      await surveyor.close();
      keep();
    },
  };
}

/** Names that are ids to this exchange alone were different places before. */
function merged(places: readonly SurveyedPlace[]): readonly SurveyedPlace[] {
  const byPlace = new Map<string, SurveyedPlace>();
  for (const place of places) {
    const known = byPlace.get(place.at);
    const sides = known === undefined || known.sides === place.sides ? place.sides : "both";
    byPlace.set(place.at, { ...place, ...known, sides, differs: place.differs || known?.differs === true });
  }
  return [...byPlace.values()];
}
