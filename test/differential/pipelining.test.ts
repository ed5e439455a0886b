/**
 * Pipelined requests may be worked on at the same time only while all of them are safe (RFC 9112, 9.3.2): a write that
 * came behind another must find it done.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCrossfadeBefore } from "./fronts.ts";
import { connectTo } from "../support/wire.ts";
import { valueOf } from "./message.ts";
import { chunk, head, lastChunk } from "./script.ts";
import { ScriptedService } from "./service.ts";

test("a pipelined write reaches the service when what came before it on its connection is answered", async (t) => {
  const service = await ScriptedService.start();
  const crossfade = await startCrossfadeBefore(service);
  t.after(async () => {
    await crossfade.close();
    await service.close();
  });
  const events: string[] = [];
  const finishing: (() => void)[] = [];
  service.player = {
    requestBegan(message, { socket }) {
      const name = valueOf(message.head?.fields ?? [], "x-exchange") ?? "";
      events.push(`${name} begins`);
      socket.write(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"));
      socket.write(chunk(`begun-${name}`));
      finishing.push(() => {
        events.push(`${name} ends`);
        socket.write(chunk(`ended-${name}`));
        socket.write(lastChunk());
      });
    },
    changed() {},
  };
  const client = await connectTo(`http://127.0.0.1:${crossfade.port}`);
  const names = ["1", "2", "3", "4"];
  const methods = ["POST", "DELETE", "GET", "PUT"];
  client.write(
    names
      .map((name, i) => head(`${methods[i]} /things HTTP/1.1`, "Host: h", `X-Exchange: ${name}`, "Content-Length: 2"))
      .join("{}")
      .concat("{}"),
  );
  for (const name of names) {
    // The client has the beginning of this answer: whatever the proxy would send on early, it has sent on.
    await client.until(`begun-${name}`);
    finishing.shift()?.();
    await client.until(`ended-${name}`);
  }
  client.close();
  assert.deepEqual(
    events,
    names.flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});
