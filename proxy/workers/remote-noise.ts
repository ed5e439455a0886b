import { ByteBudget } from "../process/byte-budget.ts";
import type { PrimaryEnding } from "../forward/forwarder.ts";
import type { Noise, Watched } from "../noise/noise.ts";
import { type ChoiceParts, isWatched, type Watchable } from "../noise/noise-choice.ts";
import { SURVEYED_MAX_BYTES } from "../evidence/places.ts";
import type { Link } from "./link.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { RelayedBody } from "./relayed-body.ts";
import { tell } from "./remote-intake.ts";

/** What is learnt of noise is the parent's, which asks the primary again; a worker chooses, and tells how the first answer was. */
export class RemoteNoise implements Pick<Noise, "watch" | "sawFailure"> {
  readonly #link: Pick<Link<FromWorker, ToWorker>, "send">;
  readonly #choice: ChoiceParts;
  #last = 0;

  constructor(link: Pick<Link<FromWorker, ToWorker>, "send">, choice: ChoiceParts) {
    this.#link = link;
    this.#choice = choice;
  }

  watch(arrived: Watchable): Watched | null {
    if (!isWatched(arrived, this.#choice)) return null;
    const watched = ++this.#last;
    const { snapshot, request, plan } = arrived;
    const { primary, requestClass } = plan;
    this.#link.send({ type: "watch", watched, revision: snapshot.revision, request, primary, requestClass });
    const isRead = requestClass === "read";
    return {
      takers: isRead ? () => ({ request: this.#copy(), answer: this.#copy() }) : null,
      ended: (ending) => {
        const { body, bytes } = isRead ? answerOf(ending) : NO_ANSWER;
        this.#link.send({ type: "watch-ended", watched, ending: tell(ending), answer: body }, bytes);
      },
      closed: () => this.#link.send({ type: "watch-closed", watched }),
    };
  }

  sawFailure(origin: string): void {
    this.#link.send({ type: "primary-failed", origin });
  }

  #copy(): RelayedBody {
    // Beyond its budget it is lost, so that nothing is ever relayed.
    return new RelayedBody(Number.POSITIVE_INFINITY, new ByteBudget(SURVEYED_MAX_BYTES), () => undefined);
  }
}

const NO_ANSWER = { body: null, bytes: [] };

function answerOf(ending: PrimaryEnding) {
  if (ending.end !== "answered") return NO_ANSWER;
  const { kind, length } = ending.body;
  if (kind === "lost" || ending.body.copy.kind !== "memory") {
    return { body: { length, kept: 0, isLost: true }, bytes: [] };
  }
  return { body: { length, kept: length, isLost: false }, bytes: [ending.body.copy.bytes] };
}
