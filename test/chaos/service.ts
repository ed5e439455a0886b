/**
 * One of the two services, a process of its own that can be killed and stopped for real. What it applied is in a log that
 * it reads when it starts again; how it behaves is told over the IPC channel (moods.ts).
 * Arguments: log file, port (0: any), `honours` or `ignores` the idempotency key.
 */
import { createHash } from "node:crypto";
import { existsSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type Answered, Entities, type Write, type WriteBody } from "./entities.ts";
import { LATE_MS, type Mood, type MoodOrder, SLOWEST_MS } from "./moods.ts";
import type { LogLine, ReadLine } from "./records.ts";

const [logFile = "", portText = "0", honours] = process.argv.slice(2);
const entities = new Entities(honours === "honours");
let lastSeq = 0;
if (existsSync(logFile)) readLog();
const log = openSync(logFile, "a");

let mood: Mood = "well";
let share = 1;
/** Writes so far in this mood. */
let came = 0;
const held = new Set<() => void>();
let scheduled = 0;

interface Arrived {
  readonly write: Write;
  readonly digest: string;
  readonly exchange: string | null;
  readonly order: string | null;
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  void take(request, response).catch(() => request.destroy());
});

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = request.url ?? "/";
  const url = new URL(target, "http://service");
  const id = url.pathname.split("/")[2] ?? null;
  if (request.method === "GET") {
    if (id !== null && request.headers["x-crossfade-shadow"] !== undefined) keep({ seq: ++lastSeq, read: id });
    const entity = entities.get(id ?? "");
    answer(response, entity === null ? 404 : 200, JSON.stringify(entity));
    return;
  }
  const bytes = await text(request);
  // A DELETE has no body: its tag is in the query. What a repair writes has no tag of its own.
  // The log holds what was done, and the digest all that came.
  const { pad: _, ...sent } = (bytes === "" ? {} : JSON.parse(bytes)) as Partial<WriteBody>;
  const body: WriteBody = { ...sent, tag: url.searchParams.get("tag") ?? sent.tag ?? "repair" };
  const header = (name: string): string | null => request.headers[name]?.toString() ?? null;
  const arrived: Arrived = {
    write: { method: request.method as Write["method"], id, body, idempotencyKey: header("idempotency-key") },
    digest: createHash("sha256").update(`${target}\n${bytes}`).digest("hex"),
    exchange: header("x-crossfade-exchange"),
    order: header("x-crossfade-order"),
  };
  record("received", arrived, null);
  behave(arrived, response, isFelt() ? mood : "well");
}

function behave(arrived: Arrived, response: ServerResponse, how: Mood): void {
  switch (how) {
    case "well":
    case "refusing":
      reply(response, apply(arrived));
      return;
    case "slow":
      later(Math.random() * SLOWEST_MS, () => reply(response, apply(arrived)));
      return;
    case "hanging":
      held.add(() => reply(response, apply(arrived)));
      return;
    case "late":
      later(LATE_MS, () => apply(arrived));
      return;
    case "reset-then-late":
      response.socket?.resetAndDestroy();
      later(LATE_MS, () => apply(arrived));
      return;
    case "reset-before":
      response.socket?.resetAndDestroy();
      return;
    case "reset-after":
      apply(arrived);
      response.socket?.resetAndDestroy();
      return;
    case "failing":
      record("refused", arrived, null);
      answer(response, 503, `{"error":"sick"}`);
      return;
    case "duplicating":
      reply(response, apply(arrived));
      later(Math.random() * SLOWEST_MS, () => apply(arrived));
      return;
    default: {
      const never: never = how;
      throw new TypeError(`no such mood: ${String(never)}`);
    }
  }
}

function apply(arrived: Arrived): Answered {
  const answered = entities.write(arrived.write);
  record(answered.did, arrived, answered.entity?.id ?? null);
  return answered;
}

function reply(response: ServerResponse, { status, entity }: Answered): void {
  if (status === 201 && entity !== null) response.setHeader("location", `/items/${entity.id}`);
  answer(response, status, status === 204 ? "" : JSON.stringify(entity ?? { error: status }));
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body);
}

function later(ms: number, work: () => void): void {
  scheduled++;
  setTimeout(() => {
    scheduled--;
    work();
  }, ms);
}

/** Of the writes that came in this mood those that feel it, spread evenly: with a share of 0.3 the fourth, the seventh, the tenth. */
function felt(): number {
  return Math.floor(came * share);
}

function isFelt(): boolean {
  const before = felt();
  came++;
  return felt() > before;
}

function record(what: LogLine["what"], arrived: Arrived, id: string | null): void {
  keep({ seq: ++lastSeq, what, id, ...arrived });
}

function keep(line: LogLine | ReadLine): void {
  writeSync(log, `${JSON.stringify(line)}\n`);
}

/** A line that a kill cut short was never answered. */
function readLog(): void {
  const bytes = readFileSync(logFile);
  const whole = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
  truncateSync(logFile, whole.length);
  for (const line of whole.toString().split("\n").slice(0, -1)) {
    const kept = JSON.parse(line) as LogLine | ReadLine;
    lastSeq = kept.seq;
    if ("what" in kept && kept.what === "applied") entities.write(kept.write);
  }
}

function become(order: MoodOrder): void {
  const was = mood;
  ({ mood, share } = order);
  came = 0;
  if (mood !== "hanging") {
    for (const release of held) release();
    held.clear();
  }
  if (mood === "refusing" && was !== "refusing") {
    server.close();
    server.closeAllConnections();
  }
  if (was === "refusing" && mood !== "refusing") listen();
}

let port = Number(portText);

function listen(): void {
  server.listen(port, "127.0.0.1");
}
// The port that it had may serve as the near end of somebody's connection for a moment.
server.on("error", () => setTimeout(listen, 20));
server.on("listening", () => {
  ({ port } = server.address() as AddressInfo);
  process.send?.({ port });
});

process.on("message", (message: { readonly ask: number; readonly wholly?: true; readonly become?: MoodOrder }) => {
  if (message.become !== undefined) become(message.become);
  const answer = { answers: message.ask, felt: felt(), waiting: held.size + scheduled };
  process.send?.(message.wholly === true ? { ...answer, entities: entities.all() } : answer);
});
process.once("disconnect", () => process.exit());
listen();
