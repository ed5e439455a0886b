/**
 * `crossfade try`: the reads of a HAR against both services. Nothing is written, nothing is listened on; what is kept in
 * memory is bounded, whatever the file and the services hold.
 */
import { createComparer } from "../compare/comparer.ts";
import { serviceOf, type ServiceSettings, type Settings } from "../config/settings.ts";
import type { Snapshot } from "../exchange.ts";
import { createRedactor } from "../record/redaction.ts";
import { deriveKey, randomSecretKey } from "../record/secret-key.ts";
import { compileRouter } from "../route/router.ts";
import { systemClock } from "../process/system-clock.ts";
import { Pools } from "../upstream/pools.ts";
import { watchReachability } from "../upstream/reachability.ts";
import { type Chosen, chooseRequest, type LeftOutWhy, REQUEST_MAX_BYTES } from "./choose.ts";
import { createTransforms } from "../transform/transforms.ts";
import { HarFile } from "./har-file.ts";
import { HarFault, type RequestSpan, spellEntry } from "./har-scan.ts";
import { Pacer } from "../process/pacer.ts";
import { replay, type ReplayParts } from "./replay.ts";
import { Tally, type Tallied } from "./tally.ts";

export interface TrialOptions {
  readonly file: string;
  readonly settings: Settings;
  /** Requests at once to each service. */
  readonly concurrency: number;
  /** Requests sent at most; null: all. */
  readonly limit: number | null;
  /** Only requests of this host (lower case, without port); null: of any. */
  readonly host: string | null;
  readonly progress: (done: number, of: number) => void;
}

export interface TrialReport extends Tallied {
  /** Hosts of the requests that were chosen, the most frequent first; at most 20. */
  readonly hosts: readonly { readonly host: string; readonly requests: number }[];
  /** Why it could not go on, in words; null: every request that was chosen was sent. */
  readonly stopped: string | null;
}

/** A service that gave no answer to so many requests in a row is asked no further. */
const GIVE_UP_AFTER = 20;
const COMPARE_TIME_LIMIT_MS = 30_000;
const HOSTS_TOLD = 20;
const HOSTS_KEPT = 1_000;

/** @throws HarFault: the file cannot be read or is no HAR; then nothing was sent */
export async function runTrial(options: TrialOptions): Promise<TrialReport> {
  const secret = randomSecretKey();
  const tally = new Tally(createRedactor(deriveKey(secret, "evidence")));
  const { settings } = options;
  const snapshot: Snapshot = { revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() };
  const file = new HarFile(options.file);
  try {
    const plan = planTrial(file, snapshot, options, tally);
    const report = (stopped: string | null): TrialReport => ({ ...tally.result(), hosts: plan.hosts, stopped });
    if (plan.spans.length === 0) return report("no request of the file can be sent");
    const unreachable = await whyUnreachable([...plan.services].map((name) => serviceOf(settings, name)));
    if (unreachable !== null) {
      tally.leftOut("stopped-early", plan.spans.length);
      return report(unreachable);
    }
    return report(
      await replayAll(file, plan, { ...options, snapshot, markKey: deriveKey(secret, "shadow mark") }, tally),
    );
  } finally {
    file.close();
  }
}

interface Plan {
  /** Of the requests that will be sent. */
  readonly spans: readonly RequestSpan[];
  /** Names of the services that they go to. */
  readonly services: ReadonlySet<string>;
  readonly hosts: TrialReport["hosts"];
}

/** Looks through the whole file before anything is sent. */
function planTrial(file: HarFile, { router }: Snapshot, { host, limit }: TrialOptions, tally: Tally): Plan {
  const spans: RequestSpan[] = [];
  const services = new Set(["legacy"]);
  const hosts = new Map<string, number>();
  file.scan((span, read) => {
    if (span.end - span.start > REQUEST_MAX_BYTES) {
      tally.leftOut("too-large");
      return;
    }
    const chosen = chooseRequest(read(), spellEntry(span.entry, span.start), router, host);
    if (typeof chosen === "string") tally.leftOut(chosen);
    else if (limit !== null && spans.length >= limit) tally.leftOut("over-limit");
    else {
      spans.push(span);
      services.add(chosen.route.next);
      const known = hosts.get(chosen.recorded.host);
      if (known !== undefined || hosts.size < HOSTS_KEPT) hosts.set(chosen.recorded.host, (known ?? 0) + 1);
    }
  });
  const told = [...hosts].map(([name, requests]) => ({ host: name, requests }));
  return { spans, services, hosts: told.sort((a, b) => b.requests - a.requests).slice(0, HOSTS_TOLD) };
}

/** null: each takes connections. */
async function whyUnreachable(services: readonly ServiceSettings[]): Promise<string | null> {
  const reachability = watchReachability(() => services);
  await reachability.first;
  reachability.close();
  const problems = services.flatMap(({ name, origin }) => {
    const problem = reachability.problemOf(name);
    return problem === null ? [] : [`${name} at ${origin} cannot be reached (${problem})`];
  });
  if (problems.length === 0) return null;
  return `${problems.join("; ")}: start it, or name another with --legacy URL and --next URL`;
}

type ReplayInput = Pick<TrialOptions, "host" | "concurrency" | "progress"> & Pick<ReplayParts, "snapshot" | "markKey">;

/** Returns why it ended before all were sent, or null. */
async function replayAll(
  file: HarFile,
  { spans }: Plan,
  { host, concurrency, progress, snapshot, markKey }: ReplayInput,
  tally: Tally,
): Promise<string | null> {
  const pools = new Pools();
  const pacer = new Pacer(systemClock);
  const comparer = createComparer({
    queueBytes: Number.POSITIVE_INFINITY,
    workers: 1,
    timeLimitMs: COMPARE_TIME_LIMIT_MS,
  });
  const transforms = createTransforms(() => "what fails on the way there is told with its request");
  const parts: ReplayParts = {
    snapshot,
    upstream: (role, service) => pools.for(role, service),
    turnOf: (service) => pacer.turn(service.origin, service.asShadow.ratePerSecond),
    comparer,
    transforms,
    clock: systemClock,
    markKey,
  };
  const silence = new Silence();
  let sent = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (sent < spans.length && silence.why === null) {
      const position = sent++;
      const span = spans[position] as RequestSpan;
      const chosen = chooseAgain(file, span, snapshot, host);
      const replayed = await replay(parts, chosen, position);
      tally.replayed(replayed);
      silence.heard("legacy", replayed.unanswered.legacy);
      silence.heard(chosen.route.next, replayed.unanswered.next);
      progress(++done, spans.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, spans.length) }, work));
  } catch (thrown) {
    sent = spans.length;
    throw thrown;
  } finally {
    await Promise.all([pools.close("primary"), pools.close("shadow"), comparer.close(), transforms.close()]);
  }
  tally.leftOut("stopped-early", spans.length - sent);
  return silence.why;
}

/** Requests are read again when their turn comes: only their places are kept. */
function chooseAgain(file: HarFile, span: RequestSpan, { router }: Snapshot, host: string | null): Chosen {
  const chosen: Chosen | LeftOutWhy = chooseRequest(file.read(span), spellEntry(span.entry, span.start), router, host);
  if (typeof chosen === "string") throw new HarFault("was changed while it was read; try it again");
  return chosen;
}

/** Notices a service that answers nothing any more. */
class Silence {
  readonly #inARow = new Map<string, number>();
  why: string | null = null;

  heard(service: string, failure: string | null): void {
    const inARow = failure === null ? 0 : (this.#inARow.get(service) ?? 0) + 1;
    this.#inARow.set(service, inARow);
    if (inARow >= GIVE_UP_AFTER) {
      this.why ??= `${service} answered none of the last ${inARow} requests (${failure ?? "unknown"}): given up`;
    }
  }
}
