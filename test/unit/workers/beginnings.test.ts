import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Beginnings } from "../../../proxy/workers/beginnings.ts";

const folder = mkdtempSync(join(tmpdir(), "crossfade-beginnings-"));
const server = createServer();
/** What a worker writes to, and where its parent reads it. */
const pairs: (readonly [Socket, Socket])[] = [];

before(async () => {
  server.listen(join(folder, "socket"));
  await once(server, "listening");
  for (let n = 0; n < 3; n++) {
    const worker = connect(join(folder, "socket"));
    const [parent] = (await once(server, "connection")) as [Socket];
    pairs.push([worker, parent]);
  }
});

after(() => {
  for (const pair of pairs) for (const socket of pair) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

test("what was told before it by another worker comes first, though that is read later", async () => {
  const [[first, ofFirst], [second, ofSecond], [third, ofThird]] = pairs as [
    readonly [Socket, Socket],
    readonly [Socket, Socket],
    readonly [Socket, Socket],
  ];
  const read: string[] = [];
  const done: string[] = [];
  const beginnings = new Beginnings();
  const { promise, resolve } = Promise.withResolvers<void>();
  ofFirst.on("data", () => {
    // The loop is busy with this one and has the second still to read; now a client's write ends at the third worker, and its next one
    // begins at the second.
    third.write("end");
    second.write("begin");
  });
  ofThird.on("data", () => {
    read.push("end");
    done.push("end");
  });
  ofSecond.on("data", (bytes: Buffer) => {
    if (!bytes.toString().endsWith("begin")) return;
    read.push("begin");
    beginnings.add(() => {
      done.push("begin");
      resolve();
    });
  });
  first.write("x");
  second.write("x");
  await promise;
  assert.deepEqual(read, ["begin", "end"], "this is what it is there for");
  assert.deepEqual(done, ["end", "begin"]);
});

test("they begin in the order in which they came, and those that come meanwhile later", async () => {
  const beginnings = new Beginnings();
  const done: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const n of [1, 2, 3]) beginnings.add(() => void done.push(n));
  setImmediate(() => {
    for (const n of [4, 5]) beginnings.add(() => void done.push(n));
    beginnings.add(resolve);
  });
  assert.deepEqual(done, []);
  await promise;
  assert.deepEqual(done, [1, 2, 3, 4, 5]);
});
