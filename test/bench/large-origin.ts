/**
 * One of the two services of P5: reads are answered as origin.ts answers them, writes with a JSON document of 10 MB, of which
 * the shadow's has one field changed. Arguments: `primary` or `shadow`, megabytes.
 */
import { setPriority } from "node:os";
import { createServer, type AddressInfo } from "node:net";
import { Framing } from "../support/framing.ts";
import { changed, documentsOf } from "./documents.ts";
import { answerWire, READ_ANSWER } from "./traffic.ts";

const [side, megabytes] = process.argv.slice(2);
const document = documentsOf(Number(megabytes) * 1_000_000).get("records") as string;
const read = answerWire(200, READ_ANSWER);
const write = answerWire(201, side === "shadow" ? changed(document) : document);

// In production services have cores of their own; here what they take is taken from the proxy.
setPriority(19);
const server = createServer({ noDelay: true }, (socket) => {
  const framing = new Framing((message) => socket.write(message[0] === 0x50 ? write : read));
  socket.on("data", (chunk) => framing.take(chunk));
  socket.on("error", () => socket.destroy());
});

server.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.once("disconnect", () => process.exit());
