/** Fills a `Tail`: what is there, page by page, and what comes, with nothing lost where the connection was. */
import type { DivergenceRecord } from "../evidence/evidence.ts";
import { ask } from "./client.ts";
import { type Connection, follow } from "./live.ts";
import { lineOf, type Tail } from "./tail.ts";

interface Page {
  readonly items: readonly DivergenceRecord[];
  readonly next: string | null;
}

export interface TailState {
  readonly connection: Connection;
  /** Divergences that were not sent: too many in a second, or this browser too slow. They are in the list of the API. */
  readonly missed: number;
  /** Whether there is more before the oldest line. */
  readonly hasMore: boolean;
  readonly loading: boolean;
  /** Why what is before could not be had, or nothing comes. */
  readonly problem: string | null;
}

/** On (re)connecting the list is brought up to date by so many. */
const CATCH_UP = 200;
const PAGE = 1_000;

export class TailFollower {
  readonly #tail: Tail;
  readonly #query: string;
  readonly #ending = new AbortController();
  readonly #changed: () => void;
  #cursor: string | null = null;
  #joined = false;
  state: TailState = { connection: { state: "connecting" }, missed: 0, hasMore: false, loading: false, problem: null };

  /** `query`: filters, as the API takes them. `changed` is called often: let it wait for a frame. */
  constructor(tail: Tail, query: Readonly<Record<string, string>>, changed: () => void) {
    this.#tail = tail;
    this.#query = new URLSearchParams(query).toString();
    this.#changed = changed;
  }

  start(): void {
    void follow(`/api/v1/events?${this.#query}`, this.#ending.signal, {
      event: ({ event, data }) => {
        if (event === "divergence") this.#tail.push(lineOf(JSON.parse(data) as DivergenceRecord));
        else if (event === "missed")
          this.#put({ missed: this.state.missed + (JSON.parse(data) as { count: number }).count });
        else if (event === "status" && this.state.connection.state !== "live") {
          // The first event of each connection: from now on nothing is lost, and what came before is asked for.
          this.#put({ connection: { state: "live" } });
          void this.#catchUp();
        }
        this.#changed();
      },
      // A filter that the API refuses looks like a list of nothing, were it not said.
      connection: (connection) => this.#put({ connection, problem: "why" in connection ? connection.why : null }),
    });
  }

  stop(): void {
    this.#ending.abort();
  }

  /** One page of what is before the oldest line. Does nothing where there is none, or one is on its way. */
  async loadMore(): Promise<void> {
    const cursor = this.#cursor;
    if (cursor === null || this.state.loading) return;
    await this.#load(async () => {
      const page = await this.#page(PAGE, cursor);
      this.#tail.append(page.items.map(lineOf));
      this.#setCursor(page.next);
    });
  }

  async #catchUp(): Promise<void> {
    await this.#load(async () => {
      const page = await this.#page(CATCH_UP, null);
      const lines = page.items.map(lineOf);
      if (this.#joined && (page.next === null || lines.some(({ id }) => this.#tail.has(id)))) {
        // What came while there was no connection. Some of what came since may stand before it: the order of times is kept
        // by the ids, which begin with them.
        this.#tail.merge(lines);
        return;
      }
      // Between what is shown and this page there may be more than it holds: it is shown from here on anew.
      this.#joined = true;
      this.#tail.restart(lines);
      this.#setCursor(page.next);
    });
  }

  async #load(work: () => Promise<void>): Promise<void> {
    this.#put({ loading: true, problem: null });
    try {
      await work();
      this.#put({ loading: false });
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      this.#put({ loading: false, problem: error instanceof Error ? error.message : String(error) });
    }
  }

  async #page(limit: number, cursor: string | null): Promise<Page> {
    const after = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const query = this.#query === "" ? "" : `&${this.#query}`;
    return await ask<Page>(`/api/v1/divergences?limit=${limit}${query}${after}`, this.#ending.signal);
  }

  #setCursor(next: string | null): void {
    this.#cursor = next;
    this.#put({ hasMore: next !== null });
  }

  #put(change: Partial<TailState>): void {
    if (this.#ending.signal.aborted) return;
    this.state = { ...this.state, ...change };
    this.#changed();
  }
}
