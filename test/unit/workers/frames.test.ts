import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { encodeFrame, FrameReader } from "../../../proxy/workers/frames.ts";

interface Read {
  readonly message: unknown;
  readonly bytes: Buffer;
}

function readIn(chunks: readonly Buffer[]): readonly Read[] {
  const read: Read[] = [];
  const reader = new FrameReader((message, bytes) => read.push({ message, bytes: Buffer.from(bytes) }));
  for (const chunk of chunks) reader.push(chunk);
  return read;
}

const large = randomBytes(70_000);
const SENT: readonly (readonly [message: object, bytes: readonly Buffer[]])[] = [
  [{ type: "go", exchange: 1 }, []],
  [{ type: "open", target: '/ä/"\n\u2028', headers: ["X", "é"] }, []],
  [{ type: "ended", exchange: 2 }, [Buffer.from("request"), Buffer.from("answer")]],
  [{ type: "body" }, [large.subarray(0, 30_000), large.subarray(30_000)]],
  [{ type: "empty" }, [Buffer.alloc(0)]],
  [{ type: "last" }, [randomBytes(4 * 1024)]],
];
const stream = Buffer.concat(SENT.flatMap(([message, bytes]) => encodeFrame(message, bytes)));

function assertSent(read: readonly Read[]): void {
  assert.deepEqual(
    read.map(({ message }) => message),
    SENT.map(([message]) => message),
  );
  for (const [n, [, bytes]] of SENT.entries()) assert.ok(read[n]?.bytes.equals(Buffer.concat(bytes)), `bytes of ${n}`);
}

test("messages and their bytes come out as they went in, wherever the stream is cut", () => {
  assertSent(readIn([stream]));
  const head = stream.length - large.length;
  for (let at = 1; at < stream.length; at += at < 400 || at > head ? 1 : 997) {
    assertSent(readIn([stream.subarray(0, at), stream.subarray(at)]));
  }
});

test("byte by byte, and in pieces of any size", () => {
  assertSent(readIn(Array.from({ length: stream.length }, (_, at) => stream.subarray(at, at + 1))));
  for (const size of [2, 3, 7, 8, 9, 4096, 65_536]) {
    const pieces = Array.from({ length: Math.ceil(stream.length / size) }, (_, n) => {
      return stream.subarray(n * size, (n + 1) * size);
    });
    assertSent(readIn(pieces));
  }
});
