import type { AnswerSink, Upstream, UpstreamRequest } from "../../proxy/ports.ts";

/** An upstream whose answers the test gives. */
export function scripted() {
  const sent: UpstreamRequest[] = [];
  const aborted: string[] = [];
  let sink: AnswerSink | null = null;
  const upstream: Upstream = {
    send(request, to) {
      sent.push(request);
      sink = to;
      return { abort: (why) => void aborted.push(why), resume() {}, endSide() {}, relay() {} };
    },
    close: () => Promise.resolve(),
  };
  return { upstream, sent, aborted, sink: () => sink as AnswerSink };
}
