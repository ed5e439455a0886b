/**
 * A service of a cutover run, in a process of its own: it numbers every write that it applies, and keeps its own account of them.
 * `GET /account` tells it: for each key, in order, what was applied, and whether it came as a copy; and which keys were read.
 */
import { createServer } from "node:http";

/** One write as a service applied it. */
export interface Applied {
  readonly seq: number;
  readonly n: number;
  readonly copy: boolean;
  readonly epoch: number | null;
}

const account = new Map<string, Applied[]>();
const read = new Set<string>();
let seq = 0;

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { method, url = "/", headers } = request;
    let answer: unknown = { ok: true };
    if (method === "PUT") {
      const { n } = JSON.parse(Buffer.concat(chunks).toString()) as { n: number };
      const epoch = headers["x-crossfade-epoch"];
      const copy = headers["x-crossfade-shadow"] !== undefined;
      const applied: Applied = { seq: ++seq, n, copy, epoch: epoch === undefined ? null : Number(epoch) };
      const ofKey = account.get(url);
      if (ofKey === undefined) account.set(url, [applied]);
      else ofKey.push(applied);
    } else if (url === "/account") answer = { applied: Object.fromEntries(account), read: [...read] };
    else {
      read.add(url);
      answer = { n: account.get(url)?.at(-1)?.n ?? 0 };
    }
    const text = JSON.stringify(answer);
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" && address !== null ? address.port : 0 });
});
process.once("disconnect", () => process.exit(0));
