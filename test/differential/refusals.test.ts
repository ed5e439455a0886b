import assert from "node:assert/strict";
import { test } from "node:test";
import { connectTo } from "../support/wire.ts";
import { startCrossfadeBefore } from "./fronts.ts";
import type { Message } from "./message.ts";
import { REFUSALS, REFUSED_ANSWERS } from "./refusals.ts";
import { head } from "./script.ts";
import { ScriptedService } from "./service.ts";

test("what Crossfade refuses is answered so, and never reaches the service as a whole request", async (t) => {
  const service = await ScriptedService.start();
  const crossfade = await startCrossfadeBefore(service);
  t.after(() => service.close());
  const begun: Message[] = [];
  let look = (): void => {};
  /** What was begun at the service is broken off. */
  const brokenOff = (): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (begun.every(({ state }) => state !== "open")) resolve();
      };
      look();
    });
  service.player = {
    requestBegan(message, { socket }) {
      begun.push(message);
      if (message.state === "complete") socket.write(head("HTTP/1.1 200 Not Refused", "Content-Length: 0"));
    },
    changed: () => look(),
  };
  for (const { name, status, sent } of REFUSALS) {
    await t.test(name, async () => {
      for (const bytes of sent) {
        const client = await connectTo(`http://127.0.0.1:${crossfade.port}`);
        client.write(bytes);
        if (!(await client.until("200 Not Refused")).includes("200 Not Refused")) await client.ended();
        const answer = client.received();
        client.close();
        await brokenOff();
        const told = answer.split("\r\n", 1)[0]?.split(" ")[1] ?? null;
        assert.equal(told, status === null ? null : String(status), bytes.toString("latin1", 0, 120));
      }
    });
  }
  await crossfade.close();
  assert.deepEqual(
    begun.filter(({ state }) => state === "complete").map((one) => one.head?.start),
    [],
  );
});

test("what Crossfade refuses of the service's answers ends that exchange alone, and its request is sent once", async (t) => {
  const service = await ScriptedService.start();
  const crossfade = await startCrossfadeBefore(service);
  t.after(async () => {
    await crossfade.close();
    await service.close();
  });
  for (const { name, status, sent } of REFUSED_ANSWERS) {
    await t.test(name, async () => {
      for (const bytes of sent) {
        const targets: string[] = [];
        service.player = {
          requestBegan(message, { socket }) {
            const target = message.head?.start.split(" ")[1] ?? "";
            targets.push(target);
            socket.write(target === "/odd" ? bytes : head("HTTP/1.1 200 Good", "Content-Length: 0"));
          },
          changed() {},
        };
        const client = await connectTo(`http://127.0.0.1:${crossfade.port}`);
        client.write(head("GET /odd HTTP/1.1", "Host: h"));
        const shown = bytes.toString("latin1", 0, 120);
        // The service's own answer would end in an empty line, ours in a brace.
        assert.match(await client.until("\r\n\r\n"), new RegExp(`^HTTP/1.1 ${status} `), shown);
        await client.until("}");
        client.write(head("GET /next HTTP/1.1", "Host: h"));
        assert.match(await client.until("Good"), /\}HTTP\/1.1 200 Good\r\n/, shown);
        assert.deepEqual(targets, ["/odd", "/next"], shown);
        client.close();
      }
    });
  }
});
