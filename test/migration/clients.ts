/** Clients that write rows through the members, at a rate, and keep their own log of what was acknowledged. */
import { setTimeout as wait } from "node:timers/promises";
import { Agent, request } from "undici";
import { seeded } from "../support/seeded.ts";
import { growPlace } from "./rows.ts";
import { type Changes, RAISED_EVERY } from "./tables.ts";
import { type Doubt, doubtOf, type LiveWrite, type WriteEnd, WriteLog } from "./write-log.ts";

/** A process that takes traffic, or does not for the moment. */
export interface Door {
  /** null: it is gone. */
  readonly proxyUrl: string | null;
}

export interface ClientsGiven {
  readonly pair: string;
  readonly rows: number;
  readonly clients: number;
  /** Of all together. */
  readonly writesPerSecond: number;
  readonly seed: number;
  readonly doors: readonly Door[];
}

interface Sent {
  readonly door: Door;
  /** Monotonic ms; Infinity: never. */
  answeredAt: number;
  readonly doubt: () => Doubt;
}

/** A few rows of each client that are written all the time. */
const HOT = 5;
const HOT_SHARE = 0.05;

export class Clients {
  readonly log: WriteLog;
  readonly #given: ClientsGiven;
  readonly #agent: Agent;
  readonly #running: Promise<void>[];
  /** Of the last seconds; what a kill meets is asked for right after it. */
  #sent: Sent[] = [];
  #stopped = false;
  readonly errors: string[] = [];

  constructor(given: ClientsGiven) {
    this.#given = given;
    this.log = new WriteLog(given.rows);
    this.#agent = new Agent({ connections: given.clients, pipelining: 1 });
    this.#running = Array.from({ length: given.clients }, (_, i) => this.#client(i));
  }

  /** What a member that is killed now may leave to nobody but reconcile: what it was asked within the last `ms`, or has not answered. */
  doubtsOf(door: Door, ms: number): readonly (() => Doubt)[] {
    const since = performance.now() - ms;
    return this.#sent.filter((one) => one.door === door && one.answeredAt >= since).map(({ doubt }) => doubt);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    await this.#agent.close();
  }

  async #client(i: number): Promise<void> {
    const { rows, clients, writesPerSecond, seed } = this.#given;
    const chance = seeded(seed + i);
    const below = (bound: number): number => Math.floor(chance.next() * bound);
    const own = (place: number): string => String(place * clients + i + 1);
    const ownRows = Math.floor((rows - i - 1) / clients) + 1;
    const made: string[] = [];
    const any = (): string => String(1 + below(rows));
    const mine = (): string => {
      if (made.length > 0 && chance.next() < 0.2) return made[below(made.length)] as string;
      return own(chance.next() < HOT_SHARE ? below(Math.min(HOT, ownRows)) : below(ownRows));
    };
    const everyMs = (1_000 * clients) / writesPerSecond;
    for (let due = performance.now() + chance.next() * everyMs; !this.#stopped; due += everyMs) {
      await wait(Math.max(0, due - performance.now()));
      // A machine that does not bear so many is sent fewer, and not a heap of them.
      due = Math.max(due, performance.now() - everyMs);
      const write = this.#choose(chance.next(), { mine, any, below });
      const end = await this.#write(write, below);
      if (write.kind === "create" && end.end === "accepted" && end.id !== null) made.push(end.id);
    }
  }

  #choose(
    what: number,
    { mine, any, below }: { mine: () => string; any: () => string; below: (bound: number) => number },
  ): LiveWrite {
    const values = (): Changes => {
      const { id: _, n: __, ...rest } = growPlace(1 + below(1_000_000));
      return { ...rest, name: `${rest.name}· written live ` };
    };
    if (what < 0.2) return { kind: "create", values: values() };
    if (what < 0.45) return { kind: "replace", id: mine(), values: values() };
    if (what < 0.72) return { kind: "bump", id: mine() };
    if (what < 0.84) return { kind: "remove", id: mine() };
    if (what < 0.998) {
      const from = any();
      let to = any();
      // A transfer to itself would take one away.
      while (to === from) to = any();
      return { kind: "transfer", from, to };
    }
    return { kind: "raise", of: below(RAISED_EVERY) };
  }

  async #write(write: LiveWrite, below: (bound: number) => number): Promise<WriteEnd> {
    const open = this.#given.doors.filter(({ proxyUrl }) => proxyUrl !== null);
    const door = open[below(open.length)] as Door;
    let end: WriteEnd = { end: "unknown" };
    const sent: Sent = { door, answeredAt: Number.POSITIVE_INFINITY, doubt: () => doubtOf(write, end) };
    this.#sent.push(sent);
    if (this.#sent.length > 10_000) this.#sent = this.#sent.slice(-5_000);
    end = await this.#send(write, `${door.proxyUrl ?? ""}/${this.#given.pair}`);
    if (end.end !== "unknown") sent.answeredAt = performance.now();
    this.log.ended(write, end);
    return end;
  }

  async #send(write: LiveWrite, base: string): Promise<WriteEnd> {
    const [method, path, body] = requestOf(write);
    try {
      const answer = await request(base + path, {
        dispatcher: this.#agent,
        method,
        headers: body === null ? {} : { "content-type": "application/json" },
        body,
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 500) {
        this.errors.push(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 200)}`);
        return { end: "unknown" };
      }
      if (answer.statusCode >= 300) return { end: "refused" };
      const id = write.kind === "create" ? (/^\{"id":(\d+),/.exec(text)?.[1] ?? null) : null;
      return { end: "accepted", id };
    } catch {
      // Its member was killed.
      return { end: "unknown" };
    }
  }
}

const NUMBERS: ReadonlySet<string> = new Set(["area", "far"]);

function requestOf(
  write: LiveWrite,
): readonly [method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body: string | null] {
  switch (write.kind) {
    case "create":
      return ["POST", "/places", spell(write.values)];
    case "replace":
      return ["PUT", `/places/${write.id}`, spell(write.values)];
    case "bump":
      return ["PATCH", `/places/${write.id}`, null];
    case "remove":
      return ["DELETE", `/places/${write.id}`, null];
    case "transfer":
      return ["POST", "/transfers", `{"from":${write.from},"to":${write.to}}`];
    case "raise":
      return ["POST", "/raise", `{"of":${write.of}}`];
    default:
      return write satisfies never;
  }
}

function spell(values: Changes): string {
  const members = Object.entries(values).map(([column, value]) => {
    if (value === null || NUMBERS.has(column)) return `"${column}":${value}`;
    return `"${column}":${JSON.stringify(column === "code" ? Buffer.from(value, "hex").toString("base64") : value)}`;
  });
  return `{${members.join(",")}}`;
}
