/** A shadow that can be made sick: told so over the IPC channel, `{ become: "hanging" }`. Answers writes as origin.ts does. */
import { setPriority } from "node:os";
import { type ShadowFault, startFaultyService } from "../support/faults.ts";
import { answerWire, WRITE_ANSWER } from "./traffic.ts";

// In production a shadow has cores of its own. Here it has those of the proxy, and one that pours gigabytes would take
// them from it by pouring, whatever the proxy does.
setPriority(19);
const service = await startFaultyService({ answer: answerWire(201, WRITE_ANSWER) });
process.on("message", ({ become }: { readonly become: ShadowFault }) => {
  void service.become(become).then(() => process.send?.("done"));
});
process.once("disconnect", () => process.exit());
console.log(`ready ${service.url}`);
