/** A shadow that can be made sick: told so over the IPC channel, `{ become: "hanging" }`. Answers writes as origin.ts does. */
import { type ShadowFault, startFaultyService } from "../support/faults.ts";
import { answerWire, WRITE_ANSWER } from "./traffic.ts";

const service = await startFaultyService({ answer: answerWire(201, WRITE_ANSWER) });
process.on("message", ({ become }: { readonly become: ShadowFault }) => {
  void service.become(become).then(() => process.send?.("done"));
});
process.once("disconnect", () => process.exit());
console.log(`ready ${service.url}`);
