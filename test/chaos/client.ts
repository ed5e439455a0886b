/**
 * One client: a connection of its own, one request at a time, a seeded mix of writes and reads. It works on a handful of
 * entities that nobody else writes, makes new ones all the time and leaves old ones behind, so that what one fault puts on
 * the repair list excuses little of what comes after; now and then it writes to one that all clients share.
 */
import { Agent, request } from "node:http";
import type { Chance } from "../hostile/random.ts";
import type { Write, WriteBody } from "./entities.ts";
import type { SentWrite } from "./records.ts";

/** `limits.bodyInMemory` of the proxy. */
export const BODY_IN_MEMORY_BYTES = 16 * 1024;

export interface ClientOptions {
  readonly name: string;
  readonly chance: Chance;
  /** Where to send the next request; waits while nobody is there. */
  readonly url: () => Promise<string>;
  readonly ended: (write: SentWrite) => void;
}

const OWN_ENTITIES = 4;
const SHARED = ["shared-0", "shared-1", "shared-2"];
/** Beyond what a primary is waited for (stage.ts), unless the proxy itself stands still. */
const GIVE_UP_MS = 5_000;
const LONGEST_PAUSE_MS = 12;
/** One body in so many goes by way of the spool, and is as long as that takes. */
const LARGE_EVERY = 8;
const PAD = "x".repeat(2 * BODY_IN_MEMORY_BYTES);
/** Where nobody is there, asking at once again is no traffic. */
const UNANSWERED_PAUSE_MS = 30;

interface Answer {
  readonly status: number;
  readonly text: string;
}

export class Client {
  readonly #options: ClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #own: string[] = [];
  /** The entity of its own that it wrote last. */
  #last = "";
  #sent = 0;
  #stopped = false;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    const { chance } = this.#options;
    while (!this.#stopped) {
      const isAnswered = await this.#step();
      const pauseMs = isAnswered ? chance.below(LONGEST_PAUSE_MS) : UNANSWERED_PAUSE_MS;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    this.#agent.destroy();
  }

  async #step(): Promise<boolean> {
    const { chance } = this.#options;
    if (this.#own.length < OWN_ENTITIES || chance.below(100) < 12) return await this.#create();
    const dice = chance.below(100);
    // Often the same one again, so that its lane fills.
    const id =
      dice < 6 ? chance.one(SHARED) : dice < 66 && this.#own.includes(this.#last) ? this.#last : chance.one(this.#own);
    if (dice >= 6) this.#last = id;
    if (dice >= 90) return (await this.#send(await this.#options.url(), "GET", `/items/${id}`, null)) !== null;
    return (await this.#write(...this.#change(dice, id))) !== null;
  }

  #change(dice: number, id: string): [Write["method"], string, WriteBody] {
    const { chance } = this.#options;
    const body = { tag: this.#tag() };
    if (dice >= 82) return ["PUT", id, { ...body, value: 1, invalid: true }];
    if (dice >= 76) return ["DELETE", id, body];
    if (dice >= 40) return ["PATCH", id, { ...body, add: 1 + chance.below(9) }];
    return ["PUT", id, { ...body, value: chance.below(1_000) }];
  }

  /** Half of the ids are the client's, half the service's. An entity whose create was not seen to succeed is left alone. */
  async #create(): Promise<boolean> {
    const { chance, name } = this.#options;
    const tag = this.#tag();
    const own = chance.below(2) === 0 ? { id: `${name}-chose-${this.#sent}` } : {};
    const answer = await this.#write("POST", null, { tag, value: chance.below(1_000), ...own });
    if (answer?.status !== 201) return answer !== null;
    this.#own.push((JSON.parse(answer.text) as { id: string }).id);
    if (this.#own.length > OWN_ENTITIES) this.#own.shift();
    return true;
  }

  #tag(): string {
    return `${this.#options.name}.${++this.#sent}`;
  }

  async #write(method: Write["method"], id: string | null, body: WriteBody): Promise<Answer | null> {
    const path = `/items${id === null ? "" : `/${id}`}${method === "DELETE" ? `?tag=${body.tag}` : ""}`;
    const url = await this.#options.url();
    const times = { began: performance.now(), beganAt: Date.now() };
    const whole = this.#options.chance.below(LARGE_EVERY) === 0 ? { ...body, pad: PAD } : body;
    const answer = await this.#send(url, method, path, method === "DELETE" ? null : JSON.stringify(whole), body.tag);
    const ended = { ended: performance.now(), endedAt: Date.now() };
    this.#options.ended({ tag: body.tag, method, status: answer?.status ?? null, ...times, ...ended });
    return answer;
  }

  /** null: no whole answer came. Every fourth write has an idempotency key of the client's own. */
  #send(url: string, method: string, path: string, body: string | null, tag?: string): Promise<Answer | null> {
    const headers = {
      ...(body === null ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
      ...(tag !== undefined && this.#sent % 4 === 0 ? { "idempotency-key": `own-${tag}` } : {}),
    };
    return new Promise((resolve) => {
      const sending = request(url + path, { method, headers, agent: this.#agent }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.once("error", () => resolve(null));
        response.once("close", () => resolve(null));
      });
      sending.setTimeout(GIVE_UP_MS, () => sending.destroy());
      sending.once("error", () => resolve(null));
      sending.once("close", () => resolve(null));
      sending.end(body ?? undefined);
    });
  }
}
