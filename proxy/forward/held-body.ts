/** A body that has to be there whole before anything can be done with it. */
import { PassThrough } from "node:stream";
import type { StreamedBody } from "../ports.ts";

export type HeldEnd =
  | { readonly end: "whole"; readonly bytes: Buffer }
  /** From its beginning, for whoever can do with it as it comes. */
  | { readonly end: "too-large"; readonly body: StreamedBody }
  | { readonly end: "no-room" }
  | { readonly end: "broken"; readonly cause: Error | undefined };

/** Calls `ended` once. `takeRoom`: whether there is memory for so many bytes more. */
export function holdBody(
  body: StreamedBody,
  maxBytes: number,
  takeRoom: (bytes: number) => boolean,
  ended: (end: HeldEnd) => void,
): void {
  const { stream } = body;
  const parts: Buffer[] = [];
  let length = 0;
  function letGo(end: HeldEnd): void {
    stream.off("data", take).off("end", whole).off("error", broken).off("close", broken);
    // What breaks from now on must not end the process.
    stream.on("error", ignore);
    ended(end);
  }
  function take(chunk: Buffer): void {
    parts.push(chunk);
    length += chunk.length;
    if (length <= maxBytes && takeRoom(chunk.length)) return;
    stream.pause();
    letGo(length > maxBytes ? { end: "too-large", body: fromItsBeginning(parts, body) } : { end: "no-room" });
  }
  function whole(): void {
    letGo({ end: "whole", bytes: Buffer.concat(parts, length) });
  }
  function broken(cause?: Error): void {
    letGo({ end: "broken", cause });
  }
  stream.on("data", take).once("end", whole).once("error", broken).once("close", broken);
  if (stream.destroyed) broken();
  else if (stream.readableEnded) whole();
  else stream.resume();
}

function fromItsBeginning(parts: readonly Buffer[], { stream, trailers, abandon }: StreamedBody): StreamedBody {
  const again = new PassThrough();
  for (const part of parts) again.write(part);
  const broken = (cause?: Error): void => {
    if (!stream.readableEnded) again.destroy(cause);
  };
  stream.once("error", broken).once("close", broken);
  stream.pipe(again);
  return {
    stream: again,
    trailers,
    abandon() {
      stream.unpipe(again);
      again.destroy();
      abandon();
    },
  };
}

function ignore(): void {}
