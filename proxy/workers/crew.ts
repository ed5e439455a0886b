/**
 * The worker processes, as the one listener that they are together. The parent has the socket and gives out connections in turn
 * (Node's cluster): those of a worker that dies are lost with it, and no others. Each worker has a link of its own to the
 * parent, a socket pair, because Node's own channel writes each message by itself.
 */
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createSecureContext } from "node:tls";
import { type Duplex, PassThrough } from "node:stream";
import { serialize } from "node:v8";
import type { Endpoint, ListenTlsSettings } from "../config/settings.ts";
import type { Switchboard } from "../config/switchboard.ts";
import { CrossfadeError } from "../errors.ts";
import type { Snapshot } from "../exchange.ts";
import type { Listener } from "../listen/server.ts";
import { removeStaleSocket, setSocketMode } from "../listen/unix-socket.ts";
import { listenError } from "../process/listen-error.ts";
import type { WorkerHolds } from "../barrier/own-writes.ts";
import { Beginnings } from "./beginnings.ts";
import { CrewHolds } from "./crew-holds.ts";
import { GivenConnections } from "./given-connections.ts";
import { Link } from "./link.ts";
import { type FromWorker, LINK_FD, type ToWorker } from "./messages.ts";
import { type SeatParts, WorkerSeat } from "./worker-seat.ts";

export interface CrewParts extends Omit<SeatParts, "link" | "snapshotOf"> {
  readonly acting: Pick<Switchboard, "snapshot" | "mirroringEnabled" | "onChange">;
  /** Said to operators. */
  readonly warn: (line: string) => void;
  /** The store is away at a start, and these routes are answered 503; null: it is there. */
  readonly refused: readonly string[] | null;
}

export interface CrewState {
  /** As configured. */
  readonly wanted: number;
  readonly running: number;
  /** Processes that ended by themselves, or were ended, and were replaced. */
  readonly replaced: number;
}

export interface Crew extends Listener, WorkerHolds {
  state(): CrewState;
  /** What workers tell goes into these books from here on, and they go on under these settings. */
  serve(parts: CrewParts): void;
  /** Ends the processes. What they have at a primary ends `unknown`. */
  end(): Promise<void>;
}

interface Post {
  readonly worker: Worker;
  readonly seat: WorkerSeat;
  readonly link: Link<ToWorker, FromWorker>;
  /** The settings that it told of last. */
  revision: number;
  /** It takes connections. */
  isReady: boolean;
  isClosed: boolean;
  readonly startedAt: number;
  /** It has ended, and so has everything that it had. */
  over: Promise<void>;
}

/** One that dies again and again is started anew after a pause that doubles. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/** Having lived for so long it is thought to be well. */
const WELL_AFTER_MS = 10_000;
const END_WITHIN_MS = 2_000;

const SCRIPT = new URL(
  import.meta.url.endsWith(".ts") ? "./worker-process.ts" : "./worker-process.js",
  import.meta.url,
);

/** Somebody may take a port that the system chose before the workers do. */
const MOST_PORTS_TRIED = 5;

/**
 * Resolves once all of them take connections.
 * @throws CrossfadeError as a listener of this process would
 */
export async function createCrew(parts: CrewParts): Promise<Crew> {
  const { listen } = parts.acting.snapshot().settings;
  if ("path" in listen || listen.port !== 0) return await startCrew(parts, listen);
  for (let tried = 1; ; tried++) {
    try {
      return await startCrew(parts, { ...listen, port: await freePort(listen.host) });
    } catch (error) {
      if (tried === MOST_PORTS_TRIED || !(error instanceof CrossfadeError && error.code === "port-taken")) throw error;
    }
  }
}

function nameOf({ process: { pid } }: Worker): string {
  return pid === undefined ? "a worker process" : `worker process ${pid}`;
}

/** Node's cluster lets go of a port that it chose itself once all workers are gone; those that follow would be elsewhere. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  server.listen({ host, port: 0 });
  await once(server, "listening").catch((cause: NodeJS.ErrnoException) => {
    throw listenError({ host, port: 0 }, cause);
  });
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function startCrew(first: CrewParts, listen: Endpoint): Promise<Crew> {
  let parts = first;
  let { acting } = parts;
  const { clock } = parts;
  const { workers: wanted, socketMode } = acting.snapshot().settings;
  const posts = new Set<Post>();
  /** Those that a worker may speak of yet. */
  const snapshots = new Map<number, Snapshot>();
  let address: Endpoint | null = null;
  let pauseMs = 0;
  let replaced = 0;
  let isEnding = false;
  let whenClosed: (() => void) | null = null;
  let refused: ((error: CrossfadeError) => void) | null = null;
  let ready: (() => void) | null = null;
  /** Writes that are to begin, once all ends that were told before have been read; and what is to come behind them. */
  const beginnings = new Beginnings();

  function snapshotOf(revision: number): Snapshot {
    const found = snapshots.get(revision);
    if (found === undefined) throw new TypeError(`no worker can know of settings ${revision}`);
    return found;
  }

  const holds = new CrewHolds(() => [...posts].map(({ link }) => link));

  function tellSettings({ link }: Post): void {
    const { revision, settings, epochs } = acting.snapshot();
    snapshots.set(revision, acting.snapshot());
    const mirroringEnabled = acting.mirroringEnabled();
    const { refused } = parts;
    link.send({ type: "settings", revision, mirroringEnabled, refused, epochs: [...epochs] }, [
      serialize({ ...settings, listen }),
    ]);
  }

  function forgetSnapshots(): void {
    const oldest = Math.min(acting.snapshot().revision, ...[...posts].map(({ revision }) => revision));
    for (const revision of snapshots.keys()) if (revision < oldest) snapshots.delete(revision);
  }

  function start(): void {
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({
      exec: SCRIPT.pathname,
      args: [],
      execArgv: [],
      // LINK_FD is the fifth.
      stdio: ["ignore", "inherit", "inherit", "ipc", "pipe"],
    });
    const worker = cluster.fork();
    // Without descriptors for them Node makes no streams, whatever its types say.
    const { stdio } = worker.process as Partial<Worker["process"]>;
    const socket = (stdio?.[LINK_FD] ?? new PassThrough().destroy()) as Duplex;
    const link: Post["link"] = new Link(
      socket,
      (message, bytes) => {
        const work = guarded(() => take(post, seat, message, bytes));
        // What several workers have told by now is read in any order; a client that has its answer may have gone on by
        // way of another worker, and what it writes there is not to come before. Settings are let go of behind the writes
        // that arrived under them.
        if ((message.type === "open" && message.waits) || message.type === "took" || message.type === "quiet")
          beginnings.add(work);
        else work();
      },
      () => undefined,
    );
    const seat = new WorkerSeat({ ...parts, link, snapshotOf });
    const { revision } = acting.snapshot();
    const startedAt = clock.monotonic();
    const over = Promise.resolve();
    const post: Post = { worker, seat, link, revision, isReady: false, isClosed: false, startedAt, over };
    posts.add(post);
    holds.begins(link);
    tellSettings(post);
    const given = worker.process.pid === undefined ? null : new GivenConnections(worker);
    // Not by events.once, which takes an error for the end; a worker that is killed resets its link.
    const exit = new Promise<string>((resolve) => {
      worker.once("exit", (code, signal) => resolve(signal === null ? `with code ${code}` : `by ${signal}`));
      worker.on("error", (error) => {
        parts.warn(`a worker process failed: ${error.message}`);
        if (worker.process.pid !== undefined) return;
        // One that could not be started has no exit, and cluster keeps it.
        delete cluster.workers?.[worker.id];
        resolve(`before it began (${error.message})`);
      });
    });
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    // What it has told is read before its end is.
    post.over = Promise.all([exit, closed]).then(([how]) => {
      posts.delete(post);
      void given?.refuseAll(() => running() > 0);
      const why = `the worker process ${worker.process.pid} that forwarded it ended ${how}`;
      guarded(() => seat.gone(why))();
      holds.gone(link);
      lookWhetherClosed();
      if (isEnding) return;
      if (refused !== null) {
        const words = `${nameOf(worker)} ended ${how} while it started; the log has why`;
        refused(new CrossfadeError("internal", words, { source: "proxy" }));
        return;
      }
      if (given !== null) replaced += 1;
      replace(post, how);
    });
  }

  function guarded(work: () => void): () => void {
    return () => {
      try {
        work();
      } catch (error) {
        parts.caught("worker", error);
      }
    };
  }

  function replace({ worker, startedAt }: Post, how: string): void {
    const lived = clock.monotonic() - startedAt;
    pauseMs =
      lived > WELL_AFTER_MS ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, pauseMs * 2));
    parts.warn(`${nameOf(worker)} ended ${how}; another one is started`);
    setTimeout(() => {
      if (!isEnding) start();
    }, pauseMs);
  }

  function take(post: Post, seat: WorkerSeat, message: FromWorker, bytes: Buffer): void {
    switch (message.type) {
      case "ready":
        post.isReady = true;
        if (address === null && "path" in message.address) setSocketMode(message.address.path, socketMode);
        address ??= message.address;
        if (running() === wanted) ready?.();
        break;
      case "not-listening":
        isEnding ||= refused !== null;
        refused?.(new CrossfadeError(message.code, message.why, { source: "proxy" }));
        // Later on it is tried again.
        if (refused === null) post.worker.process.kill("SIGKILL");
        break;
      case "took":
        post.revision = message.revision;
        forgetSnapshots();
        break;
      case "quiet":
      case "holding":
        holds.take(post.link, message);
        break;
      case "closed":
        post.isClosed = true;
        lookWhetherClosed();
        break;
      default:
        seat.take(message, bytes);
    }
  }

  function running(): number {
    return [...posts].filter(({ isReady }) => isReady).length;
  }

  function lookWhetherClosed(): void {
    if ([...posts].every(({ isClosed }) => isClosed)) whenClosed?.();
  }

  async function end(): Promise<void> {
    isEnding = true;
    const ends = [...posts].map(async ({ worker, link, over }) => {
      link.end();
      const late = setTimeout(() => worker.process.kill("SIGKILL"), END_WITHIN_MS);
      await over;
      clearTimeout(late);
    });
    await Promise.all(ends);
  }

  if ("path" in listen) await removeStaleSocket(listen.path);
  const started = new Promise<void>((resolve, reject) => {
    ready = resolve;
    refused = reject;
  });
  const tellAll = (): void => {
    for (const post of posts) tellSettings(post);
  };
  acting.onChange(tellAll);
  for (let n = 0; n < wanted; n++) start();
  try {
    await started;
  } catch (error) {
    await end();
    throw error;
  }
  [ready, refused] = [null, null];

  return {
    address: address ?? listen,
    // They take it with the settings; here it is only seen whether it can be.
    useCertificate: ({ cert, key }: ListenTlsSettings) => void createSecureContext({ cert, key }),
    close() {
      isEnding = true;
      const closed = new Promise<void>((resolve) => (whenClosed = resolve));
      for (const { link } of posts) link.send({ type: "close" });
      lookWhetherClosed();
      return closed;
    },
    closeAllConnections() {
      for (const { link } of posts) link.send({ type: "cut-off" });
    },
    state: () => ({ wanted, running: running(), replaced }),
    serve(next) {
      [parts, acting] = [next, next.acting];
      for (const { seat } of posts) seat.serve(next);
      acting.onChange(tellAll);
      tellAll();
    },
    holdWrites: (routes, bounds) => holds.holdWrites(routes, bounds),
    releaseWrites: () => holds.releaseWrites(),
    get held() {
      return holds.held;
    },
    get refused() {
      return holds.refused;
    },
    end,
  };
}
