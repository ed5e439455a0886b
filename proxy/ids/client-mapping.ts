/**
 * With next as primary, clients keep what they hold: what they ask becomes next's own (values, then what the route transforms),
 * and what it answers legacy's again. After a rollback the same of the values that next has made. Routes that need none of
 * it cost one look at the settings.
 */
import { STATUS_CODES } from "node:http";
import { ByteBudget } from "../process/byte-budget.ts";
import type { ClientMappings } from "./client-mappings.ts";
import type { RouteSettings } from "../config/settings.ts";
import { CrossfadeError } from "../errors.ts";
import type { BodyCopy, Identity, RawHeaders, RequestHead, RouteFound, Snapshot } from "../exchange.ts";
import {
  type AnswerMessage,
  type CallMapping,
  type HeldBody,
  type Mapped,
  mappedUpstream,
  type RequestMessage,
} from "../forward/mapped-upstream.ts";
import type { ClientValues, MappedMessage } from "../mirror/values/client-values.ts";
import { isTurned } from "../mirror/values/held.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { Upstream } from "../ports.ts";
import { isTransformed } from "./transform.ts";
import { readsBody } from "../transform/reshape.ts";
import type { Transforms } from "../transform/transforms.ts";

type Now<T> = T | Promise<T>;

export interface ClientMappingParts {
  readonly values: ClientValues;
  readonly transforms: Pick<Transforms, "clientRequest" | "clientAnswer">;
  readonly counted: Pick<ClientMappings, "count">;
  readonly caught: (step: string, error: unknown) => void;
}

export interface ClientMapping {
  /** The primary as the client of this request sees it; null: as it is. */
  of(asked: Asked): ((primary: Upstream) => Upstream) | null;
  /** next as the client of a read that it answers while legacy is the primary sees it; null: as it is. Not counted. */
  dialled(asked: Asked): ((next: Upstream) => Upstream) | null;
  /** legacy as the client of a read that it answers while next is the primary sees it; null: as it is. Not counted. */
  fallenBack(asked: Asked): ((legacy: Upstream) => Upstream) | null;
}

export interface Asked {
  readonly snapshot: Snapshot;
  readonly request: RequestHead;
  readonly found: RouteFound;
}

/** Bodies that are held to be mapped, whole process: 64 of the largest. */
const ROOM_BYTES = 64 * 1024 * 1024;
/** A client does not wait longer for a store that does not say what a value is. */
const STORE_WITHIN_MS = 1_000;

interface Need {
  readonly primary: Identity;
  /** Somebody else can be asked: what cannot be mapped whole is refused. */
  readonly strict: boolean;
  readonly values: boolean;
  readonly transform: boolean;
}

export function createClientMapping(parts: ClientMappingParts): ClientMapping {
  const room = new ByteBudget(ROOM_BYTES);
  let of: Snapshot | null = null;
  /** null: no route needs any. */
  let needs: ReadonlyMap<RouteSettings, Need> | null = null;
  return {
    of(asked) {
      if (asked.snapshot !== of) [of, needs] = [asked.snapshot, needsOf(asked.snapshot)];
      const need = needs?.get(asked.found.route);
      if (need === undefined) return null;
      return (primary) => mappedUpstream(primary, new OneClient(parts, asked, need), room);
    },
    dialled(asked) {
      const { route } = asked.found;
      const { learn, apply } = route.values;
      const values = learn.length + apply.length > 0;
      const need: Need = { primary: "next", strict: true, values, transform: isTransformed(route) };
      if (!need.values && !need.transform) return null;
      return (next) => mappedUpstream(next, new OneClient({ ...parts, counted: UNCOUNTED }, asked, need), room);
    },
    fallenBack(asked) {
      const { learn, apply } = asked.found.route.values;
      if (learn.length + apply.length === 0) return null;
      // What has no pair legacy made, and never told next: it means the same to both that know it.
      const need: Need = { primary: "legacy", strict: false, values: true, transform: false };
      return (legacy) => mappedUpstream(legacy, new OneClient({ ...parts, counted: UNCOUNTED }, asked, need), room);
    },
  };
}

function needsOf(snapshot: Snapshot): ReadonlyMap<RouteSettings, Need> | null {
  const needs = new Map<RouteSettings, Need>();
  for (const route of snapshot.settings.routes) {
    const { primary } = PHASE_ROLES[route.phase];
    const need = {
      primary,
      strict: false,
      values: isTurned(snapshot, route),
      transform: primary === "next" && isTransformed(route),
    };
    if (need.values || need.transform) needs.set(route, need);
  }
  return needs.size === 0 ? null : needs;
}

class OneClient implements CallMapping {
  readonly #parts: ClientMappingParts;
  readonly #asked: Asked;
  readonly #need: Need;

  constructor(parts: ClientMappingParts, asked: Asked, need: Need) {
    this.#parts = parts;
    this.#asked = asked;
    this.#need = need;
  }

  readsRequest(headers: RawHeaders): boolean {
    const { route } = this.#asked.found;
    if (this.#need.values && this.#parts.values.readsRequest(route, headers)) return true;
    return this.#need.transform && readsBody("request", route, headers);
  }

  readsAnswer(headers: RawHeaders): boolean {
    const { route } = this.#asked.found;
    if (this.#need.values && this.#parts.values.readsAnswer(route, headers)) return true;
    return this.#need.transform && readsBody("answer", route, headers);
  }

  request(message: RequestMessage): Now<Mapped<RequestMessage>> {
    const { found } = this.#asked;
    if (!this.#need.values) return this.#toNext(message, message.body === "not-held" ? "unmapped" : "untouched");
    const { target, headers, body } = message;
    const mapping = now(() =>
      this.#parts.values.request({ target, headers, body: bytesOf(body) }, found, this.#need.primary),
    );
    return settled(
      mapping,
      (mapped) => {
        if (this.#need.strict && (mapped === null || mapped.unpaired > 0)) return UNPAIRED;
        // So many that nobody looks for them all: part of them mapped would be worse than none.
        if (mapped === null) return this.#toNext(message, "unmapped");
        const done = body === "not-held" ? "unmapped" : mapped.replaced > 0 ? "mapped" : "untouched";
        return this.#toNext({ ...message, ...put(mapped, body) }, done);
      },
      (cause) => {
        this.#parts.caught("values for clients", cause);
        return refused(
          "mapping-unavailable",
          "what the values of this request are to the service behind this proxy cannot be looked up now; nothing was sent",
          cause,
        );
      },
    );
  }

  answer(message: AnswerMessage): Now<Mapped<AnswerMessage>> {
    const { transform } = this.#need;
    const { found, request, snapshot } = this.#asked;
    const { route } = found;
    if (!transform) return this.#toClient(message, message.body === "not-held" ? "unmapped" : "untouched");
    if (message.body === "not-held" && readsBody("answer", route, message.headers)) {
      const why =
        "the answer of the service behind this proxy is larger than 1 MiB, or a part of one, and cannot be transformed";
      return refused("transform-failed", why);
    }
    const { status, headers, body } = message;
    const answer = { status, headers, body: copyOf(body), ms: 0 };
    return settled(this.#parts.transforms.clientAnswer(answer, { route, request, snapshot }), (shaped) => {
      if (!shaped.ok)
        return refused("transform-failed", `the answer could not be made what clients know: ${shaped.why}`);
      const { value } = shaped;
      const changed = {
        status: value.status,
        statusText: value.status === status ? message.statusText : (STATUS_CODES[value.status] ?? ""),
        headers: value.headers,
        body: value.body.kind === "memory" ? value.body.bytes : body,
      };
      return this.#toClient(changed, isSameBody(changed.body, body) ? "untouched" : "mapped");
    });
  }

  #toNext(message: RequestMessage, done: Done): Now<Mapped<RequestMessage>> {
    const { route } = this.#asked.found;
    if (!this.#need.transform) {
      this.#count("request", done);
      return { ok: true, value: message };
    }
    const { method, target, headers, body } = message;
    const request = { method, target, headers: [...headers], body: copyOf(body) };
    return settled(this.#parts.transforms.clientRequest(request, route), (shaped) => {
      if (!shaped.ok) {
        const why = `the request could not be made what the service behind this proxy expects: ${shaped.why}`;
        return refused("transform-failed", why);
      }
      const { value } = shaped;
      const bytes = value.body.kind === "memory" ? value.body.bytes : body;
      const isSame = value.method === method && value.target === target && isSameBody(bytes, body);
      this.#count("request", isSame || done === "unmapped" ? done : "mapped");
      return { ok: true, value: { method: value.method, target: value.target, headers: value.headers, body: bytes } };
    });
  }

  /** What the store does not tell stays as the primary said it: it means the same there when the client says it again. */
  #toClient(message: AnswerMessage, done: Done): Now<Mapped<AnswerMessage>> {
    if (!this.#need.values) {
      this.#count("answer", done);
      return { ok: true, value: message };
    }
    const { route } = this.#asked.found;
    const { headers, body } = message;
    const mapping = now(() =>
      this.#parts.values.answer({ target: "", headers, body: bytesOf(body) }, route, this.#need.primary),
    );
    return settled(
      mapping,
      (mapped): Mapped<AnswerMessage> => {
        if (this.#need.strict && (mapped.unpaired > 0 || done === "unmapped")) return UNPAIRED;
        this.#count("answer", done === "untouched" && mapped.replaced > 0 ? "mapped" : done);
        const { status, statusText } = message;
        return { ok: true, value: { status, statusText, ...put(mapped, body) } };
      },
      (cause) => {
        if (this.#need.strict) return UNPAIRED;
        this.#parts.caught("values for clients", cause);
        this.#count("answer", "unmapped");
        return { ok: true, value: message };
      },
    );
  }

  #count(of: "request" | "answer", result: Done): void {
    if (result !== "untouched") this.#parts.counted.count({ route: this.#asked.found.route.name, of, result });
  }
}

const UNCOUNTED: ClientMappingParts["counted"] = { count: () => undefined };

const UNPAIRED = refused("mapping-unavailable", "not all of its values are known on both sides");

type Done = "mapped" | "unmapped" | "untouched";

const NO_BYTES = Buffer.alloc(0);
/** Of a body that passes as a stream: transforms that need it say so. */
const NOT_HERE: BodyCopy = { kind: "digest", length: 0, sha256: "" };

function bytesOf(body: HeldBody): Buffer {
  return Buffer.isBuffer(body) ? body : NO_BYTES;
}

function copyOf(body: HeldBody): BodyCopy {
  return Buffer.isBuffer(body) ? { kind: "memory", bytes: body } : NOT_HERE;
}

function isSameBody(one: HeldBody, other: HeldBody): boolean {
  return one === other || (Buffer.isBuffer(one) && Buffer.isBuffer(other) && one.equals(other));
}

function put({ target, headers, body }: MappedMessage, before: HeldBody) {
  return { target, headers, body: Buffer.isBuffer(before) ? body : before };
}

function refused(code: "mapping-unavailable" | "transform-failed", why: string, cause?: unknown): Mapped<never> {
  return { ok: false, error: new CrossfadeError(code, why, { source: "proxy", cause }) };
}

/** What is thrown becomes what is rejected. */
function now<T>(work: () => Now<T>): Now<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}

/** At once where it is there; what does not come in time has failed. */
function settled<T, R>(value: Now<T>, then: (value: T) => Now<R>, failed?: (cause: unknown) => R): Now<R> {
  if (!(value instanceof Promise)) return then(value);
  if (failed === undefined) return value.then(then);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const words = `the store did not say within ${STORE_WITHIN_MS} ms what values are`;
    timer = setTimeout(() => reject(new Error(words)), STORE_WITHIN_MS);
  });
  return Promise.race([value, late])
    .finally(() => clearTimeout(timer))
    .then(then, failed);
}
