import assert from "node:assert/strict";
import { test } from "node:test";
import { CrossfadeError, type ErrorCode } from "../../../proxy/errors.ts";
import { secondChoiceUpstream } from "../../../proxy/forward/second-choice.ts";
import type { UpstreamRequest } from "../../../proxy/ports.ts";
import { scripted } from "../../support/scripted-upstream.ts";

function start() {
  const [first, second] = [scripted(), scripted()];
  const [told, chosen] = [[] as string[], [] as string[]];
  const upstream = secondChoiceUpstream({
    first: {
      upstream: first.upstream,
      request: { headers: ["host", "next"], headersTimeoutMs: 1, bodyTimeoutMs: 2, totalTimeoutMs: 3 },
    },
    second: { upstream: second.upstream },
    taken: (status) => status < 400,
    chosen: (which) => void chosen.push(which),
  });
  const request: UpstreamRequest = {
    ...{ method: "GET", target: "/", headers: ["host", "legacy"], body: null },
    ...{ headersTimeoutMs: 9, bodyTimeoutMs: 9, totalTimeoutMs: 9, freshConnection: false, upgrade: false },
  };
  const call = upstream.send(request, {
    onSending: () => void told.push("sending"),
    onInformation: (status) => void told.push(`${status}`),
    onHead: (status) => void told.push(`head ${status}`),
    onData(chunk) {
      told.push(String(chunk));
      return true;
    },
    onEnd: () => void told.push("end"),
    onError: ({ code }) => void told.push(code),
  });
  return { first, second, told, chosen, call };
}

const failure = (code: ErrorCode): CrossfadeError => new CrossfadeError(code, "it broke", { source: "primary" });

test("an answer that is taken is the first one's, and nobody else is asked", () => {
  const { first, second, told, chosen } = start();
  assert.deepEqual([first.sent[0]?.headers, first.sent[0]?.headersTimeoutMs], [["host", "next"], 1]);
  first.sink().onHead(200, "OK", []);
  first.sink().onData(Buffer.from("all"));
  first.sink().onEnd([]);
  assert.deepEqual([told, chosen, second.sent.length], [["head 200", "all", "end"], ["first"], 0]);
});

test("of an answer that is not taken nothing is told: it is ended, and the other one is asked as the client did", () => {
  const { first, second, told, chosen, call } = start();
  first.sink().onHead(404, "Not Found", []);
  assert.equal(first.sink().onData(Buffer.from("no such")), true);
  first.sink().onError(failure("aborted"));
  first.sink().onEnd([]);
  assert.deepEqual(
    [second.sent[0]?.headers, second.sent[0]?.headersTimeoutMs, first.aborted.length],
    [["host", "legacy"], 9, 1],
  );
  second.sink().onHead(200, "OK", []);
  second.sink().onEnd([]);
  assert.deepEqual([told, chosen], [["head 200", "end"], ["second"]]);
  call.abort("the client left");
  assert.deepEqual([first.aborted.length, second.aborted], [1, ["the client left"]]);
});

test("where the first one cannot be reached the other one is asked; a client that left asks nobody", () => {
  const unreached = start();
  unreached.first.sink().onError(failure("connect-failed"));
  assert.equal(unreached.second.sent.length, 1);
  const left = start();
  left.first.sink().onError(failure("aborted"));
  assert.deepEqual([left.second.sent.length, left.told], [0, ["aborted"]]);
});

test("half of the first one's answer is not gone on with by the other one", () => {
  const { first, second, told } = start();
  first.sink().onHead(200, "OK", []);
  first.sink().onError(failure("connection-lost"));
  assert.deepEqual([told, second.sent.length], [["head 200", "connection-lost"], 0]);
});
