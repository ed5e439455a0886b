import net from "node:net";
import { type Message, MessageReader, valueOf } from "./message.ts";
import { type Observation, seenAnswer, seenRequest } from "./observation.ts";
import { type Case, type Event, head, PLAIN_ANSWER, send, type Step } from "./script.ts";
import type { Line, Player, ScriptedService } from "./service.ts";

/** Only what hangs meets it; nothing is timed by it. */
const HANGS_AFTER_MS = 8_000;

type Side = "client" | "service";

interface Arrival {
  /** Which of the client's requests it is. */
  readonly index: number;
  readonly message: Message;
  readonly line: Line;
}

/** Plays one case against an address, direct or not, and tells what both ends saw. */
export async function play(
  one: Case,
  service: ScriptedService,
  port: number,
  hangsAfterMs = HANGS_AFTER_MS,
): Promise<Observation> {
  const playing = new Play(one, service, hangsAfterMs);
  service.player = playing;
  try {
    return await playing.run(port);
  } finally {
    service.player = null;
  }
}

class Play implements Player {
  readonly #case: Case;
  readonly #service: ScriptedService;
  readonly #hangsAfterMs: number;
  readonly #sent = new MessageReader("request");
  readonly #received = new MessageReader("answer", (index) => methodOf(this.#sent.messages[index]));
  readonly #arrivals: Arrival[] = [];
  readonly #waiting = new Map<() => void, string>();
  readonly #stuck: string[] = [];
  #scriptsRunning = 0;
  #finished = false;
  /** The client's connection has ended, or it has ended it. */
  #over = false;
  #closed = false;
  #port = 0;

  constructor(one: Case, service: ScriptedService, hangsAfterMs: number) {
    this.#case = one;
    this.#service = service;
    this.#hangsAfterMs = hangsAfterMs;
  }

  async run(port: number): Promise<Observation> {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    socket.once("connect", () => (this.#port = socket.localPort ?? 0));
    const deadline = setTimeout(() => this.#giveUp(), this.#hangsAfterMs);
    this.#read(socket);
    await this.#playClient(socket, this.#case.client);
    await this.#until("every answer", () => this.#over || this.#settled());
    await this.#until("the service's steps", () => this.#scriptsRunning === 0);
    if (isReusable(this.#case)) await this.#reuse(socket);
    const answers = this.#received.messages.map(seenAnswer);
    socket.destroy();
    await this.#until("the end of incomplete requests", () =>
      this.#arrivals.every(({ message, line }) => message.state !== "open" || line.ended),
    );
    await this.#closeLines();
    clearTimeout(deadline);
    const requests = this.#arrivals.toSorted((a, b) => a.index - b.index).map(({ message }) => seenRequest(message));
    return { requests, answers, strayBytes: this.#received.unread, stuck: this.#stuck };
  }

  #read(socket: net.Socket): void {
    socket.on("data", (bytes) => {
      this.#received.feed(bytes);
      this.changed();
    });
    const ended = (clean: boolean): void => {
      if (!this.#over) this.#received.end(clean);
      this.#over = true;
      this.changed();
    };
    socket.on("end", () => ended(true));
    socket.on("error", () => ended(false));
    socket.on("close", () => {
      this.#closed = true;
      ended(false);
    });
  }

  /** Another request on the same connection. */
  async #reuse(socket: net.Socket): Promise<void> {
    const index = this.#case.service.length;
    const again = head("GET /once-more HTTP/1.1", "Host: h", `X-Exchange: ${index}`);
    await this.#playClient(socket, [send(again), { do: "await", event: { of: "answer" } }]);
    await this.#until("the service's last steps", () => this.#scriptsRunning === 0);
  }

  requestBegan(message: Message, line: Line): void {
    const named = valueOf(message.head?.fields ?? [], "x-exchange");
    const last = this.#case.service.length - 1;
    const index = named === null ? Math.min(this.#arrivals.length, last) : Number(named);
    this.#arrivals.push({ index, message, line });
    this.#scriptsRunning++;
    line.scripts++;
    line.turn = line.turn.then(async () => {
      for (const step of this.#case.service[index] ?? PLAIN_ANSWER) {
        if (!(await this.#playStep("service", line.socket, step, index))) break;
      }
      line.scripts--;
      if (line.ended && line.scripts === 0) line.socket.end();
      this.#scriptsRunning--;
      this.changed();
    });
  }

  changed(): void {
    for (const look of this.#waiting.keys()) look();
  }

  async #playClient(socket: net.Socket, steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (step.do === "send") this.#sent.feed(step.bytes);
      if (!(await this.#playStep("client", socket, step, this.#sent.messages.length - 1))) return;
    }
  }

  /** false: it was given up. */
  async #playStep(side: Side, socket: net.Socket, step: Step, index: number): Promise<boolean> {
    switch (step.do) {
      case "send":
        await this.#write(side, socket, step.bytes, step.piece);
        return true;
      case "finish":
        await new Promise<void>((resolve) => socket.end(resolve));
        if (side === "client") this.#finished = true;
        this.changed();
        return true;
      case "reset":
        if (side === "client") this.#over = true;
        socket.resetAndDestroy();
        return true;
      case "await":
        return await this.#until(`${side} of request ${index}: ${JSON.stringify(step.event)}`, () =>
          this.#met(side, step.event, index),
        );
    }
  }

  async #write(side: Side, socket: net.Socket, bytes: Buffer, piece: number): Promise<void> {
    if (socket.destroyed || !socket.writable) return;
    // Told before it is written: what the other side sends on is a tunnel's from then on.
    if (side === "service" && bytes.subarray(0, 12).toString("latin1") === "HTTP/1.1 101") {
      for (const { line } of this.#arrivals) if (line.socket === socket) line.reader.tunnel();
    }
    if (piece === 0) {
      socket.write(bytes);
      return;
    }
    for (let at = 0; at < bytes.length; at += piece) {
      socket.write(bytes.subarray(at, at + piece));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #met(side: Side, event: Event, index: number): boolean {
    const answer = this.#received.messages[index];
    const arrival = this.#arrivals.findLast((one) => one.index === index);
    // What a client waits for does not come any more; a service has to hear of it by itself.
    if (side === "client" && this.#over) return true;
    switch (event.of) {
      case "request-head":
        return arrival !== undefined;
      case "request-body":
        return arrival !== undefined && (arrival.message.length >= event.bytes || isOver(arrival));
      case "request":
        return arrival !== undefined && isOver(arrival);
      case "client-finished":
        return this.#finished;
      case "client-gone":
        return arrival !== undefined && arrival.line.ended;
      case "interims":
        return answer !== undefined && (answer.interims.length >= event.count || answer.head !== null);
      case "answer-head":
        return answer !== undefined && answer.head !== null;
      case "answer-body":
        return answer !== undefined && (answer.length >= event.bytes || answer.state !== "open");
      case "answer":
        return answer !== undefined && answer.state !== "open";
    }
  }

  #settled(): boolean {
    return this.#sent.messages.every((_sent, index) => {
      const answer = this.#received.messages[index];
      return answer !== undefined && (answer.state !== "open" || answer.framing === "tunnel");
    });
  }

  #until(what: string, met: () => boolean): Promise<boolean> {
    if (met()) return Promise.resolve(true);
    if (this.#stuck.length > 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const look = (): void => {
        if (!met() && this.#stuck.length === 0) return;
        this.#waiting.delete(look);
        resolve(met());
      };
      this.#waiting.set(look, what);
    });
  }

  #giveUp(): void {
    this.#stuck.push(...(this.#waiting.size === 0 ? ["nothing in particular"] : this.#waiting.values()));
    this.changed();
  }

  /** Lines that are not good for another request have closed; those that are stay, as a proxy may use them again. */
  async #closeLines(): Promise<void> {
    const lines = [...this.#service.lines];
    const dying = ({ socket, ended }: Line): boolean =>
      ended || socket.writableEnded || socket.remotePort === this.#port;
    await this.#until(
      "the end of connections",
      () => this.#closed && lines.every((line) => line.closed || !dying(line)),
    );
    if (this.#stuck.length > 0) for (const { socket } of lines) socket.destroy();
  }
}

function isReusable({ client, service, reusable }: Case): boolean {
  return reusable ?? ![...client, ...service.flat()].some((step) => step.do === "finish" || step.do === "reset");
}

function isOver({ message, line }: Arrival): boolean {
  return message.state !== "open" || line.ended;
}

function methodOf(message: Message | undefined): string {
  return message?.head?.start.split(" ", 1)[0] ?? "";
}
