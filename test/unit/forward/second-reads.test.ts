import assert from "node:assert/strict";
import { test } from "node:test";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { createSecondReads, type SecondReadEnd, type SecondReads } from "../../../proxy/forward/second-reads.ts";
import type { AnswerSink, Upstream } from "../../../proxy/ports.ts";
import { handClock, type HandClock } from "../../support/evidence.ts";

interface Stage {
  readonly reads: SecondReads;
  readonly clock: HandClock;
  /** Of reads that are on the wire, in the order in which they were sent. */
  readonly sinks: AnswerSink[];
  readonly ends: SecondReadEnd[];
  readonly aborted: string[];
  send(origin?: string): void;
}

function stage(): Stage {
  const clock = handClock();
  const reads = createSecondReads(clock, 256 * 1024);
  const sinks: AnswerSink[] = [];
  const ends: SecondReadEnd[] = [];
  const aborted: string[] = [];
  const upstream: Upstream = {
    send(_request, sink) {
      sinks.push(sink);
      return {
        abort(why) {
          aborted.push(why);
          sink.onError(new CrossfadeError("aborted", why, { source: "proxy" }));
        },
        resume: () => undefined,
        endSide: () => undefined,
        relay: () => undefined,
      };
    },
    close: () => Promise.resolve(),
  };
  const send = (origin = "http://a"): void =>
    reads.send({ origin, upstream, target: "/", headers: [], timeoutMs: 1, ended: (end) => void ends.push(end) });
  return { reads, clock, sinks, ends, aborted, send };
}

function answer(sink: AnswerSink | undefined, status: number, body = "{}"): void {
  sink?.onHead(status, "", []);
  sink?.onData(Buffer.from(body));
  sink?.onEnd([]);
}

test("two are on the wire to one primary at most, and primaries do not count for each other", () => {
  const { reads, sinks, ends, send } = stage();
  for (let n = 0; n < 5; n += 1) send();
  send("http://b");
  assert.deepEqual([sinks.length, reads.inFlight()], [3, 3]);
  assert.deepEqual(ends, [{ why: "busy" }, { why: "busy" }, { why: "busy" }]);
  answer(sinks[0], 200);
  send();
  assert.equal(reads.inFlight(), 3);
});

test("twenty a second are sent, however fast they are answered", () => {
  const { clock, sinks, send } = stage();
  const asMany = (times: number): number => {
    const before = sinks.length;
    for (let n = 0; n < times; n += 1) {
      const sent = sinks.length;
      send();
      if (sinks.length > sent) answer(sinks.at(-1), 200);
    }
    return sinks.length - before;
  };
  assert.equal(asMany(100), 20);
  clock.move(100);
  assert.equal(asMany(100), 2);
  clock.move(60_000);
  assert.equal(asMany(100), 20);
});

test("after a failure, of a second read or of a client's, the primary is let be for thirty seconds", () => {
  const failures: readonly ((at: Stage) => void)[] = [
    ({ sinks }) => answer(sinks[0], 503),
    ({ sinks }) => answer(sinks[0], 429),
    ({ sinks }) => sinks[0]?.onError(new CrossfadeError("connection-lost", "gone", { source: "primary" })),
    ({ reads }) => reads.sawFailure("http://a"),
  ];
  for (const fail of failures) {
    const at = stage();
    at.send();
    fail(at);
    assert.equal(at.reads.whyNotNow("http://a"), "primary-unwell");
    assert.equal(at.reads.whyNotNow("http://b"), null);
    at.clock.move(29_999);
    at.send();
    assert.equal(at.sinks.length, 1);
    at.clock.move(1);
    assert.equal(at.reads.whyNotNow("http://a"), null);
  }
});

test("an answer that is too large is let go of at once, once, and says nothing of the primary's health", () => {
  const { reads, sinks, ends, aborted, send } = stage();
  send();
  sinks[0]?.onHead(200, "", []);
  for (let n = 0; n < 3; n += 1) sinks[0]?.onData(Buffer.alloc(300 * 1024));
  assert.deepEqual([ends, aborted.length, reads.inFlight()], [[{ why: "too-large" }], 1, 0]);
  assert.equal(reads.whyNotNow("http://a"), null);
});
