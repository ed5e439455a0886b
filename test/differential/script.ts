/** What an exchange is made of: steps as data, played by a client and by the service behind, each on a raw socket. */

/**
 * What a step waits for, always about one exchange. None waits for what can no longer come: a connection that is over
 * ends it too.
 */
export type Event =
  | { readonly of: "request-head" }
  | { readonly of: "request-body"; readonly bytes: number }
  | { readonly of: "request" }
  | { readonly of: "client-finished" }
  | { readonly of: "client-gone" }
  | { readonly of: "interims"; readonly count: number }
  | { readonly of: "answer-head" }
  | { readonly of: "answer-body"; readonly bytes: number }
  | { readonly of: "answer" };

export type Step =
  /** Written in pieces of so many bytes, each in a packet of its own; 0: as one. */
  | { readonly do: "send"; readonly bytes: Buffer; readonly piece: number }
  /** Ends this half of the connection. */
  | { readonly do: "finish" }
  /** Ends the connection with a RST. */
  | { readonly do: "reset" }
  | { readonly do: "await"; readonly event: Event };

export interface Case {
  /** The property; test name, and what a row of docs/transparency.md cites. */
  readonly name: string;
  readonly client: readonly Step[];
  /** For each request of the client, in the order in which it sends them. */
  readonly service: readonly (readonly Step[])[];
  /** Whether the client's connection is good for another request, which is then sent. Default: unless a step ends it. */
  readonly reusable?: boolean;
  /** The exception (exceptions.ts) that this case meets as well. */
  readonly exception?: string;
}

/** Text is latin-1: one character, one byte. */
export function bytesOf(text: string | Buffer): Buffer {
  return typeof text === "string" ? Buffer.from(text, "latin1") : text;
}

export function send(text: string | Buffer, options: { readonly piece?: number } = {}): Step {
  return { do: "send", bytes: bytesOf(text), piece: options.piece ?? 0 };
}

export const finish: Step = { do: "finish" };
export const reset: Step = { do: "reset" };

export const requestHead: Step = { do: "await", event: { of: "request-head" } };
export const request: Step = { do: "await", event: { of: "request" } };
export const clientFinished: Step = { do: "await", event: { of: "client-finished" } };
export const clientGone: Step = { do: "await", event: { of: "client-gone" } };
export const answerHead: Step = { do: "await", event: { of: "answer-head" } };
export const answer: Step = { do: "await", event: { of: "answer" } };

export function requestBody(bytes: number): Step {
  return { do: "await", event: { of: "request-body", bytes } };
}
export function answerBody(bytes: number): Step {
  return { do: "await", event: { of: "answer-body", bytes } };
}
export function interims(count: number): Step {
  return { do: "await", event: { of: "interims", count } };
}

/** A head: its lines, with the empty one that ends it. */
export function head(start: string, ...fields: string[]): string {
  return [start, ...fields, "", ""].join("\r\n");
}

export function chunk(data: string | Buffer, extension = ""): Buffer {
  const bytes = bytesOf(data);
  return Buffer.concat([bytesOf(`${bytes.length.toString(16)}${extension}\r\n`), bytes, bytesOf("\r\n")]);
}

/** The end of a chunked body, with its trailers. */
export function lastChunk(...trailers: string[]): string {
  return ["0", ...trailers, "", ""].join("\r\n");
}

/** What a service says where the case is not about its answer; right for HEAD too. */
export const PLAIN_ANSWER: readonly Step[] = [request, send(head("HTTP/1.1 200 OK", "Content-Length: 0"))];

/** One request, sent whole, and its answer. */
export function exchange(name: string, sent: string | Buffer, service: readonly Step[] = PLAIN_ANSWER): Case {
  return { name, client: [send(sent), answer], service: [service] };
}

/** A GET that the service answers with these bytes. */
export function answered(name: string, ...bytes: (string | Buffer)[]): Case {
  const whole = Buffer.concat(bytes.map(bytesOf));
  return exchange(name, head("GET /answer HTTP/1.1", "Host: h"), [request, send(whole)]);
}
