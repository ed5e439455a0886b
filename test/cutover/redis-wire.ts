/** A relay between one member and Redis that knows the steps of a transition as they pass, and can stop at each of them. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type Step = "announce" | "acknowledge" | "prepare" | "commit" | "abort";
/** before: Redis has not seen it. after: Redis has done it, and its answer is not passed on yet. */
export type Moment = "before" | "after";

/** A message that is held. */
export interface Caught {
  pass(): void;
  /** It is not passed on: the connection ends. */
  drop(): void;
  /** Passed on, and neither its answer nor any later one comes back. */
  passUnanswered(): void;
}

export interface RedisWire {
  readonly url: string;
  /** Calls `act` once at that moment. */
  at(step: Step, moment: Moment, act: (what: Caught) => void): void;
  /** Nothing passes any more, and connections fail. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function startRedisWire(port: number): Promise<RedisWire> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let watch: { step: Step; moment: Moment; act: (what: Caught) => void } | null = null;

  const server = createServer((member) => {
    if (isCut) {
      member.destroy();
      return;
    }
    const redis = connect(port, "127.0.0.1");
    const drop = (): void => {
      member.destroy();
      redis.destroy();
    };
    for (const one of [member, redis]) {
      sockets.add(one);
      one.on("error", drop);
      one.on("close", () => {
        sockets.delete(one);
        drop();
      });
    }
    // Bytes in their order, also while one of them waits.
    const forward = (to: Socket): ((chunk: Buffer) => void) & { hold: (act: (pass: () => void) => void) => void } => {
      let held: Buffer[] | null = null;
      const send = (chunk: Buffer): void => {
        if (held !== null) held.push(chunk);
        else if (!to.destroyed) to.write(chunk);
      };
      const hold = (act: (pass: () => void) => void): void => {
        held = [];
        act(() => {
          const all = held ?? [];
          held = null;
          for (const chunk of all) send(chunk);
        });
      };
      return Object.assign(send, { hold });
    };
    const [toRedis, toMember] = [forward(redis), forward(member)];
    /** Called with the next answer. */
    let answered: ((what: Caught) => void) | null = null;
    const caught = (pass: () => void): Caught => ({
      pass,
      drop,
      passUnanswered() {
        toMember.hold(() => undefined);
        pass();
      },
    });
    member.on("data", (chunk: Buffer) => {
      const seen = watch;
      if (seen !== null && chunk.includes(`"what":"${seen.step}"`)) {
        watch = null;
        if (seen.moment === "before") toRedis.hold((pass) => seen.act(caught(pass)));
        else answered = seen.act;
      }
      toRedis(chunk);
    });
    redis.on("data", (chunk: Buffer) => {
      if (answered !== null) {
        const act = answered;
        answered = null;
        toMember.hold((pass) => act(caught(pass)));
      }
      toMember(chunk);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    at(step, moment, act) {
      watch = { step, moment, act };
    },
    cut() {
      isCut = true;
      endAll();
    },
    mend() {
      isCut = false;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      endAll();
      await closed;
    },
  };
}
