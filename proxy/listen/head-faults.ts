import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";

/**
 * What Node's parser lets pass although it must not go on: a head that two services, or our router and a service, could
 * read in two ways, or that we would change by forwarding it. null: nothing is wrong.
 */
export function headFault(request: IncomingMessage): 400 | 501 | 505 | null {
  const { httpVersion, headers } = request;
  // llhttp also takes 0.9 (a line without a version) and 2.0.
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return 505;
  // llhttp reads the last coding; a service may read the first, or none but the plain word (RFC 9112, 6.1).
  const encoding = headers["transfer-encoding"];
  if (encoding !== undefined) {
    if (encoding.toLowerCase() !== "chunked") return 501;
    // HTTP/1.0 has none: whoever put it there, the framing is faulty.
    if (httpVersion === "1.0") return 400;
  }
  // The router sees the first, a service may see the last (RFC 9112, 3.2). None at all is for the primary to judge.
  return countHosts(request.rawHeaders) > 1 ? 400 : null;
}

function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  return hosts;
}

/** Answers in our own name and ends the connection. */
export function refuseHead(response: ServerResponse, status: number): void {
  const body = JSON.stringify({ type: "about:blank", status, title: STATUS_CODES[status] });
  response.writeHead(status, {
    "content-type": "application/problem+json",
    "content-length": body.length,
    connection: "close",
  });
  response.end(body);
}
