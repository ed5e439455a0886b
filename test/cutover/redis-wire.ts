/** A relay between one member and Redis that knows the steps of a transition as they pass, and can stop at each of them. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type Step = "announce" | "acknowledge" | "prepare" | "commit" | "abort";
/** before: Redis has not seen it. after: Redis has done it, and its answer is not passed on yet. */
export type Moment = "before" | "after";

export interface RedisWire {
  readonly url: string;
  /** Calls `act` once at that moment, with what lets the message pass, or drops it by ending the connection. */
  at(step: Step, moment: Moment, act: (pass: () => void, drop: () => void) => void): void;
  /** Nothing passes any more, and connections fail. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function startRedisWire(port: number): Promise<RedisWire> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let watch: { step: Step; moment: Moment; act: (pass: () => void, drop: () => void) => void } | null = null;

  const server = createServer((member) => {
    if (isCut) {
      member.destroy();
      return;
    }
    const redis = connect(port, "127.0.0.1");
    let isWaiting = false;
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
    member.on("data", (chunk: Buffer) => {
      const seen = watch;
      if (seen !== null && chunk.includes(`"what":"${seen.step}"`)) {
        watch = null;
        if (seen.moment === "before") toRedis.hold((pass) => seen.act(pass, drop));
        else {
          isWaiting = true;
          waiting = seen.act;
        }
      }
      toRedis(chunk);
    });
    let waiting: ((pass: () => void, drop: () => void) => void) | null = null;
    redis.on("data", (chunk: Buffer) => {
      if (isWaiting && waiting !== null) {
        isWaiting = false;
        const act = waiting;
        toMember.hold((pass) => act(pass, drop));
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
