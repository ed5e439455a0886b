import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndedSpan } from "../../../proxy/tracing/spans.ts";
import type { FromWorker } from "../../../proxy/workers/messages.ts";
import { RelayedTelemetry } from "../../../proxy/workers/relayed-telemetry.ts";

const SPAN: EndedSpan = {
  name: "GET",
  kind: "server",
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  parentId: null,
  isParentOurs: false,
  state: null,
  flags: "01",
  linkedTo: null,
  startedAt: 1,
  ms: 1,
  hasFailed: false,
  attributes: {},
};

function relayed() {
  const told: FromWorker[] = [];
  const link = { behindBytes: 0, send: (message: FromWorker) => void told.push(message) };
  return { told, link, telemetry: new RelayedTelemetry(link) };
}

test("spans are told many at once, the rest when it is flushed, and nothing where there is nothing to tell", () => {
  const { told, telemetry } = relayed();
  telemetry.flush();
  for (let n = 0; n < 130; n++) telemetry.span(SPAN);
  telemetry.flush();
  telemetry.flush();
  assert.deepEqual(
    told.map((message) => (message.type === "spans" ? [message.spans.length, message.lost] : message.type)),
    [
      [128, 0],
      [2, 0],
    ],
  );
});

test("a parent that is far behind is told how many spans it missed, and of none of them", () => {
  const { told, link, telemetry } = relayed();
  link.behindBytes = 2 * 1024 * 1024;
  for (let n = 0; n < 1_000; n++) telemetry.span(SPAN);
  link.behindBytes = 0;
  telemetry.span(SPAN);
  telemetry.flush();
  assert.deepEqual(told, [{ type: "spans", spans: [SPAN], lost: 1_000 }]);
});
