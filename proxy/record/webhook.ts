/**
 * Tells somebody elsewhere of new causes and of those that come back. Nothing waits for it: events wait, bounded, for one
 * call at a time; what cannot be delivered is counted and given up. Neither URL nor headers are ever logged or shown.
 */
import { request as requestPlain, type ClientRequest } from "node:http";
import { request as requestSecure } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import type { WebhookSettings } from "../config/settings.ts";
import type { GroupEvent } from "../evidence/evidence.ts";
import { spellEvent } from "../evidence/group-sentence.ts";
import type { Store } from "../ports.ts";
import type { WebhookHealth } from "../process/webhook-health.ts";

const SECOND = 1000;
const WAITING_MAX = 100;
const TIMEOUT_MS = 5 * SECOND;
const CLOSE_PATIENCE_MS = 500;
/** Pauses before the second attempt and those after it. */
const RETRIES_MS: readonly number[] = [SECOND, 5 * SECOND, 30 * SECOND];

export interface WebhookParts {
  /** As they are now; null: nobody is called. */
  readonly settings: () => WebhookSettings | null;
  readonly store: Pick<Store, "group">;
  readonly version: string;
  /** Told why a call was given up, without any secret. */
  readonly gaveUp: (why: string) => void;
  /** Default 5 s. */
  readonly timeoutMs?: number;
  /** Default 1 s, 5 s, 30 s. */
  readonly retriesMs?: readonly number[];
}

export interface Webhook {
  /** Never throws, never waits. */
  notify(event: GroupEvent): void;
  health(): WebhookHealth | null;
  /** Ends the call under way; what waits is given up. */
  close(): Promise<void>;
}

/** How one attempt ended. `again`: whether another may do better. */
type Attempt = { readonly ok: true } | { readonly ok: false; readonly why: string; readonly again: boolean };

export function createWebhook(parts: WebhookParts): Webhook {
  const { timeoutMs = TIMEOUT_MS, retriesMs = RETRIES_MS } = parts;
  const waiting: GroupEvent[] = [];
  const ending = new AbortController();
  const counts = { delivered: 0, failed: 0, dropped: 0 };
  let problem: string | null = null;
  let working: Promise<void> | null = null;

  async function work(): Promise<void> {
    for (let event = waiting[0]; event !== undefined && !ending.signal.aborted; event = waiting[0]) {
      const end = await deliver(event);
      waiting.shift();
      if (end === null) continue;
      problem = end.ok ? null : end.why;
      if (end.ok) counts.delivered += 1;
      else {
        counts.failed += 1;
        parts.gaveUp(end.why);
      }
    }
  }

  /** null: there is nothing to be told any more. */
  async function deliver(event: GroupEvent): Promise<Attempt | null> {
    for (let attempt = 0; ; attempt++) {
      const end = await attemptOnce(event);
      const pauseMs = retriesMs[attempt];
      if (end === null || end.ok || !end.again || pauseMs === undefined || ending.signal.aborted) return end;
      await pause(pauseMs, undefined, { ref: false, signal: ending.signal }).catch(() => undefined);
    }
  }

  async function attemptOnce(event: GroupEvent): Promise<Attempt | null> {
    const settings = parts.settings();
    if (settings === null) return null;
    try {
      const found = await parts.store.group(event.group);
      // Evicted meanwhile.
      if (found === null) return null;
      const { group, samples } = found;
      const text = JSON.stringify({
        event: event.event,
        sentence: spellEvent(event.event, group),
        group,
        samples: samples.map(({ id }) => id),
      });
      const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ending.signal]);
      return judge(await post(settings, text, `crossfade/${parts.version}`, signal));
    } catch (thrown) {
      return { ok: false, why: wordsOf(thrown, timeoutMs), again: true };
    }
  }

  return {
    notify(event) {
      if (parts.settings() === null) return;
      if (waiting.length >= WAITING_MAX || ending.signal.aborted) {
        counts.dropped += 1;
        return;
      }
      waiting.push(event);
      working ??= work()
        .catch((thrown: unknown) => parts.gaveUp(wordsOf(thrown, timeoutMs)))
        .finally(() => (working = null));
    },
    health() {
      const settings = parts.settings();
      if (settings === null) return null;
      return { origin: new URL(settings.url).origin, ...counts, waiting: waiting.length, problem };
    },
    async close() {
      ending.abort();
      // A store that does not answer holds up nobody's end.
      const late = new AbortController();
      const patience = pause(CLOSE_PATIENCE_MS, undefined, { signal: late.signal }).catch(() => undefined);
      await Promise.race([working, patience]);
      late.abort();
    },
  };
}

function judge(status: number): Attempt {
  if (status >= 200 && status < 300) return { ok: true };
  const again = status >= 500 || status === 429 || status === 408;
  const redirect = status >= 300 && status < 400 ? ", and redirects are not followed" : "";
  return { ok: false, why: `answered ${status}${redirect}`, again };
}

/** The answer's status. Its body is not read. */
function post(settings: WebhookSettings, text: string, agent: string, signal: AbortSignal): Promise<number> {
  const url = new URL(settings.url);
  const body = Buffer.from(text);
  const send = url.protocol === "https:" ? requestSecure : requestPlain;
  return new Promise((resolve, reject) => {
    const call: ClientRequest = send(url, {
      method: "POST",
      // A connection of its own: calls are rare, and nothing is left open between them.
      agent: false,
      signal,
      headers: {
        ...Object.fromEntries(settings.headers),
        "content-type": "application/json",
        "content-length": body.length,
        "user-agent": agent,
      },
    });
    call.on("response", (answer) => {
      resolve(answer.statusCode ?? 0);
      answer.on("error", () => undefined);
      answer.destroy();
    });
    call.on("error", reject);
    call.end(body);
  });
}

/** A code at most: messages of the network name hosts and ports, those of others may name anything. */
function wordsOf(thrown: unknown, timeoutMs: number): string {
  if (!(thrown instanceof Error)) return "failed";
  if (thrown.name === "TimeoutError" || thrown.cause instanceof DOMException) return `no answer within ${timeoutMs} ms`;
  const { code } = thrown as NodeJS.ErrnoException;
  if (code === "ABORT_ERR") return `no answer within ${timeoutMs} ms`;
  return typeof code === "string" ? code : thrown.name;
}
