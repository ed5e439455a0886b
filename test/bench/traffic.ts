/** What the load sends and the origins answer: 1 KB JSON answers, 0.5 KB JSON bodies. */

const ITEM = { id: 4711, name: "Widget", price: 19.9, tags: ["blue", "small"], stock: { here: 12, there: 3 } };

export const READ_ANSWER = padded({ ...ITEM, note: "" }, 1024);
export const WRITE_ANSWER = padded({ ...ITEM, created: true, note: "" }, 1024);
const WRITE_BODY = padded({ name: "Widget", price: 19.9, note: "" }, 512);

export type Kind = "GET" | "POST";

export function readRequest(port: number): string {
  return `GET /items/4711?view=full HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: application/json\r\nUser-Agent: bench\r\n\r\n`;
}

/** `n`: the entity that it is about. */
export function writeRequest(port: number, n: number): string {
  return (
    `POST /items/${n} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: application/json\r\nUser-Agent: bench\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${WRITE_BODY.length}\r\n\r\n${WRITE_BODY}`
  );
}

/** A whole answer as a service sends it. */
export function answerWire(status: 200 | 201, body: string): Buffer {
  const head = `HTTP/1.1 ${status} ${status === 200 ? "OK" : "Created"}\r\nContent-Type: application/json\r\nETag: "1"\r\n`;
  return Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
}

/** JSON of exactly `bytes` bytes. */
function padded(value: Record<string, unknown>, bytes: number): string {
  const bare = JSON.stringify(value).length;
  return JSON.stringify({ ...value, note: "x".repeat(bytes - bare) });
}
