/**
 * The status as it changes, by server-sent events. A connection that breaks, or falls silent for longer than the server's
 * heartbeat, is made anew; meanwhile the last figures stay, and it is said of when they are.
 */
import type { ServerEvent } from "../admin/event-stream.ts";
import type { StatusView } from "../admin/status-view.ts";
import { listen, Refused } from "./client.ts";
import { noteTraffic, repeatNote, type Traffic } from "./traffic.ts";

export type Connection =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** `retryAt`: epoch ms. */
  | { readonly state: "lost"; readonly why: string; readonly retryAt: number }
  /** `refused`: a token was given, and it is not known. */
  | { readonly state: "signed-out"; readonly refused: boolean };

export interface LiveState {
  readonly connection: Connection;
  /** null: none has come yet. */
  readonly status: StatusView | null;
  readonly traffic: Traffic;
}

/** The server writes at least a comment every 15 s. */
const SILENCE_MS = 25_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;
/** A status comes within 2 s of a change. */
const UNCHANGED_MS = 5_000;
/** About so long a tab that is not looked at keeps its connection: browsers have six for a host, over all their tabs. */
const UNSEEN_MS = 5_000;
/** No group has this id: the status alone is wanted. */
const STATUS_ALONE = "/api/v1/events?group=none";

/** Listens to `path` for as long as `signal` allows; `onEvent` sees each event, `onConnection` each change. */
export async function follow(
  path: string,
  signal: AbortSignal,
  on: { readonly event: (event: ServerEvent) => void; readonly connection: (connection: Connection) => void },
): Promise<void> {
  let retryMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    if (document.hidden) {
      on.connection({ state: "connecting" });
      await pause(LAST_RETRY_MS, signal);
      continue;
    }
    const quiet = new AbortController();
    const unseen = setInterval(() => document.hidden && quiet.abort(), UNSEEN_MS);
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => quiet.abort(), SILENCE_MS);
    };
    let why = "the connection ended";
    try {
      heard();
      for await (const event of listen(path, AbortSignal.any([signal, quiet.signal]), heard)) {
        retryMs = FIRST_RETRY_MS;
        on.event(event);
      }
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof Refused && error.status === 401) {
        on.connection({ state: "signed-out", refused: error.message.includes("not known") });
        break;
      }
      why = error instanceof Error && !quiet.signal.aborted ? error.message : "Crossfade has been silent for too long";
    } finally {
      clearTimeout(silence);
      clearInterval(unseen);
    }
    if (signal.aborted || document.hidden) continue;
    on.connection({ state: "lost", why, retryAt: Date.now() + retryMs });
    await pause(retryMs, signal);
    retryMs = Math.min(LAST_RETRY_MS, retryMs * 2);
  }
}

/** Ends early when the network comes back, or the page is looked at again. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", seen);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const seen = (): void => {
      if (!document.hidden) done();
    };
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    document.addEventListener("visibilitychange", seen);
    signal.addEventListener("abort", done);
  });
}

/** The one status of the page, whoever shows it. */
export class LiveStatus {
  #state: LiveState = { connection: { state: "connecting" }, status: null, traffic: { notes: [] } };
  #ending = new AbortController();
  #unchanged: ReturnType<typeof setInterval> | undefined;
  readonly #listeners = new Set<(state: LiveState) => void>();

  get state(): LiveState {
    return this.#state;
  }

  subscribe(listener: (state: LiveState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** From the beginning, with the token as it is now. */
  start(): void {
    this.#ending.abort();
    this.#ending = new AbortController();
    const { signal } = this.#ending;
    const put = (change: Partial<LiveState>): void => {
      if (!signal.aborted) this.#put(change);
    };
    const restart = (): void => {
      clearInterval(this.#unchanged);
      this.#unchanged = setInterval(() => {
        if (this.#state.connection.state === "live") put({ traffic: repeatNote(this.#state.traffic, UNCHANGED_MS) });
      }, UNCHANGED_MS);
    };
    void follow(STATUS_ALONE, signal, {
      event: ({ event, data }) => {
        if (event !== "status") return;
        const status = JSON.parse(data) as StatusView;
        restart();
        put({ connection: { state: "live" }, status, traffic: noteTraffic(this.#state.traffic, status) });
      },
      connection: (connection) =>
        put(connection.state === "signed-out" ? { connection, status: null } : { connection }),
    });
  }

  #put(change: Partial<LiveState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener(this.#state);
  }
}
