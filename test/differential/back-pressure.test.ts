/** A body is taken from one side no faster than the other side reads it, and arrives whole. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import net from "node:net";
import { test, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startCrossfadeBefore } from "./fronts.ts";
import { MessageReader } from "./message.ts";
import { chunk, head, lastChunk } from "./script.ts";
import { ScriptedService } from "./service.ts";

const PIECE = Buffer.from(Array.from({ length: 64 * 1024 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
const PIECES = 320;
const TOTAL = PIECE.length * PIECES;
const MIB = 1 << 20;
/** What the proxy may hold beside two connections' kernel buffers in place of one's. */
const HELD_MAX_BYTES = 4 * MIB;
const QUIET_MS = 50;
const QUIET_ROUNDS = 5;

/** How the whole body is written: before it, each piece, after it. */
interface Wrapping {
  readonly framing: string;
  readonly piece: Buffer;
  readonly end: string;
}
const SIZED: Wrapping = { framing: `Content-Length: ${TOTAL}`, piece: PIECE, end: "" };
const CHUNKED: Wrapping = { framing: "Transfer-Encoding: chunked", piece: chunk(PIECE), end: lastChunk() };

const DIGEST = digestOf(Array.from({ length: PIECES }, () => PIECE));

function digestOf(parts: readonly Buffer[]): string {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest("hex");
}

/** Writes as much as is taken; `written` counts what has left this process's own buffer. */
function pour(socket: net.Socket, { piece, end }: Wrapping): { written(): number } {
  let left = PIECES;
  const more = (): void => {
    while (left > 0) {
      left--;
      if (!socket.write(piece)) return void socket.once("drain", more);
    }
    socket.write(end);
  };
  more();
  return { written: () => socket.bytesWritten - socket.writableLength };
}

/** The value once it has stopped growing. */
async function standing(read: () => number): Promise<number> {
  let before = read();
  for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
    await wait(QUIET_MS);
    if (read() !== before) quiet = -1;
    before = read();
  }
  return before;
}

async function connect(t: TestContext, port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: "127.0.0.1" });
  t.after(() => socket.destroy());
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  return socket;
}

/** How much of an answer the service could write before its client read any; the client then reads all of it. */
async function answerToSlowReader(
  t: TestContext,
  service: ScriptedService,
  port: number,
  as: Wrapping,
): Promise<number> {
  let written = (): number => 0;
  service.player = {
    requestBegan(_message, { socket }) {
      socket.write(head("HTTP/1.1 200 OK", as.framing));
      written = pour(socket, as).written;
    },
    changed() {},
  };
  const client = await connect(t, port);
  const reader = new MessageReader("answer");
  const whole = new Promise<void>((resolve) => {
    client.on("data", (bytes) => {
      reader.feed(bytes);
      if (reader.messages[0]?.state === "complete") resolve();
    });
  });
  client.pause();
  client.write(head("GET /large HTTP/1.1", "Host: h"));
  const most = await standing(() => written());
  client.resume();
  await whole;
  assert.equal(digestOf(reader.messages[0]?.body ?? []), DIGEST);
  client.destroy();
  return most;
}

/** How much of an upload the client could write before the service read any; the service then reads all of it. */
async function uploadToSlowService(
  t: TestContext,
  service: ScriptedService,
  port: number,
  as: Wrapping,
): Promise<number> {
  let resume = (): void => {};
  let reader: MessageReader | null = null;
  let whole = (): void => {};
  const done = new Promise<void>((resolve) => (whole = resolve));
  const begun = new Promise<void>((resolve) => {
    service.player = {
      requestBegan(_message, line) {
        line.socket.pause();
        resume = () => void line.socket.resume();
        reader = line.reader;
        resolve();
      },
      changed() {
        if (reader?.messages.at(-1)?.state === "complete") whole();
      },
    };
  });
  const client = await connect(t, port);
  client.write(head("PUT /large HTTP/1.1", "Host: h", as.framing));
  const { written } = pour(client, as);
  await begun;
  const most = await standing(written);
  resume();
  await done;
  const body = (reader as MessageReader | null)?.messages.at(-1)?.body ?? [];
  assert.equal(digestOf(body), DIGEST);
  client.destroy();
  return most;
}

test("20 MB both ways, to a side that does not read at first", async (t) => {
  const service = await ScriptedService.start();
  const crossfade = await startCrossfadeBefore(service);
  t.after(async () => {
    await crossfade.close();
    await service.close();
  });
  for (const [how, as] of [
    ["with its length", SIZED],
    ["in chunks", CHUNKED],
  ] as const) {
    for (const [name, pass] of [
      [`an answer ${how} is read from the service no faster than the client reads it`, answerToSlowReader],
      [`an upload ${how} is read from the client no faster than the service reads it`, uploadToSlowService],
    ] as const) {
      await t.test(name, async (one) => {
        const direct = await pass(one, service, service.port, as);
        const through = await pass(one, service, crossfade.port, as);
        one.diagnostic(`${direct} bytes were taken without a proxy, ${through} through Crossfade, of ${TOTAL}`);
        assert.ok(direct < TOTAL / 3, "the kernel takes most of it: the body is too small to show anything");
        assert.ok(through <= 2 * direct + HELD_MAX_BYTES, `${through} bytes ahead, ${direct} without a proxy`);
      });
    }
  }
});
