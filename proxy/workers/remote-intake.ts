import type { ByteBudget } from "../process/byte-budget.ts";
import type { BodyTakers } from "../forward/capture.ts";
import type { PrimaryEnding } from "../forward/forwarder.ts";
import { type Arrived, type CrossingWrite, endedOnce, type Entered, type Intake, letGoOn } from "../life/intake.ts";
import { keysAtHead } from "../route/entity-key.ts";
import { reachAtHead } from "../route/write-reach.ts";
import type { Link } from "./link.ts";
import type { EndingTold, FromWorker, ToWorker } from "./messages.ts";
import { toldTrace } from "../tracing/trace.ts";
import { RelayedBody } from "./relayed-body.ts";

type ToParent = Pick<Link<FromWorker, ToWorker>, "send" | "behindBytes">;

/** A parent that is so far behind is waited for with each request: what it has not read grows no further. */
const BEHIND_BYTES = 1024 * 1024;

/**
 * The books are the parent's: a worker tells it of each exchange, and waits for it where the pipeline would wait for the
 * journal. A parent that does not answer stops writes as the process would that did all by itself.
 */
export class RemoteIntake implements Intake {
  readonly #link: ToParent;
  readonly #budget: ByteBudget;
  readonly #caught: (step: string, error: unknown) => void;
  #last = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #held = new Map<number, () => void>();

  /** `budget`: the worker's share of memory for copies. */
  constructor(link: ToParent, budget: ByteBudget, caught: (step: string, error: unknown) => void) {
    this.#link = link;
    this.#budget = budget;
    this.#caught = caught;
  }

  open(
    { snapshot, request, found, plan, trace }: Arrived,
    goOn: (entered: Entered) => void,
    failed: () => void,
    refused: () => void,
  ): void {
    const exchange = ++this.#last;
    const { primary, shadow, requestClass } = plan;
    const waits = requestClass === "write" || this.#link.behindBytes > BEHIND_BYTES;
    const late = keysAtHead({ route: found.route, params: found.params, request }, requestClass).length === 0;
    const order = requestClass === "read" ? "any" : late ? "placed" : "told";
    const begin = (isHeld: boolean): void => {
      const whenPlaced = isHeld ? "placed" : order;
      const entered = this.#entered(exchange, snapshot.settings.limits.bodyInMemoryBytes, whenPlaced);
      letGoOn(endedOnce(entered), goOn, failed, this.#caught);
    };
    if (waits) this.#waiting.set(exchange, { goOn: begin, failed, refused });
    const told = { revision: snapshot.revision, request, primary, shadow, requestClass };
    this.#link.send({ type: "open", exchange, waits, trace: trace === null ? null : toldTrace(trace), ...told });
    if (!waits) begin(false);
  }

  cross({ snapshot, request, found, plan }: CrossingWrite): Entered {
    const exchange = ++this.#last;
    const { primary, requestClass } = plan;
    const told = { revision: snapshot.revision, request, primary, shadow: null, requestClass };
    this.#link.send({ type: "open", exchange, waits: false, trace: null, ...told });
    const entered = this.#entered(exchange, snapshot.settings.limits.bodyInMemoryBytes, "any");
    const from = { route: found.route, params: found.params, request };
    const isLate = reachAtHead(from, keysAtHead(from, "write")).lateOf.length > 0;
    return endedOnce(isLate ? entered : { ...entered, takers: () => null });
  }

  go(exchange: number, isHeld: boolean): void {
    this.#taken(exchange)?.goOn(isHeld);
  }

  notEntered(exchange: number, isRefused: boolean): void {
    const waiting = this.#taken(exchange);
    if (isRefused) waiting?.refused();
    else waiting?.failed();
  }

  placed(exchange: number): void {
    const letGo = this.#held.get(exchange);
    this.#held.delete(exchange);
    letGo?.();
  }

  #taken(exchange: number) {
    const waiting = this.#waiting.get(exchange);
    this.#waiting.delete(exchange);
    return waiting;
  }

  #entered(exchange: number, memoryBytes: number, order: AnswerOrder): Entered {
    const relayed = (of: "request" | "answer"): RelayedBody =>
      new RelayedBody(memoryBytes, this.#budget, (chunk, written) =>
        this.#link.send({ type: "body", exchange, of }, [chunk], written),
      );
    let [request, answer]: (RelayedBody | null)[] = [null, null];
    return {
      takers(): BodyTakers {
        request = relayed("request");
        answer = relayed("answer");
        return { request, answer };
      },
      isPlaced: () => true,
      ended: (ending) => {
        const isAnswered = ending.end === "answered";
        // Nobody looks at the bodies of what nobody answered.
        const told = (body: RelayedBody | null | undefined) => (isAnswered && body ? body.told() : NO_BODY);
        const [sent, answered] = [told(request), told(answer)];
        const isHeld = order === "placed" && isAnswered;
        const { promise, resolve } = Promise.withResolvers<void>();
        if (isHeld) this.#held.set(exchange, resolve);
        this.#link.send(
          { type: "ended", exchange, ending: tell(ending), request: sent.body, answer: answered.body, isHeld },
          [...sent.chunks, ...answered.chunks],
          () => {
            if (ending.end === "answered") ending.release();
            if (!isHeld) resolve();
          },
        );
        return order === "any" ? null : promise;
      },
    };
  }
}

interface Waiting {
  readonly goOn: (isHeld: boolean) => void;
  readonly failed: () => void;
  readonly refused: () => void;
}

/**
 * What an answer's last byte waits for. told: the parent can read of it, before whatever the client does next (crew.ts reads ends
 * before beginnings). placed: the parent has settled it: only the answer tells the key, or the parent does not know yet where it stands
 * among other members' writes; whoever writes that key then comes after.
 */
type AnswerOrder = "any" | "told" | "placed";

const NO_BODY = { body: { length: 0, kept: 0, isLost: false }, chunks: [] };

export function tell(ending: PrimaryEnding): EndingTold {
  if (ending.end !== "answered") return ending;
  const { end, status, headers, requestComplete, ms, isAnothers } = ending;
  return { end, status, headers, requestComplete, ms, ...(isAnothers === true ? { isAnothers } : {}) };
}
