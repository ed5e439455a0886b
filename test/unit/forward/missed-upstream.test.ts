import assert from "node:assert/strict";
import { test } from "node:test";
import { CrossfadeError, type ErrorCode } from "../../../proxy/errors.ts";
import { missedUpstream } from "../../../proxy/forward/missed-upstream.ts";
import { Patience } from "../../../proxy/forward/patience.ts";
import type { UpstreamRequest } from "../../../proxy/ports.ts";
import { scripted } from "../../support/scripted-upstream.ts";

function start(mayAsk: boolean | Promise<boolean> = true, withinMs = 60_000) {
  const [first, second] = [scripted(), scripted()];
  const [told, ended] = [[] as string[], [] as string[]];
  const upstream = missedUpstream({
    ...{ first: first.upstream, second: { upstream: second.upstream }, mayAsk: () => mayAsk, withinMs },
    has: (status) => (status === 200 ? true : status === 404 ? false : null),
    ended: (end) => void ended.push(end),
    left: () => void ended.push("left"),
  });
  const request: UpstreamRequest = {
    ...{ method: "GET", target: "/", headers: [], body: null },
    ...{ headersTimeoutMs: 9, bodyTimeoutMs: 9, totalTimeoutMs: 9, freshConnection: false, upgrade: false },
  };
  const call = upstream.send(request, {
    onSending: () => void told.push("sending"),
    onInformation: (status) => void told.push(`${status}`),
    onHead: (status, text) => void told.push(`head ${status} ${text}`),
    onData(chunk) {
      told.push(String(chunk));
      return true;
    },
    onEnd: (trailers) => void told.push(`end ${trailers.join(" ")}`.trim()),
    onError: ({ code }) => void told.push(code),
  });
  const miss = (): void => {
    first.sink().onHead(404, "No Such", []);
    first.sink().onData(Buffer.from("nothing"));
    first.sink().onEnd(["x", "y"]);
  };
  return { first, second, told, ended, call, miss };
}

const MISS = ["head 404 No Such", "nothing", "end x y"];
const failure = (code: ErrorCode): CrossfadeError => new CrossfadeError(code, "it broke", { source: "primary" });

test("what is no 404 is the first one's as it comes", () => {
  const { first, second, told, ended } = start();
  first.sink().onInformation(103, "", []);
  first.sink().onHead(500, "Oh", []);
  first.sink().onData(Buffer.from("all"));
  first.sink().onEnd([]);
  assert.deepEqual([told, ended, second.sent.length], [["103", "head 500 Oh", "all", "end"], [], 0]);
});

test("of a 404 nothing is told before the second one has it, and then nothing at all", () => {
  const { second, told, ended, miss } = start();
  miss();
  assert.deepEqual([told, second.sent.length], [[], 1]);
  second.sink().onInformation(103, "", []);
  second.sink().onHead(200, "OK", []);
  second.sink().onData(Buffer.from("row"));
  second.sink().onEnd([]);
  assert.deepEqual([told, ended], [["head 200 OK", "row", "end"], ["second"]]);
});

test("a 404 goes on as it came where the second one is not to be asked, has it not either, fails or is late", async () => {
  const unasked = start(Promise.resolve(false));
  unasked.miss();
  await new Promise(setImmediate);
  assert.deepEqual([unasked.told, unasked.ended, unasked.second.sent.length], [MISS, ["unasked"], 0]);
  const neither = start();
  neither.miss();
  neither.second.sink().onHead(404, "Neither", []);
  assert.equal(neither.second.sink().onData(Buffer.from("its own")), true);
  neither.second.sink().onError(failure("aborted"));
  assert.deepEqual([neither.told, neither.ended, neither.second.aborted.length], [MISS, ["neither"], 1]);
  const failed = start();
  failed.miss();
  failed.second.sink().onError(failure("connect-failed"));
  assert.deepEqual([failed.told, failed.ended], [MISS, ["failed"]]);
  const late = start(true, 5);
  late.miss();
  await new Promise((resolve) => setTimeout(resolve, 50));
  late.second.sink().onError(failure("aborted"));
  assert.deepEqual([late.told, late.ended, late.second.aborted.length], [MISS, ["failed"], 1]);
});

test("a 404 that breaks off is cut off, one that is long passes, and half an answer of the second one's is not mended", () => {
  const broken = start();
  broken.first.sink().onHead(404, "No Such", []);
  broken.first.sink().onData(Buffer.from("noth"));
  broken.first.sink().onError(failure("connection-lost"));
  assert.deepEqual(broken.told, ["head 404 No Such", "noth", "connection-lost"]);
  const long = start();
  long.first.sink().onHead(404, "No Such", []);
  long.first.sink().onData(Buffer.alloc(64 * 1024 + 1, "x"));
  assert.equal(long.told.length, 2);
  long.first.sink().onEnd([]);
  assert.deepEqual([long.told.at(-1), long.second.sent.length], ["end", 0]);
  const half = start();
  half.miss();
  half.second.sink().onHead(200, "OK", []);
  half.second.sink().onError(failure("connection-lost"));
  assert.deepEqual(half.told, ["head 200 OK", "connection-lost"]);
});

test("a client that leaves is told so once, whenever it does", async () => {
  let decide: (mayAsk: boolean) => void = () => undefined;
  const asking = start(new Promise((resolve) => (decide = resolve)));
  asking.miss();
  asking.call.abort("the client left");
  decide(true);
  await new Promise(setImmediate);
  assert.deepEqual([asking.told, asking.ended, asking.second.sent.length], [["aborted"], ["left"], 0]);
  const waiting = start();
  waiting.miss();
  waiting.call.abort("the client left");
  waiting.second.sink().onError(failure("aborted"));
  assert.deepEqual([waiting.told, waiting.ended], [["aborted"], ["left"]]);
});

test("64 wait at once; after five failures in a row nobody does for ten seconds, and one answer ends the row", () => {
  const patience = new Patience();
  for (let n = 0; n < 64; n++) assert.equal(patience.begin(0), true);
  assert.equal(patience.begin(0), false);
  patience.left();
  assert.equal(patience.begin(0), true);
  for (let n = 0; n < 4; n++) patience.ended(false, 0);
  patience.ended(true, 0);
  for (let n = 0; n < 4; n++) patience.ended(false, 0);
  assert.equal(patience.begin(0), true);
  patience.ended(false, 1_000);
  assert.deepEqual([patience.begin(10_999), patience.begin(11_000)], [false, true]);
});
