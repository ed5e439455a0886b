/**
 * One of the two services behind the contenders, in a process of its own: answers from memory as fast as Node's sockets
 * allow, so that the table shows the contenders' cost and not its own. `/bench/…` is for the bench itself.
 */
import { createServer, type AddressInfo } from "node:net";
import { bodyOf, Framing } from "../support/framing.ts";
import { answerWire, READ_ANSWER, WRITE_ANSWER } from "./traffic.ts";

let writes = 0;
/** First line and body of the last write. */
let lastWrite = "";

const read = answerWire(200, READ_ANSWER);
const write = answerWire(201, WRITE_ANSWER);

const server = createServer({ noDelay: true }, (socket) => {
  const framing = new Framing((message) => {
    if (message[0] === 0x50) {
      writes++;
      lastWrite = `${message.toString("latin1", 0, message.indexOf("\r\n"))}\n${bodyOf(message).toString("latin1")}`;
      socket.write(write);
    } else if (message.toString("latin1", 0, 11) === "GET /bench/") {
      socket.write(answerWire(200, JSON.stringify({ writes, lastWrite })));
    } else {
      socket.write(read);
    }
  });
  socket.on("data", (chunk) => framing.take(chunk));
  socket.on("error", () => socket.destroy());
});

server.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.once("disconnect", () => process.exit());
