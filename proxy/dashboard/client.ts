/** Asks the admin API, with the token of this tab where there is one. */
import { readEvents, type ServerEvent } from "../admin/event-stream.ts";

/** An answer that is none: what the API said is wrong, in its own words. */
export class Refused extends Error {
  readonly status: number;
  /** What else the problem tells (RFC 9457): the report of a move that was refused, the parameter that is wrong. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(status: number, detail: string, members: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.status = status;
    this.members = members;
  }
}

/** Gone with the tab, and sent in no address. */
const TOKEN_KEY = "crossfade-token";
const CHANGE_TIMEOUT_MS = 120_000;
const READ_TIMEOUT_MS = 15_000;

export function keepToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, token);
}

function headersWith(more: Readonly<Record<string, string>>): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token === null ? { ...more } : { ...more, authorization: `Bearer ${token}` };
}

/** @throws Refused with the API's own sentence; with status 0 where nobody answers. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  return await call<T>(path, { headers: headersWith({}), signal: within(READ_TIMEOUT_MS, signal) });
}

/** @throws Refused, as `ask` */
export async function change<T>(method: "PATCH" | "POST", path: string, body: unknown): Promise<T> {
  return await call<T>(path, {
    method,
    headers: headersWith({ "content-type": "application/json" }),
    body: JSON.stringify(body),
    signal: within(CHANGE_TIMEOUT_MS),
  });
}

/** Events as they come. `heard` is called for all that comes, the server's heartbeat too. @throws Refused, as `ask` */
export async function* listen(path: string, signal: AbortSignal, heard: () => void): AsyncGenerator<ServerEvent> {
  const answer = await send(path, { headers: headersWith({ accept: "text/event-stream" }), signal });
  if (!answer.ok || answer.body === null) throw await refusalOf(answer);
  heard();
  yield* readEvents(chunksOf(answer.body, heard));
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  const answer = await send(path, init);
  if (!answer.ok) throw await refusalOf(answer);
  return (await answer.json()) as T;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...init, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new Refused(0, late ? "Crossfade did not answer in time" : "Crossfade does not answer");
  }
}

async function refusalOf(answer: Response): Promise<Refused> {
  const text = await answer.text().catch(() => "");
  try {
    const { detail, ...members } = JSON.parse(text) as { detail: string };
    return new Refused(answer.status, detail, members);
  } catch {
    return new Refused(answer.status, `it was answered ${answer.status}`);
  }
}

function within(ms: number, signal?: AbortSignal): AbortSignal {
  const late = AbortSignal.timeout(ms);
  return signal === undefined ? late : AbortSignal.any([signal, late]);
}

/** Streams are not iterable in every browser that is supported. */
async function* chunksOf(stream: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
