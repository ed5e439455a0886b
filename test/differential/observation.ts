/** What both ends of an exchange saw, in the terms of G1, and the differences that a proxy may make to it. */
import { hash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type Field, type Framing, type Head, type Message, statusOf, valueOf } from "./message.ts";

export interface Observation {
  /** What the service received, in the order of the client's requests. */
  readonly requests: readonly SeenRequest[];
  /** What the client received. */
  readonly answers: readonly SeenAnswer[];
  /** Bytes to the client that belong to no answer. */
  readonly strayBytes: number;
  /** Steps that waited in vain. */
  readonly stuck: readonly string[];
}

interface SeenBody {
  readonly framing: Framing;
  /** Transfer codings beside `chunked`: what the bytes are in. */
  readonly codings: readonly string[];
  /** Its length, digest, and itself where it is short. */
  readonly body: string;
  readonly extensions: readonly string[];
  readonly trailers: readonly Field[];
  readonly end: Message["state"];
}

export interface SeenRequest extends SeenBody {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly fields: readonly Field[];
}

export interface SeenAnswer extends SeenBody {
  readonly interims: readonly SeenHead[];
  readonly final: SeenHead | null;
}

interface SeenHead {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly Field[];
}

export function seenRequest(message: Message): SeenRequest {
  const [method = "", target = "", version = ""] = (message.head?.start ?? "").split(" ");
  return { method, target, version, fields: message.head?.fields ?? [], ...seenBody(message) };
}

export function seenAnswer(message: Message): SeenAnswer {
  return {
    interims: message.interims.map(seenHead),
    final: message.head === null ? null : seenHead(message.head),
    ...seenBody(message),
  };
}

function seenHead({ start, fields }: Head): SeenHead {
  const [version = ""] = start.split(" ", 1);
  return { version, status: statusOf(start), reason: start.slice(version.length + 5), fields };
}

function seenBody(message: Message): SeenBody {
  const bytes = Buffer.concat(message.body);
  const shown = bytes.length <= 64 ? ` ${JSON.stringify(bytes.toString("latin1"))}` : "";
  return {
    framing: message.framing,
    codings: codingsOf(message.head?.fields ?? []),
    body: `${bytes.length} bytes ${hash("sha256", bytes).slice(0, 12)}${shown}`,
    extensions: message.extensions,
    trailers: message.trailers,
    end: message.state,
  };
}

function codingsOf(fields: readonly Field[]): string[] {
  const codings = (valueOf(fields, "transfer-encoding") ?? "").toLowerCase().split(/[ \t]*,[ \t]*/);
  return codings.filter((coding) => coding !== "" && coding !== "chunked");
}

/** The deepest values in which two observations differ, each with its path; headers as a whole. Short, whatever was seen. */
export function differences(one: unknown, other: unknown, place = ""): string[] {
  if (isDeepStrictEqual(one, other)) return [];
  const isLeaf = /\.(fields|trailers)$/.test(place) || typeof one !== "object" || typeof other !== "object";
  if (isLeaf || one === null || other === null) {
    return [`${place.slice(1)}: ${shown(one)}, without a proxy ${shown(other)}`];
  }
  return [...new Set([...Object.keys(one as object), ...Object.keys(other as object)])].flatMap((key) =>
    differences(Reflect.get(one as object, key), Reflect.get(other as object, key), `${place}.${key}`),
  );
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 400);
}

/** Headers of one connection; what `Connection` names ends there too (RFC 9110, 7.6.1). */
const HOP_BY_HOP = ["connection", "keep-alive", "te", "transfer-encoding", "upgrade", "proxy-connection"];

function endToEnd(fields: readonly Field[], keep: readonly string[] = []): Field[] {
  const named = fields
    .filter(([name]) => name.toLowerCase() === "connection")
    .flatMap(([, value]) =>
      value
        .toLowerCase()
        .split(",")
        .map((option) => option.trim()),
    );
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  for (const name of keep) dropped.delete(name);
  return fields.filter(([name]) => !dropped.has(name.toLowerCase()));
}

/** The message apart from the one connection that it came on. A tunnel's `Upgrade` goes from end to end. */
export function apartFromHops(seen: Observation): Observation {
  const kept = (framing: Framing): string[] => (framing === "tunnel" ? ["upgrade"] : []);
  return {
    ...seen,
    requests: seen.requests.map((one) => ({ ...one, fields: endToEnd(one.fields, kept(one.framing)) })),
    answers: seen.answers.map((one) => ({
      ...one,
      interims: one.interims.map((interim) => ({ ...interim, fields: endToEnd(interim.fields) })),
      final: one.final && { ...one.final, fields: endToEnd(one.final.fields, kept(one.framing)) },
    })),
  };
}

/** What Crossfade declares to do to a request's headers: `x-forwarded-*`, and no `x-crossfade-*` of a client's. */
export function declared(seen: Observation): Observation {
  return {
    ...seen,
    requests: seen.requests.map((one) => ({ ...one, fields: forwarded(one.fields) })),
  };
}

function forwarded(from: readonly Field[]): Field[] {
  const fields = from
    .filter(([name]) => !name.toLowerCase().startsWith("x-crossfade-"))
    .map(([name, value]): Field =>
      name.toLowerCase() === "x-forwarded-for" ? [name, `${value}, 127.0.0.1`] : [name, value],
    );
  const add = (name: string, value: string | null): void => {
    if (value !== null && value !== "" && valueOf(fields, name) === null) fields.push([name, value]);
  };
  add("x-forwarded-for", "127.0.0.1");
  add("x-forwarded-proto", "http");
  add("x-forwarded-host", valueOf(fields, "host"));
  return fields;
}
