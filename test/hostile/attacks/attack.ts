/** One byte stream that a client sends, and what may come of it. Nonces make each request known wherever it turns up. */
export interface Attack {
  readonly name: string;
  readonly send: (nonces: Nonces) => string;
  /** Which of a, b and c arrive at the primary, in this order, each once. Nothing else ever may. */
  readonly served: string;
  /** Statuses of the answers that the client gets: those of the served, and at most one refusal that ends the connection. */
  readonly answers: readonly number[];
  /** true: it is the proxy that ends the connection, after the last of these answers. Refusals always do. */
  readonly ends?: boolean;
}

/** a, b, c: of requests that the client sends. x, y: hidden in the bytes of another request, or behind one that is refused. */
export interface Nonces {
  readonly a: string;
  readonly b: string;
  readonly c: string;
  readonly x: string;
  readonly y: string;
}

/** A request with these header lines after `Host` and the nonce. */
export function request(method: string, nonce: string, lines: readonly string[] = [], body = ""): string {
  const head = [`${method} /k/${nonce} HTTP/1.1`, "Host: h", `x-nonce: ${nonce}`, ...lines];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

export const get = (nonce: string): string => request("GET", nonce);

/** Both framings say something else: by its length the body hides `x`, by its chunks it ends before. */
export function refused(name: string, send: (nonces: Nonces) => string, status = 400): Attack {
  return { name, send, served: "", answers: [status] };
}
