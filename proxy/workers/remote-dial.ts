/** Whether next may answer a read, as the parent knows; and what a worker's dialled reads came to, told from time to time. */
import type { Dial, DialQuestion } from "../dial.ts";
import type { DialResult } from "../dial-results.ts";
import type { Link } from "./link.ts";
import type { DialledTold, FromWorker, ToWorker } from "./messages.ts";

/** A parent that is busy for longer is not waited for: legacy answers. */
const ANSWERED_WITHIN_MS = 50;
/** As often as what a worker measures. */
const TOLD_EVERY_MS = 250;

export class RemoteDial implements Dial {
  readonly #link: Pick<Link<FromWorker, ToWorker>, "send">;
  readonly #asked = new Map<number, (mayAsk: boolean) => void>();
  #questions = 0;
  #counts = new Map<string, DialledTold>();

  constructor(link: Pick<Link<FromWorker, ToWorker>, "send">) {
    this.#link = link;
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
      const timer = setTimeout(answered, ANSWERED_WITHIN_MS, false);
      this.#asked.set(question, answered);
      this.#link.send({ type: "dial", question, ...asked });
    });
  }

  told({ question, mayAsk }: Extract<ToWorker, { type: "dial" }>): void {
    this.#asked.get(question)?.(mayAsk);
  }

  count(route: string, result: DialResult): void {
    const name = `${result} ${route}`;
    this.#counts.set(name, { route, result, times: (this.#counts.get(name)?.times ?? 0) + 1 });
  }

  flush(): void {
    if (this.#counts.size === 0) return;
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    this.#link.send({ type: "dialled", counts });
  }
}
