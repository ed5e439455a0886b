import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from "../ports.ts";
import { CrossfadeError } from "../errors.ts";
import { createNodeWriter } from "./node-writer.ts";
import { createUndiciWriter } from "./undici-writer.ts";

/** undici 7 refuses `Expect`, cannot write trailers, and rejects every target that does not begin with a slash. */
function undiciCanSay(request: UpstreamRequest): boolean {
  if (request.freshConnection || request.trailers !== null) return false;
  if (request.target.charCodeAt(0) !== 0x2f) return false;
  const { headers } = request;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 6 && name.toLowerCase() === "expect") return false;
  }
  return true;
}

/** The connections to one service: two writers behind one port. A writer that throws ends as `onError`. */
export function createUpstream(origin: string): Upstream {
  const common = createUndiciWriter(origin);
  const rest = createNodeWriter(origin);
  return {
    send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
      try {
        return (undiciCanSay(request) ? common : rest).send(request, sink);
      } catch (cause) {
        const words = `this request cannot be written: ${(cause as Error).message}`;
        sink.onError(new CrossfadeError("internal", words, { source: "proxy", cause }));
        return { abort() {} };
      }
    },
    async close() {
      await Promise.all([common.close(), rest.close()]);
    },
  };
}
