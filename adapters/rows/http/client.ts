/** Requests of one collection's place: paced, a few at once, tried again where that is safe; no redirect is followed. */
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, errors, request } from "undici";
import { CrossfadeError } from "../../../proxy/errors.ts";

/** Requests on the wire at once. */
export const AT_ONCE = 8;
const TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** An answer is read into memory. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;
const TRIES = 5;
const FIRST_PAUSE_MS = 200;
/** Who asks for more is not waited for. */
const LONGEST_PAUSE_MS = 60_000;

export interface RowRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Path and query, as they are sent. */
  readonly target: string;
  /** JSON. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asked right before it is sent, each time. false: it must not be. */
  readonly allowed?: () => Promise<boolean>;
}

/** A request that was not allowed by the time that it was to be sent. */
export class NotAllowed extends Error {}

export interface RowAnswer {
  readonly status: number;
  /** Of several with one name the first. */
  header(name: string): string | null;
  readonly body: Buffer;
}

export interface ClientOptions {
  /** Of people, in messages. */
  readonly name: string;
  readonly origin: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly requestsPerSecond: number | null;
}

export interface RowClient {
  /** @throws CrossfadeError where nothing answers, or 5xx, 408 or 429 again and again; NotAllowed */
  ask(wanted: RowRequest): Promise<RowAnswer>;
  close(): Promise<void>;
}

/** What says that it was not dealt with. A POST is sent again after these alone. */
const NOT_DEALT_WITH = new Set([429, 503]);
const MAY_PASS = new Set([408, 429, 500, 502, 503, 504]);

export function openClient({ name, origin, headers, requestsPerSecond }: ClientOptions): RowClient {
  const agent = new Agent({
    connections: AT_ONCE,
    pipelining: 1,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    maxResponseSize: ANSWER_MAX_BYTES,
  });
  const closing = new AbortController();
  // Each request, and each wait, listens while it lasts.
  setMaxListeners(0, closing.signal);
  let next = 0;

  async function turn(): Promise<void> {
    if (requestsPerSecond === null) return;
    const now = performance.now();
    const mine = Math.max(next, now);
    next = mine + 1000 / requestsPerSecond;
    if (mine > now) await pause(mine - now);
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: closing.signal }).catch(() => {
      throw failed("it was closed meanwhile");
    });
  }

  function failed(why: string, cause?: unknown): CrossfadeError {
    return new CrossfadeError("rows-unavailable", `${name}: ${why}`, { source: "upstream", retryable: true, cause });
  }

  async function once({ method, target, body, headers: more = {} }: RowRequest): Promise<RowAnswer> {
    const answer = await request(`${origin}${target}`, {
      dispatcher: agent,
      method,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...Object.fromEntries(headers),
        ...more,
      },
      body: body ?? null,
      signal: closing.signal,
    });
    return {
      status: answer.statusCode,
      header(wanted) {
        const value = answer.headers[wanted];
        return (Array.isArray(value) ? value[0] : value) ?? null;
      },
      body: Buffer.from(await answer.body.arrayBuffer()),
    };
  }

  return {
    async ask(wanted) {
      for (let tries = 1; ; tries += 1) {
        await turn();
        if (wanted.allowed !== undefined && !(await wanted.allowed())) throw new NotAllowed();
        const { method } = wanted;
        let waitMs = FIRST_PAUSE_MS * 2 ** (tries - 1);
        try {
          const answer = await once(wanted);
          if (!MAY_PASS.has(answer.status) || (method === "POST" && !NOT_DEALT_WITH.has(answer.status))) return answer;
          const told = retryAfterMs(answer.header("retry-after"), Date.now());
          if (tries === TRIES || (told !== null && told > LONGEST_PAUSE_MS)) {
            const later = told === null ? "" : ` (retry-after: ${Math.ceil(told / 1000)} s)`;
            throw failed(`${method} ${pathOf(wanted.target)} answered ${answer.status}, ${tries} times${later}`);
          }
          waitMs = told ?? waitMs;
        } catch (thrown) {
          if (thrown instanceof CrossfadeError) throw thrown;
          if (thrown instanceof errors.ResponseExceededMaxSizeError) {
            throw new CrossfadeError(
              "rows-unusable",
              `${name}: ${method} ${pathOf(wanted.target)} answered more than ${ANSWER_MAX_BYTES / 1024 / 1024} MiB; ask for fewer rows at once (list: { limit, most })`,
              { source: "config", cause: thrown },
            );
          }
          // It may have been done: whoever goes on looks at what is there first.
          if (method === "POST" || tries === TRIES || closing.signal.aborted) {
            throw failed(`${method} ${pathOf(wanted.target)} got no answer: ${(thrown as Error).message}`, thrown);
          }
        }
        await pause(waitMs);
      }
    },
    async close() {
      closing.abort();
      await agent.destroy();
    },
  };
}

/** A query may hold what is secret. */
export function pathOf(target: string): string {
  return target.split("?", 1)[0] ?? target;
}

/** Seconds, or an instant (RFC 9110, 10.2.3). `now`: epoch ms. null: nothing that can be read. */
function retryAfterMs(text: string | null, now: number): number | null {
  if (text === null) return null;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
