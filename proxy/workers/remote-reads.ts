/**
 * Whether another service than its primary may answer a read, as the parent knows; and what a worker's reads of that kind came to,
 * told from time to time.
 */
import type { DialQuestion } from "../reads/dial.ts";
import type { Link } from "./link.ts";
import type { FromWorker, ReadsTold, ToWorker } from "./messages.ts";

/**
 * A parent that is busy for longer is not waited for: the primary answers. That is as good where the other one was to be asked first;
 * where the primary has nothing, it is a 404 that the client could have been spared.
 */
const ANSWERED_WITHIN_MS = { dial: 50, fallback: 1_000 } as const;
/** As often as what a worker measures. */
const TOLD_EVERY_MS = 250;

export class RemoteReads<Result extends string> {
  readonly #link: Pick<Link<FromWorker, ToWorker>, "send">;
  readonly #type: "dial" | "fallback";
  readonly #tell: (counts: readonly ReadsTold<Result>[]) => void;
  readonly #asked = new Map<number, (mayAsk: boolean) => void>();
  #questions = 0;
  #counts = new Map<string, ReadsTold<Result>>();

  constructor(
    link: Pick<Link<FromWorker, ToWorker>, "send">,
    type: "dial" | "fallback",
    tell: (counts: readonly ReadsTold<Result>[]) => void,
  ) {
    this.#link = link;
    this.#type = type;
    this.#tell = tell;
    setInterval(() => this.flush(), TOLD_EVERY_MS).unref();
  }

  mayAsk(asked: DialQuestion): Promise<boolean> {
    const question = ++this.#questions;
    return new Promise((resolve) => {
      const answered = (mayAsk: boolean): void => {
        clearTimeout(timer);
        this.#asked.delete(question);
        resolve(mayAsk);
      };
      const timer = setTimeout(answered, ANSWERED_WITHIN_MS[this.#type], false);
      this.#asked.set(question, answered);
      this.#link.send({ type: this.#type, question, ...asked });
    });
  }

  told({ question, mayAsk }: Extract<ToWorker, { type: "dial" | "fallback" }>): void {
    this.#asked.get(question)?.(mayAsk);
  }

  count(route: string, result: Result): void {
    const name = `${result} ${route}`;
    this.#counts.set(name, { route, result, times: (this.#counts.get(name)?.times ?? 0) + 1 });
  }

  flush(): void {
    if (this.#counts.size === 0) return;
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    this.#tell(counts);
  }
}
