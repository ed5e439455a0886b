/**
 * `GET /api/v1/events`: server-sent events. Readers share one subscription and one clock, and nothing is kept for a slow
 * one beyond a bound: it is told how many it was spared. With no reader none of this runs.
 */
import type { ServerResponse } from "node:http";
import { coversPlace } from "../evidence/covers-place.ts";
import type { DivergenceRecord } from "../evidence/evidence.ts";
import type { ParameterName, QueryValues } from "./query.ts";
import { Problem } from "./problem.ts";
import type { StatusView } from "./status-view.ts";

export const EVENT_PARAMETERS: readonly ParameterName[] = ["route", "kind", "at", "outcome", "group"];

const MAX_READERS = 32;
/** Unsent bytes above which a reader gets no further events. */
const MAX_UNSENT_BYTES = 256 * 1024;
/** A second's worth of divergences, for all readers: serialising is done on the proxy's own event loop. */
const MAX_PER_SECOND = 200;

export interface EventTimes {
  /** Between two looks at the status, ms. */
  readonly statusMs: number;
  /** A comment line is sent after this long without anything else, ms: it keeps middleboxes from closing, and shows who is gone. */
  readonly heartbeatMs: number;
  /** A reader that takes nothing for this long is let go, ms. */
  readonly stuckMs: number;
}

const TIMES: EventTimes = { statusMs: 2_000, heartbeatMs: 15_000, stuckMs: 60_000 };

interface Reader {
  readonly response: ServerResponse;
  readonly filter: QueryValues;
  missed: number;
  lastSentAt: number;
  /** When its unsent bytes last went over the bound, or null. */
  fullSince: number | null;
}

export interface EventSource {
  subscribe(listener: (record: DivergenceRecord) => void): () => void;
  status(): StatusView;
  onError(error: unknown, what: string): void;
}

export class EventHub {
  private readonly readers = new Set<Reader>();
  private readonly source: EventSource;
  private readonly times: EventTimes;
  private unsubscribe: (() => void) | null = null;
  private clock: NodeJS.Timeout | null = null;
  private lastStatus = "";
  private second = 0;
  private sentThisSecond = 0;

  constructor(source: EventSource, times: EventTimes = TIMES) {
    this.source = source;
    this.times = times;
  }

  /** @throws Problem 503 where too many read already. */
  checkRoom(): void {
    if (this.readers.size < MAX_READERS) return;
    throw new Problem(503, `${MAX_READERS} readers are connected, which is the most`, {
      headers: { "retry-after": "10" },
    });
  }

  /** `response` has its head sent already. */
  add(response: ServerResponse, filter: QueryValues): void {
    const reader: Reader = { response, filter, missed: 0, lastSentAt: performance.now(), fullSince: null };
    this.readers.add(reader);
    response.on("close", () => this.remove(reader));
    response.on("error", () => this.remove(reader));
    response.write("retry: 2000\n\n");
    this.unsubscribe ??= this.source.subscribe((record) => this.publish(record));
    this.clock ??= setInterval(() => this.tick(), this.times.statusMs).unref();
    this.guard(() => this.send(reader, eventText("status", null, JSON.stringify(this.source.status()))));
  }

  close(): void {
    for (const reader of this.readers) {
      reader.response.end();
      this.remove(reader);
    }
  }

  private remove(reader: Reader): void {
    if (!this.readers.delete(reader) || this.readers.size > 0) return;
    this.unsubscribe?.();
    this.unsubscribe = null;
    if (this.clock !== null) clearInterval(this.clock);
    this.clock = null;
    this.lastStatus = "";
  }

  private publish(record: DivergenceRecord): void {
    this.guard(() => {
      let text: string | null = null;
      for (const reader of this.readers) {
        if (!matchesFilter(record, reader.filter)) continue;
        if (text === null && this.mayPublish()) text = eventText("divergence", record.id, JSON.stringify(record));
        if (text === null || !this.send(reader, text)) reader.missed++;
      }
    });
  }

  private mayPublish(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.sentThisSecond = 0;
    }
    return this.sentThisSecond++ < MAX_PER_SECOND;
  }

  private tick(): void {
    this.guard(() => {
      const status = this.source.status();
      const { time: _time, ...counts } = status;
      const seen = JSON.stringify(counts);
      const changed = seen !== this.lastStatus;
      this.lastStatus = seen;
      const text = changed ? eventText("status", null, JSON.stringify(status)) : "";
      const now = performance.now();
      for (const reader of this.readers) {
        if (reader.fullSince !== null && now - reader.fullSince > this.times.stuckMs) {
          reader.response.destroy();
          continue;
        }
        if (reader.missed > 0 && this.send(reader, eventText("missed", null, `{"count":${reader.missed}}`)))
          reader.missed = 0;
        if (changed) this.send(reader, text);
        else if (now - reader.lastSentAt >= this.times.heartbeatMs) this.send(reader, ": still here\n\n");
      }
    });
  }

  /** False where the reader has too much unsent to take more. */
  private send(reader: Reader, text: string): boolean {
    const now = performance.now();
    if (reader.response.writableLength > MAX_UNSENT_BYTES) {
      reader.fullSince ??= now;
      return false;
    }
    reader.fullSince = null;
    reader.lastSentAt = now;
    reader.response.write(text);
    return true;
  }

  /** Called from the proxy's own steps: whatever goes wrong here stays here. */
  private guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.source.onError(error, "events");
    }
  }
}

/** JSON has no bare line break, so one data line holds it. */
function eventText(event: string, id: string | null, json: string): string {
  return `event: ${event}\n${id === null ? "" : `id: ${id}\n`}data: ${json}\n\n`;
}

/** The same choice that the store makes for `GET /api/v1/divergences`. */
export function matchesFilter(record: DivergenceRecord, { route, kind, at, outcome, group }: QueryValues): boolean {
  if (route !== undefined && record.route !== route) return false;
  if (outcome !== undefined && record.outcome !== outcome) return false;
  if (group !== undefined && record.group !== group) return false;
  if (kind === undefined && at === undefined) return true;
  return record.differences.some(
    (difference) =>
      (kind === undefined || difference.kind === kind) && (at === undefined || coversPlace(at, difference.at)),
  );
}
